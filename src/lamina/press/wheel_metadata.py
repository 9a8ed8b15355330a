"""The metadata of a wheel, where a conda package has none for Python: made of what it has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lamina.press.distribution import programs_of
from lamina.press.names import conda_name, distribution_name
from lamina.press.stock import OF_PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


_OF_SYSTEM = frozenset({"libgcc", "libgcc-ng", "libstdcxx", "libstdcxx-ng", "_libgcc_mutex"})
"""Of what these have, wheels use the system's."""


@dataclass(slots=True, kw_only=True)
class Dependencies:
    """The dependencies of a conda package, sorted out."""

    requirements: list[str] = field(default_factory=list)
    """PEP 508."""
    requires_python: str = ""
    conda_only: list[str] = field(default_factory=list)
    """MatchSpecs of what is no distribution, as far as is known."""
    warnings: list[str] = field(default_factory=list)


def sort_dependencies(
    depends: Iterable[str], names: Mapping[str, str], is_python: Callable[[str], bool]
) -> Dependencies:
    """Turn MatchSpecs into requirements, where a package is known to be a distribution.

    That is one in the tables of names, or one of which ``is_python`` knows. Raises UsageError for a
    package that the tables map to two distributions.
    """
    found = Dependencies()
    for spec in depends:
        name, _, rest = spec.strip().partition(" ")
        if name.startswith("__") or name in _OF_SYSTEM:
            continue
        if name == "python":
            found.requires_python = ",".join(
                filter(None, [found.requires_python, specifiers(rest, found.warnings, spec)])
            )
        elif name not in OF_PYTHON:
            known = distribution_name(name, names) or (name if is_python(name) else "")
            if known:
                found.requirements.append(known + specifiers(rest, found.warnings, spec))
            else:
                found.conda_only.append(spec)
    return found


def specifiers(constraint: str, warnings: list[str], spec: str) -> str:
    """Return the version part of a MatchSpec by PEP 440; empty, with a warning, if it has none."""
    version, _, _ = constraint.strip().partition(" ")
    parts = [] if version in {"", "*"} else [_specifier(one) for one in version.split(",")]
    text = ",".join(parts)
    try:
        if "|" not in version and "" not in parts:
            SpecifierSet(text)
            return text
    except InvalidSpecifier:
        pass  # The warning below is for this, too.
    warnings.append(f"{spec}: the versions cannot be said in a wheel; any of them")
    return ""


def _specifier(part: str) -> str:
    found = re.fullmatch(r"(>=|<=|>|<|==|!=|~=|=|)([\w.+!]+?)(\.?\*)?", part)
    if found is None:
        return ""
    operator, version, star = found.groups()
    if operator in {"=", ""} or (operator == "==" and star):
        # Conda's "=1.2" and "1.2.*" are every 1.2; "1.2" alone, in a package, is that version.
        return f"=={version}.*" if operator == "=" or star else f"=={version}"
    if operator == "<" and re.search(r"\da0$", version):
        return f"<{version.removesuffix('a0')}"  # PEP 440 leaves out pre-releases by itself
    if star and operator != "!=":
        star = ""
    return f"{operator}{version}{'.*' if star else ''}"


def made_metadata(
    index: Mapping[str, Any], about: Mapping[str, Any], name: str, wanted: Dependencies
) -> str:
    """Return a METADATA out of info/index.json and info/about.json."""
    headers = [("Metadata-Version", "2.2"), ("Name", name), ("Version", str(index["version"]))]
    for header, key in (("Summary", "summary"), ("Home-page", "home"), ("License", "license")):
        if value := " ".join(str(about.get(key) or "").split()):
            headers.append((header, value))
    if wanted.requires_python:
        headers.append(("Requires-Python", wanted.requires_python))
    headers += [("Requires-Dist", one) for one in sorted(wanted.requirements)]
    return "".join(f"{header}: {value}\n" for header, value in headers)


def not_named(
    depends: Iterable[str], requirements: Iterable[str], names: Mapping[str, str]
) -> list[str]:
    """Return the dependencies of a conda package that its METADATA does not name."""
    named = set()
    for text in requirements:
        try:
            named.add(conda_name(Requirement(text).name, names))
        except InvalidRequirement:
            continue  # Names nothing.
    return [
        spec
        for spec in depends
        if (name := spec.split()[0]) not in named | OF_PYTHON | _OF_SYSTEM
        and not name.startswith("__")
    ]


def entry_points_with(text: str, programs: Iterable[str]) -> str:
    """Return an entry_points.txt with the programs of info/link.json that it does not have."""
    known = dict(programs_of(text))
    lines = [one for one in programs if one.partition("=")[0].strip() not in known]
    if not lines:
        return text
    if "[console_scripts]" in text:
        return text.replace("[console_scripts]", "\n".join(["[console_scripts]", *lines]), 1)
    return (text.rstrip() + "\n\n" if text.strip() else "") + "\n".join(
        ["[console_scripts]", *lines, ""]
    )
