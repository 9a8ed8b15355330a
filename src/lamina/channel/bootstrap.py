"""A channel out of nothing: an interpreter of this machine, and wheels, as conda packages."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.channel.directory import NOARCH
from lamina.channel.index import add_packages
from lamina.channel.interpreter import package_interpreter
from lamina.core import fs, report
from lamina.core.errors import NotSupportedError
from lamina.engines.uv_python import make_environment
from lamina.model.platforms import Platform, Target, current_platform
from lamina.press.distribution import read_distributions
from lamina.press.packaging import Packaging, package_distribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lamina.channel.index import IndexedSubdir
    from lamina.engines.interpreters import Interpreter
    from lamina.engines.uv_program import UvProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What a channel is made of."""

    interpreter: Interpreter
    requirements: Sequence[str] = ()
    """Wheels by their paths, and requirements as PEP 508 has them, with all that they need."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Distribution -> conda package, where the usual name is not wanted."""
    moment: datetime
    uv: UvProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """What was put into a channel."""

    packages: tuple[str, ...]
    """Files, each with its subdirectory."""
    new: int
    indexed: tuple[IndexedSubdir, ...]


def bootstrap(channel: Path, wanted: Bootstrap) -> Bootstrapped:
    """Make packages of an interpreter and of wheels, and index the channel that they go into.

    A package whose name is there already is the same one: its build string tells its content.
    Raises NotSupportedError, and what uv and writing archives raise.
    """
    try:
        platform = current_platform()
    except ValueError as error:
        raise NotSupportedError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="lamina-bootstrap-") as name:
        work = Path(name).resolve()
        made = work / "archives"
        fs.make_directory(made)
        with report.step("python as a package"):
            archives = package_interpreter(
                wanted.interpreter,
                made,
                work,
                platform=platform,
                moment=wanted.moment,
                environ=wanted.uv.environ,
            )
        if wanted.requirements:
            archives += _package_wheels(wanted, platform, made, work)
        there = {file.name for one in (NOARCH, platform) for file in (channel / one).glob("*")}
        new = [file for file in archives if file.name not in there]
        indexed = add_packages(channel, new)
        names = tuple(sorted(file.name for file in archives))
    return Bootstrapped(packages=names, new=len(new), indexed=tuple(indexed))


def _package_wheels(wanted: Bootstrap, platform: Platform, made: Path, work: Path) -> list[Path]:
    """Install wheels with all that they need, and make a package of each distribution."""
    environment = work / "environment"
    series = wanted.interpreter.series
    with report.step("fetch wheels"):
        make_environment(wanted.uv, environment, python=wanted.interpreter.path, prompt="lamina")
        python = environment / "bin" / "python"
        words = ("pip", "install", "--python", python, "--no-build")
        wanted.uv.call(*words, *wanted.requirements)
    site = environment / "lib" / f"python{series}" / "site-packages"
    known = read_distributions(site, environment)
    packaging = Packaging(
        target=Target(platform, series), moment=wanted.moment, names=wanted.names, known=known
    )
    stages = work / "stages"
    with report.step("wheels as packages", total=len(known)) as step:
        archives = []
        for one in known.values():
            archives.append(package_distribution(one, made, stages, packaging).archive)
            step.advance()
    return archives
