"""The text of lamina-layer.toml and lamina-layer.lock, always the same bytes for the same state.

Apart from the documents' models, so that a layer can be made without importing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.model.toml import toml_text, toml_texts, toml_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.layer.base import Base
    from lamina.layer.document import LayerDocument, LayerLock


def layer_record(base: Base) -> str:
    """Return the lamina-layer.toml of a new layer."""
    place, described = base.place, base.probe
    facts = {
        "given": place.given,
        "kind": place.kind,
        "release": place.release,
        "prefix": str(place.prefix),
        "python": str(place.python),
        "search": place.search,
        "variables": dict(sorted(place.variables.items())),
        "version": described.version,
        "platform": described.platform,
        "digest": described.digest,
    }
    return _document(facts, ())


def dump_layer(layer: LayerDocument) -> str:
    """Return the canonical text of lamina-layer.toml."""
    text = _document(layer.base.model_dump(by_alias=True), layer.requests)
    if not layer.conda.requests:
        return text
    asked = [f"requests = {toml_texts(layer.conda.requests)}"]
    asked.append(f"channels = {toml_texts(layer.conda.channels)}")
    return text + "\n".join(["", "[conda]", *asked]) + "\n"


def dump_lock(lock: LayerLock) -> str:
    """Return the canonical text of lamina-layer.lock."""
    lines = [f"schema = {lock.schema_}", f"base-digest = {toml_text(lock.base_digest)}"]
    if lock.exclude_newer is not None:
        lines.append(f"exclude-newer = {toml_text(lock.exclude_newer)}")
    for package in sorted(lock.packages, key=lambda one: one.name):
        lines += ["", "[[package]]", f"name = {toml_text(package.name)}"]
        lines.append(f"version = {toml_text(package.version)}")
        if package.over is not None:
            lines.append(f"over = {toml_text(package.over)}")
        lines.append(f"index = {toml_text(package.index)}")
        lines.append(f"file = {toml_text(package.file)}")
        lines.append(f"sha256 = {toml_text(package.sha256)}")
        lines.append(f"because = {toml_texts(sorted(package.because))}")
    for bound in sorted(lock.bounds, key=lambda one: (one.package, one.version, one.requirement)):
        lines += ["", "[[bound]]", f"package = {toml_text(bound.package)}"]
        lines.append(f"version = {toml_text(bound.version)}")
        lines.append(f"requirement = {toml_text(bound.requirement)}")
        lines.append(f"reason = {toml_text(bound.reason)}")
    if lock.conda:
        # Not for everybody who makes a layer: it costs a start.
        from lamina.lock.files import conda_lines

        for conda in sorted(lock.conda, key=lambda one: one.name):
            lines += conda_lines(conda)
    return "\n".join(lines) + "\n"


def _document(base: Mapping[str, object], requests: Iterable[str]) -> str:
    lines = ["schema = 1", f"requests = {toml_texts(requests)}", "", "[base]"]
    lines += [
        f"{key} = {toml_value(value)}" for key, value in base.items() if value not in (None, {})
    ]
    return "\n".join(lines) + "\n"
