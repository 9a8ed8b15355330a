"""Whether layer, interpreter and base are where and what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.core.run import base_environment, run
from lamina.layer.base import Base, look_at
from lamina.layer.check.findings import Finding, command
from lamina.layer.ownership import FIRST, HOOK, LAST
from lamina.layer.paper.bases import find_same
from lamina.layer.planting import shell_quoted
from lamina.layer.state import is_elsewhere, made_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.layer.state import LayerState


def check_place(layer: LayerState) -> Iterator[Finding]:
    """Yield what is wrong when the layer was moved or copied: its scripts name the old place."""
    if not is_elsewhere(layer.path):
        return
    written = made_for(layer.path)
    what = "is a copy of" if written is not None and written.exists() else "was moved from"
    here, new = shell_quoted(str(layer.path)), shell_quoted(f"{layer.path}-restored")
    yield Finding(
        kind="layer-elsewhere",
        what=f"{layer.path} {what} {written}, which its scripts and activation still name",
        mend=f"lamina layer lock {here} | lamina layer restore - --to {new}",
    )


def look_for_base(
    layer: LayerState, *, root: Path, environ: Mapping[str, str]
) -> tuple[Base | None, list[Finding]]:
    """Return the base, None where it is gone, and what is not as it was."""
    kept = layer.document.base
    place = kept.place
    base = None
    reason = f"{place.prefix} is not there"
    if place.prefix.exists() and not place.python.exists():
        reason = f"the Python of {place.prefix} is gone: {place.python.resolve()}"
    if place.python.exists():
        try:
            base = look_at(place, environ=environ)
        except LaminaError as error:
            reason = error.message
    if base is None:
        return None, [_gone(layer, reason, root=root, environ=environ)]
    recorded = layer.lock.base_digest if layer.lock is not None else kept.digest
    if base.probe.digest == recorded:
        return base, []
    what = f"{place.prefix} has other packages than when this layer was last changed"
    if base.probe.series != layer.series:
        what = f"{place.prefix} is Python {base.probe.series} now, and was {layer.series}"
    mend = rebuild(layer)
    return base, [Finding(kind="base-changed", what=what, mend=mend)]


def _gone(layer: LayerState, reason: str, *, root: Path, environ: Mapping[str, str]) -> Finding:
    digest = layer.lock.base_digest if layer.lock is not None else layer.document.base.digest
    same = find_same(digest, root=root, environ=environ)
    if same is not None:
        return Finding(
            kind="base-moved",
            what=f"{reason}; {same.place.prefix} has the same content",
            mend=command("layer", "migrate", layer.path, "--to", same.place.prefix),
        )
    return Finding(
        kind="base-gone",
        what=f"{reason}, and no release in {root} has the same content",
        mend=f"{command('layer', 'migrate', layer.path)} --to BASE",
    )


def rebuild(layer: LayerState) -> str:
    """Return the command that makes the layer again, from its recorded files, over its base."""
    return command("layer", "migrate", layer.path, "--to", layer.document.base.named)


def check_interpreter(layer: LayerState, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is wrong with the Python of the layer."""
    python = layer.path / "bin" / "python"
    mend = rebuild(layer)
    if not python.exists():
        leads = f", which is not there: {python.readlink()}" if python.is_symlink() else ""
        yield Finding(kind="interpreter-gone", what=f"{python}: no program{leads}", mend=mend)
        return
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = run([python, "-I", "-S", "-c", code], env=base_environment(environ), timeout=60)
    except LaminaError as error:
        first = error.message.splitlines()[0]
        yield Finding(kind="interpreter-gone", what=f"{python} does not run: {first}", mend=mend)
        return
    series = answer.stdout.strip()
    if series != layer.series:
        yield Finding(
            kind="interpreter-upgraded",
            what=f"{python} is Python {series} now; the layer's packages are for {layer.series}",
            mend=mend,
        )


def check_hook(layer: LayerState) -> Iterator[Finding]:
    """Yield what is missing of what puts the layer over its base."""
    for name in (FIRST, LAST, f"{HOOK}.py"):
        if not (layer.site / name).is_file():
            yield Finding(
                kind="hook-missing",
                what=f"{layer.site / name} is missing: without it the base is not seen",
                mend=rebuild(layer),
            )
