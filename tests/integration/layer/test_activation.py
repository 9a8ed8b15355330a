"""Activation in the real shells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.shells import SHELLS, Shell, find_shell

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop

pytestmark = pytest.mark.shells

NAMES = [
    pytest.param("plain", id="plain"),
    pytest.param("with space and 'quotes\" $HOME `id`", id="space-quotes"),
    pytest.param("Übung-日本-é!bang\\back", id="non-ascii-bang"),
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param, find_shell(request.param))


def environment(text: str) -> set[str]:
    """Return the variables, but for those that shells keep for themselves."""
    private = ("_=", "SHLVL=", "OLDPWD=")
    return {line for line in text.split("\0") if line and not line.startswith(private)}


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_in_force_then_gone(
    workshop: Workshop, python: Path, shell: Shell, tmp_path: Path, name: str
) -> None:
    layer = workshop.layer(workshop.base(python), name)
    environ = workshop.environ | {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/mine:/yours"}
    script = "\n".join(
        [
            "env -0",
            "echo ---",
            shell.activate(layer),
            "env -0",
            "echo ---",
            "python -c 'import sys; print(sys.prefix)'",
            "echo ---",
            "deactivate",
            "env -0",
            "",
        ]
    )
    before, during, prefix, after = shell.run(script, environ=environ, work=tmp_path).split("---\n")
    assert prefix.strip() == str(layer)
    assert environment(after) == environment(before)
    gone = environment(before) - environment(during)
    path = environ["PATH"]
    assert gone == {"PYTHONHOME=/nowhere", f"PATH={path}"}
    added = {line.partition("=")[0]: line.partition("=")[2] for line in environment(during)}
    assert added["PATH"] == f"{layer}/bin:{path}"
    assert added["VIRTUAL_ENV"] == str(layer)
    assert added["PYTHONPATH"] == "/mine:/yours"
    assert len(added["VIRTUAL_ENV_PROMPT"]) == len(name)


def test_twice_and_nested(workshop: Workshop, python: Path, shell: Shell, tmp_path: Path) -> None:
    base = workshop.base(python)
    one, two = workshop.layer(base, "one"), workshop.layer(base, "two")
    script = "\n".join(
        [
            "env -0",
            "echo ---",
            shell.activate(one),
            shell.activate(one),
            "env -0",
            "echo ---",
            shell.activate(two),
            "env -0",
            "echo ---",
            "deactivate",
            "env -0",
            "",
        ]
    )
    parts = shell.run(script, environ=workshop.environ, work=tmp_path).split("---\n")
    before, first, second, after = map(environment, parts)
    path = workshop.environ["PATH"]
    assert f"PATH={one}/bin:{path}" in first
    assert f"PATH={two}/bin:{path}" in second
    assert f"VIRTUAL_ENV={two}" in second
    assert after == before


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_that_was_moved_is_not_taken_for_another_python(
    workshop: Workshop, python: Path, shell: Shell, tmp_path: Path, name: str
) -> None:
    layer = workshop.layer(workshop.base(python), name)
    moved = layer.rename(tmp_path / "elsewhere")
    script = f"env -0\necho ---\n{shell.activate(moved)}\nenv -0\n"
    told = f"lamina: not there any more: {layer} (a layer cannot be moved; make a new one)\n"
    answer = shell.run(script, environ=workshop.environ, work=tmp_path, complaint=told)
    before, after = answer.split("---\n")
    assert environment(after) == environment(before)


def test_deactivate_removes_its_own_entry_only(
    workshop: Workshop, python: Path, shell: Shell, tmp_path: Path
) -> None:
    layer = workshop.layer(workshop.base(python), "my layer")
    path = {
        "fish": 'set -gx PATH /late "/with space" $PATH',
        "tcsh": 'setenv PATH "/late:/with space:$PATH"',
    }
    script = "\n".join(
        [
            shell.activate(layer),
            path.get(shell.name, 'PATH="/late:/with space:$PATH"'),
            "deactivate",
            "env -0",
            "",
        ]
    )
    after = environment(shell.run(script, environ=workshop.environ, work=tmp_path))
    assert f"PATH=/late:/with space:{workshop.environ['PATH']}" in after


def test_in_a_child_of_an_activated_shell(
    workshop: Workshop, python: Path, shell: Shell, tmp_path: Path
) -> None:
    """The parent's layer, inherited without its functions, is there again afterwards."""
    base = workshop.base(python)
    one, two = workshop.layer(base, "one"), workshop.layer(base, "two")
    path = f"{one}/bin:{workshop.environ['PATH']}"
    environ = workshop.environ | {
        "PATH": path, "VIRTUAL_ENV": str(one), "VIRTUAL_ENV_PROMPT": "one",
    }  # fmt: skip
    script = "\n".join(["env -0", "echo ---", shell.activate(two), "deactivate", "env -0", ""])
    before, after = shell.run(script, environ=environ, work=tmp_path).split("---\n")
    assert environment(after) == environment(before)


@pytest.mark.parametrize("name", ["bash", "zsh", "dash"])
def test_strict_shells_go_on(workshop: Workshop, python: Path, tmp_path: Path, name: str) -> None:
    layer = workshop.layer(workshop.base(python))
    shell = Shell(name, find_shell(name))
    line = shell.activate(layer)
    script = f"set -eu\n{line}\n{line}\ndeactivate\n{line}\ndeactivate\necho end\n"
    environ = {"PATH": workshop.environ["PATH"]}
    assert shell.run(script, environ=environ, work=tmp_path).strip() == "end"


@pytest.mark.parametrize("name", ["bash", "zsh", "dash"])
def test_the_prompt(workshop: Workshop, python: Path, tmp_path: Path, name: str) -> None:
    layer = workshop.layer(workshop.base(python), "my$(touch oops)layer")
    shell = Shell(name, find_shell(name))
    script = f'PS1=\'> \'\n{shell.activate(layer)}\necho "$PS1"\ndeactivate\necho "$PS1"\n'
    answer = shell.run(script, environ=workshop.environ, work=tmp_path)
    assert answer == "(my_(touch oops)layer) > \n> \n"


def test_a_program_called_deactivate_is_left_alone(
    workshop: Workshop, python: Path, tmp_path: Path
) -> None:
    layer = workshop.layer(workshop.base(python))
    program = tmp_path / "deactivate"
    program.write_text("#!/bin/sh\necho called\n", encoding="utf-8")
    program.chmod(0o755)
    shell = Shell("dash", find_shell("dash"))
    environ = workshop.environ | {"PATH": f"{tmp_path}:{workshop.environ['PATH']}"}
    script = f"{shell.activate(layer)}\necho end\n"
    assert shell.run(script, environ=environ, work=tmp_path) == "end\n"


@pytest.mark.parametrize("odd", ["q`a`touch INJ`b", "a$x", "$(touch INJ)", "e!x 'y' \"z\\1&"])
def test_deactivate_runs_nothing_of_a_name(
    workshop: Workshop, python: Path, shell: Shell, tmp_path: Path, odd: str
) -> None:
    base = workshop.base(python)
    path = f"{base}/bin:{workshop.environ['PATH']}"
    layer = workshop.layer("env", PATH=path, LD_LIBRARY_PATH=f"{tmp_path}/{odd}:/more")
    later = {
        "fish": "set -gx LD_LIBRARY_PATH /new $LD_LIBRARY_PATH",
        "tcsh": 'setenv LD_LIBRARY_PATH "/new:$LD_LIBRARY_PATH"',
    }
    posix = 'export LD_LIBRARY_PATH="/new:$LD_LIBRARY_PATH"'
    lines = [shell.activate(layer), "printenv LD_LIBRARY_PATH", later.get(shell.name, posix)]
    lines += ["deactivate", "env -0", ""]
    answer = shell.run("\n".join(lines), environ=workshop.environ, work=tmp_path)
    during, _, after = answer.partition("\n")
    assert during == f"{tmp_path}/{odd}:/more"
    left = environment(after)
    assert "LD_LIBRARY_PATH=/new" in left
    assert not [one for one in left if one.startswith(("VIRTUAL_ENV", "_LAMINA"))]
    assert not (tmp_path / "INJ").exists()
