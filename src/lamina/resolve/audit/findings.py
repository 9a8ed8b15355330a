"""What an audit found: one finding for each vulnerability of each package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.core.errors import DocumentError, LaminaError, Problem, VulnerableError
from lamina.model.names import PUBLIC_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target

_MOST = 20
"""How many unreadable files an error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A version in which it is fixed."""

    version: str
    refused_by: tuple[str, ...]
    """The lines of lamina.toml that do not allow it."""

    def __str__(self) -> str:
        who = " and ".join(self.refused_by)
        return f"{self.version}, which {who} does not allow" if who else self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One vulnerability of one package of the lock."""

    package: PackageName
    version: str
    index: IndexName
    ids: tuple[str, ...]
    """All names of it, the best known first."""
    summary: str
    severities: tuple[str, ...]
    """A word or a score, where the advisories give one."""
    fixes: tuple[Fix, ...]
    """The lowest first."""
    chain: tuple[PackageName, ...]
    """The way from a package that the stack names, both included."""
    targets: tuple[Target, ...]
    """Where the package is; none: everywhere."""
    accepted: str | None
    """Why the stack lives with it."""

    @property
    def heading(self) -> str:
        """Return the package and the names of what it has."""
        place = f" [{', '.join(map(str, self.targets))}]" if self.targets else ""
        first, *others = self.ids
        more = f" ({', '.join(others)})" if others else ""
        return f"{self.package} {self.version}: {first}{more}{place}"

    def lines(self) -> list[str]:
        """Return what there is to know of it, for people."""
        fixed = "; ".join(map(str, self.fixes))
        asked = " -> ".join(self.chain)
        said = [
            f"severity {', '.join(self.severities)}" if self.severities else "",
            self.summary,
            f"fixed in {fixed}" if fixed else "no version is named in which it is fixed",
            f"the stack asks for {asked}" if len(self.chain) > 1 else "",
            f"taken from the index {self.index}; the advisory is about the public package"
            if self.index != PUBLIC_INDEX
            else "",
        ]
        return [self.heading, *(f"  {line}" for line in said if line)]

    def as_json(self) -> dict[str, Any]:
        """Return the finding for --json."""
        return {
            "package": self.package,
            "version": self.version,
            "index": self.index,
            "ids": list(self.ids),
            "summary": self.summary,
            "severity": list(self.severities),
            "fixed": [
                {"version": one.version, "refused-by": list(one.refused_by)} for one in self.fixes
            ],
            "chain": list(self.chain),
            "targets": [str(one) for one in self.targets],
            "accepted": self.accepted,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The outcome of an audit."""

    database: Path
    advisories: int
    """How many were read."""
    packages: int
    """How many were looked for."""
    vulnerabilities: tuple[Vulnerability, ...] = ()
    unclear: tuple[str, ...] = ()
    """Advisories about a package that do not say which versions in a way that can be compared."""
    needless: tuple[str, ...] = ()
    """Acceptances that change nothing, with the reason."""
    unreadable: tuple[Problem, ...] = ()
    """Files of the database that cannot be used."""
    dated: bool = False
    """The stack has exclude-newer: what was fixed later does not exist for it."""

    @property
    def open(self) -> tuple[Vulnerability, ...]:
        """Return what nobody has accepted."""
        return tuple(one for one in self.vulnerabilities if one.accepted is None)

    def lines(self) -> list[str]:
        """Return what is no error, for people."""
        accepted = [one for one in self.vulnerabilities if one.accepted is not None]
        lines = [f"accepted: {one.heading}: {one.accepted}" for one in accepted]
        lines += [f"accepted in vain: {one}" for one in self.needless]
        lines += [f"cannot be judged: {one}" for one in self.unclear]
        if self.open:  # Else they are the error.
            lines += [f"cannot be read: {one}" for one in _first(self.unreadable)]
        if not self.open and not self.unreadable:
            count = f"{self.packages} packages, {self.advisories} advisories"
            lines.append(f"audited: {count}, nothing {'else ' if accepted else ''}found")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the outcome for --json."""
        return {
            "database": str(self.database),
            "advisories": self.advisories,
            "packages": self.packages,
            "findings": [one.as_json() for one in self.vulnerabilities],
            "unclear": list(self.unclear),
            "needless-acceptances": list(self.needless),
            "unreadable": [str(one) for one in self.unreadable],
        }

    def error(self) -> LaminaError | None:
        """Return what the command has to end with: what is open, else what could not be read."""
        if self.open:
            return _vulnerable(self.open, dated=self.dated)
        if not self.unreadable:
            return None
        hints = ["fetch the database again: what these files say was not looked at"]
        return DocumentError(self.database, _first(self.unreadable), hints=hints)


def _first(unreadable: Sequence[Problem]) -> list[Problem]:
    shown = list(unreadable[:_MOST])
    if more := len(unreadable) - len(shown):
        shown.append(Problem(where="", found=f"and {more} more"))
    return shown


def _vulnerable(found: Iterable[Vulnerability], *, dated: bool) -> VulnerableError:
    known = list(found)
    word = "vulnerability" if len(known) == 1 else "vulnerabilities"
    lines = [f"{len(known)} known {word}:", *(f"  {line}" for one in known for line in one.lines())]
    names = sorted({one.package for one in known if any(not fix.refused_by for fix in one.fixes)})
    hints = [f"lamina lock {' '.join(f'-P {name}' for name in names)}"] if names else []
    if names and dated:
        # An upgrade alone finds nothing newer than that.
        hints = ["lamina lock, with a later day in [resolve] exclude-newer"]
    hints.append(f'or accept it: [audit] accept = {{ "{known[0].ids[0]}" = "the reason" }}')
    return VulnerableError("\n".join(lines), hints=hints)
