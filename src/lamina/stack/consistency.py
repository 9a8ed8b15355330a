"""What no single field of a stack shows: names that point nowhere, and names given twice.

All of it works on the data as they were read, so that it is found even where fields are wrong;
what has the wrong shape is passed over, because the fields' own check names it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core.errors import Problem
from lamina.model.document import dotted, near_match
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX
from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOR_SOURCE_ONLY = (
    "requires", "env", "config", "patches", "system", "isolated", "bootstrap",
)  # fmt: skip


def check_consistency(data: Mapping[str, Any]) -> list[Problem]:
    """Return every problem between the fields of a stack, each with the path of the guilty one."""
    return [
        *_names_given_twice(data),
        *_unknown_indexes(data),
        *_foreign_platforms(data),
        *_unlisted_packages(data),
        *_build_fields_without_source(data),
        *_origins_at_odds(data),
        *_parents_given_twice(data),
        *_unknown_channels(data),
        *_processors_of_no_platform(data),
    ]


def _table(data: Any, *keys: str) -> Mapping[str, Any]:
    """Return the table at a path, empty when there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _texts(value: Any) -> list[tuple[int, str]]:
    """Return the strings of an array with their positions."""
    items = value if isinstance(value, list) else []
    return [(i, one) for i, one in enumerate(items) if isinstance(one, str)]


def _entries(
    data: Mapping[str, Any], table: str = "packages"
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the packages that are written as tables, by the key in the file."""
    for key, entry in _table(data, table).items():
        if isinstance(entry, dict):
            yield key, entry


def _names_given_twice(data: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("packages", "hooks", "groups"):
        seen: dict[str, str] = {}
        for key in _table(data, name):
            first = seen.setdefault(canonicalize_name(key), key)
            if first != key:
                yield Problem(
                    where=dotted((name, key)),
                    found=f"the same name as {first!r}",
                    allowed="keep one of the two",
                )


def _unknown_indexes(data: Mapping[str, Any]) -> Iterator[Problem]:
    indexes = _table(data, "resolve", "indexes")
    if PUBLIC_INDEX in indexes:
        yield Problem(
            where=dotted(("resolve", "indexes", PUBLIC_INDEX)),
            found=f"{PUBLIC_INDEX!r} is the index that each machine is configured with",
            allowed="choose another name",
        )
    for name in sorted(OF_NO_INDEX & indexes.keys()):
        yield Problem(
            where=dotted(("resolve", "indexes", name)),
            found=f"{name!r} says that a package is of no index",
            allowed="choose another name",
        )
    known = {PUBLIC_INDEX, *indexes}
    used: list[tuple[tuple[str, ...], Any]] = [
        (("resolve", "index"), _table(data, "resolve").get("index")),
        *((("packages", key, "index"), entry.get("index")) for key, entry in _entries(data)),
    ]
    for where, name in used:
        if isinstance(name, str) and name not in known:
            yield Problem(
                where=dotted(where),
                found=f"no index {name!r}",
                allowed=f"known: {', '.join(sorted(known))}",
                suggestion=near_match(name, known),
            )


def _foreign_platforms(data: Mapping[str, Any]) -> Iterator[Problem]:
    ours = [one for _, one in _texts(_table(data, "stack").get("platforms"))]
    if not ours:
        return
    listed = [("packages", *one) for one in _entries(data)]
    listed += [("conda", *one) for one in _entries(data, "conda")]
    for table, key, entry in listed:
        for i, name in _texts(entry.get("platforms")):
            if name not in ours and name in set(Platform):
                yield Problem(
                    where=dotted((table, key, "platforms", i)),
                    found=f"{name!r} is not among stack.platforms",
                    allowed=f"there: {', '.join(ours)}",
                )


def _unlisted_packages(data: Mapping[str, Any]) -> Iterator[Problem]:
    listed = {canonicalize_name(key): key for key in _table(data, "packages")}
    used: list[tuple[tuple[str | int, ...], str]] = [
        *((("hooks", key), key) for key in _table(data, "hooks")),
        *(
            (("packages", key, "hold", "with", i), name)
            for key, entry in _entries(data)
            for i, name in _texts(_table(entry, "hold").get("with"))
        ),
    ]
    for where, name in used:
        if canonicalize_name(name) not in listed:
            near = canonicalize_name(near_match(canonicalize_name(name), listed))
            yield Problem(
                where=dotted(where),
                found=f"{name!r} is not in [packages]",
                suggestion=listed.get(near, ""),
            )


def _build_fields_without_source(data: Mapping[str, Any]) -> Iterator[Problem]:
    everything = _table(data, "resolve").get("source") is True
    for key, entry in _entries(data):
        for field in _FOR_SOURCE_ONLY:
            wheel = str(entry.get("path")).endswith(".whl")
            given = bool(entry.get("git") or entry.get("path"))
            built = (everything or given) and not wheel
            if entry.get(field) and entry.get("source", built) is not True:
                yield Problem(
                    where=dotted(("packages", key, field)),
                    found="is about a build from source",
                    allowed="take it out" if wheel else "add source = true, or take it out",
                )


def _origins_at_odds(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what an entry with a repository or a path cannot say too, or says without one."""
    for key, entry in _entries(data):
        for field, found, allowed in _at_odds(entry):
            yield Problem(where=dotted(("packages", key, field)), found=found, allowed=allowed)


def _at_odds(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    origin = next((one for one in ("git", "path") if entry.get(one)), None)
    revisions = [one for one in ("rev", "tag", "branch") if entry.get(one)]
    if origin != "git":
        for field in (*revisions, *(["subdirectory"] if entry.get("subdirectory") else [])):
            yield field, "is about a git repository", "add git, or take it out"
    for field in revisions[1:]:
        yield field, f"{revisions[0]} is given too", "one of the two"
    if origin is None:
        return
    for field in ("path", "index"):
        if entry.get(field) and field != origin:
            yield field, f"{origin} is given too", "one of the two"
    if entry.get("bootstrap"):
        yield "bootstrap", "is about a wheel of an index, and this is of none", "take it out"
    is_wheel = origin == "path" and str(entry["path"]).endswith(".whl")
    if entry.get("source") is is_wheel:
        found = "a wheel is installed as it is" if is_wheel else f"{origin} gives sources to build"
        yield "source", found, "take it out"


def _unknown_channels(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield packages of a channel that is not listed."""
    channels = [one for _, one in _texts(_table(data, "resolve").get("channels"))]
    for key, entry in _entries(data, "conda"):
        name = entry.get("channel")
        if isinstance(name, str) and name.rstrip("/") not in {one.rstrip("/") for one in channels}:
            yield Problem(
                where=dotted(("conda", key, "channel")),
                found=f"{name!r} is not among resolve.channels",
                allowed=f"there: {', '.join(channels) or 'none'}",
                suggestion=near_match(name, channels),
            )


def _processors_of_no_platform(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield micro-architectures that no platform of the stack has."""
    march = _table(data, "build").get("march")
    ours = [
        one for _, one in _texts(_table(data, "stack").get("platforms")) if one in set(Platform)
    ]
    if not march or not ours:
        return
    from lamina.model.processors import is_known, runs_on

    given: list[tuple[tuple[str, ...], Any, list[str]]] = [(("build", "march"), march, ours)]
    if isinstance(march, dict):
        given = [(("build", "march", key), march[key], [key]) for key in march]
    for where, text, meant in given:
        if not isinstance(text, str) or not is_known(text) or not {*meant} <= {*Platform}:
            continue
        if not any(one in ours and runs_on(text, Platform(one)) for one in meant):
            yield Problem(
                where=dotted(where),
                found=f"{text!r} is of no platform of the stack",
                allowed=f"stack.platforms: {', '.join(ours)}",
            )


def _parents_given_twice(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield parents of one name, and the stack itself among them."""
    seen: dict[str, str] = {}
    if isinstance(ours := _table(data, "stack").get("name"), str):
        seen[ours] = ""
    extends = _table(data, "stack").get("extends")
    for i, entry in enumerate(extends if isinstance(extends, list) else []):
        name = entry.get("stack") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            continue
        word = re.split(r"[\s@<>=!~,]", name.strip(), maxsplit=1)[0]
        where = dotted(("stack", "extends", i))
        if (first := seen.setdefault(word, where)) != where:
            found = f"{first} is {word!r} already" if first else f"{word!r} is this stack itself"
            yield Problem(where=where, found=found, allowed="extend each other stack once")
