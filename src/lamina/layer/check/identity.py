"""Whether layer, interpreter and base are where and what they were."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError, LaminaError
from lamina.core.run import base_environment, run
from lamina.layer.base import Base, look_at
from lamina.layer.check.findings import Finding, command
from lamina.layer.ownership import FIRST, HOOK, LAST
from lamina.layer.paper.bases import find_same
from lamina.layer.planting import shell_quoted
from lamina.layer.state import is_elsewhere, made_for, standing_from
from lamina.model.layer_files import INSTALLED_NAME
from lamina.release.root import release_at
from lamina.release.verify import verify_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lamina.layer.base import Place
    from lamina.layer.state import LayerState
    from lamina.release.root import Release

_PREFIXES = ".lamina/prefixes.json"
_SHOWN = 10
"""In what was unpacked from a pack."""


def check_place(layer: LayerState) -> Iterator[Finding]:
    """Yield what is wrong when the layer was moved or copied: its scripts name the old place."""
    if not is_elsewhere(layer.path):
        return
    written = made_for(layer.path)
    what = "is a copy of" if written is not None and written.exists() else "was moved from"
    yield Finding(
        kind="layer-elsewhere",
        what=f"{layer.path} {what} {written}, which its scripts and activation still name",
        mend=unpacked_again(layer.path) or restored(layer.path),
    )


def unpacked_again(layer: Path) -> str | None:
    """Return the command that makes a moved layer fit which was unpacked; None for any other."""
    if not (layer / _PREFIXES).is_file() or not is_elsewhere(layer):
        return None
    own = "" if release_at(layer / ".base") is not None else " --base BASE"
    return shlex.quote(str(layer / "bin" / "lamina-unpack")) + own


def restored(layer: Path) -> str:
    """Return the command that makes a layer again elsewhere, as it is recorded."""
    here, new = shell_quoted(str(layer)), shell_quoted(f"{layer}-restored")
    return f"lamina layer lock {here} | lamina layer restore - --to {new}"


def look_for_base(
    layer: LayerState, *, root: Path, environ: Mapping[str, str]
) -> tuple[Base | None, list[Finding]]:
    """Return the base, None where it or what it stands on is gone, and what is not as it was."""
    above: list[LayerState] = []
    for one in standing_from(layer.path):
        if reason := _missing(one.document.base.place):
            return None, [_gone([*above, one], reason, root=root, environ=environ)]
        above.append(one)
    kept = layer.document.base
    place = kept.place
    try:
        base = look_at(place, environ=environ)
    except LaminaError as error:
        return None, [_gone([layer], error.message, root=root, environ=environ)]
    recorded = layer.lock.base_digest if layer.lock is not None else kept.digest
    if base.probe.digest == recorded:
        return base, []
    what = f"{place.prefix} has other packages than when this layer was last changed"
    if base.probe.series != layer.series:
        what = f"{place.prefix} is Python {base.probe.series} now, and was {layer.series}"
    mend = rebuild(layer)
    return base, [Finding(kind="base-changed", what=what, mend=mend)]


def _missing(place: Place) -> str | None:
    """Return what of a base is not there, in words."""
    if not place.prefix.exists():
        return f"{place.prefix} is not there"
    if not place.python.exists():
        return f"the Python of {place.prefix} is gone: {place.python.resolve()}"
    return None


def _gone(
    layers: Sequence[LayerState], reason: str, *, root: Path, environ: Mapping[str, str]
) -> Finding:
    """Return the finding for the base of the last layer, on which those before it stand."""
    last = layers[-1]
    unpack = unpacked_again(last.path)
    if unpack is not None and release_at(last.path / ".base") is not None:
        what = f"{reason}; the layer has brought it along: {last.path / '.base'}"
        return Finding(kind="base-moved", what=what, mend=unpack)
    if len(layers) > 1:
        reason = f"the base of {last.path} is gone: {reason}"
    digest = last.lock.base_digest if last.lock is not None else last.document.base.digest
    same = find_same(digest, root=root, environ=environ)
    # A layer knows the places of all that it stands on: those above are made again as well.
    again = [rebuild(one) for one in reversed(layers[:-1])]
    if same is not None:
        return Finding(
            kind="base-moved",
            what=f"{reason}; {same.place.prefix} has the same content",
            mend=_each(command("layer", "migrate", last.path, "--to", same.place.prefix), *again),
        )
    return Finding(
        kind="base-gone",
        what=f"{reason}, and no release in {root} has the same content",
        mend=_each(f"{command('layer', 'migrate', last.path)} --to BASE", *again),
    )


def _each(*commands: str) -> str:
    return " && ".join(commands)


def rebuild(layer: LayerState) -> str:
    """Return the command that makes the layer again, from its recorded files, over its base."""
    if again := unpacked_again(layer.path):
        return again
    brought = _base_inside(layer) is not None
    if brought and (layer.path / INSTALLED_NAME).exists():
        return f"sh INSTALLER -b -f -p {shlex.quote(str(layer.path))}"
    if brought or layer.document.conda.requests:
        return restored(layer.path)
    return command("layer", "migrate", layer.path, "--to", layer.document.base.named)


def _base_inside(layer: LayerState) -> Release | None:
    """Return the release that a layer has brought along, None where its base is elsewhere."""
    prefix = Path(layer.document.base.prefix)
    return release_at(prefix) if prefix.is_relative_to(layer.path) else None


def check_base_inside(layer: LayerState) -> Iterator[Finding]:
    """Yield the files of a base that came with its layer which are not as they were published.

    A base of its own is verified as a release. What programs have written there is not damage.
    """
    release = _base_inside(layer)
    if release is None:
        return
    try:
        found = verify_release(release)
    except IntegrityError as error:
        yield Finding(kind="base-changed", what=error.message, mend=rebuild(layer))
        return
    whole = replace(
        found,
        extra=(),
        changed={path: how for path, how in found.changed.items() if path not in found.only_modes},
    )
    for line in whole.lines(_SHOWN):
        yield Finding(kind="base-changed", what=f"{release.prefix}: {line}", mend=rebuild(layer))


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
