"""``lamina build`` without recipes: the source packages of a stack become wheels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lamina.cli.options import environment, fresh_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.build.wheels.graph import Outcome
    from lamina.build.wheels.opening import ShopRequest
    from lamina.build.wheels.shop import Made, Shop
    from lamina.cli.options import Output
    from lamina.model.names import PackageName

_SLOWEST = 3


def build_stack(
    output: Output, path: Path, *, root: Path, python: Path | None, series: str | None,
    keep_going: bool, dry_run: bool, on: str,
) -> int:  # fmt: skip
    """Build what the stack of a lamina.toml takes from source, and keep it in the cache."""
    from lamina.build.wheels.opening import keep_build_lock, open_shop
    from lamina.build.wheels.running import build_all, raise_failures
    from lamina.build.wheels.workers import workers_on

    start = time.monotonic()
    workers = workers_on(on, environment())
    request = _request(path, root=root, python=python, series=series, save=not dry_run)
    if not request.lock.source_builds(request.target):
        value: dict[str, Any] = {"dry-run": True} if dry_run else {"seconds": 0.0}
        output.result("nothing of this stack is built from source", value | {"packages": []})
        return 0
    shop = open_shop(request)
    if dry_run:
        fates = {name: shop.fate(name) for name in _in_order(shop)}
        lines = [f"{name} {_version(shop, name)}: {fate}" for name, fate in fates.items()]
        output.result("\n".join(lines), {"dry-run": True, "packages": _plan(shop, fates)})
        return 0
    outcomes = build_all(shop, request, keep_going=keep_going, workers=workers)
    keep_build_lock(shop, path)
    seconds = round(time.monotonic() - start, 3)
    values = [_value(shop, name, outcomes[name]) for name in _in_order(shop)]
    output.result(_text(shop, outcomes), {"packages": values, "seconds": seconds})
    raise_failures(outcomes)
    return 0


def _request(
    path: Path, *, root: Path, python: Path | None, series: str | None, save: bool
) -> ShopRequest:
    from lamina.build.wheels.opening import ShopRequest
    from lamina.engines.index_addresses import IndexAddresses, cache_directory
    from lamina.engines.uv_program import UvProgram
    from lamina.release.conda_supply import conda_supply
    from lamina.release.target import choose_target
    from lamina.resolve.abi import choose_interpreter
    from lamina.resolve.current import current_lock
    from lamina.resolve.project import index_addresses
    from lamina.stack.files import load_stack

    environ = environment()
    stack = load_stack(path)
    target = choose_target(stack, series)
    lock, heritage = current_lock(stack, path, root=root, environ=environ, save=save)
    interpreter = choose_interpreter(lock, target, python, heritage.parents, environ)
    indexes = index_addresses(heritage.stack, environ)
    cache = cache_directory(environ)
    log = fresh_log(cache / "logs" / f"build-{stack.stack.name}.log")
    return ShopRequest(
        stack=stack,
        path=path,
        lock=lock,
        target=target,
        interpreter=interpreter,
        uv=UvProgram(environ=environ, log=log),
        indexes=indexes,
        locator=IndexAddresses(environ, indexes, cache),
        environ=environ,
        conda=conda_supply(lock, path.parent, environ, cache),
    )


def _in_order(shop: Shop) -> list[PackageName]:
    from graphlib import TopologicalSorter

    needs = {name: sorted(many) for name, many in sorted(shop.needs().items())}
    return list(TopologicalSorter(needs).static_order())


def _version(shop: Shop, name: PackageName) -> str:
    return shop.orders[name].artifact.version


def _plan(shop: Shop, fates: Mapping[PackageName, str]) -> list[dict[str, Any]]:
    needs = shop.needs()
    return [
        {
            "name": name,
            "version": _version(shop, name),
            "fate": fate,
            "key": shop.key(name),
            "after": sorted(needs[name]),
        }
        for name, fate in fates.items()
    ]


def _text(shop: Shop, outcomes: Mapping[PackageName, Outcome[Made]]) -> str:
    lines = [f"{name} {_version(shop, name)}: {_words(outcomes[name])}" for name in _in_order(shop)]
    fresh = {name: one.value for name, one in outcomes.items() if one.value and one.value.fresh}
    slowest = sorted(fresh, key=lambda name: -fresh[name].seconds)[:_SLOWEST]
    if len(fresh) > 1:
        told = ", ".join(f"{name} {fresh[name].seconds:.1f} s" for name in slowest)
        lines.append(f"slowest: {told}")
    return "\n".join(lines)


def _words(outcome: Outcome[Made]) -> str:
    if outcome.value is not None:
        made = outcome.value
        return made.how() + (f" (log: {made.log})" if made.fresh else "")
    if outcome.status == "failed":
        return "failed"
    return f"not tried: {outcome.because} failed" if outcome.because else "not tried"


def _value(shop: Shop, name: PackageName, outcome: Outcome[Made]) -> dict[str, Any]:
    made = outcome.value
    return {
        "name": name,
        "version": _version(shop, name),
        "status": ("built" if made.fresh else "cached") if made else outcome.status,
        "wheel": str(made.wheel.path) if made else None,
        "sha256": made.wheel.sha256 if made else None,
        "provenance": str(made.wheel.path.with_name("provenance.json")) if made else None,
        "seconds": made.seconds if made else None,
        "host": (made.host or None) if made else None,
        "log": str(made.log) if made else str(shop.bench.logs / f"{name}.log"),
        "error": outcome.error.message if outcome.error else None,
        "because": outcome.because,
    }
