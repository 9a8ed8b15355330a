"""Environments with something wrong in them, examined and mended for real."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.examine import examine
from lamina.layer.doctor.patient import find_patient
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from lamina.layer.doctor.finding import Finding
    from support.workshop import Workshop

TOOL = Wheel(name="tool", version="1.0")
_MARK = "::environment::"


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where something is made to be wrong."""

    workshop: Workshop
    interpreter: Callable[[str], Path]

    @property
    def python(self) -> Path:
        return self.interpreter("3.12")

    @property
    def path(self) -> Path:
        return self.workshop.path

    def venv(self, *wheels: Wheel, name: str = "venv") -> Path:
        return self.workshop.base(self.python, *wheels, name=name)

    def directory(self, name: str, *wheels: Wheel) -> Path:
        """Make a directory of packages, such as one that a set-up script puts on PYTHONPATH."""
        path = self.path / name
        path.mkdir(parents=True)
        for wheel in wheels:
            wheel.unpack(path)
        return path

    def file(self, site: Path, wheel: Wheel, name: str, content: bytes) -> Path:
        """Add a file to an installed wheel, as if it had brought it."""
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        record = site / f"{wheel.module}-{wheel.version}.dist-info" / "RECORD"
        with record.open("a", encoding="utf-8") as stream:
            stream.write(f"{name},,\n")
        return path

    def script(self, path: Path, first: str, rest: str = "print('it runs')\n") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{first}\n{rest}", encoding="utf-8")
        path.chmod(0o755)
        return path


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is examined, and in which environment."""

    target: Path | str | None
    environ: dict[str, str] = field(default_factory=dict)
    """Variables beside those of the workshop."""


def activated(prefix: Path, environ: dict[str, str], *before: Path) -> dict[str, str]:
    """Return what activation sets; ``before`` are directories that come first on PATH."""
    path = [*map(str, before), str(prefix / "bin"), environ["PATH"]]
    return {"VIRTUAL_ENV": str(prefix), "PATH": ":".join(path)}


def findings(
    target: Path | str | None, environ: dict[str, str], *, root: Path | None = None
) -> list[Finding]:
    """Examine, and return everything that is found."""
    given = None if target is None else str(target)
    patient = find_patient(given, root=root or Path(environ["HOME"], "root"), environ=environ)
    return list(examine(patient))


def kinds(found: list[Finding]) -> list[str]:
    """Return the names of the kinds, in order."""
    return [one.kind.name for one in found]


def mended(finding: Finding, environ: dict[str, str], *, shell: str = "bash") -> dict[str, str]:
    """Paste the command into a shell, and return the environment that it leaves."""
    with_lamina = f"{environ['PATH']}:{Path(sys.executable).parent}"
    answer = subprocess.run(
        [shell, "-c", f"{finding.mend} && echo {_MARK} && exec env -0"],
        env=environ | {"PATH": with_lamina},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert answer.returncode == 0, f"{finding.mend}\n{answer.stderr}"
    printed = answer.stdout.partition(f"{_MARK}\n")[2].rstrip("\0")
    after = dict(line.split("=", 1) for line in printed.split("\0"))
    shell_own = {"_", "SHLVL", "PWD", "OLDPWD", "PS1"}
    return {name: value for name, value in after.items() if name not in shell_own}


def snapshot(top: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of everything below a directory."""
    found = {}
    for directory, directories, files in os.walk(top):
        for name in (*directories, *files):
            status = Path(directory, name).lstat()
            found[f"{directory}/{name}"] = (status.st_size, status.st_mtime_ns)
    return found
