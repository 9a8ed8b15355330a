"""Edit [conda] of lamina.toml as a person would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomlkit.items import InlineTable, Table

from lamina.core.errors import UsageError
from lamina.stack.edit import Action, Change, check_twice, did_you_mean, edited, rewrite
from lamina.stack.entries import ANY_VERSION, short_entry, write_value
from lamina.stack.insertion import insert_key
from lamina.stack.match_specs import read_match_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from pathlib import Path

    from lamina.model.platforms import Platform
    from lamina.stack.edit import Edit
    from lamina.stack.match_specs import ReadSpec

_TABLE = "conda"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaAddition:
    """Packages for [conda], and what is said of all of them."""

    wishes: tuple[ReadSpec, ...]
    platforms: tuple[Platform, ...] = ()
    channel: str | None = None


def parse_wishes(texts: Iterable[str]) -> tuple[ReadSpec, ...]:
    """Read MatchSpecs such as ``gfal2>=2.23`` or ``numpy 1.26.* *openblas*``; raises UsageError."""
    good, bad = [], []
    for text in texts:
        try:
            good.append(read_match_spec(text))
        except ValueError as error:
            bad.append(f"{text!r}: {error}")
    if bad:
        raise UsageError("\n".join(bad), hints=["lamina add --conda 'gfal2>=2.23'"])
    return tuple(good)


def add_conda(text: str, addition: CondaAddition, *, path: Path | str) -> Edit:
    """Add to [conda] or change what is there; what is not spoken of stays.

    Raises DocumentError when the stack is not valid before or after, UsageError.
    """
    check_twice(one.name for one in addition.wishes)
    return edited(text, path, lambda data: [_add(data, one, addition) for one in addition.wishes])


def remove_conda(text: str, names: Iterable[str], *, path: Path | str) -> Edit:
    """Take packages out of [conda]; raises UsageError that names all that are not there."""
    wanted = list(dict.fromkeys(names))
    return edited(text, path, lambda data: _remove(data, wanted))


def _key_of(table: Iterable[str], name: str) -> str | None:
    return next((key for key in table if key.lower() == name.lower()), None)


def _add(data: MutableMapping[str, Any], wish: ReadSpec, addition: CondaAddition) -> Change:
    table = data[_TABLE] if _TABLE in data else insert_key(data, _TABLE, {})
    key = _key_of(table, wish.name)
    old = table[key] if key is not None else None
    before = _fields(old)
    after = (before or {"version": ANY_VERSION}) | _asked(wish, addition)
    name = key or str(wish.name)
    if old is None:
        insert_key(table, name, _written(after))
    elif after != before:
        short = _written(after)
        if isinstance(old, str) and isinstance(short, str):
            rewrite(table, name, before, {"version": short})
        else:
            rewrite(table, name, before, after)
    action: Action = "added" if old is None else "unchanged" if after == before else "updated"
    return Change(action=action, name=name, where=_TABLE, text=_shown(after))


def _asked(wish: ReadSpec, addition: CondaAddition) -> dict[str, Any]:
    # A name alone says nothing of versions: what was said before stays.
    said = {
        "version": None if wish.version == ANY_VERSION and wish.build is None else wish.version,
        "build": wish.build,
        "channel": addition.channel or wish.channel,
        "platforms": [str(one) for one in addition.platforms] or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _fields(entry: Any) -> dict[str, Any]:
    """Return an entry as plain fields, none for none."""
    if isinstance(entry, str):
        version, _, build = str(entry).partition(" ")
        return {"version": version} | ({"build": build.strip()} if build else {})
    return dict(entry.unwrap() if isinstance(entry, Table | InlineTable) else entry or {})


def _written(fields: dict[str, Any]) -> Any:
    if fields.keys() == {"version", "build"}:
        return f"{fields['version']} {fields['build']}"
    return short_entry(fields)


def _shown(fields: dict[str, Any]) -> str:
    short = _written(fields)
    return short if isinstance(short, str) else write_value(short)


def _remove(data: MutableMapping[str, Any], names: list[str]) -> list[Change]:
    table = data.get(_TABLE, {})
    missing = [name for name in names if _key_of(table, name) is None]
    if missing:
        lines = [f"{name!r} is not in [{_TABLE}]{did_you_mean(name, table)}" for name in missing]
        hints = [f"lamina remove {one}" for one in missing if one in data.get("packages", {})]
        raise UsageError("\n".join(lines), hints=hints)
    changes = []
    for name in names:
        key = str(_key_of(table, name))
        text = _shown({"version": ANY_VERSION} | _fields(table[key]))
        changes.append(Change(action="removed", name=key, where=_TABLE, text=text))
        del table[key]
    return changes
