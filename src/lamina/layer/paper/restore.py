"""Make a layer, or an environment without a base, from a paper lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina.core import fs, report
from lamina.core.errors import ConflictError, NotSupportedError
from lamina.engines.interpreters import Interpreter, MachineInterpreters
from lamina.layer import planting
from lamina.layer.base import Base, cache_directory
from lamina.layer.building import Delivery, beside, build_layer, document_over, finish
from lamina.layer.conda.again import goods_again
from lamina.layer.conda.placing import place_conda
from lamina.layer.document import LayerConda, LayerLock
from lamina.layer.fetching import Shelf
from lamina.layer.paper.bases import find_base
from lamina.layer.paper.flat import build_flat, plan_flat
from lamina.layer.paper.of_no_index import wheels_of
from lamina.layer.paper.rebuilt import find_rebuilt, refuse_loss, render_lost
from lamina.layer.plan import Placed
from lamina.layer.sources import addresses_over, layer_package
from lamina.model.platforms import PythonSeries
from lamina.resolve.project import index_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lamina.engines.uv_program import UvProgram
    from lamina.layer.conda.install import Goods
    from lamina.layer.paper.document import PaperLock, PaperPackage
    from lamina.layer.paper.of_no_index import Sources
    from lamina.layer.transaction import Stage
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What to restore, where, from what."""

    lock: PaperLock
    directory: Path
    """Absolute."""
    root: Path
    environ: Mapping[str, str]
    on: str | None = None
    """The base to stand on, as the user names it."""
    flat: bool = False
    unpatched: bool = False
    """Without a base: go without what that has done to its packages, where no wheel has it."""
    python: Path | None = None
    """The interpreter for an environment without a base."""
    links: tuple[Path, ...] = ()
    """Directories with files that are taken first."""
    indexes: Mapping[IndexName, str] | None = None
    """Addresses of indexes that only the user knows."""
    channels: Mapping[str, str] = field(default_factory=dict)
    """Where a channel of the lock is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What restoring would do."""

    request: RestoreRequest
    base: Base | None
    interpreter: Interpreter | None
    files: Mapping[Artifact, str]
    indexes: Mapping[IndexName, str]
    unrecorded: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Packages of no index that are other ones than the base has."""
    sources: tuple[Sources, ...] = ()
    """What is built before it is installed."""
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Packages with what the base has done to them and is not done here."""
    conda: Goods | None = None


def plan_restore(request: RestoreRequest) -> RestorePlan:
    """Return what restoring would do, with the address of each file.

    Raises ConflictError for a directory that is not empty, IntegrityError when no base or file has
    the recorded content, UnsatisfiableError when a file is to be had nowhere.
    """
    directory = request.directory
    if planting.occupied(str(directory)):
        raise ConflictError(f"{directory}: not empty", hints=["choose a new directory with --to"])
    return _plan_flat(request) if request.flat else _plan_on_base(request)


def _plan_on_base(request: RestoreRequest) -> RestorePlan:
    lock = request.lock
    base = find_base(lock, on=request.on, root=request.root, environ=request.environ)
    indexes = addresses_over(base.place, request.environ) | dict(request.indexes or {})
    shelf = Shelf(environ=request.environ, indexes=indexes, links=request.links)
    return RestorePlan(
        request=request,
        base=base,
        interpreter=None,
        files=shelf.addresses(one.artifact() for one in lock.packages),
        indexes=indexes,
        conda=_conda(request, base),
    )


def _conda(request: RestoreRequest, base: Base) -> Goods | None:
    lock = request.lock
    if not lock.conda:
        return None
    return goods_again(
        lock.conda,
        lock.conda_requests,
        base,
        request.environ,
        links=request.links,
        moved=request.channels,
    )


def _plan_flat(request: RestoreRequest) -> RestorePlan:
    if request.lock.conda:
        names = ", ".join(one.name for one in request.lock.conda)
        raise NotSupportedError(
            f"the lock has conda packages, which need its base: {names}",
            hints=["leave --flat out, and name a base: --on BASE"],
        )
    indexes = index_addresses(None, request.environ) | dict(request.indexes or {})
    shelf = Shelf(environ=request.environ, indexes=indexes, links=request.links)
    rebuilt = find_rebuilt(request.lock, shelf, cache_directory(request.environ) / "builds")
    listed = plan_flat(request.lock, shelf, rebuilt, unpatched=request.unpatched)
    if not request.unpatched:
        refuse_loss(rebuilt.lost)
    finder = MachineInterpreters(environ=request.environ, explicit=request.python)
    return RestorePlan(
        request=request,
        base=None,
        interpreter=finder.search(PythonSeries.parse(request.lock.base.series)),
        files=shelf.addresses(listed.artifacts) | dict(listed.known),
        indexes=indexes,
        lost=rebuilt.lost,
        unrecorded=listed.unrecorded,
        others=listed.others,
        sources=listed.sources,
    )


def restore(plan: RestorePlan) -> None:
    """Build it beside its place and rename it there; on any failure nothing is left of it."""
    request, uv = plan.request, _uv(plan.request)
    _say_differences(plan)
    with beside(request.directory) as stage:
        if plan.interpreter is not None:
            with wheels_of(plan.sources, uv, plan.interpreter) as made:
                goods = Delivery(files={**plan.files, **made}, indexes=plan.indexes, uv=uv)
                build_flat(stage, request.directory, request.lock, plan.interpreter, goods)
        elif plan.base is not None:
            goods = Delivery(
                files=plan.files, indexes=plan.indexes, uv=uv, conda=_place_conda(plan)
            )
            _build(plan, plan.base, stage, goods)
        fs.rename(stage, request.directory)
        finish(request.directory)


def _say_differences(plan: RestorePlan) -> None:
    """Say what will not be as it was."""
    for name in plan.request.lock.left_out:
        report.warn(f"{name}: was not put there by lamina, and is left out")
    for name in plan.unrecorded:
        report.note(f"{name}: no digest was recorded of it; taken as it is in --find-links")
    for name in plan.others:
        report.warn(f"{name}: another build than the base has; taken as it is in --find-links")
    if plan.lost:
        report.warn(f"these come without what the base has done to them: {render_lost(plan.lost)}")


def _place_conda(plan: RestorePlan) -> Callable[[Stage, Path], object] | None:
    base, goods = plan.base, plan.conda
    if base is None or goods is None:
        return None
    return lambda stage, final: place_conda(stage, final, base, goods)


def _build(plan: RestorePlan, base: Base, stage: Path, goods: Delivery) -> None:
    lock = plan.request.lock
    same = str(base.place.prefix) == lock.base.place.prefix
    document = document_over(base, lock.requests, lock.base.place.given if same else None)
    asked = LayerConda(requests=lock.conda_requests, channels=_channels(plan))
    document = document.model_copy(update={"conda": asked})
    packages = tuple(layer_package(_placed(one), one.artifact()) for one in lock.packages)
    kept = LayerLock(
        base_digest=lock.base.digest,
        exclude_newer=lock.exclude_newer,
        packages=packages,
        bounds=lock.bounds,
        conda=lock.conda,
    )
    build_layer(stage, plan.request.directory, base, (document, kept), goods)


def _channels(plan: RestorePlan) -> tuple[str, ...]:
    """Return the channels for later changes, as they are called here."""
    moved = plan.request.channels
    return tuple(moved.get(one, one) for one in plan.request.lock.conda_channels)


def _placed(one: PaperPackage) -> Placed:
    return Placed(
        name=one.name, version=one.version, over=one.over, because=one.because, before=None
    )


def _uv(request: RestoreRequest) -> UvProgram:
    from lamina.engines.uv_program import UvProgram

    log = cache_directory(request.environ) / "logs" / f"restore-{request.directory.name}.log"
    fs.make_directory(log.parent)
    fs.remove_file(log)
    return UvProgram(environ=request.environ, log=log)


def plan_value(plan: RestorePlan) -> dict[str, Any]:
    """Return the plan as a JSON value."""
    base = plan.base
    return {
        "directory": str(plan.request.directory),
        "flat": base is None,
        "base": base
        and {
            "kind": base.place.kind,
            "release": base.place.release,
            "prefix": str(base.place.prefix),
        },
        "python": base.probe.version if base else plan.interpreter and plan.interpreter.version,
        "files": [
            {"name": one.package, "version": one.version, "file": one.filename}
            | {"sha256": one.sha256}
            for one in sorted(plan.files, key=_by_name)
        ],
        "built": [
            {"name": one.artifact.package, "version": one.artifact.version}
            | {"file": one.artifact.filename, "sha256": one.artifact.sha256}
            | {"origin": one.origin.model_dump(exclude_none=True) if one.origin else None}
            for one in plan.sources
        ],
        "conda": [
            {"name": one.name, "version": one.version, "file": one.file_name, "sha256": one.sha256}
            for one in (plan.conda.records if plan.conda else ())
        ],
        "left-out": list(plan.request.lock.left_out),
        "unrecorded": [*plan.unrecorded, *plan.others],
        "unpatched": {name: list(words) for name, words in plan.lost.items()},
    }


def render_plan(plan: RestorePlan) -> str:
    """Return the plan for people."""
    lines = [f"  + {one.package} {one.version}" for one in sorted(plan.files, key=_by_name)]
    lines += [f"  + {one.text}" for one in plan.sources]
    lines += [f"  + {one} of conda" for one in (plan.conda.records if plan.conda else ())]
    if plan.base is not None:
        place = plan.base.place
        on = f"{place.release} in {place.prefix}" if place.release else str(place.prefix)
    else:
        version = plan.interpreter.version if plan.interpreter else ""
        on = f"no base, with Python {version}"
    packages = "1 package" if len(lines) == 1 else f"{len(lines)} packages"
    return "\n".join([*lines, f"{packages} on {on}, into {plan.request.directory}"])


def _by_name(one: Artifact) -> str:
    return one.package
