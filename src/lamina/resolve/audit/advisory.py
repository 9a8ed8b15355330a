"""Advisories in the OSV format, https://ossf.github.io/osv-schema/, as far as an audit needs them.

These are documents of others: what is unknown is passed over, what is needed has to have its form.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lamina.model.names import PackageName

_ECOSYSTEM = "PyPI"
_LONGEST_TITLE = 160
Verdict = Literal["affected", "clear", "unclear"]


class _Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(_Foreign):
    """A change along the versions of a range; exactly one of the four is given."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class Range(_Foreign):
    """Versions in the order of their ecosystem, or commits."""

    type: str
    events: tuple[Event, ...] = ()


class Package(_Foreign):
    """A package of an ecosystem."""

    ecosystem: str
    name: str


class Severity(_Foreign):
    """How bad it is, by a method such as ``CVSS_V3``."""

    type: str
    score: str


class Affected(_Foreign):
    """Versions of one package."""

    package: Package | None = None
    ranges: tuple[Range, ...] | None = None
    versions: tuple[str, ...] | None = None
    severity: tuple[Severity, ...] | None = None
    database_specific: dict[str, Any] | None = None
    ecosystem_specific: dict[str, Any] | None = None


class Advisory(_Foreign):
    """One document of a database."""

    id: str
    aliases: tuple[str, ...] | None = None
    withdrawn: str | None = None
    summary: str | None = None
    details: str | None = None
    severity: tuple[Severity, ...] | None = None
    affected: tuple[Affected, ...] | None = None
    database_specific: dict[str, Any] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Return every name of it, its own first."""
        return (self.id, *(self.aliases or ()))

    @property
    def title(self) -> str:
        """Return one line that says what it is about."""
        lines = (self.summary or self.details or "").strip().splitlines()
        return shorten(lines[0], _LONGEST_TITLE, placeholder=" ...") if lines else ""

    def about(self, name: PackageName) -> tuple[Affected, ...]:
        """Return what it says of a package of the Python index."""
        return tuple(
            one
            for one in self.affected or ()
            if one.package is not None
            and is_python(one.package.ecosystem)
            and canonicalize_name(one.package.name) == name
        )

    def severities(self, name: PackageName) -> Iterator[str]:
        """Yield how bad it is for a package: a word where there is one, and the scores."""
        places = self.about(name)
        for given in (self.database_specific, *(one.database_specific for one in places)):
            yield from _word(given)
        for given in (one.ecosystem_specific for one in places):
            yield from _word(given)
        for scores in (self.severity, *(one.severity for one in places)):
            yield from (one.score for one in scores or ())


def is_python(ecosystem: str) -> bool:
    """Tell whether an ecosystem, with or without a suffix, is that of the Python index."""
    return ecosystem.partition(":")[0] == _ECOSYSTEM


def _word(given: Mapping[str, Any] | None) -> Iterator[str]:
    word = (given or {}).get("severity")
    if isinstance(word, str) and word:
        yield word


@dataclass(frozen=True, slots=True)
class _Point:
    """An event at its place."""

    version: Version | None
    """None: before every version; as a limit, after every version."""
    kind: Literal["introduced", "fixed", "last_affected", "limit"]

    @property
    def key(self) -> tuple[bool, Version, bool]:
        """Return the place in the order; what is fixed and introduced again is affected."""
        version = self.version or Version("0")
        return (self.version is not None, version, self.kind == "introduced")

    def reached(self, version: Version) -> bool:
        """Tell whether a version is there or later; a local build counts as what it is built of."""
        if self.version is None:
            return True
        return _comparable(version, self.version) >= self.version

    def passed(self, version: Version) -> bool:
        """Tell whether a version is later."""
        return self.version is None or _comparable(version, self.version) > self.version


def _comparable(version: Version, other: Version) -> Version:
    return version if other.local else Version(version.public)


def judge(version: Version, places: Iterable[Affected]) -> Verdict:
    """Return whether a version is affected, by the specification's algorithm.

    ``unclear`` where only commits are given, or versions that are none by PEP 440, and no list of
    versions that could answer.
    """
    verdicts = {_judge(version, one) for one in places}
    for verdict in ("affected", "unclear"):
        if verdict in verdicts:
            return verdict
    return "clear"


def _judge(version: Version, place: Affected) -> Verdict:
    if any(_is(version, text) for text in place.versions or ()):
        return "affected"
    usable = [_points(one) for one in place.ranges or () if one.type != "GIT"]
    if any(_includes(version, one) for one in usable if one is not None):
        return "affected"
    answered = bool(place.versions) or (bool(usable) and None not in usable)
    return "clear" if answered else "unclear"


def _is(version: Version, text: str) -> bool:
    try:
        other = Version(text)
    except InvalidVersion:
        return False
    return _comparable(version, other) == other


def _points(one: Range) -> list[_Point] | None:
    """Return the events in their order, None where one cannot be put into it, or none begins it."""
    try:
        points = [point for event in one.events for point in _each(event)]
    except InvalidVersion:
        return None
    begun = any(point.kind == "introduced" for point in points)
    return sorted(points, key=lambda point: point.key) if begun else None


def _each(event: Event) -> Iterator[_Point]:
    """Yield what an event says: one thing, but there are documents with two in one."""
    if event.introduced is not None:
        first = event.introduced == "0"
        yield _Point(None if first else Version(event.introduced), "introduced")
    if event.fixed is not None:
        yield _Point(Version(event.fixed), "fixed")
    if event.last_affected is not None:
        yield _Point(Version(event.last_affected), "last_affected")
    if event.limit is not None:
        yield _Point(None if event.limit == "*" else Version(event.limit), "limit")


def _includes(version: Version, points: Iterable[_Point]) -> bool:
    known = list(points)
    limits = [one for one in known if one.kind == "limit"]
    if limits and all(one.version is not None and one.reached(version) for one in limits):
        return False
    inside = False
    for one in known:
        if one.kind == "introduced" and one.reached(version):
            inside = True
        elif (one.kind == "fixed" and one.reached(version)) or (
            one.kind == "last_affected" and one.passed(version)
        ):
            inside = False
    return inside


def fixes_after(version: Version, places: Iterable[Affected]) -> list[Version]:
    """Return the versions named as fixed that are later and not affected themselves."""
    known = list(places)
    named = {
        point.version
        for place in known
        for one in place.ranges or ()
        for point in (_points(one) or () if one.type != "GIT" else ())
        if point.kind == "fixed" and point.version is not None
    }
    return sorted(one for one in named if one > version and judge(one, known) != "affected")
