"""Pythons that are on this machine: where they are looked for, and what each of them is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError, MissingInterpreterError
from lamina.core.run import base_environment, run
from lamina.engines.uv_program import UvProgram
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUESTION = """
import _imp, json, os, platform, sys
print(json.dumps({
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": sys.base_prefix,
    "machine": platform.machine(),
    "soabi": _imp.extension_suffixes()[0].strip(".").partition(".")[0],
}))
"""
_ANSWER_SECONDS = 60.0
_STANDARD = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
_STANDARD_PATTERNS = (
    ("/opt/python", "*/bin"),
    ("/Library/Frameworks/Python.framework/Versions", "*/bin"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython that was run and asked what it is."""

    path: Path
    """Its real path, never that of a link or of a virtual environment."""
    version: str
    prefix: Path
    machine: str
    soabi: str = ""
    """What it calls its ABI in the names of compiled modules; empty: not asked."""

    @property
    def series(self) -> PythonSeries:
        """Its minor series."""
        return PythonSeries.parse(".".join(self.version.split(".")[:2]))


def inspect_interpreter(path: Path, environ: Mapping[str, str]) -> Interpreter | None:
    """Run an interpreter and return what it is; None when it does not run or is no CPython.

    For an interpreter of a virtual environment the answer is the one that it stands on.
    """
    try:
        answer = run(
            [path, "-I", "-S", "-c", _QUESTION],
            env=base_environment(environ),
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except LaminaError:
        return None
    if answer.returncode != 0:
        return None
    try:
        told = json.loads(answer.stdout)
        found = Interpreter(
            path=Path(told["executable"]),
            version=told["version"],
            prefix=Path(told["prefix"]),
            machine=told["machine"],
            soabi=told["soabi"],
        )
        return found if told["implementation"] == "cpython" else None
    except (ValueError, KeyError, TypeError):
        return None  # Something else of that name.


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineInterpreters:
    """Finds Pythons on this machine; never fetches one.

    Looked at in this order: LAMINA_PYTHON, the directories of LAMINA_PYTHON_PATH, PATH, pyenv,
    the usual directories of the system, and what uv has installed.
    """

    environ: Mapping[str, str]
    explicit: Path | None = None
    """Take this one or none."""

    def find(self, series: PythonSeries) -> Path:
        """Return the real path of an interpreter; raises MissingInterpreterError."""
        return self.search(series).path

    def search(self, series: PythonSeries) -> Interpreter:
        """Return an interpreter of a series; raises MissingInterpreterError."""
        if self.explicit is not None:
            return self._only(self.explicit, series)
        asked: set[Path] = set()
        for candidate in self._candidates(f"python{series}"):
            real = candidate.resolve()
            if real in asked:
                continue
            asked.add(real)
            found = inspect_interpreter(candidate, self.environ)
            if found is not None and found.series == series:
                return found
        raise self._missing(series)

    def _only(self, path: Path, series: PythonSeries) -> Interpreter:
        found = inspect_interpreter(path, self.environ)
        if found is None:
            raise MissingInterpreterError(f"{path}: not a CPython that runs here")
        if found.series != series:
            raise MissingInterpreterError(
                f"{path}: Python {found.version}, but the release is for {series}",
                hints=[f"--python with the path of a Python {series}"],
            )
        return found

    def _candidates(self, name: str) -> Iterator[Path]:
        if self.environ.get("LAMINA_PYTHON"):
            yield Path(self.environ["LAMINA_PYTHON"])
        for directory in self._directories():
            if os.access(directory / name, os.X_OK):
                yield directory / name
        yield from (path for path in self._installed_by_uv() if path.name.startswith("python"))

    def _directories(self) -> Iterator[Path]:
        """Yield directories of programs, the newest patch level of a series first."""
        for variable in ("LAMINA_PYTHON_PATH", "PATH"):
            for entry in self.environ.get(variable, "").split(os.pathsep):
                if os.path.isabs(entry):  # noqa: PTH117
                    yield Path(entry)
                    if variable == "LAMINA_PYTHON_PATH":
                        yield Path(entry) / "bin"
        yield from _newest_first(_pyenv(self.environ), "versions/*/bin")
        yield from map(Path, _STANDARD)
        for top, pattern in _STANDARD_PATTERNS:
            yield from _newest_first(Path(top), pattern)

    def _installed_by_uv(self) -> Iterator[Path]:
        """Yield what uv knows; uv answers at once, but asks each Python that it has not seen."""
        arguments = ("python", "list", "--only-installed", "--output-format", "json", "--offline")
        try:
            answer = UvProgram(environ=self.environ).call(*arguments)
        except LaminaError:
            return
        for entry in json.loads(answer.stdout):
            if entry.get("path"):
                yield Path(entry["path"])

    def _there(self) -> list[str]:
        """Return the series that are on this machine, by the names of their programs."""
        found: set[PythonSeries] = set()
        for directory in self._directories():
            if directory.name == "shims":
                continue
            for program in directory.glob("python3.*"):
                try:
                    found.add(PythonSeries.parse(program.name.removeprefix("python")))
                except ValueError:
                    continue
        return [str(series) for series in sorted(found)]

    def _missing(self, series: PythonSeries) -> MissingInterpreterError:
        there = ", ".join(self._there()) or "none"
        looked = "LAMINA_PYTHON, LAMINA_PYTHON_PATH, PATH, pyenv, the system's directories, uv"
        return MissingInterpreterError(
            f"no Python {series} on this machine (there is: {there}; looked at: {looked})",
            hints=[
                f"uv python install {series}",
                f"lamina publish --python /path/to/python{series}",
            ],
        )


def _pyenv(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/")) / ".pyenv")


def _newest_first(top: Path, pattern: str) -> list[Path]:
    """Return the directories that match, by the numbers in their paths."""
    return sorted(top.glob(pattern), key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    words = "".join(char if char.isdecimal() else " " for char in str(path)).split()
    return [int(word) for word in words]
