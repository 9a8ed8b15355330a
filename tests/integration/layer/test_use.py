"""``lamina run`` and ``lamina shell`` as programs: they become what they start."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.shells import SHELLS, find_shell
from support.wheels import Wheel
from support.workshop import Workshop, site_of

if TYPE_CHECKING:
    from pathlib import Path

ALPHA = Wheel(name="alpha", version="1.0", scripts={"alpha": "alpha:main"})
LAMINA = [sys.executable, "-m", "lamina"]


def call(
    environ: dict[str, str], *words: str | Path, typed: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAMINA, *map(str, words)],
        env=environ, input=typed, capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


@pytest.mark.parametrize("code", [0, 3, 250])
def test_the_exit_code_is_passed_on(workshop: Workshop, python: Path, code: int) -> None:
    layer = workshop.layer(workshop.base(python))
    answer = call(workshop.environ, "run", layer, "--", "python", "-c", f"exit({code})")
    assert (answer.returncode, answer.stderr) == (code, "")


def test_in_a_layer(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(workshop.base(python, ALPHA), "my layer")
    environ = workshop.environ | {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/x/site-packages"}
    environ["PYTHONHOME"] = ""
    code = "import os, sys; print(sys.prefix, os.environ['PYTHONPATH'], os.environ['VIRTUAL_ENV'])"
    answer = call(environ, "run", layer, "--", "python", "-c", code)
    assert answer.stdout == f"{layer} /x/site-packages {layer}\n"
    assert call(environ, "run", layer, "--", "alpha").stdout == "alpha 1.0\n"
    # Options of the command are its own, with or without the dashes.
    assert call(environ, "run", layer, "python", "-c", "print(1)").stdout == "1\n"


def test_in_a_prefix_other_installations_are_left_out(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, ALPHA)
    search = f"/view/lib/python3.12/site-packages:{site_of(base)}:/my/own"
    environ = workshop.environ | {"PYTHONPATH": search, "VIRTUAL_ENV": "/other"}
    code = "import os; print(os.environ['PYTHONPATH'], 'VIRTUAL_ENV' in os.environ)"
    answer = call(environ, "run", base, "--", "python", "-c", code)
    assert answer.stdout == f"{site_of(base)}:/my/own False\n"
    assert answer.stderr == (
        "note: left out of PYTHONPATH, other installations: /view/lib/python3.12/site-packages\n"
    )


def test_no_such_command(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python)
    answer = call(workshop.environ, "run", base, "--", "no-such-command")
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"error: no-such-command: no such command in {base}")
    assert call(workshop.environ, "run", base).returncode == 2


START_FILES = {
    "bash": ".bashrc", "zsh": ".zshrc", "dash": ".shinit", "tcsh": ".tcshrc",
    "fish": ".config/fish/config.fish",
}  # fmt: skip


@pytest.mark.shells
@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("kind", ["layer", "prefix"])
def test_the_users_shell(
    workshop: Workshop, python: Path, tmp_path: Path, name: str, kind: str
) -> None:
    """The user's start-up file has run, and what it did to PATH comes after the layer."""
    shell = find_shell(name)
    base = workshop.base(python, ALPHA, name="my base")
    place = workshop.layer(base, "my layer") if kind == "layer" else base
    home = tmp_path / "home"
    start = home / START_FILES[name]
    start.parent.mkdir(parents=True, exist_ok=True)
    line = {"tcsh": "setenv MINE yes\nsetenv PATH /first:$PATH",
            "fish": "set -gx MINE yes\nset -gx PATH /first $PATH"}  # fmt: skip
    default = "export MINE=yes\nPATH=/first:$PATH"
    start.write_text(line.get(name, default) + "\n", encoding="utf-8")
    environ = workshop.environ | {"SHELL": str(shell), "TERM": "dumb", "ENV": str(home / ".shinit")}
    report = 'python -c \'import os, sys; e = os.environ; print(chr(42), sys.prefix, e["MINE"], '
    report += 'e["PATH"].split(":")[1], e["HOME"], e.get("ZDOTDIR"), sep="|")\'\n'
    answer = call(environ, "shell", place, typed=report + "exit 5\n", cwd=tmp_path)
    lines = [one for one in answer.stdout.splitlines() if "*|" in one]
    assert lines, answer.stdout + answer.stderr
    assert lines[-1].partition("*")[2] == f"|{place}|yes|/first|{home}|None"
    assert answer.returncode == 5


def test_a_shell_that_nobody_knows(workshop: Workshop, python: Path) -> None:
    environ = workshop.environ | {"SHELL": "/opt/bin/nu"}
    answer = call(environ, "shell", workshop.base(python))
    assert answer.returncode == 2
    assert "lamina shell knows bash, csh, dash" in answer.stderr
