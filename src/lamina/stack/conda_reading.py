"""What all readers of conda files share: specs, channels and pip's lines on the way to a stack."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from packaging.markers import Marker
from packaging.requirements import Requirement

from lamina.core.errors import DocumentError, Problem
from lamina.core.run import redact
from lamina.model.conda_fields import parse_channel
from lamina.stack.imported import CondaRequest, Imported
from lamina.stack.match_specs import read_match_spec
from lamina.stack.python_range import series_of
from lamina.stack.requirements_txt import read_requirement_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lamina.model.platforms import Platform, PythonSeries

EVERYWHERE: frozenset[Platform] = frozenset()
_TOKEN = re.compile(r"/t/[^/]+(?=/)")


@dataclass(slots=True)
class CondaReading:
    """What has been read so far of one file."""

    path: Path
    default_python: PythonSeries
    name: str | None = None
    platforms: list[Platform] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    conda: list[CondaRequest] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    floors: dict[str, str] = field(default_factory=dict)
    virtual: dict[Platform, dict[str, str]] = field(default_factory=dict)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    pip: dict[frozenset[Platform], list[tuple[int, str]]] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def where(self, line: int) -> str:
        """Return a place as people read it."""
        return f"{self.path.name} line {line}"

    def leave(self, line: int, what: str, why: str) -> None:
        """Say what could not come along."""
        self.left_behind.append(redact(f"{self.where(line)}: {what}: {why}"))

    def wrong(self, line: int, found: str) -> None:
        """Note what is wrong with the file."""
        self.problems.append(Problem(where=f"line {line}", found=redact(found)))

    def add_channel(self, text: str, line: int) -> None:
        """Take a channel, without its credentials; ``nodefaults`` is how a stack is anyway."""
        if text in {"nodefaults", ""}:
            return
        if text in {"defaults", "local"}:
            self.leave(line, f"channel {text}", "means what conda is configured with; name it")
            return
        bare = without_secrets(text)
        if bare != text.rstrip("/"):
            self.leave(line, f"the credentials of channel {bare}", "everybody would have them too")
        try:
            channel = parse_channel(bare)
        except ValueError as error:
            self.leave(line, f"channel {text}", str(error))
            return
        if channel not in self.channels:
            self.channels.append(channel)

    def add_spec(self, text: str, line: int, platforms: frozenset[Platform] = EVERYWHERE) -> None:
        """Take a conda package; a channel that it names joins the others."""
        try:
            channel, found, rest = text.rpartition("::")
            spec = read_match_spec(f"{without_secrets(channel)}::{rest}" if found else text)
        except ValueError as error:
            self.leave(line, text, str(error))
            return
        if spec.channel is not None:
            if "::" in text and without_secrets(text.rpartition("::")[0]) not in text:
                self.leave(line, f"the credentials of {rest}", "everybody would have them too")
            self.add_channel(spec.channel, line)
        self.conda.append(CondaRequest(spec=spec, platforms=platforms, where=self.where(line)))

    def add_exact(self, name: str, version: str, build: str, channel: str, line: int) -> None:
        """Take one build of a package from the channel that it is in."""
        self.add_channel(channel, line)
        try:
            spec = read_match_spec(f"{name} =={version} {build}")
            parsed = parse_channel(without_secrets(channel))
        except ValueError as error:
            self.wrong(line, f"{name}-{version}-{build}: {error}")
            return
        spec = replace(spec, channel=parsed)
        self.conda.append(CondaRequest(spec=spec, platforms=EVERYWHERE, where=self.where(line)))

    def add_pip(self, text: str, line: int, platforms: frozenset[Platform] = EVERYWHERE) -> None:
        """Take a line as it stands in a requirements file."""
        self.pip.setdefault(platforms, []).append((line, text.strip()))

    def add_virtual(self, name: str, version: str, platforms: Iterable[Platform]) -> None:
        """Take what a machine has to have: the oldest C library and macOS, else as it is."""
        pair = re.match(r"(\d+)(?:\.(\d+))?", version)
        if name in {"__glibc", "__osx"} and pair:
            self.floors["glibc" if name == "__glibc" else "macos"] = f"{pair[1]}.{pair[2] or 0}"
            return
        for platform in platforms:
            self.virtual.setdefault(platform, {})[name] = version

    def imported(self) -> Imported:
        """Return all of it; raises DocumentError with everything that is wrong."""
        self._read_pip()
        if self.problems:
            raise DocumentError(self.path, self.problems)
        return Imported(
            requirements=tuple(self.requirements),
            left_behind=tuple(self.left_behind),
            python=self._python(),
            name=self.name,
            platforms=tuple(dict.fromkeys(self.platforms)),
            channels=tuple(self.channels),
            conda=tuple(self.conda),
            groups={name: tuple(texts) for name, texts in self.groups.items() if texts},
            floors=self.floors,
            virtual=self.virtual,
            repositories=self.repositories,
        )

    def _read_pip(self) -> None:
        for platforms, lines in self.pip.items():
            try:
                found = read_requirement_lines(self.path, lines)
            except DocumentError as error:
                # They name their lines themselves, maybe those of an included file.
                self.problems += error.problems
                continue
            self.requirements += [only_on(one, platforms) for one in found.requirements]
            self.left_behind += found.left_behind
            self.repositories.update(found.repositories)
        self.pip.clear()

    def _python(self) -> PythonSeries | None:
        asked = [one.spec.version for one in self.conda if one.spec.name == "python"]
        return series_of(asked[0], self.default_python) if asked else None


def only_on(requirement: Requirement, platforms: frozenset[Platform]) -> Requirement:
    """Return a requirement that holds on some platforms only."""
    if not platforms:
        return requirement
    limited = Requirement(str(requirement))
    here = " or ".join(f"({one.marker})" for one in sorted(platforms))
    limited.marker = Marker(f"({limited.marker}) and ({here})" if limited.marker else here)
    return limited


def without_secrets(channel: str) -> str:
    """Return the address of a channel without user, password, token and query."""
    if "://" not in channel:
        return channel.rstrip("/")
    parts = urlsplit(channel)
    bare = _TOKEN.sub("", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], bare, "", ""))
