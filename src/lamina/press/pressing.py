"""Several files at once, each the other way: all of them, or none."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.archive.reading import SUFFIXES
from lamina.core import fs, report
from lamina.core.errors import ConflictError, UsageError
from lamina.press.to_conda import ToConda, press_wheels
from lamina.press.to_wheel import ToWheel, press_packages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lamina.model.platforms import Target
    from lamina.press.outcome import Pressed


@dataclass(frozen=True, slots=True, kw_only=True)
class PressRequest:
    """What is to be pressed, and with what."""

    files: Sequence[Path]
    directory: Path
    """Where the results go."""
    target: Target | None = None
    """Of wheels: for which platform and Python; see ``ToConda``."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Distribution -> conda package."""
    given: Sequence[Path] = ()
    """Conda packages whose libraries may be taken into wheels."""
    channels: Sequence[str] = ()
    moment: datetime | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False
    """Replace results that are there."""
    dry_run: bool = False
    """Do everything but write the results."""


def press(request: PressRequest) -> list[Pressed]:
    """Turn wheels into conda packages and conda packages into wheels.

    Raises UsageError for a file that is named as neither, ConflictError for a result that is there
    already or comes of two files, and what ``press_wheels`` and ``press_packages`` raise.
    """
    wheels = [one for one in request.files if one.name.endswith(".whl")]
    packages = [one for one in request.files if one.name.endswith(SUFFIXES)]
    for file in request.files:
        if file not in wheels and file not in packages:
            raise UsageError(
                f"{file}: neither a wheel (.whl) nor a conda package (.conda, .tar.bz2)"
            )
    to_conda = ToConda(target=request.target, names=request.names, moment=request.moment)
    to_wheel = ToWheel(
        names=request.names,
        given=request.given,
        channels=request.channels,
        moment=request.moment,
        environ=request.environ,
    )
    with tempfile.TemporaryDirectory(prefix="lamina-press-") as name:
        work = Path(name).resolve()
        with report.step("press", total=len(request.files)):
            made = press_wheels(wheels, work / "made", work / "wheels", to_conda)
            made += press_packages(packages, work / "made", work / "packages", to_wheel)
        _check_free(made, request)
        if not request.dry_run:
            fs.make_directory(request.directory)
            for result in made:
                target = request.directory / result.archive.name
                fs.write_bytes(target, result.archive.read_bytes())
    order = {file: number for number, file in enumerate(request.files)}
    return sorted(made, key=lambda result: order[result.source])


def _check_free(made: Sequence[Pressed], request: PressRequest) -> None:
    sources: dict[str, Path] = {}
    for one in made:
        name = one.archive.name
        if (other := sources.setdefault(name, one.source)) != one.source:
            raise ConflictError(f"{name}: of {other} and of {one.source}")
        if (request.directory / name).exists() and not request.replace:
            raise ConflictError(
                f"{request.directory / name}: is there already", hints=["lamina press --force"]
            )
