"""Building what a shop has to build, as much at once as there are cores; and installing it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lamina.build.wheels.graph import Threads, reachable, run_graph
from lamina.build.wheels.opening import check_machine, keep_build_lock
from lamina.build.wheels.shop import WithBuilt, swap
from lamina.build.wheels.workers import LocalWorkers
from lamina.core import report
from lamina.core.errors import BuildFailedError, LaminaError
from lamina.model.artifacts import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from lamina.build.wheels.graph import Outcome
    from lamina.build.wheels.opening import ShopRequest
    from lamina.build.wheels.shop import Made, Shop
    from lamina.build.wheels.workers import Workers
    from lamina.engines.api import ArtifactInstaller, ArtifactLocator
    from lamina.model.artifacts import Artifact
    from lamina.model.names import PackageName


def build_all(
    shop: Shop, request: ShopRequest, *, keep_going: bool, only: Collection[PackageName] = (),
    workers: Workers | None = None,
) -> dict[PackageName, Outcome[Made]]:  # fmt: skip
    """Build the packages of a shop, or ``only`` some with all that they need.

    ``workers``: who builds; None: this process, on all cores. Raises BuildFailedError where a
    machine lacks something, and what workers raise that cannot begin. Failures are outcomes.
    """
    workers = workers or LocalWorkers()
    needs = shop.needs()
    wanted = reachable(needs, *only) if only else set(needs)
    needs = {name: many for name, many in needs.items() if name in wanted}
    missing = [name for name in needs if shop.cache.find(shop.key(name)) is None]
    if missing:
        workers.begin(shop.bench, lambda: check_machine(shop, request.stack, missing))
    title = f"build {report.counted(len(needs), 'package')}"
    make = partial(shop.make, workers=workers)
    with (
        report.step(title, total=len(needs)) as step,
        Threads(make, slots=workers.slots) as threads,
        closing(workers),  # before the threads are waited for: it ends what they wait for
    ):

        def ended(name: PackageName, outcome: Outcome[Made]) -> None:
            if outcome.error is not None:
                report.note(f"{name}: failed")
            step.advance()

        outcomes = run_graph(needs, threads, keep_going=keep_going, ended=ended)
        fresh = sum(one.value is not None and one.value.fresh for one in outcomes.values())
        cached = sum(one.value is not None and not one.value.fresh for one in outcomes.values())
        step.outcome = f"{fresh} built, {cached} from the cache"
    return outcomes


def raise_failures(outcomes: Mapping[PackageName, Outcome[Made]]) -> None:
    """Raise the error of what failed, or one for all of them, with what was not tried.

    What ends all builds of a cluster is one error, however many packages were under way.
    """
    failed = {name: one.error for name, one in outcomes.items() if one.error is not None}
    if not failed:
        return
    skipped = sorted(name for name, one in outcomes.items() if one.status == "not tried")
    rest = f"\nnot tried: {', '.join(skipped)}" if skipped else ""
    errors = list({one.message: one for one in failed.values()}.values())
    if len(errors) == 1:
        raise _with_more(errors[0], rest) from errors[0]
    text = "\n\n".join(one.message for one in errors)
    raise BuildFailedError(text + rest, hints=[hint for one in errors for hint in one.hints])


def _with_more(error: LaminaError, text: str) -> LaminaError:
    kind = type(error) if type(error).__init__ is LaminaError.__init__ else LaminaError
    return kind(error.message + text, hints=error.hints)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingInstaller:
    """An ArtifactInstaller that builds sources first, in a shop opened when there are any."""

    inner: ArtifactInstaller
    request: ShopRequest
    open_shop: Callable[[ShopRequest], Shop]
    save: bool = True
    """Write lamina-build.lock."""
    workers: Workers | None = None
    """Who builds; None: this process."""

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Install into the environment of ``python``; nothing is built in it."""
        wanted = list(artifacts)
        names = {one.package for one in wanted if one.kind is ArtifactKind.SDIST}
        if not names:
            self.inner.install(wanted, python=python, locator=locator)
            return
        shop = self.open_shop(self.request)
        outcomes = build_all(shop, self.request, keep_going=False, only=names, workers=self.workers)
        if self.save:
            keep_build_lock(shop, self.request.path)
        raise_failures(outcomes)
        swapped, known = swap(wanted, {name: shop.made[name] for name in names})
        self.inner.install(swapped, python=python, locator=WithBuilt(known, locator))
