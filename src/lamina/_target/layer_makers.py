"""What makes virtual environments knows nothing of layers: have them see the one they come from.

No module of its own in a layer: what follows the first line of dashes is a part of the hook there.
"""

import os
import sys

from lamina._target.layer_hook import BASE, LAYERS, MAKERS, OWN_LINES, ROOTS, SITES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# ------------------------------------------------------------------------------------------------


def _watch_venv(module: "Any") -> None:
    create = module.EnvBuilder.create

    def create_over_layer(self: "Any", env_dir: "Any") -> None:
        create(self, env_dir)
        if self.system_site_packages:
            put_over(os.path.abspath(env_dir))

    module.EnvBuilder.create = create_over_layer


def _watch_virtualenv(module: "Any") -> None:
    run = module.Session.run

    def run_over_layer(self: "Any") -> None:
        run(self)
        if getattr(self.creator, "enable_system_site_package", False):
            put_over(str(self.creator.dest))

    module.Session.run = run_over_layer


def put_over(environment: str) -> None:
    """Have an environment that asks for the system's packages see this layer and its base."""
    site = os.path.join(environment, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
    here = os.path.dirname(os.path.abspath(__file__))
    facts = {
        "layers": LAYERS,
        "path": BASE,
        "sites": SITES,
        "roots": [sys.prefix, *LAYERS, *ROOTS],
        "needs": [sys.prefix],
    }
    code = _read(os.path.join(here, "_lamina_layer.py")).rpartition("\n\nstart(")[0]
    call = "start(%r, os.path.dirname(os.path.abspath(__file__)))\n" % facts
    texts = {name: _read(os.path.join(here, name)) for name in OWN_LINES}
    texts["_lamina_layer.py"] = code + "\n\n" + call
    for name, text in texts.items():
        with open(os.path.join(site, name), "w", encoding="utf-8") as stream:
            stream.write(text)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


MAKERS.update({"venv": _watch_venv, "virtualenv.run.session": _watch_virtualenv})
