"""A layer over the environment as it is set up, used where nothing is set up."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.layer.change import Request, change_layer
from lamina.layer.check.run import check_layer
from lamina.layer.document import load_layer
from lamina.layer.migrate import MigrateRequest, migrate_layer
from support.native import View, make_view, own_interpreter
from support.shells import SHELLS, Shell, find_shell
from support.wheels import Wheel
from support.workshop import Workshop, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USE = "import native, os, sys; print(native.answer(), sys.prefix, os.environ.get('ROOTSYS'))"


@pytest.fixture
def view(workshop: Workshop, python: Path) -> View:
    return make_view(workshop, python, Wheel(name="alpha", version="1.0"), name="the view")


@pytest.fixture
def over(workshop: Workshop, view: View) -> Path:
    return workshop.layer("env", "my layer", **view.variables)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param, find_shell(request.param))


def variables(text: str) -> set[str]:
    private = ("_=", "SHLVL=", "OLDPWD=", "PWD=")
    return {line for line in text.split("\0") if line and not line.startswith(private)}


def test_what_is_recorded(view: View, over: Path, python: Path) -> None:
    kept = load_layer(over).base.variables
    assert kept == {
        "PATH": f"{view.path}/bin:{python.parent}",
        **{name: view.variables[name] for name in ("LD_LIBRARY_PATH", "ROOTSYS")},
        "CMAKE_PREFIX_PATH": str(view.path),
    }


@pytest.mark.shells
@pytest.mark.parametrize(
    "set_already",
    [
        pytest.param({}, id="nothing-set"),
        pytest.param({"LD_LIBRARY_PATH": "", "ROOTSYS": ""}, id="set-to-nothing"),
        pytest.param({"LD_LIBRARY_PATH": ":/mine with space:/more:", "ROOTSYS": "/r"}, id="set"),
    ],
)
def test_activated_in_a_fresh_shell(
    workshop: Workshop, view: View, over: Path, shell: Shell, tmp_path: Path,
    set_already: dict[str, str],
) -> None:  # fmt: skip
    lines = ["env -0", "echo ---", shell.activate(over), f'python -c "{USE}"', "view-tool"]
    lines += ["printenv LD_LIBRARY_PATH", "printenv PATH", "echo ---", "deactivate", "env -0", ""]
    environ = workshop.environ | set_already
    answer = shell.run("\n".join(lines), environ=environ, work=tmp_path)
    before, during, after = answer.split("---\n")
    python, tool, libraries, path = during.splitlines()
    assert (python, tool) == (f"42 {over} {view.path}", "42")
    assert libraries.startswith(view.variables["LD_LIBRARY_PATH"])
    assert libraries.endswith(set_already.get("LD_LIBRARY_PATH", ""))
    assert path == f"{over}/bin:{view.path}/bin:{view.python.parent}:{environ['PATH']}"
    assert variables(after) == variables(before)


@pytest.mark.shells
def test_what_was_set_while_active_stays(
    workshop: Workshop, over: Path, shell: Shell, tmp_path: Path
) -> None:
    later = {
        "tcsh": 'setenv LD_LIBRARY_PATH "/late er:${LD_LIBRARY_PATH}:/last"\nsetenv ROOTSYS /new',
        "fish": 'set -gx LD_LIBRARY_PATH "/late er" $LD_LIBRARY_PATH /last\nset -gx ROOTSYS /new',
    }
    posix = 'export LD_LIBRARY_PATH="/late er:$LD_LIBRARY_PATH:/last" ROOTSYS=/new'
    path = {
        "tcsh": 'setenv PATH "/late er:$PATH"',
        "fish": 'set -gx PATH "/late er" $PATH 2>/dev/null',
    }
    lines = [shell.activate(over), later.get(shell.name, posix)]
    lines += [path.get(shell.name, 'PATH="/late er:$PATH"'), "deactivate"]
    lines += [f"printenv {name}" for name in ("LD_LIBRARY_PATH", "ROOTSYS", "PATH")]
    lines += ["printenv CMAKE_PREFIX_PATH || echo end", ""]
    environ = workshop.environ | {"LD_LIBRARY_PATH": "/mine"}
    answer = shell.run("\n".join(lines), environ=environ, work=tmp_path)
    assert answer == f"/late er:/mine:/last\n/new\n/late er:{environ['PATH']}\nend\n"


@pytest.mark.shells
@pytest.mark.parametrize("name", ["bash", "zsh", "dash"])
def test_twice_in_a_strict_shell(workshop: Workshop, over: Path, tmp_path: Path, name: str) -> None:
    shell = Shell(name, find_shell(name))
    line = shell.activate(over)
    script = f"set -eu\n{line}\n{line}\ndeactivate\nprintenv LD_LIBRARY_PATH || echo none\n"
    assert shell.run(script, environ=workshop.environ, work=tmp_path) == "none\n"


@pytest.mark.parametrize("series", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
@pytest.mark.parametrize("flags", [(), ("-I",)], ids=["plain", "isolated"])
def test_not_activated(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str, flags: tuple[str, ...]
) -> None:
    """The interpreter, a script that names it, and what these start: none has any variable set."""
    view = make_view(workshop, interpreter(series))
    layer = workshop.layer("env", **view.variables)
    python = layer / "bin" / "python"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, *{flags!r}, '-c', {USE!r}])"
    script = layer.parent / "script"
    script.write_text(f"#!{python}\n{USE}\n", encoding="utf-8")
    script.chmod(0o755)
    environ = workshop.environ | {"BASH_ENV": str(script)}
    expected = f"42 {layer} {view.path}\n"
    assert run([python, *flags, "-c", USE], environ) == expected
    assert run([python, *flags, "-c", inner], environ) == expected
    assert run([script], environ) == expected
    assert run([python, "-c", "import sys; print(sys.executable)"], environ).strip() == str(python)
    environ["LD_LIBRARY_PATH"] = "/mine"
    show = "import os; print(os.environ['LD_LIBRARY_PATH'])"
    twice = f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {show!r}])"
    assert run([python, "-c", twice], environ) == f"{view.variables['LD_LIBRARY_PATH']}:/mine\n"


def test_a_layer_on_such_a_layer(workshop: Workshop, over: Path, view: View) -> None:
    upper = workshop.layer(over, "upper")
    answer = run([upper / "bin" / "python", "-c", USE], workshop.environ)
    assert answer == f"42 {upper} {view.path}\n"


def test_run_and_show(workshop: Workshop, over: Path, view: View) -> None:
    program = [sys.executable, "-m", "lamina"]
    assert run([*program, "run", over, "--", "view-tool"], workshop.environ) == "42\n"
    shown = run([*program, "layer", "show", over], workshop.environ)
    assert "keeps     CMAKE_PREFIX_PATH, LD_LIBRARY_PATH, PATH, ROOTSYS\n" in shown


def test_made_again_from_its_lock(workshop: Workshop, over: Path, view: View) -> None:
    program = [sys.executable, "-m", "lamina", "layer"]
    lock, again = workshop.path / "paper.lock", workshop.path / "again"
    run([*program, "lock", over, "-o", lock, "--quiet"], workshop.environ)
    run([*program, "restore", lock, "--to", again, "--quiet"], workshop.environ)
    answer = run([again / "bin" / "python", "-c", USE], workshop.environ)
    assert answer == f"42 {again} {view.path}\n"
    assert load_layer(again).base == load_layer(over).base


def test_a_change_imports_what_needs_the_libraries(
    workshop: Workshop, view: View, over: Path
) -> None:
    """A package of the base that imports compiled code is tried in a shell that knows nothing."""
    user = Wheel(name="user", version="1.0", requires=["alpha"], files={"user/__init__.py": USE})
    user.unpack(view.site)
    workshop.index.add(Wheel(name="alpha", version="2.0"))
    plan = change_layer(Request(layer=over, add=("alpha>=2",)), workshop.environ)
    assert plan.imports is not None
    assert (plan.imports.tried, plan.imports.broken_before) == (2, ())


@pytest.mark.parametrize("how", ["python", "activate"])
def test_an_interpreter_that_is_gone(
    workshop: Workshop, view: View, tmp_path: Path, how: str
) -> None:
    own = own_interpreter(view)
    layer = workshop.layer("env", "my layer", **view.variables)
    assert run([layer / "bin" / "python", "-c", USE], workshop.environ).startswith("42")
    view.path.rename(tmp_path / "away")
    told = f"lamina: the base of this layer is gone: {own} (lamina layer check {layer})\n"
    lines = {"python": f"'{layer}'/bin/python -c pass", "activate": f". '{layer}'/bin/activate"}
    answer = subprocess.run(
        ["sh", "-c", lines[how]], env=workshop.environ, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (127 if how == "python" else 1, told)


def test_an_interpreter_that_needs_the_libraries_itself(workshop: Workshop, view: View) -> None:
    """Each thing that lamina, or uv for it, asks of the base is asked with its variables."""
    own = own_interpreter(view)
    assert subprocess.run([own, "-c", ""], env={}, capture_output=True, check=False).returncode
    layer = workshop.layer("env", **view.variables)
    workshop.index.add(Wheel(name="beta", version="1.0"))
    change_layer(Request(layer=layer, add=("beta",)), workshop.environ)
    use = [layer / "bin" / "python", "-c", "import beta, native; print(native.answer())"]
    assert run(use, workshop.environ) == "42\n"
    report = check_layer(layer, root=workshop.path, environ=workshop.environ)
    assert report.findings == ()
    environ = workshop.environ | view.variables
    request = MigrateRequest(layer=layer, to="env", root=workshop.path, environ=environ)
    migrate_layer(request)
    assert run(use, workshop.environ) == "42\n"
