"""What distributions of Python are called as conda packages, and what their versions become."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core.errors import DocumentError, Problem, UsageError
from lamina.model.document import Document, load_toml, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.specifiers import Specifier, SpecifierSet

NAMES_FILE = Path(__file__).with_name("names.toml")
"""Distribution -> conda package, where conda-forge's name is not the normalised one."""


@cache
def _known() -> Mapping[str, str]:
    return names_of(NAMES_FILE)


def conda_name(distribution: str, further: Mapping[str, str] | None = None) -> str:
    """Return the name of the conda package; ``further`` names come before our own table."""
    name = canonicalize_name(distribution)
    return (further or {}).get(name) or _known().get(name, name)


def distribution_name(package: str, further: Mapping[str, str] | None = None) -> str:
    """Return the distribution that a conda package is of; empty where no table has it.

    Raises UsageError where tables map two distributions to it.
    """
    known = {name: other for name, other in _known().items() if name not in (further or {})}
    found = sorted(
        name for name, other in (known | dict(further or {})).items() if other == package
    )
    if len(found) > 1:
        raise UsageError(
            f"{package}: the conda package of {' and of '.join(found)}, and can be of one only",
            hints=[f"--name {found[0]}={package}, and no other of that package"],
        )
    return found[0] if found else ""


def likely_distributions(package: str) -> set[str]:
    """Return what a conda package may have of the index, by its name alone."""
    return {canonicalize_name(package)} | {one for one, name in _known().items() if name == package}


def read_names(pairs: Iterable[str], file: Path | None = None) -> dict[str, str]:
    """Return distribution -> conda package out of ``DISTRIBUTION=PACKAGE`` and a TOML file.

    The pairs count before the file. Raises UsageError for what is no pair and for a distribution
    with two packages, DocumentError for the file.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, package = pair.partition("=")
        if not name or not package:
            raise UsageError(f"--name {pair!r}: not DISTRIBUTION=PACKAGE")
        if found.setdefault(canonicalize_name(name), package) != package:
            other = found[canonicalize_name(name)]
            raise UsageError(f"--name {pair!r}: {name} is {other} already")
    return (names_of(file) if file is not None else {}) | found


class NamesDocument(Document):
    """Names of distributions and of their conda packages, in a file."""

    names: dict[str, str]
    """Distribution -> conda package."""


def names_of(file: Path) -> dict[str, str]:
    """Read a table of names; raises DocumentError."""
    document = validate(NamesDocument, load_toml(file), file)
    found: dict[str, str] = {}
    for name, package in document.names.items():
        if found.setdefault(canonicalize_name(name), package) != package:
            problem = Problem(where=f"names.{name}", found="the same name has another package too")
            raise DocumentError(file, [problem])
    return found


def conda_spec(name: str, specifiers: SpecifierSet) -> str:
    """Return a requirement as a MatchSpec, with the same versions."""
    parts = dict.fromkeys(_part(one) for one in sorted(specifiers, key=str, reverse=True))
    return f"{name} {','.join(parts)}" if parts else name


def _part(specifier: Specifier) -> str:
    operator, version = specifier.operator, specifier.version
    match operator:
        case "==" if version.endswith(".*"):
            return version
        case "===":
            return f"=={version}"
        case "~=":
            return f">={version},{version.rpartition('.')[0]}.*"
        case "<" if version.replace(".", "").isdecimal():
            # PEP 440: no pre-release of the version itself; conda orders them before it.
            return f"<{version}a0"
        case _:
            return f"{operator}{version}"
