"""Activation of a layer with conda packages, in the real shells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.layer.base import find_place
from lamina.layer.entering import plan_run
from support.shells import SHELLS, Shell, find_shell

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_layers import Ground

pytestmark = pytest.mark.shells
_NATIVE = {"tcsh": "csh", "fish": "fish"}


def shown(text: str) -> dict[str, str]:
    """Return the variables, but for those that shells keep for themselves."""
    pairs = dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
    return {name: one for name, one in pairs.items() if name not in {"_", "SHLVL", "OLDPWD"}}


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("directory", ["plain", "with space and 'quote"])
def test_scripts_are_run_and_undone(
    ground: Ground, tmp_path: Path, name: str, directory: str
) -> None:
    shell = Shell(name, find_shell(name))
    layer = ground.layer(directory)
    ground.add(layer, "with-scripts", "tool")
    environ = ground.environ | {"CONDA_PREFIX": "/somewhere/else"}
    lines = ["env -0", "echo ---", shell.activate(layer), "env -0", "echo ---", "tool"]
    lines += ["echo ---", "deactivate", "env -0", ""]
    told = shell.run("\n".join(lines), environ=environ, work=tmp_path)
    before, during, answer, after = told.split("---\n")
    assert answer == "1 2\n"
    found = shown(during)
    assert found["WITH_SCRIPTS"] == f"it's {layer}/conda/share!"
    assert found["MORE_SCRIPTS"] == "more"
    assert found["OWN_SCRIPT"] == _NATIVE.get(name, "sh")
    assert found["CONDA_PREFIX"] == str(ground.base)
    assert found["PATH"].startswith(f"{layer}/bin:{layer}/conda/bin:")
    assert shown(after) == shown(before)


def test_lamina_run_has_what_the_scripts_set(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "with-scripts", "tool")
    place = find_place(str(layer), root=ground.path, environ=ground.environ)
    entry = plan_run(place, ["tool"], ground.environ)
    assert entry.argv == (str(layer / "conda/bin/tool"),)
    assert entry.environ["WITH_SCRIPTS"] == f"it's {layer}/conda/share!"
    assert entry.environ["CONDA_PREFIX"] == str(ground.base)
    assert not [one for one in entry.environ if one.startswith("_LAMINA_CONDA")]


def test_a_layer_on_one_with_scripts(ground: Ground, tmp_path: Path) -> None:
    lower = ground.layer("lower")
    ground.add(lower, "with-scripts")
    upper = ground.layer("upper", on=lower)
    for name in ("bash", "fish"):
        shell = Shell(name, find_shell(name))
        lines = [shell.activate(upper), "env -0"]
        told = shown(shell.run("\n".join(lines), environ=ground.environ, work=tmp_path))
        assert told["WITH_SCRIPTS"] == f"it's {lower}/conda/share!"
