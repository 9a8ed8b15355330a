"""Add conda packages to a layer and take them out; on any failure it is as it was."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import ConflictError, UsageError
from lamina.core.run import redact
from lamina.engines.conda_channels import channel_addresses
from lamina.engines.conda_records import name_of, parse_spec
from lamina.engines.conda_virtual import machine_packages
from lamina.layer.base import Base
from lamina.layer.conda.again import conda_cache, own_records
from lamina.layer.conda.ground import conda_ground
from lamina.layer.conda.install import Goods
from lamina.layer.conda.placing import place_conda
from lamina.layer.conda.plan import CondaPlan, Question, plan_conda
from lamina.layer.conda.provided import locked_packages
from lamina.layer.conda_prefix import conda_distributions, over_base, site_in
from lamina.layer.document import LayerConda, LayerLock
from lamina.layer.opened import OpenLayer, open_layer
from lamina.layer.record import dump_layer, dump_lock
from lamina.layer.requirements import stated_requirements
from lamina.layer.start_index import write_own_index
from lamina.layer.transaction import holding, staged
from lamina.layer.union import applies, ground_of
from lamina.model.conda_fields import parse_channel
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME
from lamina.model.platforms import current_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement

    from lamina.engines.probe import BaseProbe
    from lamina.layer.document import LayerDocument
    from lamina.lock.conda import LockedConda


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRequest:
    """A change that a user asks for."""

    layer: Path
    add: tuple[str, ...] = ()
    """MatchSpecs."""
    remove: tuple[str, ...] = ()
    """Names."""
    channels: tuple[str, ...] = ()
    """Names, addresses and paths; none: those of the layer, or of its base."""
    exclude_newer: str | None = None
    dry_run: bool = False


def change_conda(request: CondaRequest, environ: Mapping[str, str]) -> CondaPlan:
    """Carry out a change, or only plan it.

    Raises ConflictError when another change is under way or something of base or layer would be
    replaced or hidden, and what ``plan_conda``, channels and installing raise.
    """
    with holding(request.layer):
        layer = open_layer(request.layer, environ)
        question = question_of(layer, request, environ)
        with report.step(f"resolve {len(question.requests)} conda requests") as step:
            plan = plan_conda(question)
            step.outcome = f"{len(plan.new)} new, {len(plan.removed)} to remove"
        if not request.dry_run:
            _carry_out(layer, question, plan, environ)
    return plan


def question_of(layer: OpenLayer, request: CondaRequest, environ: Mapping[str, str]) -> Question:
    """Return what a change asks of channels; raises UsageError."""
    asked = layer.document.conda
    base = Base(place=layer.document.base.place, probe=layer.base)
    ground = conda_ground(base.place, base.probe)
    named = tuple(map(_channel, request.channels))
    # What is there already comes from those of before.
    channels = tuple(dict.fromkeys([*named, *asked.channels])) or ground.channels
    requests = _merged(layer, request)
    if requests and not channels:
        raise UsageError(
            f"{request.layer}: no channel is known, neither of the layer nor of its base",
            hints=["--channel NAME, ADDRESS or PATH"],
        )
    addresses = channel_addresses(channels, Path.cwd(), environ)
    platform = current_platform()
    return Question(
        layer=request.layer,
        ground=ground,
        own=own_records(layer.lock.conda if layer.lock else (), addresses),
        requests=requests,
        channels=addresses,
        platform=platform,
        virtual=machine_packages(platform, environ),
        cache=conda_cache(environ),
        exclude_newer=_moment(request.exclude_newer),
    )


def _channel(text: str) -> str:
    """Return a channel as it is recorded: a path is a whole one, wherever it is read again."""
    try:
        channel = parse_channel(text)
    except ValueError as error:
        raise UsageError(redact(f"--channel {text}: {error}")) from None
    return str(Path(channel).absolute()) if channel.startswith((".", "/")) else channel


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--exclude-newer {text}: not a day or time such as 2026-11-01") from None


def _merged(layer: OpenLayer, request: CondaRequest) -> tuple[str, ...]:
    """Return all requests; a new one takes the place of what was asked of the package before."""
    kept = {name_of(parse_spec(text)): text for text in layer.document.conda.requests}
    gone = {name.lower() for name in request.remove}
    if unknown := sorted(gone - set(kept)):
        raise UsageError(
            f"{', '.join(unknown)}: not among the conda requests of {layer.path}; there is: "
            f"{', '.join(sorted(kept)) or 'nothing'}",
            hints=[f"lamina layer list {shlex.quote(str(layer.path))}"],
        )
    kept = {name: text for name, text in kept.items() if name not in gone}
    for text in request.add:
        name = name_of(parse_spec(text))
        if not name or "::" in text:
            raise UsageError(f"{text!r}: name one package, and its channel by --channel")
        kept[name] = text
    return tuple(kept[name] for name in sorted(kept))


def _carry_out(
    layer: OpenLayer, question: Question, plan: CondaPlan, environ: Mapping[str, str]
) -> None:
    goods = Goods(
        records=plan.own,
        requests=plan.requests,
        ground=question.ground,
        platform=question.platform,
        cache=question.cache,
        environ=environ,
    )
    base = Base(place=layer.document.base.place, probe=layer.base)
    with staged(layer.path) as stage:
        if plan.new or plan.removed:
            prefix = place_conda(stage, layer.path, base, goods)
            below = over_base(layer.base, stage.prefix)
            refuse_hidden(layer, below, site_in(stage.prefix, layer.base.series))
            _refuse_unmet(layer, below)
            locked = locked_packages(plan, prefix, layer.base.series)
        else:
            locked = layer.lock.conda if layer.lock else ()
        stage.write(layer.path / LAYER_NAME, dump_layer(document_with(layer.document, plan)))
        stage.write(layer.path / LAYER_LOCK_NAME, dump_lock(_lock(layer, locked)))
        stage.apply()
    write_own_index(layer.path, environ)


def document_with(document: LayerDocument, plan: CondaPlan) -> LayerDocument:
    """Return what is recorded of a layer with the requests of a plan."""
    channels = tuple(plan.channels) if plan.requests else ()
    conda = LayerConda(requests=plan.requests, channels=channels)
    return document.model_copy(update={"conda": conda})


def _lock(layer: OpenLayer, packages: tuple[LockedConda, ...]) -> LayerLock:
    lock = layer.lock or LayerLock(base_digest=layer.base.digest)
    return lock.model_copy(update={"conda": packages})


def refuse_hidden(layer: OpenLayer, below: BaseProbe, site: Path) -> None:
    """Raise ConflictError for what a conda package would hide, or be hidden by, in Python.

    ``site`` is where the modules of conda packages are in ``below``.
    """
    known = {one.key for one in conda_distributions(layer.path, layer.base.series)}
    there = (one for one in below.distributions if one.location == str(site))
    coming = [one for one in there if one.key not in known]
    base = {one.key: one for one in layer.base.distributions}
    own = {one.key: one for one in layer.own}
    lines, hints = [], []
    for one in coming:
        if one.key in own:
            lines.append(
                f"{one.label} of conda would be hidden by {own[one.key].label} of the index"
            )
            hints.append(f"lamina layer remove {shlex.quote(str(layer.path))} {one.key}")
        elif one.key in base:
            lines.append(
                f"{one.label} of conda would hide {base[one.key].label}, which the base has and "
                "which is no conda package there"
            )
    if lines:
        raise ConflictError("\n".join(lines), hints=hints)


def _refuse_unmet(layer: OpenLayer, below: BaseProbe) -> None:
    """Raise ConflictError where packages of the index in the layer would miss what they need."""
    before, ground = layer.ground(), ground_of(below, layer.own, {})
    lines = []
    for one in layer.own:
        for requirement in stated_requirements(one):
            if not applies(requirement, ground.environment):
                continue
            name = canonicalize_name(requirement.name)
            was, now = (meets(requirement, each.versions.get(name)) for each in (before, ground))
            if was and not now:
                left = ground.versions.get(name)
                rest = f"and {left} would be there" if left else "which would be gone"
                lines.append(f"{one.label} needs {requirement.name}{requirement.specifier}, {rest}")
    if lines:
        raise ConflictError("\n".join(lines), hints=["take those packages out first"])


def meets(requirement: Requirement, version: str | None) -> bool:
    """Tell whether a version, if there is one, is what a requirement wants."""
    return version is not None and requirement.specifier.contains(version, prereleases=True)
