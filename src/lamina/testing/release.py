"""Everything that is tried of an installed release."""

from __future__ import annotations

import difflib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.core import report
from lamina.core.errors import UsageError
from lamina.core.http import HttpClient
from lamina.layer.base import find_place, look_at
from lamina.model.names import parse_package_name
from lamina.release.place import installed_place
from lamina.release.sources import stack_inside
from lamina.resolve.demands import index_of
from lamina.resolve.project import index_addresses
from lamina.testing.outcome import Outcome, TestReport, accepted
from lamina.testing.smoke import try_imports, try_programs
from lamina.testing.suite import Bench

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lamina.engines.probe import Distribution
    from lamina.layer.base import Base
    from lamina.release.place import Place
    from lamina.release.root import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """What to try of which release."""

    __test__ = False

    release: Release
    environ: Mapping[str, str]
    now: datetime
    log: Path
    """Where programs and suites say what they say."""
    packages: Sequence[str] = ()
    """Only these; empty: all of the release."""
    suites: bool = False
    """Run the own tests of the packages as well."""
    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    """How many suites at once."""
    seconds: float = 1800.0
    """How long one suite may take."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What may fail, and why, as ``[test] accept`` of the stack."""


def test_release(request: TestRequest) -> TestReport:
    """Try a release and return how it went.

    Raises UsageError for a package that the release does not have, DocumentError.
    """
    release, environ = request.release, request.environ
    place = find_place(str(release.prefix), root=release.prefix, environ=environ)
    base = look_at(place, environ=environ)
    chosen = _chosen(base, request)
    with tempfile.TemporaryDirectory(prefix="lamina-hidden-") as hidden:
        running = installed_place(release.prefix, Path(hidden), environ, request.log)
        outcomes = [*try_imports(chosen, running, environ), *try_programs(chosen, running)]
        if request.suites:
            outcomes += _try_suites(base, chosen, request, running)
    return TestReport(
        release=release.name,
        platform=str(release.platform),
        tested=request.now,
        outcomes=accepted(outcomes, request.reasons),
    )


test_release.__test__ = False  # type: ignore[attr-defined]


def _chosen(base: Base, request: TestRequest) -> list[Distribution]:
    there = {one.key: one for one in base.probe.distributions}
    names = [str(canonicalize_name(name)) for name in request.packages]
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            suggestion = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(
                f"{request.release.name} has no package {name!r}{suggestion}",
                hints=[f"lamina release show {request.release.name}"],
            )
    return [there[name] for name in names or sorted(there)]


def _try_suites(
    base: Base, chosen: Sequence[Distribution], request: TestRequest, place: Place
) -> list[Outcome]:
    stack = stack_inside(request.release)
    addresses = index_addresses(stack, request.environ)
    with (
        HttpClient(request.environ) as http,
        report.step(f"running {report.counted(len(chosen), 'suite')}", total=len(chosen)) as step,
        ThreadPoolExecutor(request.jobs) as pool,
    ):
        bench = Bench(
            base=base,
            environ=request.environ,
            http=http,
            place=place,
            seconds=request.seconds,
            log=request.log,
        )

        def one(package: Distribution) -> Outcome:
            index = index_of(stack, parse_package_name(package.key))
            outcome = bench.try_suite(package, addresses.get(index))
            step.advance()
            return outcome

        return list(pool.map(one, chosen))
