"""Whether what worked before a change works after it: compiled modules first, then imports."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from lamina.core import report
from lamina.engines.probe import read_distributions
from lamina.layer.abi.bounds import NUMPY, Bound, numpy_bounds
from lamina.layer.abi.findings import (
    lost_libraries,
    missing_symbols,
    mixed_pybind11,
    other_interpreters,
)
from lamina.layer.abi.machine import offered_symbols
from lamina.layer.abi.scan import Scan, scan_distributions
from lamina.layer.imports.baseline import Baseline
from lamina.layer.imports.blame import learnt_bounds
from lamina.layer.imports.mentions import mentioned_modules
from lamina.layer.imports.modules import modules_of, reached, users_of
from lamina.layer.imports.outcome import Failure, Imports
from lamina.layer.imports.trial import Trial
from lamina.layer.imports.view import build_view
from lamina.layer.union import is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.engines.probe import BaseProbe, Distribution
    from lamina.layer.transaction import Stage
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change is made to, and what it moves."""

    base: BaseProbe
    own: tuple[Distribution, ...]
    """The layer's packages before it."""
    site: Path
    """The layer's site-packages."""
    moved: frozenset[PackageName]
    """What is there before and has another version afterwards."""
    new: frozenset[PackageName]
    """What is not there before."""
    former: Path | None = None
    """The layer that a new one takes the place of: what is new may have worked there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out: bounds that the change breaks, or how the imports went."""

    learnt: tuple[Bound, ...] = ()
    imports: Imports | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """Tries changes out before they are made."""

    environ: Mapping[str, str]
    cache: Path | None
    seconds: float = field(default=120.0)
    """How long one module may take."""

    def examine(self, change: Change, stage: Stage) -> Verdict:
        """Return what a staged change would break, or how all that it can reach imports."""
        view = stage.path / "view"
        build_view(stage, view, change.site)
        here = view / change.site.relative_to(stage.layer)
        below = (*change.base.unrecorded, *change.base.distributions)
        before = _by_name([*below, *change.own])
        after = _by_name([*below, *read_distributions([str(here)])])
        scans = _Scans(before=self.scan(before.values()), after=self._scan_after(after, here))
        learnt = _compiled_bounds(change, scans, after)
        if learnt:
            return Verdict(learnt=learnt)
        mentions = mentioned_modules(before.values(), self._kept("mentions"))
        modules = _modules(change, after, scans, users_of(change.moved, after, mentions))
        # Byte code names its directory; a layer that is built beside its place moves.
        keep = stage.prefix if change.former is None else None
        failures = self._import(modules, view, keep)
        known = self._before(change, stage.layer, failures, modules)
        new = {name for name in failures if modules[name] in change.new}
        new -= self._worked(change.former, new)
        broken: dict[PackageName, list[Failure]] = {}
        for name, failure in failures.items():
            if name not in known and name not in new:
                broken.setdefault(modules[name], []).append(failure)
        if broken:
            return Verdict(learnt=learnt_bounds(broken, after, change.moved))
        imports = Imports(
            tried=len(modules),
            broken_before=tuple(failures[name] for name in sorted(known)),
            new_broken=tuple(one for name, one in failures.items() if name in new),
            notes=self._notes(change, scans, after),
        )
        return Verdict(imports=imports)

    def _import(
        self, modules: Mapping[str, PackageName], view: Path, keep: Path | None
    ) -> dict[str, Failure]:
        """Return which modules cannot be imported in the layer as it would be."""
        trial = Trial(
            python=view / "bin" / "python",
            environ=self.environ,
            keep=keep,
            seconds=self.seconds,
        )
        with report.step(
            f"import {report.counted(len(modules), 'module')} that this could break"
        ) as step:
            failures = trial.failures(sorted(modules))
            step.outcome = f"{len(modules) - len(failures)} import"
        return failures

    def scan(self, distributions: Iterable[Distribution]) -> dict[PackageName, Scan]:
        """Return the compiled modules of what is installed, from the cache where it is known."""
        return scan_distributions(distributions, self._kept("abi"))

    def _kept(self, what: str) -> Path | None:
        return self.cache / what if self.cache is not None else None

    def _scan_after(
        self, after: Mapping[PackageName, Distribution], here: Path
    ) -> dict[PackageName, Scan]:
        """Return the compiled modules afterwards; of the stage nothing is kept."""
        staged = [one for one in after.values() if one.location == str(here)]
        others = [one for one in after.values() if one.location != str(here)]
        return self.scan(others) | scan_distributions(staged, None)

    def _before(
        self,
        change: Change,
        layer: Path,
        failures: Mapping[str, Failure],
        modules: Mapping[str, PackageName],
    ) -> dict[str, Failure]:
        """Return which of the failing modules failed before."""
        versions = sorted(f"{one.location} {one.key}=={one.version}" for one in change.own)
        baseline = Baseline(
            trial=Trial(
                python=layer / "bin" / "python", environ=self.environ, seconds=self.seconds
            ),
            cache=self._kept("imports"),
            state=(change.base.prefix, change.base.digest, *change.base.path, *versions),
        )
        return baseline.failures(name for name in failures if modules[name] not in change.new)

    def _worked(self, former: Path | None, modules: Iterable[str]) -> set[str]:
        """Return which modules can be imported in the former layer, if that still works."""
        python = former / "bin" / "python" if former is not None else None
        names = sorted(modules)
        if python is None or not names or not python.exists():
            return set()
        trial = Trial(python=python, environ=self.environ, seconds=self.seconds)
        return set(names) - set(trial.failures(names))

    def _notes(
        self, change: Change, scans: _Scans, after: Mapping[PackageName, Distribution]
    ) -> tuple[str, ...]:
        """Return what is worth knowing of the compiled modules that come in."""
        coming = [one for name, one in scans.after.items() if name in change.moved | change.new]
        offered = offered_symbols(self.environ, change.site.parents[2] / "bin" / "python")
        known = set(mixed_pybind11(scans.before, after))
        mixed = [one for one in mixed_pybind11(scans.after, after) if one not in known]
        return (
            *missing_symbols(coming, offered),
            *other_interpreters(coming, change.base.series),
            *([f"pybind11 modules that share no types: {'; '.join(mixed)}"] if mixed else []),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scans:
    before: Mapping[PackageName, Scan]
    after: Mapping[PackageName, Scan]


def _by_name(distributions: Iterable[Distribution]) -> dict[PackageName, Distribution]:
    """Return distributions by name, the layer's in place of the base's."""
    return {canonicalize_name(one.key): one for one in distributions}


def _compiled_bounds(
    change: Change, scans: _Scans, after: Mapping[PackageName, Distribution]
) -> tuple[Bound, ...]:
    """Return the bounds of compiled modules that the change would break."""
    versions = {name: one.version for name, one in after.items() if is_version(one.version)}
    coming = [one for name, one in scans.after.items() if name in change.moved | change.new]
    unfit = [one for one in numpy_bounds(coming, {})[0] if one.broken_by(versions)]
    return (
        # The solver reads the metadata of what is not installed yet: it can only be told to pass.
        *(dataclasses.replace(one, requirement=f"{one.package}!={one.version}") for one in unfit),
        *lost_libraries(scans.before, scans.after),
    )


def _modules(
    change: Change,
    after: Mapping[PackageName, Distribution],
    scans: _Scans,
    users: Mapping[PackageName, frozenset[PackageName]],
) -> dict[str, PackageName]:
    """Return the modules to import, with their packages."""
    names = reached(after, change.moved, users) | (change.new & set(after))
    found = {module: name for name in sorted(names) for module in modules_of(after[name])}
    numpy = after.get(NUMPY)
    known = numpy is not None and is_version(numpy.version)
    if NUMPY in change.moved and known and Version(after[NUMPY].version) >= Version("2"):
        # What no bytes can tell is told by importing each of the modules themselves.
        kept = [one for name, one in scans.after.items() if name not in change.moved]
        for scan in numpy_bounds(kept, {})[1]:
            found |= {b.module: scan.name for b in scan.binaries if b.module and b.numpy}
    return found
