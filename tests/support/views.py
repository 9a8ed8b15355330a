"""A view as LCG makes them: a Python, and site-packages beside it that a script puts forward."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.uv_program import UvProgram
from lamina.release.bundle import bundle_interpreter
from support.accounts import make_read_only

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).parents[2]
PINS = Path(__file__).with_name("hep_base_2024_02.txt")
"""What 60 requirements of an analysis stack were on 2024-02-20, on CPython 3.11: 199 packages."""


def pins(*names: str) -> list[str]:
    """Return the pins of packages."""
    found = dict(line.split("==") for line in PINS.read_text(encoding="utf-8").split())
    return [f"{name}=={found[name]}" for name in names]


@dataclass(frozen=True, kw_only=True)
class View:
    """A directory that nobody writes to once it is made."""

    path: Path
    site: Path

    @property
    def setup(self) -> Path:
        """The script to source, of no particular shell."""
        return self.path / "setup.sh"


def make_view(
    place: Path, python: Path, packages: Sequence[str], environ: Mapping[str, str]
) -> View:
    """Make a view with a copy of an interpreter that anybody can run, beside the view itself."""
    interpreter = inspect_interpreter(python, environ)
    assert interpreter is not None
    own = place / "python"
    program = bundle_interpreter(interpreter, own, final=own, environ=environ)
    view = place / "view"
    site = view / "lib" / program.name / "site-packages"
    (view / "bin").mkdir(parents=True)
    site.mkdir(parents=True)
    for name in ("python", "python3", program.name):
        (view / "bin" / name).symlink_to(program)
    # Views have the interpreter's own library too: virtual environments of theirs need it there.
    for one in (own / "lib" / program.name).iterdir():
        site.with_name(one.name).symlink_to(one)
    UvProgram(environ=environ).call(
        "pip", "install", "--quiet", "--python", program, "--target", site, "--no-deps",
        "--link-mode", "copy", "--only-binary", ":all:", *packages,
    )  # fmt: skip
    found = View(path=view, site=site)
    lines = [
        f"export PATH='{view}/bin':$PATH",
        f"export PYTHONPATH='{site}'${{PYTHONPATH:+:$PYTHONPATH}}",
        "",
    ]
    found.setup.write_text("\n".join(lines), encoding="utf-8")
    make_read_only(own)
    make_read_only(view)
    return found


def install_lamina(place: Path, program: Path, environ: Mapping[str, str]) -> Path:
    """Install this repository's lamina for everybody; return its command."""
    uv = UvProgram(environ=environ)
    uv.call("venv", "--quiet", "--python", program, place / "lamina")
    python = place / "lamina" / "bin" / "python"
    uv.call("pip", "install", "--quiet", "--python", python, "--link-mode", "copy", REPOSITORY)
    return place / "lamina" / "bin" / "lamina"
