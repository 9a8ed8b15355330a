"""The files that say what a layer is; apart from all else, as every start asks for them."""

LAYER_NAME = "lamina-layer.toml"
"""The file at the top of a layer that says what was asked of it."""
LAYER_LOCK_NAME = "lamina-layer.lock"
"""The one beside it that says what that became."""
INSTALLED_NAME = ".lamina/installed.toml"
"""The one in it that says that an installer has put it there."""
