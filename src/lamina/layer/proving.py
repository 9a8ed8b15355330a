"""What every change of a layer does with what its imports have shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from lamina.core import report
from lamina.core.errors import IntegrityError
from lamina.layer.base import cache_directory
from lamina.layer.union import is_version
from lamina.layer.variables import with_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.layer.abi.bounds import Bound
    from lamina.layer.base import Base
    from lamina.layer.imports.proof import Prover
    from lamina.layer.plan import Plan

_SYNTAX = re.compile(r" does not import .*?: (Syntax|Indentation|Tab)Error\b")
ROUNDS = 5
"""How many times a plan is made anew because of what its imports have shown."""


def prover_of(environ: Mapping[str, str], variables: Mapping[str, str]) -> Prover:
    """Return what tries changes out, with the user's cache.

    ``variables`` are those that a layer on the base keeps.
    """
    from lamina.layer.imports.proof import Prover

    known = "HOME" in environ or "XDG_CACHE_HOME" in environ
    inside = with_variables(variables, environ)
    return Prover(environ=inside, cache=cache_directory(environ) if known else None)


def bounds_over(base: Base, environ: Mapping[str, str]) -> tuple[Bound, ...]:
    """Return what the compiled modules of a base need of numpy."""
    from lamina.layer.abi.bounds import numpy_bounds

    distributions = base.probe.distributions
    scans = prover_of(environ, base.place.variables).scan(distributions)
    there = {canonicalize_name(one.key): one.version for one in distributions}
    return numpy_bounds(scans.values(), there)[0]


def fresh_bounds(found: Sequence[Bound], learnt: Sequence[Bound]) -> tuple[Bound, ...]:
    """Return what is not learnt yet, and say that there will be another plan because of it.

    Nothing, where that plan would only be with still older versions of what this Python cannot
    read.
    """
    fresh = tuple(one for one in found if one not in learnt)
    for one in fresh:
        if any(_is_as_hopeless(one, other) for other in learnt):
            report.note(f"{one.reason}: still older versions are not tried")
            return ()
    for one in fresh:
        report.note(f"planned anew: {one.reason}")
    return fresh


def _is_as_hopeless(one: Bound, other: Bound) -> bool:
    """Tell whether a version is older than another of its package, and no Python of today either.

    Other errors may well go away: an older package knows what else is older.
    """
    return (
        one.package == other.package
        and bool(_SYNTAX.search(one.reason) and _SYNTAX.search(other.reason))
        and is_version(one.version)
        and is_version(other.version)
        and Version(one.version) < Version(other.version)
    )


def tell(plan: Plan, *, probe: bool) -> None:
    """Pass on what the imports have shown that stands in nobody's way."""
    if plan.moved and not probe:
        report.note("what this could break was not imported (--no-probe)")
    if plan.imports is not None:
        for one in plan.imports.new_broken:
            report.warn(f"{one.module} is new and cannot be imported: {one.error}")
        for note in plan.imports.notes:
            report.note(note)


def would_break(what: str, learnt: Sequence[Bound]) -> IntegrityError:
    """Return the refusal, with everything that was found out; ``what`` is not possible."""
    reasons = "".join(f"\n  {one.reason}" for one in learnt)
    return IntegrityError(
        f"{what}: it would break what works now, and no other version helps{reasons}",
        hints=["to do it all the same, run it again with --no-probe"],
    )
