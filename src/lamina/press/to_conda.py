"""A wheel as a conda package."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lamina.core import fs
from lamina.core.errors import IntegrityError, UsageError
from lamina.model.platforms import PythonSeries, Target, current_platform
from lamina.press.distribution import read_distributions
from lamina.press.markers import series_of
from lamina.press.outcome import Pressed
from lamina.press.packaging import Packaging, package_distribution
from lamina.press.wheel_file import lay_out, read_wheel
from lamina.press.wheel_tags import build_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from lamina.press.distribution import Distribution
    from lamina.press.wheel_file import WheelFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ToConda:
    """What wheels are made into conda packages with."""

    target: Target | None = None
    """None: of a compiled wheel its own, otherwise this platform and the Python of lamina."""
    names: Mapping[str, str] = field(default_factory=dict)
    moment: datetime | None = None
    """None: that of the newest file in each wheel."""


def press_wheels(
    files: Sequence[Path], directory: Path, work: Path, wanted: ToConda
) -> list[Pressed]:
    """Write a conda package of each wheel into ``directory``, in the order of ``files``.

    What one needs with an extra of another is known from the other. Raises IntegrityError for a
    wheel that is damaged or not what its name says, UsageError for one that is not for the target.
    """
    wheels = [read_wheel(file) for file in files]
    targets = [_target(one, wanted.target) for one in wheels]
    laid_out: list[Distribution] = []
    for number, (wheel, target) in enumerate(zip(wheels, targets, strict=True)):
        environment = (work / f"environment-{number}").resolve()
        site = lay_out(wheel, environment, str(target.python))
        laid_out.append(read_distributions(site, environment)[wheel.name])
    known = {one.name: one for one in laid_out}
    found = []
    for number, (wheel, one) in enumerate(zip(wheels, laid_out, strict=True)):
        stages = work / f"stage-{number}"
        fs.make_directory(stages)
        packaging = Packaging(
            target=targets[number],
            moment=wanted.moment or wheel.newest,
            names=wanted.names,
            known=known,
            with_extras=True,
        )
        made = package_distribution(one, directory, stages, packaging)
        found.append(
            Pressed(
                source=wheel.path,
                archive=made.archive,
                kind=made.subdir,
                needs=made.depends,
                constrains=made.constrains,
                warnings=made.warnings,
            )
        )
    return found


def _target(wheel: WheelFile, wanted: Target | None) -> Target:
    """Return for which platform and Python a package is made.

    Raises UsageError where that is not wanted or not decided, IntegrityError where no Python is.
    """
    try:
        build = build_of(wheel.tags)
    except ValueError as error:
        raise UsageError(f"{wheel.path}: {error}") from error
    let_in = _let_in(wheel)
    if build.abi == "exact" and build.series not in let_in:
        raise IntegrityError(
            f"{wheel.path}: its tags are for Python {build.series}, its Requires-Python is "
            f"{wheel.requires_python!r}"
        )
    platforms = build.platforms
    if wanted is not None:
        other = wanted.python not in ((build.series,) if build.abi == "exact" else let_in)
        if other or (platforms and wanted.platform not in platforms):
            raise UsageError(f"{wheel.path}: not for {wanted}")
        return wanted
    here = PythonSeries(*sys.version_info[:2])
    series = here if here in let_in else let_in[0]
    if build.abi == "exact" and build.series is not None:
        series = build.series
    if len(platforms) > 1:
        raise UsageError(
            f"{wheel.path}: for {', '.join(platforms)}, and a package is for one of them",
            hints=[f"lamina press --for {platforms[0]}/{series} {wheel.path}"],
        )
    return Target(platforms[0] if platforms else current_platform(), series)


def _let_in(wheel: WheelFile) -> tuple[PythonSeries, ...]:
    try:
        wanted = SpecifierSet(wheel.requires_python)
    except InvalidSpecifier:
        wanted = SpecifierSet()
    found = series_of(wanted)
    if not found:
        raise IntegrityError(
            f"{wheel.path}: its Requires-Python {wheel.requires_python!r} lets in no Python 3"
        )
    return found
