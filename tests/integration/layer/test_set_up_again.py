"""The base is set up again after the layer was activated: its python comes first on PATH."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.doctor import findings, kinds, mended
from support.shapes import ShapedBase, every_shape, shaped_base
from support.shells import SHELLS, Shell, find_shell
from support.wheels import Wheel
from support.workshop import Workshop, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW = (Wheel(name="alpha", version=version) for version in ("1.0", "2.0"))
REPORT = "import alpha, os; print(chr(42), alpha.__version__, os.environ.get(chr(80)), sep='|')"
PYTHON = f'python -c "{REPORT}"'
PROMPTING = ("bash", "zsh", "fish")
OPTIONS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["-N", "-i"]}


def set_up(shell: Shell, base: ShapedBase, home: Path | None = None) -> str:
    """Return the lines of a set-up script: PATH, PYTHONPATH, and PYTHONHOME for some."""
    first = shell.quoted(str(base.python.parent))
    lines = {
        "fish": f"set -gx PATH {first} $PATH",
        "tcsh": f"setenv PATH {first}:$PATH\nrehash",
    }
    line = lines.get(shell.name, f"export PATH={first}:$PATH")
    if base.search:
        line += "\n" + shell.export("PYTHONPATH", base.search)
    return line + "\n" + shell.export("PYTHONHOME", str(home)) if home else line


def layer_on(base: ShapedBase) -> Path:
    layer = base.layer()
    base.workshop.add(layer, NEW)
    return layer


def versions(text: str) -> list[str]:
    return [line.split("|")[1] for line in text.splitlines() if "*|" in line]


@pytest.mark.shells
@every_shape
@pytest.mark.parametrize("name", SHELLS)
def test_activating_again_puts_it_right(
    workshop: Workshop, python: Path, tmp_path: Path, shape: str, name: str
) -> None:
    base = shaped_base(workshop, shape, python, OLD)
    layer = layer_on(base)
    shell = Shell(name, find_shell(name))
    again, activate = set_up(shell, base, python.parent.parent), shell.activate(layer)
    lines = [again, activate, PYTHON, again, activate, PYTHON, "deactivate", "command -v python"]
    lines[-1] = {"tcsh": "which python", "fish": "command -s python"}.get(name, lines[-1])
    told = shell.run("\n".join([*lines, ""]), environ=workshop.environ, work=tmp_path)
    assert versions(told) == ["2.0", "2.0"]
    assert told.splitlines()[-1] == str(base.python.with_name("python"))


def typed(shell: Shell, script: str, base: ShapedBase, work: Path) -> tuple[str, str]:
    """Type lines at an interactive shell; return what it prints and complains of."""
    answer = subprocess.run(
        [shell.path, *OPTIONS[shell.name]], env=base.workshop.environ | {"TERM": "dumb"},
        input=script, capture_output=True, text=True, check=False, cwd=work,
    )  # fmt: skip
    return answer.stdout, answer.stderr


@pytest.mark.shells
@every_shape
@pytest.mark.parametrize("name", PROMPTING)
def test_at_the_next_prompt_the_layer_is_first_again(
    workshop: Workshop, python: Path, tmp_path: Path, shape: str, name: str
) -> None:
    base = shaped_base(workshop, shape, python, OLD)
    layer = layer_on(base)
    shell = Shell(name, find_shell(name))
    # What is typed into a pipe has no prompt in fish.
    prompt = "emit fish_prompt" if name == "fish" else "true"
    again = set_up(shell, base, python.parent.parent)
    lines = [shell.activate(layer), again, prompt, PYTHON, prompt, PYTHON]
    out, err = typed(shell, "\n".join([*lines, "deactivate", "echo end", ""]), base, tmp_path)
    assert versions(out) == ["2.0", "2.0"], out + err
    assert err.count("lamina: the base was set up again; the layer is first on PATH again") == 1
    assert err.count("lamina: the base was set up again; PYTHONHOME is put aside") == 1
    assert "not found" not in err


@pytest.mark.shells
@pytest.mark.parametrize("name", PROMPTING)
def test_another_python_that_is_first_is_meant(
    workshop: Workshop,
    python: Path,
    interpreter: Callable[[str], Path],
    tmp_path: Path,
    name: str,
) -> None:
    """Of another version, or a virtual environment that was activated after the layer."""
    base = shaped_base(workshop, "prefix", python, OLD)
    layer = layer_on(base)
    venv = workshop.base(python, name="venv")
    other = interpreter("3.11").parent
    shell = Shell(name, find_shell(name))
    prompt = "emit fish_prompt" if name == "fish" else "true"
    first = {"fish": f"set -gx PATH {other} $PATH"}.get(name, f"export PATH={other}:$PATH")
    report = 'python -c "import sys; print(chr(42), sys.prefix, sep=chr(124))"'
    lines = [shell.activate(layer), first, prompt, report]
    lines += [shell.activate(venv), prompt, report, ""]
    out, err = typed(shell, "\n".join(lines), base, tmp_path)
    assert versions(out) == [str(other.parent), str(venv)], out + err
    assert "lamina:" not in err


@pytest.mark.shells
def test_the_prompt_command_of_the_user_stays(
    workshop: Workshop, python: Path, tmp_path: Path
) -> None:
    base = shaped_base(workshop, "prefix", python, OLD)
    shell = Shell("bash", find_shell("bash"))
    activate = shell.activate(layer_on(base))
    lines = ["PROMPT_COMMAND='echo mine=$?;'", activate, activate, "(exit 7)", "deactivate"]
    out, err = typed(shell, "\n".join([*lines, "true", ""]), base, tmp_path)
    assert [one for one in out.splitlines() if "mine" in one][-3:] == ["mine=7", "mine=0", "mine=0"]
    assert "not found" not in err


@every_shape
def test_the_doctor_says_so(workshop: Workshop, python: Path, shape: str) -> None:
    base = shaped_base(workshop, shape, python, OLD)
    layer = layer_on(base)
    environ = base.set_up(layer)
    found = findings(None, environ)
    assert kinds(found) == ["python-hidden"]
    after = environ | mended(found[0], environ)
    assert findings(None, after) == []
    assert run(["/usr/bin/env", "python", "-c", REPORT], after).split("|")[1] == "2.0"


@every_shape
@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_pythonhome_of_the_base_does_no_harm(
    workshop: Workshop, interpreter: Callable[[str], Path], shape: str, series: str
) -> None:
    """That of another Python is told by the doctor."""
    base = shaped_base(workshop, shape, interpreter(series), OLD)
    layer = layer_on(base)
    home = interpreter(series).resolve().parent.parent
    environ = base.environ | {"PYTHONHOME": str(home)}
    assert run([layer / "bin" / "python", "-c", REPORT], environ).split("|")[1] == "2.0"
    assert findings(layer, environ) == []
