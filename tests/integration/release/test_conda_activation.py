"""Entering a release of conda packages, and a layer over it, in the real shells."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer
from lamina.layer.entering import plan_run, plan_shell
from support.shells import SHELLS, Shell, find_shell

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.draft import PublishRequest
    from support.conda_releases import Published

PRIVATE = ("_=", "SHLVL=", "OLDPWD=", "PWD=")
NOTE = 'it\'s a "note" with !marks and $ and ~'


@dataclasses.dataclass(frozen=True)
class Room:
    """A release and a layer over it, shared by the tests of this module."""

    request: PublishRequest
    release: Path
    layer: Path


@pytest.fixture(scope="module")
def room(
    published: Published, machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Room:
    top = tmp_path_factory.mktemp("with blanks")
    place = find_place(str(published.prefix), root=top, environ=machine)
    base = look_at(place, environ=machine)
    create_layer(top / "layer", base)
    return Room(published.request, published.prefix, top / "layer")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param, find_shell(request.param))


def variables(text: str) -> dict[str, str]:
    lines = [one for one in text.split("\0") if one and not one.startswith(PRIVATE)]
    return dict(one.split("=", 1) for one in lines)


def entered(shell: Shell, place: Path, work: Path, environ: dict[str, str]) -> list[str]:
    """Return the environment before, during and after, and what programs said meanwhile."""
    script = [
        "env -0",
        "echo ---",
        shell.activate(place),
        "env -0",
        "echo ---",
        "python -c 'import sys; print(sys.prefix)'",
        "tool-box",
        "echo ---",
        "deactivate",
        "env -0",
        "",
    ]
    return shell.run("\n".join(script), environ=environ, work=work).split("---\n")


@pytest.mark.shells
@pytest.mark.parametrize("where", ["release", "layer"])
def test_trap_19_every_shell_gets_the_variables_and_gives_them_back(
    room: Room, shell: Shell, tmp_path: Path, where: str
) -> None:
    place = room.release if where == "release" else room.layer
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BOX_PATH": "/before", "LANG": "C"}
    before, during, said, after = entered(shell, place, tmp_path, environ | {"BOX_VAR": "mine"})
    assert said.split("\n")[:2] == [str(place), "tool-box 1.2"]
    found = variables(during)
    assert found["CONDA_PREFIX"] == str(room.release)
    assert found["BOX_OF"] == f"{room.release}/share"
    assert found["BOX_NOTE"] == NOTE
    assert found["BOX_PATH"] == "/box:/before"
    assert found["BOX_VAR"] == "of $ the box"
    assert found["OWN_OF"] == ("fish" if shell.name == "fish" else "sh")
    assert found["PATH"] == f"{place}/bin:/usr/bin:/bin"
    assert variables(after) == variables(before)


@pytest.mark.shells
def test_another_environment_of_conda_comes_back(room: Room, shell: Shell, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CONDA_PREFIX": "/other"}
    before, during, _, after = entered(shell, room.release, tmp_path, environ)
    assert variables(during)["CONDA_PREFIX"] == str(room.release)
    assert variables(after) == variables(before)


@pytest.mark.parametrize("where", ["release", "layer"])
def test_run_gives_the_same_environment(room: Room, where: str) -> None:
    place = find_place(
        str(room.release if where == "release" else room.layer),
        root=room.request.root,
        environ={},
    )
    entry = plan_run(place, ["tool-box"], {"PATH": "/usr/bin:/bin", "BOX_PATH": "/before"})
    assert entry.environ["BOX_NOTE"] == NOTE
    assert entry.environ["BOX_PATH"] == "/box:/before"
    assert entry.environ["BOX_VAR"] == "of $ the box"
    assert entry.environ["CONDA_PREFIX"] == str(room.release)
    assert entry.argv == (f"{place.prefix}/bin/tool-box",)


def test_a_shell_is_opened_by_the_scripts_of_the_release(room: Room, tmp_path: Path) -> None:
    place = find_place(str(room.release), root=room.request.root, environ={})
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    words = plan_shell(place, environ).argv
    start = words[words.index("--rcfile") + 1].removesuffix("bashrc")
    with open(f"{start}activate", encoding="utf-8") as stream:  # noqa: PTH123
        assert stream.read() == f". '{room.release}/bin/activate'\n"
