"""What makes virtual environments knows nothing of layers: have them see the one they come from.

No module of its own in a layer: what follows the first line of dashes is a part of the hook there.
"""

import os
import sys

from lamina._target.layer_hook import LAYERS, MAKERS, OWN_LINES, _complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# ------------------------------------------------------------------------------------------------


def _watch_venv(module: "Any") -> None:
    create = module.EnvBuilder.create

    def create_over_layer(self: "Any", env_dir: "Any") -> None:
        create(self, env_dir)
        if self.system_site_packages:
            put_over(os.path.join(os.path.abspath(env_dir), os.path.relpath(LAYERS[0], sys.prefix)))

    module.EnvBuilder.create = create_over_layer


def _watch_virtualenv(module: "Any") -> None:
    run = module.Session.run

    def run_over_layer(self: "Any") -> None:
        run(self)
        made = self.creator
        if getattr(made, "enable_system_site_package", False) and _is_own(made):
            put_over(str(made.purelib))

    module.Session.run = run_over_layer


def _is_own(creator: "Any") -> bool:
    """Tell whether virtualenv makes an environment of the very interpreter that runs."""
    own = getattr(sys, "_base_executable", None) or sys.executable
    made = getattr(getattr(creator, "interpreter", None), "system_executable", None)
    return made is not None and os.path.realpath(made) == os.path.realpath(own)


# The layer may be changed, or put over another base: its hook is asked at each start.
_OVER = '''\
"""Put this environment over the layer that it was made from, as the layer's own hook says."""

import os
import sys

SITE, PREFIX = %r, %r
BELOW = [*globals().get("BELOW", ()), (SITE, PREFIX)]


def finish():
    """Do nothing: the layer's hook has what is to be done."""


try:
    CODE = type(__loader__)(__name__, os.path.join(SITE, "_lamina_layer.py")).get_code(__name__)
except OSError:
    if sys.stderr is not None:
        told = "lamina: the layer below this environment is gone: %%s (%%s alone is used)\\n"
        sys.stderr.write(told %% (PREFIX, sys.prefix))
else:
    exec(CODE)
'''


def put_over(site: str) -> None:
    """Have an environment, given by its site-packages, see this layer and its base.

    Where that cannot be written, it says so: the environment is made, without the layer.
    """
    here = LAYERS[0]
    try:
        # The .pth files last: without the hook they would complain at each start.
        _write(os.path.join(site, "_lamina_layer.py"), _OVER % (here, sys.prefix))
        for name in OWN_LINES:
            _write(os.path.join(site, name), _read(os.path.join(here, name)))
    except (OSError, ValueError) as error:
        _complain("this environment does not see the layer %s: %s" % (sys.prefix, error))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


MAKERS.update({"venv": _watch_venv, "virtualenv.run.session": _watch_virtualenv})
