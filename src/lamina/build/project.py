"""What the sources of a Python package say of it: metadata, what it needs, what compiles it."""

from __future__ import annotations

import email.parser
import re
from configparser import ConfigParser, Error
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lamina.build.compiled import Compiled, how_compiled
from lamina.core.errors import LaminaError
from lamina.release.licences import UNKNOWN, home_page_of, licence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from email.message import Message

    from lamina.build.sources import SourceTree

_SETUPTOOLS = ("setuptools",)
_CLASSIFIED = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License (ISCL)": "ISC",
}
"""Classifiers that mean one licence; that of BSD does not."""
_LICENCE_FILE = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE)(?:[.-][A-Za-z0-9.-]+)?", re.IGNORECASE)
_NOT_THE_PACKAGE = frozenset(
    {"test", "tests", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "tools"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What decides the recipe of a package."""

    name: str
    version: str
    summary: str
    home: str
    licence: str
    """An SPDX expression; empty where the package names none."""
    licence_said: str
    """What it says in its own words where that is no such expression."""
    licence_files: tuple[str, ...]
    requires_python: str
    requirements: tuple[Requirement, ...]
    """Those of extras too, whose marker says so."""
    extras: tuple[str, ...]
    build_requirements: tuple[Requirement, ...]
    programs: Mapping[str, str]
    """Console scripts: name -> ``module:function``."""
    imports: tuple[str, ...]
    compiled: Compiled
    unsure: tuple[str, ...]
    """What a person has to look at."""


def read_project(tree: SourceTree, *, wheel: str = "") -> Project:
    """Return what sources say; ``wheel`` is the METADATA of a wheel made of them, if there is one.

    Raises LaminaError where there is not even a name, DocumentError for a damaged pyproject.toml.
    """
    document = tree.pyproject()
    table = document.get("project") or {}
    told = _metadata(tree.text("PKG-INFO"))
    final = _metadata(wheel) if wheel else told
    name = table.get("name") or told.get("Name") or ""
    if not name:
        raise LaminaError(
            f"{tree.origin}: nothing says what the package is called",
            hints=["[project] name in pyproject.toml, or python -m build --sdist, and its file"],
        )
    unsure: list[str] = []
    version = table.get("version") or told.get("Version") or ""
    if not version:
        unsure.append("the version: the sources tell it only when they are built")
    needs, extras = _requirements(table, final, tree, unsure)
    licence, said = _licence(table, final)
    system = document.get("build-system") or {}
    asked = _parsed(system.get("requires", _SETUPTOOLS), unsure)
    return Project(
        name=canonicalize_name(name),
        version=str(version or "0"),
        summary=" ".join(str(table.get("description") or told.get("Summary") or "").split()),
        home=_home(table, final),
        licence=licence,
        licence_said=said,
        licence_files=_licence_files(final, tree),
        requires_python=str(table.get("requires-python") or final.get("Requires-Python") or ""),
        requirements=tuple(needs),
        extras=tuple(extras),
        build_requirements=tuple(asked),
        programs=_programs(table, tree),
        imports=_imports(tree, canonicalize_name(name)),
        compiled=how_compiled(tree, asked),
        unsure=tuple(unsure),
    )


def _metadata(text: str) -> Message:
    return email.parser.HeaderParser().parsestr(text)


def _requirements(
    table: Mapping[str, Any], told: Message, tree: SourceTree, unsure: list[str]
) -> tuple[list[Requirement], list[str]]:
    """Return what a package needs and its extras: of the metadata, else of pyproject.toml."""
    lines = told.get_all("Requires-Dist", [])
    extras = told.get_all("Provides-Extra", [])
    if lines:
        return _parsed(lines, unsure), sorted(extras)
    dynamic = {*table.get("dynamic", ()), *(one.lower() for one in told.get_all("Dynamic", []))}
    optional = table.get("optional-dependencies") or {}
    lines = list(table.get("dependencies") or ())
    lines += [_with_extra(one, extra) for extra, many in sorted(optional.items()) for one in many]
    if not table and (text := tree.egg_info("requires.txt")):
        lines = text.partition("\n[")[0].split("\n")
        if "\n[" in text:
            unsure.append("requirements: requires.txt has more with markers or extras")
    elif dynamic & {"dependencies", "requires-dist"} or (not table and not _is_final(told)):
        unsure.append("requirements: the sources tell them only when they are built")
    return _parsed([one for one in lines if one.strip()], unsure), sorted(optional)


def _with_extra(requirement: str, extra: str) -> str:
    head, separator, marker = requirement.partition(";")
    also = f"({marker}) and " if separator else ""
    return f"{head}; {also}extra == '{extra}'"


def _is_final(told: Message) -> bool:
    """Tell whether metadata without requirements mean that there are none (PEP 643)."""
    version = str(told.get("Metadata-Version") or "1.0").split(".")
    return tuple(int(one) for one in version if one.isdecimal()) >= (2, 2)


def _parsed(lines: Iterable[str], unsure: list[str]) -> list[Requirement]:
    found = []
    for line in lines:
        try:
            found.append(Requirement(line))
        except InvalidRequirement:
            unsure.append(f"requirements: {line!r} is none")
    return found


def _licence(table: Mapping[str, Any], told: Message) -> tuple[str, str]:
    """Return the licence as SPDX has it, or nothing and what the package says."""
    given = table.get("license")
    if isinstance(given, dict):
        given = given.get("text")
    said = licence_of(told)
    for text in (given, told.get("License-Expression"), said, _CLASSIFIED.get(said)):
        if text and len(str(text)) < 200:
            try:
                return str(canonicalize_license_expression(str(text))), ""
            except InvalidLicenseExpression:
                continue
    return "", "" if said == UNKNOWN else said


def _licence_files(told: Message, tree: SourceTree) -> tuple[str, ...]:
    named = [one for one in told.get_all("License-File", []) if one in tree.names]
    there = [one for one in tree.names if "/" not in one and _LICENCE_FILE.fullmatch(one)]
    return tuple(sorted(set(named or there)))


def _home(table: Mapping[str, Any], told: Message) -> str:
    links = {key.lower(): value for key, value in (table.get("urls") or {}).items()}
    names = ("homepage", "home page", "home", "repository", "source", "documentation")
    own = next((str(links[one]) for one in names if one in links), "")
    if own or (own := home_page_of(told) or ""):
        return own
    pairs = [one.partition(",") for one in told.get_all("Project-URL", [])]
    return next((address.strip() for _, _, address in pairs), "")


def _programs(table: Mapping[str, Any], tree: SourceTree) -> dict[str, str]:
    """Return console scripts by name; those of setup.cfg come with an .egg-info."""
    if scripts := table.get("scripts"):
        return {str(name): str(target) for name, target in sorted(scripts.items())}
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(tree.egg_info("entry_points.txt"))
    except Error:
        return {}
    found = parser["console_scripts"] if parser.has_section("console_scripts") else {}
    return {name: target.split("[")[0].strip() for name, target in sorted(found.items())}


def _imports(tree: SourceTree, name: str) -> tuple[str, ...]:
    """Return what can be imported: the module of the package's name, else all there are."""
    listed = tree.egg_info("top_level.txt").split()
    found = {one for one in listed if not one.startswith("_")} or set(_modules(tree))
    found = {one for one in found if one.isidentifier() and one.lower() not in _NOT_THE_PACKAGE}
    own = {one for one in found if canonicalize_name(one) == name}
    return tuple(sorted(own or found))


def _modules(tree: SourceTree) -> Iterator[str]:
    """Yield the packages and modules at the top of the sources, or in src/."""
    for path in tree.names:
        if not path.endswith(".py"):
            continue
        parts = path.removesuffix(".py").split("/")
        parts = parts[1:] if parts[0] in {"src", "python"} else parts
        if (len(parts) == 2 and parts[1] == "__init__") or (len(parts) == 1 and parts != ["setup"]):
            yield parts[0]
