"""What conda packages a layer gets for its requests; the base's stay as they are, or it fails."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina.core.errors import ConflictError, NotSupportedError, UnsatisfiableError
from lamina.engines.conda_records import name_of, parse_spec, spec_matches
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.layer.plan import bytes_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from lamina.layer.conda.ground import CondaGround
    from lamina.model.conda import CondaRecord
    from lamina.model.platforms import Platform

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of channels for a layer."""

    layer: Path
    ground: CondaGround
    own: Sequence[CondaRecord]
    """The layer's own packages now."""
    requests: tuple[str, ...]
    """All that is asked of the layer, as MatchSpecs."""
    channels: Mapping[str, str]
    """Channel -> address."""
    platform: Platform
    virtual: Mapping[str, str]
    cache: Path
    exclude_newer: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPlan:
    """The conda packages of a layer after a change."""

    requests: tuple[str, ...]
    channels: Mapping[str, str]
    """Channel -> address."""
    own: tuple[CondaRecord, ...]
    """What the layer has itself."""
    kept: tuple[CondaRecord, ...]
    """What of the base these use, as it is."""
    before: Mapping[str, CondaRecord] = field(default_factory=dict)
    """What the layer has now, by name."""
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By name: ``layer`` for what was asked for, and the packages that need it."""
    size: int | None = 0
    """Bytes to fetch; None where a channel does not tell."""

    @property
    def new(self) -> tuple[CondaRecord, ...]:
        """What the change installs."""
        return tuple(one for one in self.own if not _same(one, self.before.get(one.name)))

    @property
    def removed(self) -> tuple[CondaRecord, ...]:
        """What leaves the layer."""
        names = {one.name for one in self.own}
        return tuple(one for name, one in sorted(self.before.items()) if name not in names)

    def channel_of(self, record: CondaRecord) -> str:
        """Return a record's channel as the user says it."""
        address = record.channel.rstrip("/")
        return next((name for name, one in self.channels.items() if one == address), address)


def _same(one: CondaRecord, other: CondaRecord | None) -> bool:
    return other is not None and _identity(one) == _identity(other)


def _identity(one: CondaRecord) -> tuple[str, str, str]:
    return one.name, one.version, one.build


def plan_conda(question: Question) -> CondaPlan:
    """Return what the layer gets: all of the base stays, and is not installed again.

    Raises ConflictError when the request would replace packages of the base, UnsatisfiableError
    with both sides, NotSupportedError for what needs a Python that the base does not have as a
    conda package, and what channels raise.
    """
    base = question.ground.records
    if not question.requests:
        return _planned(question, [])
    try:
        solution = _solved(question, held=True)
    except UnsatisfiableError as error:
        raise _refusal(question, error) from error
    _refuse_python(question, solution)
    return _planned(question, [one for one in solution if one.name not in base], solution)


def solve_flat(question: Question) -> list[CondaRecord]:
    """Return the base's packages, newer where that is needed, and what the requests need."""
    return _solved(question, held=False, whole=True)


def _solved(question: Question, *, held: bool, whole: bool = False) -> list[CondaRecord]:
    base = tuple(question.ground.records.values())
    constraints = [text for one in base for text in one.constrains] if held else []
    names = [one.name for one in base] if whole else []
    channels = CondaChannels(
        addresses=tuple(question.channels.values()), cache=question.cache / "repodata"
    )
    return solve(
        channels,
        SolveRequest(
            specs=[*question.requests, *names],
            platform=question.platform,
            virtual=question.virtual,
            constraints=constraints,
            locked=[*question.own, *(() if held else base)],
            pinned=base if held else (),
            exclude_newer=question.exclude_newer,
        ),
    )


def _planned(
    question: Question, own: Sequence[CondaRecord], solution: Sequence[CondaRecord] = ()
) -> CondaPlan:
    before = {one.name: one for one in question.own}
    coming = [one for one in own if not _same(one, before.get(one.name))]
    sizes = [one.size for one in coming if not _is_kept(one, question.cache)]
    return CondaPlan(
        requests=question.requests,
        channels=question.channels,
        own=tuple(own),
        kept=tuple(one for one in solution if one.name in question.ground.records),
        before=before,
        because={one.name: tuple(_reasons(one, question, own)) for one in own},
        size=None if None in sizes else sum(size for size in sizes if size),
    )


def plan_of_records(question: Question, solution: Sequence[CondaRecord]) -> CondaPlan:
    """Return a plan of packages for a prefix that has all of them."""
    return _planned(dataclasses.replace(question, own=()), solution)


def archives_in(cache: Path) -> Path:
    """Return the directory of a cache that archives are kept in."""
    return cache / "archives"


def _is_kept(record: CondaRecord, cache: Path) -> bool:
    digest = record.sha256 or record.md5
    return (archives_in(cache) / digest / record.file_name).is_file()


def _reasons(record: CondaRecord, question: Question, own: Sequence[CondaRecord]) -> Iterator[str]:
    if record.name in {name_of(parse_spec(one)) for one in question.requests}:
        yield "layer"
    for one in own:
        if record.name in {name_of(parse_spec(text)) for text in one.depends}:
            yield one.name


def _refusal(question: Question, error: UnsatisfiableError) -> Exception:
    """Return why it cannot be, in terms of the base where the base is the reason."""
    try:
        free = _solved(question, held=False)
    except UnsatisfiableError:
        return UnsatisfiableError(
            error.message + _of_the_base(question, error.message), hints=error.hints
        )
    base = question.ground.records
    moved = [one for one in free if one.name in base and not _same(one, base[one.name])]
    if not moved:
        return UnsatisfiableError(
            error.message + _of_the_base(question, error.message), hints=error.hints
        )
    lines = [
        f"{one.name} {base[one.name].version} of the base would have to become {one.version}"
        f"{_asked_by(base[one.name], free, question)}"
        for one in moved[:_SHOWN]
    ]
    more = len(moved) - _SHOWN
    lines += [f"and {more} more of the base"] if more > 0 else []
    asked = [word for one in question.requests for word in ("--conda", one)]
    words = ["lamina", "layer", "add", str(question.layer), *asked, "--flat", "PREFIX"]
    return ConflictError(
        "a layer does not replace conda packages of its base:\n" + "\n".join(lines),
        hints=[
            f"{shlex.join(words)}",
            "this makes a conda prefix of the base's packages, newer where needed, and these",
        ],
    )


def _asked_by(there: CondaRecord, free: Sequence[CondaRecord], question: Question) -> str:
    """Return who does not get along with what is there."""
    if own := [one for one in question.requests if _excludes(one, there)]:
        return f": you asked for {', '.join(own)}"
    found = [
        f"{one.name} {one.version} needs {text}"
        for one in free
        for text in one.depends
        if _excludes(text, there)
    ]
    return f": {'; '.join(found[:2])}" if found else ""


def _excludes(spec: str, record: CondaRecord) -> bool:
    return name_of(parse_spec(spec)) == record.name and not spec_matches(spec, record)


def _of_the_base(question: Question, message: str) -> str:
    """Return the sides of a conflict that are the base's."""
    words = set(message.replace(",", " ").split())
    there = [one for name, one in question.ground.records.items() if name in words]
    return "".join(f"\n{one} is the base's, and stays" for one in there[:_SHOWN])


def _refuse_python(question: Question, solution: Sequence[CondaRecord]) -> None:
    """Raise NotSupportedError where a second Python would come in."""
    if question.ground.python is not None or all(one.name != "python" for one in solution):
        return
    who = sorted(
        one.name
        for one in solution
        if any(name_of(parse_spec(text)) == "python" for text in one.depends)
    )
    asked = {name_of(parse_spec(one)) for one in question.requests}
    said = ", ".join([one for one in who if one in asked] or who) or "python"
    raise NotSupportedError(
        f"{said} needs the channels' Python, and the Python of the base is no conda package",
        hints=[
            "take Python packages from the index: lamina layer add PACKAGE",
            "or stand on a conda prefix: lamina layer create DIR --on PREFIX",
        ],
    )


def plan_value(plan: CondaPlan) -> dict[str, Any]:
    """Return the plan as a JSON value."""
    fresh = {one.name for one in plan.new}
    return {
        "requests": list(plan.requests),
        "channels": list(plan.channels),
        "kept": [{"name": one.name, "version": one.version} for one in plan.kept],
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "build": one.build,
                "channel": plan.channel_of(one),
                "file": one.file_name,
                "sha256": one.sha256,
                "size": one.size,
                "installs": one.name in fresh,
                "because": list(plan.because.get(one.name, ())),
            }
            for one in plan.own
        ],
        "removed": [{"name": one.name, "version": one.version} for one in plan.removed],
        "bytes": plan.size,
    }


def render_plan(plan: CondaPlan) -> str:
    """Return the plan for people."""
    lines = [f"  + {one} {_why(plan, one)}".rstrip() for one in plan.new]
    lines += [f"  - {one}" for one in plan.removed]
    size = f", {bytes_text(plan.size)} to fetch" if plan.size else ""
    lines.append(
        f"{len(plan.kept)} of the base used as they are, {len(plan.new)} new, "
        f"{len(plan.removed)} removed{size}"
    )
    return "\n".join(lines)


def _why(plan: CondaPlan, record: CondaRecord) -> str:
    because = plan.because.get(record.name, ())
    if "layer" in because:
        return "(asked for)"
    return f"(for {', '.join(because)})" if because else ""
