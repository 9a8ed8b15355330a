from __future__ import annotations

from pathlib import PurePath

import pytest

from lamina.layer.ownership import is_of_the_layer

SITE = "lib/python3.12/site-packages"


@pytest.mark.parametrize(
    "path",
    [
        "pyvenv.cfg",
        "lamina-layer.toml",
        "lamina-layer.lock",
        ".lamina/journal.json",
        "bin/activate",
        "bin/activate.csh",
        "bin/.lamina-script",
        "bin/python",
        "bin/python3",
        "bin/python3.12",
        f"{SITE}/+lamina.pth",
        f"{SITE}/~lamina.pth",
        f"{SITE}/_lamina_layer.py",
        f"{SITE}/_lamina_layer_index.py",
    ],
)
def test_the_layers_own(path: str) -> None:
    assert is_of_the_layer(PurePath(path))


@pytest.mark.parametrize(
    "path",
    [
        "bin/activate-global-python-argcomplete",
        "bin/python-argcomplete-check-easy-install-script",
        "bin/alpha",
        f"{SITE}/alpha/~lamina.pth",
        f"{SITE}/lamina.pth",
        "share/pyvenv.cfg",
    ],
)
def test_what_packages_may_bring(path: str) -> None:
    assert not is_of_the_layer(PurePath(path))
