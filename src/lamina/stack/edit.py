"""Edit lamina.toml as a person would: comments, order and layout stay."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import tomlkit
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, Table

from lamina.core.errors import LaminaError, UsageError
from lamina.model.document import dotted, near_match
from lamina.stack.entries import ANY_VERSION, entry_of, short_entry, write_requirement, write_value
from lamina.stack.files import parse_stack
from lamina.stack.insertion import insert_key, new_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from lamina.model.names import IndexName
    from lamina.model.platforms import Platform
    from lamina.model.versions import ReleaseVersion

_OF_A_PLACE = ("version", "index", "source", "git", "rev", "tag", "branch", "subdirectory", "path")
"""What a package has no more when it is to come from another place."""
Action = Literal["added", "updated", "unchanged", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Requirements for [packages], or for a group, and what is said of all of them."""

    requirements: tuple[Requirement, ...]
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Fields of the repository or path of those that come from none of the indexes, by normalised
    name."""
    group: str | None = None
    platforms: tuple[Platform, ...] = ()
    prerelease: bool = False
    index: IndexName | None = None
    source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one line of the stack."""

    action: Action
    name: str
    where: str
    """``packages`` or ``groups.<name>``."""
    text: str
    """The line's value after the change, before it for what was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A stack's text after a change, with what changed."""

    text: str
    changes: tuple[Change, ...]


def add_requirements(text: str, addition: Addition, *, path: Path | str) -> Edit:
    """Add to a stack or change what is there; other fields and comments of a package stay.

    Raises DocumentError when the stack is not valid before or after, UsageError when a group is to
    carry what only [packages] can.
    """
    check_twice(one.name for one in addition.requirements)
    if addition.group is None:
        return edited(
            text, path, lambda data: [_add(data, one, addition) for one in addition.requirements]
        )
    asked = {
        "--prerelease": addition.prerelease,
        "--index": addition.index is not None,
        "--source": addition.source,
    }
    if wrong := [option for option, given in asked.items() if given]:
        raise UsageError(
            f"{', '.join(wrong)}: only an entry of [packages] can say this, a group holds mere"
            " requirements",
            hints=[f"lamina add {r.name} {' '.join(wrong)}" for r in addition.requirements[:1]],
        )
    return edited(
        text,
        path,
        lambda data: [_add_to_group(data, one, addition) for one in addition.requirements],
    )


def remove_packages(
    text: str, names: Iterable[str], *, group: str | None = None, path: Path | str
) -> Edit:
    """Take packages out of [packages], or out of a group.

    Raises UsageError that names everything that is not there, DocumentError when the stack is not
    valid before or after.
    """
    wanted = list(dict.fromkeys(names))
    check_twice(wanted)
    return edited(text, path, lambda data: _remove(data, wanted, group))


def set_version(text: str, version: ReleaseVersion, *, path: Path | str) -> Edit:
    """Write the version that the next release has.

    Raises UsageError where the version comes from git, DocumentError when the stack is not valid.
    """
    if parse_stack(text, path).stack.version.literal is None:
        raise UsageError(
            f"{path}: its version comes from git",
            hints=[f"git tag v{version}"],
        )

    def change(data: MutableMapping[str, Any]) -> list[Change]:
        data["stack"]["version"] = str(version)
        return [Change(action="updated", name="version", where="stack", text=str(version))]

    return edited(text, path, change)


def check_twice(names: Iterable[str]) -> None:
    """Raise UsageError for names that are given twice."""
    seen: set[str] = set()
    for name in names:
        if canonicalize_name(name) in seen:
            raise UsageError(f"{name}: given twice")
        seen.add(canonicalize_name(name))


def edited(
    text: str, path: Path | str, change: Callable[[MutableMapping[str, Any]], list[Change]]
) -> Edit:
    """Apply a change to the text and, as a check of the editor, to the plain data too."""
    parse_stack(text, path)
    plain = tomllib.loads(text)
    changes = change(plain)
    after = _with_ends_of(text, _applied(text, change))
    if _readable(after) != plain:
        raise LaminaError(
            f"{path}: its layout is more than lamina's editor can handle; nothing was changed",
            hints=[f"write it by hand: {one.where}: {one.name} = {one.text}" for one in changes],
        )
    parse_stack(after, f"{path} (after this change)")
    return Edit(text=after, changes=tuple(changes))


def _with_ends_of(text: str, after: str) -> str:
    """Return the text with CRLF everywhere, where that is how all lines of the old one end."""
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        return re.sub(r"(?<!\r)\n", "\r\n", after)
    return after


def _applied(text: str, change: Callable[[MutableMapping[str, Any]], list[Change]]) -> str:
    """Return the text after a change, empty where tomlkit gives up on a layout."""
    document = tomlkit.parse(text)
    try:
        change(document)
        return tomlkit.dumps(document)
    except (TOMLKitError, LookupError, TypeError, ValueError):
        return ""


def _readable(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _key_in(table: Iterable[str], name: str) -> str | None:
    """Return the key under which a name stands, however it is spelt there."""
    wanted = canonicalize_name(name)
    return next((key for key in table if canonicalize_name(key) == wanted), None)


def _add(data: MutableMapping[str, Any], requirement: Requirement, addition: Addition) -> Change:
    packages = data["packages"] if "packages" in data else insert_key(data, "packages", {})
    key = _key_in(packages, requirement.name)
    old = packages[key] if key is not None else None
    before = _fields(old)
    after = _merged(before, requirement, addition)
    name = key or canonicalize_name(requirement.name)
    if old is None:
        insert_key(packages, name, short_entry(after))
    elif after != before:
        rewrite(packages, name, before, after)
    action: Action = "added" if old is None else "unchanged" if after == before else "updated"
    return Change(action=action, name=name, where="packages", text=_shown(after))


def _fields(entry: Any) -> dict[str, Any]:
    """Return an entry of [packages] as plain fields, none for none."""
    if isinstance(entry, str):
        return {"version": str(entry)}
    return dict(entry.unwrap() if isinstance(entry, Table | InlineTable) else entry or {})


def rewrite(
    packages: MutableMapping[str, Any], name: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Write an entry anew; a table of its own keeps its lines."""
    entry = packages[name]
    if not isinstance(entry, Table):
        packages[name] = new_value(
            packages, after if isinstance(entry, dict) else short_entry(after)
        )
        return
    for key, value in after.items():
        if key not in before:
            insert_key(entry, key, value)
        elif before[key] != value:
            entry[key] = new_value(entry, value)
    for key in before.keys() - after.keys():
        del entry[key]


def _merged(before: dict[str, Any], requirement: Requirement, addition: Addition) -> dict[str, Any]:
    """Return the fields of a package after an addition: what it does not speak of stays."""
    asked = entry_of(requirement)
    if (place := addition.places.get(canonicalize_name(requirement.name))) is not None:
        before = {**place, **{key: one for key, one in before.items() if key not in _OF_A_PLACE}}
    if before and not requirement.specifier:
        del asked["version"]
    if "extras" in asked and "extras" in before:
        known = list(before["extras"])
        asked["extras"] = known + [one for one in asked["extras"] if one not in known]
    if addition.prerelease:
        asked["prerelease"] = True
    if addition.platforms:
        asked["platforms"] = [str(one) for one in addition.platforms]
    if addition.index is not None:
        asked["index"] = str(addition.index)
    if addition.source:
        asked["source"] = True
    return before | asked


def _shown(fields: dict[str, Any]) -> str:
    short = short_entry(fields)
    return short if isinstance(short, str) else write_value(short)


def _add_to_group(
    data: MutableMapping[str, Any], requirement: Requirement, addition: Addition
) -> Change:
    groups = data.get("groups")
    if groups is None:
        groups = insert_key(data, "groups", {})
    name = _key_in(groups, str(addition.group)) or canonicalize_name(str(addition.group))
    members = groups.get(name)
    if members is None:
        members = insert_key(groups, name, [])
    requirement = _on_platforms(requirement, addition.platforms)
    position = _position_in(members, requirement)
    action: Action = "added"
    if position is None:
        members.append(write_requirement(requirement))
        position = len(members) - 1
    else:
        merged = _merged_requirement(Requirement(str(members[position])), requirement)
        action = "unchanged" if merged == members[position] else "updated"
        if action == "updated":
            members[position] = merged
    return Change(
        action=action,
        name=canonicalize_name(requirement.name),
        where=dotted(("groups", name)),
        text=str(members[position]),
    )


def _on_platforms(requirement: Requirement, platforms: Iterable[Platform]) -> Requirement:
    """Return a requirement that holds on some platforms only, said by its marker."""
    where = " or ".join(f"({one.marker})" for one in platforms)
    if not where:
        return requirement
    both = f"({where}) and ({requirement.marker})" if requirement.marker else where
    narrowed = Requirement(str(requirement))
    narrowed.marker = Marker(both)
    return narrowed


def _position_in(members: Iterable[str], requirement: Requirement) -> int | None:
    """Return where a group speaks of the package: once, or once with the same marker."""
    wanted = canonicalize_name(requirement.name)
    known = [(i, Requirement(str(one))) for i, one in enumerate(members)]
    same = [(i, one) for i, one in known if canonicalize_name(one.name) == wanted]
    if len(same) > 1:
        same = [(i, one) for i, one in same if one.marker == requirement.marker]
    return same[0][0] if same else None


def _merged_requirement(old: Requirement, new: Requirement) -> str:
    merged = Requirement(str(new))
    merged.name = old.name
    merged.extras = old.extras | new.extras
    merged.specifier = new.specifier or old.specifier
    merged.marker = new.marker or old.marker
    return write_requirement(merged)


def _remove(data: MutableMapping[str, Any], names: list[str], group: str | None) -> list[Change]:
    if group is None:
        return _remove_entries(data, names)
    groups = data.get("groups", {})
    key = _key_in(groups, group)
    if key is None:
        raise UsageError(f"no group {group!r}" + did_you_mean(group, groups))
    members = groups[key]
    wanted = {canonicalize_name(name) for name in names}
    there = [canonicalize_name(Requirement(str(one)).name) for one in members]
    _check_present(names, there, data, where=dotted(("groups", key)))
    changes = []
    for i in reversed([i for i, name in enumerate(there) if name in wanted]):
        changes.append(_removed(there[i], dotted(("groups", key)), str(members[i])))
        del members[i]
    if not members:
        del groups[key]
    return changes[::-1]


def _remove_entries(data: MutableMapping[str, Any], names: list[str]) -> list[Change]:
    packages = data.get("packages", {})
    _check_present(names, list(packages), data, where="packages")
    changes = []
    for name in names:
        key = str(_key_in(packages, name))
        fields = {"version": ANY_VERSION} | _fields(packages[key])
        changes.append(_removed(key, "packages", _shown(fields)))
        del packages[key]
    return changes


def _removed(name: str, where: str, text: str) -> Change:
    return Change(action="removed", name=name, where=where, text=text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return what to say after a message about an unknown word; empty where nothing is near."""
    near = near_match(word, known)
    return f" (did you mean {near!r}?)" if near else ""


def _check_present(
    names: Iterable[str], there: Sequence[str], data: MutableMapping[str, Any], *, where: str
) -> None:
    missing = [name for name in names if _key_in(there, name) is None]
    if not missing:
        return
    lines = [f"{name!r} is not in [{where}]{did_you_mean(name, there)}" for name in missing]
    elsewhere = [
        f"lamina remove {name} --group {group}"
        for name in missing
        for group, members in data.get("groups", {}).items()
        if where == "packages" and _key_in((Requirement(str(m)).name for m in members), name)
    ]
    conda = [name for name in missing if name in data.get("conda", {})]
    elsewhere += [f"lamina remove --conda {name}" for name in conda]
    raise UsageError("\n".join(lines), hints=elsewhere)
