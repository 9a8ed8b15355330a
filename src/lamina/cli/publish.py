"""``lamina publish``: from lamina.toml to a release."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.options import (
    dry_run_option,
    environment,
    fresh_log,
    on_option,
    output_options,
    stack_file,
    stack_option,
    target_root_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.build.wheels.workers import Workers
    from lamina.cli.options import Output
    from lamina.model.names import IndexName
    from lamina.model.versions import ReleaseVersion
    from lamina.release.draft import PublishRequest
    from lamina.release.publish import Outcome, Plan
    from lamina.stack.document import Stack


@click.command()
@target_root_option
@stack_option
@click.option(
    "--python",
    "python",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The interpreter to publish with [default: one of the series found on this machine].",
)
@click.option(
    "--series",
    help="The Python series, such as 3.12, where the stack has several [default: its newest].",
)
@on_option
@click.option("--no-test", is_flag=True, help="Do not run the stack's tests; the manifest says so.")
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="KEY",
    help="Sign the manifest with this SSH key, or with that of the agent for a .pub file.",
)
@dry_run_option
@output_options
def publish(
    output: Output,
    *,
    root: Path,
    stack_path: Path | None,
    python: Path | None,
    series: str | None,
    on: str,
    no_test: bool,
    key: Path | None,
    dry_run: bool,
) -> None:
    """Lock where needed, build, test and publish a release; print it and its prefix."""
    from lamina.release import publish as act
    from lamina.release.root import look_for_root

    start = time.monotonic()
    environ = environment()
    _refuse_early(key, environ)
    request = _request(
        stack_file(stack_path), root=root, python=python, series=series, test=not no_test,
        environ=environ, save=not dry_run, key=key, on=on,
    )  # fmt: skip
    if dry_run:
        plan = act.plan_publish(request, look_for_root(root)[0])
        output.result(_plan_text(plan), _plan_value(plan))
        return
    outcome = act.publish(request)
    seconds = round(time.monotonic() - start, 3)
    output.result(_text(outcome), _value(outcome) | {"seconds": seconds})


def _request(
    path: Path, *, root: Path, python: Path | None, series: str | None, test: bool,
    environ: Mapping[str, str], save: bool, key: Path | None, on: str,
) -> PublishRequest:  # fmt: skip
    from lamina.build.wheels.workers import workers_on
    from lamina.engines.index_addresses import IndexAddresses, cache_directory
    from lamina.engines.uv_install import UvInstaller
    from lamina.engines.uv_program import UvProgram
    from lamina.layer.known import known_of
    from lamina.release.conda_supply import conda_supply
    from lamina.release.cvmfs import backend_of
    from lamina.release.draft import PublishRequest
    from lamina.release.target import choose_target
    from lamina.resolve.abi import choose_interpreter
    from lamina.resolve.current import current_lock
    from lamina.resolve.project import index_addresses
    from lamina.stack.files import load_stack

    workers, stack = workers_on(on, environ), load_stack(path)
    target = choose_target(stack, series)
    now, cache = datetime.now(UTC), cache_directory(environ)
    version = _version_of(stack, path, environ, now)
    log = fresh_log(cache / "logs" / f"publish-{stack.stack.name}-{version}.log")
    uv = UvProgram(environ=environ, log=log)
    lock, heritage = current_lock(stack, path, root=root, environ=environ, save=save)
    interpreter = choose_interpreter(lock, target, python, heritage.parents, environ)
    indexes = index_addresses(heritage.stack, environ)
    request = PublishRequest(
        root=root,
        stack=stack,
        stack_text=path.read_text(encoding="utf-8"),
        version=version,
        lock=lock,
        parents=heritage.recorded(lock),
        indexes=heritage.further_indexes(stack),
        target=target,
        interpreter=interpreter,
        installer=UvInstaller(uv=uv, indexes=indexes, shared=bool(lock.conda)),
        locator=IndexAddresses(environ, indexes, cache),
        uv=uv,
        environ=environ,
        now=now,
        log=log,
        run_tests=test,
        key=key,
        known=known_of,
        backend=backend_of(root, environ, now),
        conda=conda_supply(lock, path.parent, environ, cache),
    )
    return _building(request, path, indexes, workers)


def _building(
    request: PublishRequest, path: Path, indexes: Mapping[IndexName, str], workers: Workers
) -> PublishRequest:
    """Return a request that builds sources as lamina build does, or takes what that has made."""
    from lamina.build.wheels.kept import StackBuilds
    from lamina.build.wheels.opening import open_shop, shop_request
    from lamina.build.wheels.running import BuildingInstaller

    if not request.lock.source_builds(request.target):
        return request
    shop = shop_request(request, path, indexes)
    installer = BuildingInstaller(
        inner=request.installer, request=shop, open_shop=open_shop, workers=workers
    )
    return replace(request, installer=installer, builds=StackBuilds(request=shop))


def _version_of(
    stack: Stack, path: Path, environ: Mapping[str, str], now: datetime
) -> ReleaseVersion:
    from lamina.engines.git import GitProgram
    from lamina.stack.version import resolve_version

    history = GitProgram(environ=environ)
    return resolve_version(stack, path.parent, history=history, clock=lambda: now)


def _refuse_early(key: Path | None, environ: Mapping[str, str]) -> None:
    """Raise UsageError for what would be refused after an hour of work."""
    from lamina.core.clock import source_date
    from lamina.engines.signing import check_key

    source_date(environ)
    if key is not None:
        check_key(key, environ=environ)


def _text(outcome: Outcome) -> str:
    release = outcome.release
    said = "published" if outcome.status == "published" else "is there already, with this content"
    lines = [f"{release.name} {said}", str(release.prefix)]
    if tally := outcome.tally.line():
        lines.append(tally)
    return "\n".join(lines)


def _value(outcome: Outcome) -> dict[str, object]:
    release = outcome.release
    return {
        "release": release.name,
        "platform": str(release.platform),
        "prefix": str(release.prefix),
        "status": outcome.status,
        "packages": outcome.packages,
        "tested": outcome.tested,
        "shared": {"files": outcome.tally.shared_files, "bytes": outcome.tally.shared_bytes},
        "written": {"files": outcome.tally.written_files, "bytes": outcome.tally.written_bytes},
    }


def _plan_text(plan: Plan) -> str:
    lines = [
        f"release      {plan.release.name} for {plan.release.platform}",
        f"prefix       {plan.release.prefix}",
        f"interpreter  {plan.interpreter}{' (copied into it)' if plan.bundle else ''}",
        f"packages     {plan.packages}",
    ]
    if plan.builds:
        lines.append(f"built here   {', '.join(plan.builds)}")
    if plan.status == "identical":
        lines.append("there already, with this content: nothing to do")
    return "\n".join(lines)


def _plan_value(plan: Plan) -> dict[str, object]:
    return {
        "release": plan.release.name,
        "platform": str(plan.release.platform),
        "prefix": str(plan.release.prefix),
        "status": plan.status,
        "interpreter": plan.interpreter,
        "bundle": plan.bundle,
        "packages": plan.packages,
        "builds": list(plan.builds),
    }
