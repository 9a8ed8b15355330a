"""From uv's long derivations to one short paragraph that names both sides and their lines."""

from __future__ import annotations

import contextlib
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from lamina.core.errors import CommandFailedError, UnsatisfiableError
from lamina.lock.document import STACK
from lamina.model.names import parse_package_name
from lamina.resolve.demands import (
    demands_on,
    index_of,
    listed_names,
    stack_demands,
    stack_targets,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from lamina.core.errors import LaminaError
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.resolve.demands import Demand
    from lamina.stack.document import Stack

_LIST = re.compile(r"(?:all|any|one) of:\n((?:[ ]{13}\S[^\n]*\n)+)\s*")
_AVAILABLE = re.compile(
    r"only the following versions of (\S+) are available:\n(?: {13}\S[^\n]*\n)+"
)
_ABSENT = re.compile(r"(\S+) was not found in the package registry")
_WHEELS = re.compile(
    r"(?P<what>[\w.-]+)(?P<range>[^\s]*)(?: \| \S+)* (?:has|have) no "
    r"(?:usable wheels|wheels with a matching|`[^`]*`-compatible wheels)"
)
_PYTHON = re.compile(r"(?P<who>[\w.=<>!,-]+) depends on Python(?P<range>[^\s,]+)")
_NEEDS = re.compile(
    r"(?P<all>all versions of )?(?P<who>[\w.-]+)(?P<range>[^\s]*)(?: \| \S+)* depends? on "
    r"(?P<what>[\w.\[\]-]+[^\s]*(?: \| \S+)*)"
    r"(?: and (?P<more>[\w.\[\]-]+[<>=!~]\S*)(?!\S| (?:depends? on|has|have|was|were|is|are) ))?"
)
_SPLIT = re.compile(r"for split \(markers: (?P<markers>[^\n]*)\)\n")
_MARKED = re.compile(r"(?<=[\w\]])\{[^{}]*\}")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_SHOWN = 3
_MOST = 6
"""How many premises a person reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What uv says, in parts."""

    text: str
    """Its derivation, lists put on one line each."""
    target: Target | None
    """Where it found no solution, when it says so."""

    @property
    def absent(self) -> list[str]:
        """Names that the index does not know."""
        return list(dict.fromkeys(_ABSENT.findall(self.text)))

    @property
    def without_wheels(self) -> list[str]:
        """Names of packages of which some versions have no usable wheel."""
        found = [match["what"] for match in _WHEELS.finditer(self.text)]
        return list(dict.fromkeys(_trim(one) for one in found))


def read_failure(stack: Stack, error: LaminaError) -> Failure:
    """Return what uv said, from an error that UvProgram raised."""
    cause = error.__cause__
    output = cause.output if isinstance(cause, CommandFailedError) else error.message
    split = _SPLIT.search(output)
    body = output.partition("cause:")[2] or output
    body = body.partition("\nhint:")[0] + "\n"
    body = _MARKED.sub("", body)
    body = _AVAILABLE.sub(r"only some versions of \1 are available\n", body)
    body = _LIST.sub(lambda found: " | ".join(found[1].split()) + " ", body)
    return Failure(
        text=" ".join(body.split()),
        target=_target_of(stack, split["markers"]) if split else None,
    )


def _target_of(stack: Stack, markers: str) -> Target | None:
    """Return the one target for which uv's markers hold."""
    from packaging.markers import InvalidMarker, Marker

    try:
        marker = Marker(markers)
    except InvalidMarker:
        return None
    targets = [
        one for one in stack_targets(stack) if marker.evaluate(dict(one.marker_environment()))
    ]
    return targets[0] if targets else None


def needs_in(failure: Failure) -> list[tuple[str, Requirement]]:
    """Return what uv's derivation uses of the requirements of packages, in its order."""
    found: dict[tuple[str, str], None] = {}
    for match in _NEEDS.finditer(_without_conclusions(failure.text)):
        if match["who"] in {"project", "Python"}:
            continue
        for what in (match["what"], match["more"]):
            for one in (what or "").split(" | "):
                found[_who(match), _trim(one)] = None
    parsed = []
    for who, what in found:
        with contextlib.suppress(InvalidRequirement):
            parsed.append((who, Requirement(what)))
    return parsed


def lines_about(stack: Stack, text: str) -> list[str]:
    """Return the lines of the stack that name a package; ``text`` may have versions."""
    return [one.where for one in demands_on(stack_demands(stack), _bare(text))]


def explain(stack: Stack, failure: Failure, log: Path) -> UnsatisfiableError:
    """Return uv's failure as one short paragraph."""
    hints = [f"the resolver's whole explanation is in {log}"]
    place = f" for {failure.target}" if failure.target else ""
    for name in failure.absent:
        return _absent(stack, name, failure, hints)
    if found := _python(stack, failure):
        return UnsatisfiableError(found, hints=hints)
    premises = _premises(failure.text)
    asked = _asked(stack, failure.text)
    hints = [*_ways_out(stack, failure.text), *hints]
    if not premises and asked:
        said = _unavailable(failure.text)
        return UnsatisfiableError(
            f"no version meets what the stack asks{place}: {'; '.join(asked)}{said}",
            hints=hints,
        )
    if not premises:
        return UnsatisfiableError(
            f"the stack cannot be resolved{place}: {failure.text}", hints=hints
        )
    left_out = f"; and {len(premises) - _MOST} more" if len(premises) > _MOST else ""
    sides = f"; the stack asks for {' and '.join(asked)}" if asked else ""
    return UnsatisfiableError(
        f"the stack cannot be resolved{place}: {'; '.join(premises[:_MOST])}{left_out}{sides}",
        hints=hints,
    )


def _absent(stack: Stack, name: str, failure: Failure, hints: list[str]) -> UnsatisfiableError:
    known = parse_package_name(name)
    lines = [one.where for one in demands_on(stack_demands(stack), known)]
    who = lines or [
        f"needed by {_who(match)}"
        for match in _NEEDS.finditer(failure.text)
        if _bare(match["what"]) == known
    ]
    near = difflib.get_close_matches(known, sorted(listed_names(stack) - {known}), n=1)
    if near:
        hints = [f"did you mean {near[0]!r}?", *hints]
    return UnsatisfiableError(
        f"the index {index_of(stack, known)!r} has no package {known!r} ({'; '.join(who)})",
        hints=hints,
    )


def _python(stack: Stack, failure: Failure) -> str | None:
    if "Python version" not in failure.text:
        return None
    needs = dict.fromkeys(
        f"{_trim(match['who'])} needs Python {match['range'].rstrip('.,')}"
        for match in _PYTHON.finditer(failure.text)
    )
    if not needs:
        return None
    asked = _asked(stack, failure.text)
    series = ", ".join(str(one) for one in stack.stack.python)
    because = f" ({'; '.join(asked)})" if asked else ""
    return f"{'; '.join(list(needs)[:_MOST])}; the stack is for Python {series}{because}"


def _premises(text: str) -> list[str]:
    """Return 'A needs B' for each dependency that the derivation uses, in its order.

    What is needed and cannot be used is said at the end.
    """
    found: dict[tuple[str, PackageName], dict[str, str]] = {}
    for match in _NEEDS.finditer(_without_conclusions(text)):
        if match["who"] in {"project", "Python"} or match["what"].startswith("Python"):
            continue
        for what in (match["what"], match["more"]):
            if what:
                pair = (_trim(match["who"]), _bare(what))
                found.setdefault(pair, {}).setdefault(_trim(what), _who(match))
    return [_premise(name, needs) for (name, _), needs in found.items()] + _unusable(
        text, {needed for _, needed in found} - {_bare(who) for who, _ in found}
    )


def _without_conclusions(text: str) -> str:
    return re.sub(r"we can conclude that .*?(?=\. (?:And|Because)|\.$|$)", "", text)


def _premise(name: str, needs: Mapping[str, str]) -> str:
    """Return what one package needs of another; its versions may differ in that."""
    if len(needs) == 1:
        [(what, who)] = needs.items()
        return f"{who} needs {what}"
    more = ", ..." if len(needs) > _SHOWN else ""
    return f"{name} needs {' or '.join(list(needs)[:_SHOWN])}{more} (depending on its version)"


def _unusable(text: str, needed: Collection[PackageName]) -> list[str]:
    """Return what is needed and has no wheel."""
    found = dict.fromkeys(
        f"no wheel of {_trim(match['what'])}{_trim(match['range'])} can be used"
        for match in _WHEELS.finditer(text)
        if _bare(match["what"]) in needed
    )
    return list(found)


def _who(match: re.Match[str]) -> str:
    name = _trim(match["who"])
    return name if match["all"] else f"{name}{_trim(match['range'])}"


def _asked(stack: Stack, text: str) -> list[str]:
    """Return the lines of the stack, and the pins of its parents, that the derivation uses."""
    return [one.where for one in _asked_demands(stack, text)]


def _asked_demands(stack: Stack, text: str) -> list[Demand]:
    names: dict[PackageName, None] = {}
    for found in re.finditer(r"your project depends on ((?:.(?!we can conclude))*)", text):
        for word in found[1].replace(" and ", " ").split():
            if _NAME.match(word):
                names[_bare(word)] = None
    demands = stack_demands(stack)
    return [one for name in names for one in demands_on(demands, name)]


def _ways_out(stack: Stack, text: str) -> list[str]:
    """Return how to have another version than a parent."""
    pins = {one.name: one.where for one in _asked_demands(stack, text) if one.origin != STACK}
    return [f"to have another than {pin}, list it: lamina add {name}" for name, pin in pins.items()]


def _unavailable(text: str) -> str:
    if invalid := dict.fromkeys(re.findall(r"(\S+) has invalid metadata", text)):
        return f"; the metadata of {', '.join(invalid)} cannot be read"
    found = re.search(r"only (\S+) (?:is|are) available", text)
    return f"; the index offers {_trim(found[1])}" if found else ""


def _bare(requirement: str) -> PackageName:
    name = re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0]
    return parse_package_name(_trim(name))


def _trim(word: str) -> str:
    return word.rstrip(".,")
