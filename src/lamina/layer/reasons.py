"""Why a request cannot be met, in one short paragraph; the solver's own words go to the log."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core.errors import CommandFailedError, UnsatisfiableError
from lamina.engines.uv_compile import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.layer.union import Ground
    from lamina.model.names import PackageName

_LONGEST = 400
_CONCLUSION = re.compile(
    r",? we can conclude that (?:your requirements are unsatisfiable"
    r"|your requirements and \S+ are incompatible|all versions of \S+ cannot be used)\.?$"
)
_MISSING = re.compile(r"([A-Za-z0-9._-]+) was not found in the package registry")
_CONCLUDED = re.compile(r"we can conclude that .*?(?=\. (?:And because|Because)|$)")
_REQUIRED = re.compile(
    r"you require (\S+(?: and \S+(?=\s|$)(?! (?:depends?|has|have|was|were|is|are) ))*)"
)
_LISTED = {"all", "any", "one"}
"""Where uv makes a list of a requirement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a refusal is about."""

    layer: Path
    asked: Sequence[str]
    """What the user typed just now."""
    possible: Sequence[str]
    """What could be asked for instead."""
    log: Path


def shortest_reason(
    error: UnsatisfiableError, ground: Ground, refusal: Refusal, *, words: str = "cannot add"
) -> UnsatisfiableError:
    """Return the solver's refusal in few words, with what can be done about it.

    ``words`` come before what was asked.
    """
    reason = _reason(_said(error), refusal)
    hints = [f"everything the solver said: {refusal.log}"]
    if missing := missing_package(error):
        there = sorted({*ground.base, *ground.own} - {missing})
        near = difflib.get_close_matches(missing, there, n=1)
        suggestion = f" (did you mean {near[0]!r}?)" if near and missing not in ground.own else ""
        reason = f"the index has no package {missing!r}{suggestion}"
        if missing in ground.own:
            reason += f", of which the layer has {ground.own[missing].version}"
    elif "no version of" not in reason:
        # What is asked for by name may go below the base.
        asked_for = {_name(one) for one in refusal.asked}
        floors = [
            f"{name} {one.version}"
            for name, one in sorted(ground.base.items())
            if _mentions(reason, name) and name not in asked_for
        ]
        if floors:
            has = ", ".join(floors)
            hints.insert(0, f"the base has {has}; unless asked to, a layer does not go below")
    hints[:0] = [
        f"{name} {ground.base[name].version} is protected: no layer over this release changes it"
        for name in sorted(ground.protected & ground.base.keys())
        if _mentions(f"{reason} {' '.join(refusal.asked)}", name)
    ]
    hints[:0] = [
        f"{name} {ground.base[name].version} of the base is of no index; one of an index takes its "
        f"place when it is asked for: lamina layer add {shlex.quote(str(refusal.layer))} {name}"
        for name in sorted(ground.unindexed & ground.base.keys())
        if _mentions(reason, name)
    ]
    unstated = {one.reason for one in ground.bounds if _mentions(reason, one.package)}
    hints[:0] = sorted(unstated)
    if refusal.possible:
        possible = shlex.join([str(refusal.layer), *refusal.possible])
        hints.insert(0, f"this is possible: lamina layer add {possible}")
    asked = ", ".join(refusal.asked)
    what = f"{words} {asked}" if asked else "cannot take it back"
    return UnsatisfiableError(f"{what}: {reason}", hints=hints)


def missing_package(error: UnsatisfiableError) -> PackageName | None:
    """Return the package that the index does not have, where that is what the solver says."""
    found = _MISSING.search(shortened(error.message))
    return canonicalize_name(found[1]) if found else None


def _said(error: UnsatisfiableError) -> str:
    """Return all that the solver said; the message of its error has the first words only."""
    cause = error.__cause__
    said = cause.output if isinstance(cause, CommandFailedError) else error.message
    return said.partition("\nhint:")[0]


def _reason(text: str, refusal: Refusal) -> str:
    """Return uv's derivation; of a long one, which requirements exclude each other."""
    short, words = shortened(text), _plain(text)
    required = _requirements(words)
    names = {_name(one) for one in required}
    asked = [one for one in refusal.asked if _name(one) in names]
    if len(words) <= _LONGEST or not asked or _MISSING.search(short):
        return short
    wanted = {_name(one) for one in asked}
    others = [one for one in required if _name(one) not in wanted]
    if not others:
        return f"{', '.join(asked)} exclude each other"
    return f"{', '.join(asked)} cannot be had together with {', '.join(others)}"


def _requirements(words: str) -> list[str]:
    """Return the requirements that a derivation starts from, each of them once."""
    premises = _CONCLUDED.sub("", words)
    found = (one for match in _REQUIRED.finditer(premises) for one in match[1].split(" and "))
    named = list(dict.fromkeys(one.rstrip(",.") for one in found))
    return named if _LISTED.isdisjoint(named) else []


def _name(requirement: str) -> str:
    return canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def shortened(text: str) -> str:
    """Return uv's conclusion without its scaffolding, cut to a paragraph."""
    words = _plain(text)
    words = _CONCLUSION.sub("", words).strip(" .")
    words = re.sub(r"^Because ", "", words)
    sentences = re.split(r"(?<=\.) (?=And because|Because)", words)
    if len(words) > _LONGEST and len(sentences) > 1:
        words = f"{sentences[0]} [...] {sentences[-1]}"
    return words if len(words) <= _LONGEST else words[: _LONGEST - 6] + " [...]"


def _plain(text: str) -> str:
    """Return uv's words on one line."""
    words = re.sub(r"^\s*(error|cause): *", "", text, flags=re.MULTILINE)
    words = words.replace("No solution found when resolving dependencies", "")
    words = words.replace(f"{PROJECT_NAME} depends on", "you require")
    return re.sub(r"\s+", " ", words).strip(" :")


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None
