"""The text of a paper lock: the same bytes for the same layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lock.files import conda_lines
from lamina.model.toml import toml_texts, toml_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.layer.paper.document import PaperBase, PaperLock


def dump_paper(lock: PaperLock) -> str:
    """Return the canonical TOML text: keys in a fixed order, packages by name."""
    lines = [f"schema = {lock.schema_}", f"requests = {toml_texts(sorted(lock.requests))}"]
    lines += _fields({"exclude-newer": lock.exclude_newer})
    if lock.left_out:
        lines.append(f"left-out = {toml_texts(sorted(lock.left_out))}")
    if lock.conda_requests:
        lines.append(f"conda-requests = {toml_texts(lock.conda_requests)}")
        lines.append(f"conda-channels = {toml_texts(lock.conda_channels)}")
    lines += _base(lock.base)
    lines += ["", "[tools]", *_fields({"lamina": lock.tools.lamina, "uv": lock.tools.uv})]
    for bound in sorted(lock.bounds, key=lambda one: (one.package, one.version, one.requirement)):
        lines += ["", "[[bound]]", *_fields(bound.model_dump())]
    for package in sorted(lock.packages, key=lambda one: one.name):
        lines += ["", "[[package]]", *_fields(package.model_dump(exclude={"because"}))]
        lines.append(f"because = {toml_texts(sorted(package.because))}")
    for conda in sorted(lock.conda, key=lambda one: one.name):
        lines += conda_lines(conda)
    return "\n".join(lines) + "\n"


def _base(base: PaperBase) -> Iterable[str]:
    yield from ("", "[base]")
    yield from _fields(base.model_dump(exclude={"place", "packages", "below"}))
    if base.below:
        each = (f"{{ {', '.join(_fields(one.model_dump()))} }}" for one in base.below)
        yield f"below = [{', '.join(each)}]"
    if base.packages:
        yield "packages = ["
        for one in base.packages:
            yield f"    {{ {', '.join(_fields(one.model_dump(exclude_none=True)))} }},"
        yield "]"
    yield from ("", "[base.place]")
    yield from _fields(base.place.model_dump())


def _fields(values: Mapping[str, object]) -> list[str]:
    present = {key: value for key, value in values.items() if value not in (None, {}, ())}
    return [f"{key} = {toml_value(value)}" for key, value in present.items()]
