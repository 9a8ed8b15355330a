"""Entering a release of conda packages, and a layer over it, in the real shells."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.channel.index import index_channel
from lamina.layer.base import find_place, look_at
from lamina.layer.conda.change import CondaRequest, change_conda
from lamina.layer.create import create_layer
from lamina.layer.entering import plan_run, plan_shell
from support.archives import write_package
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
    upper: Path
    """Another layer, which has conda packages of its own."""


LID = {
    "bin/lid": "#!/bin/sh\n",
    "etc/conda/env_vars.d/lid.json": '{"BOX_VAR": "of the lid"}\n',
    "etc/conda/activate.d/lid.sh": (
        "export LID_OF=$CONDA_PREFIX LID_SEES=$BOX_VAR BOX_PATH=/lid:$BOX_PATH\n"
    ),
    "etc/conda/deactivate.d/lid.sh": (
        'case "$BOX_PATH" in /lid:/box:*) ;; *) export LEFT_TOO_LATE=1 ;; esac\n'
        "unset LID_OF LID_SEES\n"
    ),
}
OVER = {
    "BOX_VAR": "of the lid",
    "BOX_PATH": "/lid:/box:/before",
    "LID_SEES": "of the lid",
    "BOX_NOTE": NOTE,
}


def lid_channel(directory: Path) -> str:
    """Write a channel of one package, which sets up more of what the release sets up."""
    write_package(directory / "linux-64", directory.with_name("work"), "lid", files=LID)
    index_channel(directory)
    return str(directory)


@pytest.fixture(scope="module")
def room(
    published: Published, machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Room:
    top = tmp_path_factory.mktemp("with blanks")
    place = find_place(str(published.prefix), root=top, environ=machine)
    base = look_at(place, environ=machine)
    upper = top / "it's upper"
    for one in (top / "layer", upper):
        create_layer(one, base)
    asked = CondaRequest(layer=upper, add=("lid",), channels=(lid_channel(top / "lids"),))
    change_conda(asked, machine)
    return Room(published.request, published.prefix, top / "layer", upper)


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


@pytest.mark.shells
@pytest.mark.parametrize("where", ["release", "layer", "upper"])
def test_a_shell_is_opened_in_which_all_counts_once(room: Room, tmp_path: Path, where: str) -> None:
    place = find_place(str(getattr(room, where)), root=room.request.root, environ={})
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "SHELL": "/bin/bash", "BOX_PATH": "/mine"}
    entry = plan_shell(place, environ)
    answer = subprocess.run(
        entry.argv,
        env=dict(entry.environ),
        input="env -0; echo ---; deactivate; env -0\n",
        capture_output=True,
        text=True,
        check=True,
    )
    during, after = (variables(one) for one in answer.stdout.split("---\n"))
    assert during["BOX_PATH"] == ("/lid:/box:/mine" if where == "upper" else "/box:/mine")
    assert during["CONDA_PREFIX"] == str(room.release)
    assert after["BOX_PATH"] == "/mine"
    assert "CONDA_PREFIX" not in after


@pytest.mark.shells
def test_a_layer_with_conda_packages_of_its_own_over_it(
    room: Room, shell: Shell, tmp_path: Path
) -> None:
    """Both are entered, the release first, and left in reverse."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BOX_PATH": "/before", "LANG": "C"}
    before, during, said, after = entered(shell, room.upper, tmp_path, environ)
    assert said.split("\n")[:2] == [str(room.upper), "tool-box 1.2"]
    found = variables(during)
    assert {name: found[name] for name in OVER} == OVER
    assert found["CONDA_PREFIX"] == str(room.release)
    assert found["BOX_OF"] == f"{room.release}/share"
    assert found["LID_OF"] == f"{room.upper}/conda"
    assert found["PATH"] == f"{room.upper}/bin:{room.upper}/conda/bin:/usr/bin:/bin"
    assert variables(after) == variables(before)


def test_run_in_a_layer_with_conda_packages_of_its_own(room: Room) -> None:
    place = find_place(str(room.upper), root=room.request.root, environ={})
    entry = plan_run(place, ["tool-box"], {"PATH": "/usr/bin:/bin", "BOX_PATH": "/before"})
    assert {name: entry.environ[name] for name in OVER} == OVER
    assert entry.environ["LID_OF"] == f"{room.upper}/conda"
    assert entry.environ["CONDA_PREFIX"] == str(room.release)
    assert entry.argv == (f"{room.upper}/bin/tool-box",)
