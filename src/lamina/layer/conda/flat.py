"""The way out where a base's conda packages would have to change: a prefix with all of them."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import UsageError
from lamina.engines.conda_channels import channel_addresses
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.layer.conda.change import CondaRequest, question_of
from lamina.layer.conda.install import Goods, fetch
from lamina.layer.conda.plan import CondaPlan, plan_of_records, solve_flat
from lamina.layer.opened import open_layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.layer.conda.ground import CondaGround
    from lamina.layer.opened import OpenLayer

_SHOWN = 8


def make_flat(request: CondaRequest, prefix: Path, environ: Mapping[str, str]) -> CondaPlan:
    """Make a conda prefix of the base's packages, newer where needed, and of the requests.

    The layer is not changed. Raises UsageError for a base without conda's Python, ConflictError
    for a directory that is not empty, and what channels and installing raise.
    """
    layer = open_layer(request.layer, environ)
    question = question_of(layer, request, environ)
    if question.ground.python is None:
        raise UsageError(
            f"{request.layer}: its base has no conda packages with a Python, of which a prefix "
            "could be made"
        )
    further = channel_addresses(question.ground.channels, prefix, environ)
    question = dataclasses.replace(question, channels={**question.channels, **further})
    with report.step(f"resolve {len(question.ground.packages)} conda packages") as step:
        plan = plan_of_records(question, solve_flat(question))
        step.outcome = f"{len(plan.own)} packages"
    for name in _left_out(layer, question.ground):
        report.warn(name)
    if request.dry_run:
        return plan
    goods = Goods(
        records=plan.own,
        requests=plan.requests,
        ground=question.ground,
        platform=question.platform,
        cache=question.cache,
        environ=environ,
    )
    install_new(
        InstallRequest(
            archives=fetch(goods),
            prefix=prefix,
            platform=question.platform,
            requested=plan.requests,
        )
    )
    return plan


def _left_out(layer: OpenLayer, ground: CondaGround) -> list[str]:
    """Return a sentence on the Python packages of the base that conda has not installed."""
    files = {file.path for one in ground.packages for file in one.files}
    tops = {part for path in files for part in path.split("/") if part.endswith("-info")}
    others = [one.label for one in layer.base.distributions if one.metadata not in tops]
    if not others:
        return []
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return [f"not conda packages of the base, and left out: {', '.join(others[:_SHOWN])}{more}"]


def hints_after(layer: Path, prefix: Path) -> str:
    """Return what to do with the new prefix."""
    words = ["lamina", "layer", "create", f"{layer}-flat", "--on", str(prefix)]
    return shlex.join(words)
