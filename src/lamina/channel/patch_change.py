"""The ``then`` of a patch: what becomes of a record. The language is that of conda-forge."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from lamina.channel.patch_match import as_list, glob
from lamina.channel.patch_pins import loosened, relaxed, tightened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LISTS = ("depends", "constrains")
_TEMPLATE = re.compile(r"\$")


def known_changes() -> dict[str, set[str]]:
    """Return every change with the fields that it must or may have; none: a text or a list."""
    texts: dict[str, set[str]] = {
        f"{verb}_{name}": set() for verb in ("add", "remove", "reset") for name in _LISTS
    }
    texts |= {f"{verb}_track_features": set() for verb in ("add", "remove")}
    pairs = {f"{verb}_{name}": {"old", "new"} for verb in ("replace", "rename") for name in _LISTS}
    pins = {f"{verb}_depends": {"name", "max_pin", "upper_bound"} for verb in ("tighten", "loosen")}
    return texts | pairs | pins | {"relax_exact_depends": {"name", "max_pin"}}


def make_change(kind: str, value: Any, subdir: str, record: dict[str, Any]) -> None:
    """Make one change to a record. Raises ValueError and KeyError for what cannot be made."""
    verb, _, target = kind.partition("_")
    if target == "track_features":
        _change_features(verb, as_list(value), record)
        return
    if target == "exact_depends":
        target = "depends"
    entries = list(record.get(target) or ())
    changed = _VERBS[verb](entries, value, lambda text, **more: _filled(text, record, subdir, more))
    if changed or target == "depends":
        record[target] = changed
    else:
        record.pop(target, None)


def _add(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    return list(dict.fromkeys([*entries, *(fill(one) for one in as_list(value))]))


def _remove(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:  # noqa: ARG001
    return [one for one in entries if not any(glob(one, str(old)) for old in as_list(value))]


def _reset(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:  # noqa: ARG001
    return [fill(one) for one in as_list(value)]


def _replace(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    """Put the new in the place of the old; what is there already is not there twice."""
    changed = list(entries)
    for old in entries:
        if old in changed and glob(old, fill(value["old"])):
            new = fill(value["new"], old=old)
            if new == old:
                continue
            place = changed.index(old)
            changed[place : place + 1] = [] if new in changed else [new]
    return changed


def _rename(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    """Rename the first dependency of a name; what it says of versions stays."""
    old, new = fill(value["old"]), fill(value["new"])
    for place, one in enumerate(entries):
        name, separator, rest = one.partition(" ")
        if name == old:
            return [*entries[:place], f"{new}{separator}{rest}", *entries[place + 1 :]]
    return entries


def _tighten(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    return _pinned(tightened, entries, value, fill)


def _loosen(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    return _pinned(loosened, entries, value, fill)


def _pinned(
    change: Callable[..., str], entries: list[str], value: Any, fill: Callable[..., str]
) -> list[str]:
    name, upper = fill(value["name"]), value.get("upper_bound")
    pin = str(value.get("max_pin") or "")
    bound = "" if upper is None else fill(str(upper))
    return [
        change(one, max_pin=pin, upper_bound=bound) if glob(one.split(" ")[0], name) else one
        for one in entries
    ]


def _relax(entries: list[str], value: Any, fill: Callable[..., str]) -> list[str]:
    """Relax the first dependency of a name."""
    name = fill(value["name"])
    pin = str(value.get("max_pin") or "")
    for place, one in enumerate(entries):
        if one.split(" ")[0] == name:
            return [*entries[:place], relaxed(one, max_pin=pin), *entries[place + 1 :]]
    return entries


_VERBS: dict[str, Callable[[list[str], Any, Callable[..., str]], list[str]]] = {
    "add": _add, "remove": _remove, "reset": _reset, "replace": _replace, "rename": _rename,
    "tighten": _tighten, "loosen": _loosen, "relax": _relax,
}  # fmt: skip


def _change_features(verb: str, names: list[Any], record: dict[str, Any]) -> None:
    old = record.get("track_features") or ()
    features = old.split() if isinstance(old, str) else list(old)
    if verb == "add":
        features += [str(name) for name in names]
    else:
        features = [one for one in features if not any(glob(one, str(name)) for name in names)]
    record.pop("track_features", None)
    if features:
        record["track_features"] = " ".join(features)


def _filled(text: Any, record: Mapping[str, Any], subdir: str, more: Mapping[str, str]) -> str:
    """Put values of the record into a text: ``${version}``, ``${next_version}``, ..."""
    if not _TEMPLATE.search(str(text)):
        return str(text)
    parts = [*str(record["version"]).split("."), "0", "0", "0"]
    values = {key: record[key] for key in ("name", "version", "build", "build_number")}
    values |= {"major_version": parts[0], "minor_version": parts[1], "patch_version": parts[2]}
    values |= {"subdir": subdir, **more}
    if "next_version" in str(text):
        head, dot, last = str(record["version"]).rpartition(".")
        values["next_version"] = f"{head}{dot}{int(last) + 1}"
    return string.Template(str(text)).substitute(values)
