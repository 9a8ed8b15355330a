"""Scripts of the base: by name the layer's interpreter runs them, by path it is asked to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.shapes import every_shape, shaped_base
from support.wheels import Wheel
from support.workshop import Workshop, run

if TYPE_CHECKING:
    from pathlib import Path

    from support.shapes import ShapedBase

OLD, NEW = (Wheel(name="alpha", version=version) for version in ("1.0", "2.0"))
LONG = "#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''"
FIRST_LINES = {"absolute": "#!{python}", "long": LONG, "env": "#!/usr/bin/env python"}
CODE = "import sys, alpha\nprint(alpha.__version__, *sys.argv[1:])\n"
every_first_line = pytest.mark.parametrize("first", FIRST_LINES)


def script(directory: Path, first: str, python: Path) -> Path:
    path = directory / "tool.py"
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{FIRST_LINES[first].format(python=python)}\n{CODE}", encoding="utf-8")
    path.chmod(0o755)
    return path


def lamina_run(environ: dict[str, str], *words: str | Path) -> str:
    return run([sys.executable, "-m", "lamina", "run", *words], environ)


def linked_interpreter(base: ShapedBase, workshop: Workshop) -> Path:
    """Return the bin directory of a base; a view has links to its interpreter there."""
    if not base.search:
        return base.python.parent
    programs = workshop.path / "view" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        (programs / name).symlink_to(base.python)
    return programs


@every_shape
@every_first_line
def test_by_its_path(workshop: Workshop, python: Path, shape: str, first: str) -> None:
    base = shaped_base(workshop, shape, python, OLD)
    programs = linked_interpreter(base, workshop)
    environ = base.environ | {"PATH": f"{programs}:{base.environ['PATH']}"}
    layer = workshop.layer(base.given, **environ)
    workshop.add(layer, NEW)
    tool = script(programs, first, programs / "python")
    assert run([tool, "word"], environ) == "1.0 word\n"
    assert lamina_run(environ, layer, "--", tool, "word") == "2.0 word\n"
    active = environ | {"PATH": f"{layer}/bin:{environ['PATH']}", "VIRTUAL_ENV": str(layer)}
    # Whoever names the base's Python in the script, and the script by its path, gets the base.
    assert run([tool], active) == ("2.0\n" if first == "env" else "1.0\n")


@every_shape
def test_by_name_though_no_distribution_has_recorded_it(
    workshop: Workshop, python: Path, shape: str
) -> None:
    base = shaped_base(workshop, shape, python, OLD)
    programs = linked_interpreter(base, workshop)
    script(programs, "absolute", programs / "python")
    environ = base.environ | {"PATH": f"{programs}:{base.environ['PATH']}"}
    layer = workshop.layer(base.given, **environ)
    assert run([layer / "bin" / "tool.py", "word"], environ) == "1.0 word\n"
    workshop.add(layer, NEW)
    assert run([layer / "bin" / "tool.py", "word"], environ) == "2.0 word\n"


def test_scripts_of_other_environments_keep_theirs(workshop: Workshop, python: Path) -> None:
    """Though they stand on the same interpreter."""
    base = shaped_base(workshop, "prefix", python, OLD)
    layer = base.layer()
    workshop.add(layer, NEW)
    other = workshop.base(python, Wheel(name="alpha", version="0.5"), name="other")
    tool = script(other / "bin", "absolute", other / "bin" / "python")
    assert lamina_run(base.environ, layer, "--", tool) == "0.5\n"


def test_the_systems_scripts_are_left_alone(workshop: Workshop) -> None:
    """They are written for the system's packages."""
    from pathlib import Path

    if not Path("/usr/bin/python3").exists():
        pytest.skip("the system has no Python")
    code = "import sys; print(sys.version_info >= (3, 8))"
    answer = subprocess.run(
        ["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True
    )
    if answer.stdout.strip() != "True":
        pytest.skip("the system's Python is too old")
    layer = workshop.layer("/usr/bin/python3")
    names = {one.name for one in (layer / "bin").iterdir()}
    recorded = "python activate uv . pip wheel"
    others = {one for one in names if not one.startswith(tuple(recorded.split()))}
    assert not {"2to3", "pydoc3", "lsb_release", "py3compile", "py3clean"} & others
