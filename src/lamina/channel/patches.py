"""Patches of a channel: what its repodata say otherwise than its archives, and why in comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from lamina.channel.patch_change import known_changes, make_change
from lamina.channel.patch_match import known_conditions, matches
from lamina.core.errors import DocumentError, Problem
from lamina.model.document import near_match, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PATCHES = "patches"
"""The directory of a channel that has them, in files of YAML."""
_COUNT_OF_PIN = frozenset("x.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One document of a file of patches."""

    file: Path
    number: int
    conditions: Mapping[str, Any]
    changes: Sequence[tuple[str, Any]]

    def apply(self, subdir: str, file_name: str, record: dict[str, Any]) -> None:
        """Change a record if the patch is for it; raises DocumentError where that cannot be."""
        where = "if"
        try:
            if not matches(self.conditions, subdir, file_name, record):
                return
            for kind, value in self.changes:
                where = kind
                make_change(kind, value, subdir, record)
        except (ValueError, KeyError, TypeError) as error:
            found = f"cannot be applied to {file_name}: {error}"
            raise DocumentError(
                self.file, [Problem(where=f"{self.number}.{where}", found=found)]
            ) from error


def load_patches(channel: Path) -> list[Patch]:
    """Return the patches of a channel, in the order of their files; raises DocumentError."""
    directory = channel / PATCHES
    files = sorted(one for one in directory.glob("*") if one.suffix in {".yaml", ".yml"})
    return [patch for file in files for patch in _load(file)]


def apply_patches(
    patches: Sequence[Patch], subdir: str, file_name: str, record: dict[str, Any]
) -> None:
    """Change a record by each patch in turn; a later one sees what an earlier one did."""
    for patch in patches:
        patch.apply(subdir, file_name, record)


def _load(file: Path) -> list[Patch]:
    try:
        documents = [one for one in yaml.safe_load_all(read_document(file)) if one is not None]
    except yaml.YAMLError as error:
        problem = Problem(where="", found=f"not valid YAML: {error}")
        raise DocumentError(file, [problem]) from error
    problems = [
        problem
        for number, document in enumerate(documents, 1)
        for problem in _problems(document, str(number))
    ]
    if problems:
        raise DocumentError(file, problems)
    return [
        Patch(
            file=file,
            number=number,
            conditions=document["if"],
            changes=[item for change in document["then"] for item in change.items()],
        )
        for number, document in enumerate(documents, 1)
    ]


def _problems(document: Any, where: str) -> Iterator[Problem]:
    if not isinstance(document, dict):
        yield Problem(where=where, found="not a table", allowed="expected 'if' and 'then'")
        return
    for key in sorted(map(str, set(document) - {"if", "then"})):
        near = near_match(key, ("if", "then"))
        yield Problem(where=f"{where}.{key}", found="unknown key", suggestion=near)
    conditions, changes = document.get("if"), document.get("then")
    if not isinstance(conditions, dict) or not conditions:
        yield Problem(where=f"{where}.if", found="not a table of conditions")
    else:
        yield from _unknown(conditions, known_conditions(), f"{where}.if")
    if not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        yield Problem(where=f"{where}.then", found="not a list of changes")
        return
    for place, change in enumerate(changes):
        known = known_changes()
        yield from _unknown(change, set(known), f"{where}.then[{place}]")
        for kind, value in change.items():
            if kind in known:
                yield from _value_problems(value, known[kind], f"{where}.then[{place}].{kind}")


def _unknown(table: Mapping[Any, Any], known: set[str], where: str) -> Iterator[Problem]:
    for key in table:
        if key not in known:
            suggestion = near_match(str(key), known)
            yield Problem(where=f"{where}.{key}", found="unknown key", suggestion=suggestion)


def _value_problems(value: Any, fields: set[str], where: str) -> Iterator[Problem]:
    if not fields:
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in texts):
            yield Problem(where=where, found=f"{value!r}", allowed="expected a text or texts")
        return
    if not isinstance(value, dict):
        allowed = f"expected a table of {', '.join(sorted(fields))}"
        yield Problem(where=where, found=f"{value!r}", allowed=allowed)
        return
    yield from _unknown(value, fields, where)
    for key in sorted(fields & {"old", "new", "name"} - set(value)):
        yield Problem(where=f"{where}.{key}", found="missing")
    pin = value.get("max_pin")
    if pin is not None and (not isinstance(pin, str) or "x" not in pin or set(pin) - _COUNT_OF_PIN):
        yield Problem(where=f"{where}.max_pin", found=f"{pin!r}", allowed="expected x, x.x, ...")
    if "tighten_depends" in where and not {"max_pin", "upper_bound"} & set(value):
        yield Problem(where=where, found="no bound", allowed="give max_pin or upper_bound")
