"""Look for known vulnerabilities of the packages of a lock, or of the one target of a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from lamina.core import report
from lamina.lock.chains import shortest_chain
from lamina.lock.document import PARENT
from lamina.model.document import near_match
from lamina.resolve.audit.advisory import fixes_after, judge
from lamina.resolve.audit.database import read_database
from lamina.resolve.audit.findings import AuditReport, Fix, Vulnerability
from lamina.resolve.demands import demands_on, pin_text, stack_demands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.audit.advisory import Advisory
    from lamina.resolve.audit.database import Database
    from lamina.stack.document import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is looked at: the packages of some targets of a lock."""

    stack: Stack
    lock: Lock
    targets: tuple[Target, ...]

    def packages(self) -> Iterator[tuple[LockedPackage, tuple[Target, ...]]]:
        """Yield each package with those of the targets that it is for."""
        for one in self.lock.packages:
            where = tuple(to for to in self.targets if not one.targets or to in one.targets)
            if where:
                yield one, where


def audit(stack: Stack, lock: Lock, path: Path, *, targets: tuple[Target, ...] = ()) -> AuditReport:
    """Return what the database at ``path`` says of a lock, for all of its targets or for some.

    Raises DocumentError when there is no database.
    """
    question = _Question(stack=stack, lock=lock, targets=targets or lock.targets)
    packages = list(question.packages())
    with report.step(f"looking for known vulnerabilities of {len(packages)} packages"):
        database = read_database(path, {one.name for one, _ in packages})
        found = [
            finding
            for one, where in packages
            for finding in _of_package(question, database, one, where)
        ]
    return AuditReport(
        dated=stack.resolve.exclude_newer is not None,
        database=path,
        advisories=database.documents,
        packages=len(packages),
        vulnerabilities=tuple(sorted(found, key=lambda one: (one.package, one.version, one.ids))),
        unclear=tuple(_unclear(database, packages)),
        needless=tuple(_needless(stack.audit.accept, database, found)),
        unreadable=database.unreadable,
    )


def _of_package(
    question: _Question, database: Database, package: LockedPackage, where: tuple[Target, ...]
) -> Iterator[Vulnerability]:
    version = Version(package.version)
    affecting = [
        one
        for one in database.advisories.get(package.name, ())
        if judge(version, one.about(package.name)) == "affected"
    ]
    chain = _chain(question.lock, package, where)
    accept = question.stack.audit.accept
    for group in merged(affecting):
        ids = tuple(sorted({name for one in group for name in one.ids}, key=_rank))
        places = [place for one in group for place in one.about(package.name)]
        words = (word for one in group for word in one.severities(package.name))
        yield Vulnerability(
            package=package.name,
            version=package.version,
            index=package.index,
            ids=ids,
            summary=next((one.title for one in group if one.title), ""),
            severities=tuple(dict.fromkeys(words)),
            fixes=tuple(
                _fix(question.stack, package, one, where) for one in fixes_after(version, places)
            ),
            chain=chain,
            targets=() if where == question.targets else where,
            accepted=next((accept[one] for one in ids if one in accept), None),
        )


def merged(advisories: Iterable[Advisory]) -> list[list[Advisory]]:
    """Return the advisories by vulnerability: those that share an id or an alias are about one."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for advisory in sorted(advisories, key=lambda one: _rank(one.id)):
        names, members = set(advisory.ids), [advisory]
        apart = []
        for ids, group in groups:
            if ids.isdisjoint(names):
                apart.append((ids, group))
            else:
                names |= ids
                members = [*group, *members]
        groups = [*apart, (names, members)]
    return [sorted(group, key=lambda one: _rank(one.id)) for _, group in groups]


_PREFIXES = ("GHSA", "PYSEC", "CVE")


def _rank(name: str) -> tuple[int, str]:
    """Return what puts the ids first that people search for, the same way each time."""
    prefix = name.partition("-")[0]
    return (_PREFIXES.index(prefix) if prefix in _PREFIXES else len(_PREFIXES), name)


def _chain(
    lock: Lock, package: LockedPackage, where: tuple[Target, ...]
) -> tuple[PackageName, ...]:
    locked = {one.name: one for one in lock.packages_for(where[0])}
    return shortest_chain(package.name, locked)


def _fix(stack: Stack, package: LockedPackage, version: Version, where: tuple[Target, ...]) -> Fix:
    demands = [
        one
        for one in demands_on(stack_demands(stack), package.name)
        if any(one.holds_for(target) for target in where)
    ]
    refusing = [
        one.where for one in demands if not one.specifier.contains(version, prereleases=True)
    ]
    # A release says of its parents' pins in its lock alone.
    parents = (who for who in package.requested_by if who.startswith(PARENT))
    refusing += (
        pin_text(package.name, package.version, who.removeprefix(PARENT)) for who in parents
    )
    return Fix(version=str(version), refused_by=tuple(dict.fromkeys(refusing)))


def _unclear(
    database: Database, packages: Iterable[tuple[LockedPackage, tuple[Target, ...]]]
) -> Iterator[str]:
    for package, _ in packages:
        for one in database.advisories.get(package.name, ()):
            if judge(Version(package.version), one.about(package.name)) == "unclear":
                yield f"{package.name} {package.version}: {one.id}: {one.title}".rstrip(": ")


def _needless(
    accept: Mapping[str, str], database: Database, found: Iterable[Vulnerability]
) -> Iterator[str]:
    used = {name for one in found for name in one.ids}
    for name in sorted(accept.keys() - used):
        if name in database.known:
            yield f"{name}: no package here is affected"
        elif name in database.withdrawn:
            yield f"{name}: it was withdrawn"
        else:
            near = near_match(name, used)
            suggestion = f" (did you mean {near!r}?)" if near else ""
            yield f"{name}: not in the database{suggestion}"
