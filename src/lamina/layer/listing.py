"""What is in a layer, and what it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.layer.conda.ground import count_below
from lamina.layer.plan import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.layer.opened import OpenLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A package that can be imported in a layer."""

    name: str
    """Normalised."""
    version: str
    """Nothing where it is unknown."""
    source: str
    """``layer``, ``conda``, ``base``, or ``user`` for what somebody else installed into it."""
    over: str | None
    because: tuple[str, ...]


def list_packages(layer: OpenLayer, *, everything: bool) -> list[Row]:
    """Return the layer's own packages by name, with ``everything`` those of the base as well."""
    below = {
        canonicalize_name(one.key): one
        for one in (*layer.base.unrecorded, *layer.base.distributions)
    }
    managed = layer.managed
    rows = [
        Row(
            name=name,
            version=one.version,
            source="layer" if name in managed else "user",
            over=(below[name].version or UNKNOWN) if name in below else None,
            because=managed[name].because if name in managed else (),
        )
        for one in layer.own
        for name in [canonicalize_name(one.key)]
    ]
    if everything:
        own = {canonicalize_name(one.key) for one in layer.own}
        rows += [
            Row(name=name, version=one.version, source="base", over=None, because=())
            for name, one in below.items()
            if name not in own
        ]
    rows += [
        Row(
            name=one.name,
            version=one.version,
            source="conda",
            over=None,
            because=tuple(map(conda_reason, one.requested_by)),
        )
        for one in (layer.lock.conda if layer.lock else ())
    ]
    return sorted(rows, key=lambda row: (row.name, row.source))


def conda_reason(asker: str) -> str:
    """Return in words who asked for a conda package of a layer."""
    return "you asked for it" if asker == "layer" else f"{asker} needs it"


def render_rows(rows: Sequence[Row]) -> str:
    """Return a table for people."""
    if not rows:
        return "nothing of its own yet"
    wide = max(len(row.name) for row in rows)
    wider = max(len(row.version or UNKNOWN) for row in rows)
    lines = []
    for row in rows:
        over = f"over {row.over} of the base" if row.over else row.source
        because = f"  {'; '.join(row.because)}" if row.because else ""
        lines.append(
            f"{row.name:{wide}}  {row.version or UNKNOWN:{wider}}  {over}{because}".rstrip()
        )
    return "\n".join(lines)


def row_value(row: Row) -> dict[str, Any]:
    """Return a row as a JSON value."""
    return {
        "name": row.name,
        "version": row.version or None,
        "source": row.source,
        "over": row.over,
        "because": list(row.because),
    }


def describe_layer(layer: OpenLayer) -> dict[str, Any]:
    """Return base, requests and size as a JSON value."""
    base = layer.document.base
    return {
        "layer": str(layer.path),
        "base": {
            "given": base.given,
            "kind": base.kind,
            "release": base.release,
            "prefix": base.prefix,
            "python": base.version,
            "packages": len(layer.base.distributions),
            "changed": layer.base.digest != base.digest,
            "variables": dict(base.variables),
        },
        "requests": list(layer.document.requests),
        "conda": {
            "requests": list(layer.document.conda.requests),
            "channels": list(layer.document.conda.channels),
            "packages": len(layer.lock.conda) if layer.lock else 0,
            "base": count_below(base.place, layer.base),
        },
        "packages": len(layer.own),
        "bytes": size_of(layer.path),
    }


def size_of(directory: Path) -> int:
    """Return the bytes of the files below a directory, links not followed."""
    return sum(
        path.lstat().st_size
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def render_description(value: dict[str, Any]) -> str:
    """Return the description for people."""
    base = value["base"]
    on = f"{base['release']} in {base['prefix']}" if base["release"] else base["prefix"]
    changed = "; changed since the layer was made" if base["changed"] else ""
    keeps = ", ".join(base["variables"])
    conda = value["conda"]
    count = f"{conda['packages']} of its own over {conda['base']} of the base"
    asked = f"{', '.join(conda['requests']) or 'none asked for'} ({count})"
    return "\n".join(
        [
            f"layer     {value['layer']}",
            f"base      {on} (Python {base['python']}, {base['packages']} packages{changed})",
            *([f"keeps     {keeps}"] if keeps else []),
            f"requests  {', '.join(value['requests']) or 'none yet'}",
            *([f"conda     {asked}"] if conda["requests"] or conda["base"] else []),
            f"packages  {value['packages']} of its own, {value['bytes'] / 1e6:.1f} MB",
        ]
    )
