"""From a stack and its lock to a shop that can build what is to be built."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.build.wheels.cache import WheelCache
from lamina.build.wheels.complaint import naming
from lamina.build.wheels.document import BUILD_LOCK_NAME, load_build_lock, save_build_lock
from lamina.build.wheels.fetching import fetch_sources, unpack
from lamina.build.wheels.making import Bench
from lamina.build.wheels.needs import Locked
from lamina.build.wheels.order import flags_of, orders_of
from lamina.build.wheels.patching import apply_patches
from lamina.build.wheels.resolving import Resolver
from lamina.build.wheels.shop import Shop
from lamina.build.wheels.system import check_system, compiler_of
from lamina.build.wheels.working import sweep
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError
from lamina.core.run import base_environment
from lamina.engines.build_backend import read_build_system
from lamina.engines.build_room import BuildRoom, walls_here
from lamina.engines.index_addresses import cache_directory
from lamina.engines.origin_sources import OriginSources
from lamina.model.digests import digest_of_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.build.wheels.conda_prefix import CondaPrefix
    from lamina.build.wheels.order import Order
    from lamina.engines.api import ArtifactLocator
    from lamina.engines.build_room import Walls
    from lamina.engines.interpreters import Interpreter
    from lamina.engines.uv_program import UvProgram
    from lamina.lock.document import Lock
    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target
    from lamina.release.conda_supply import CondaSupply
    from lamina.release.draft import PublishRequest
    from lamina.stack.document import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopRequest:
    """What to open a shop for."""

    stack: Stack
    path: Path
    """Its lamina.toml."""
    lock: Lock
    target: Target
    interpreter: Interpreter | None
    """None: it is one of the conda packages."""
    uv: UvProgram
    indexes: Mapping[IndexName, str]
    locator: ArtifactLocator
    environ: Mapping[str, str]
    conda: CondaSupply | None = None
    """Where the conda packages of the lock are."""
    top: Path | None = None
    """Where paths of packages begin; None: beside its lamina.toml."""
    only: frozenset[PackageName] | None = None
    """The packages to build, with those that their builds need; None: all."""

    @property
    def directory(self) -> Path:
        """Where the paths of packages begin."""
        return self.path.parent if self.top is None else self.top


def shop_request(
    request: PublishRequest, path: Path, indexes: Mapping[IndexName, str]
) -> ShopRequest:
    """Return what to open a shop for, of what is to be published; ``path``: its lamina.toml."""
    return ShopRequest(
        stack=request.stack,
        path=path,
        lock=request.lock,
        target=request.target,
        interpreter=request.interpreter,
        uv=request.uv,
        indexes=indexes,
        locator=request.locator,
        environ=request.environ,
        conda=request.conda,
    )


def open_shop(request: ShopRequest) -> Shop:
    """Fetch the sources, read what their builds need, and find the environment of each.

    Raises DocumentError (a patch is missing), IntegrityError, UpstreamUnavailableError,
    BuildFailedError (sources that make no sense), UnsatisfiableError (a cycle).
    """
    stack, environ = request.stack, request.environ
    directory = cache_directory(environ) / "builds"
    sweep(directory / "work")
    orders = _orders(request)
    artifacts = {name: order.artifact for name, order in orders.items()}
    kept = OriginSources(environ=environ)
    files = fetch_sources(
        [one.artifact for one in orders.values() if one.origin is None],
        kept.directory, locator=request.locator, environ=environ,
    )  # fmt: skip
    files |= {
        one.artifact: kept.obtain(one.artifact, one.origin, request.directory)
        for one in orders.values()
        if one.origin is not None
    }
    sources = {name: files[one] for name, one in artifacts.items()}
    walls = walls_here(environ, network=stack.build.network, directory=Path(tempfile.gettempdir()))
    if orders and walls == "none":
        report.warn("builds are not kept from the network and from writing elsewhere: there are no "
                    "namespaces here")  # fmt: skip
    bench = _bench(request, directory, walls)
    shop = Shop(
        orders=orders,
        sources=sources,
        requires={
            name: _requires(order, sources[name], directory / "needs", environ, bench.logs)
            for name, order in orders.items()
        },
        resolver=_resolver(request, orders, bench.interpreter.path),
        bench=bench,
        cache=WheelCache(directory=directory),
        locator=request.locator,
        indexes=request.indexes,
        compiler=compiler_of(bench.seen) if orders else "",
        network=stack.build.network,
        parents=tuple(one.abi for one in request.lock.parents),
    )
    shop.resolve()
    return shop


def _orders(request: ShopRequest) -> dict[PackageName, Order]:
    found = orders_of(request.stack, request.lock, request.target, request.path.parent)
    return {
        name: order for name, order in found.items() if request.only is None or name in request.only
    }


def _resolver(request: ShopRequest, orders: Mapping[PackageName, Order], python: Path) -> Resolver:
    return Resolver(
        lock=request.lock,
        locked=Locked.of(request.lock, request.target),
        orders=orders,
        target=request.target,
        build_lock=load_build_lock(request.path.with_name(BUILD_LOCK_NAME)),
        uv=request.uv,
        python=python,
        indexes=request.indexes,
        default=request.stack.resolve.index,
    )


def _bench(request: ShopRequest, directory: Path, walls: Walls) -> Bench:
    stack, environ = request.stack, request.environ
    conda = _conda(request, directory) if request.interpreter is None else None
    interpreter = conda.interpreter if conda is not None else request.interpreter
    assert interpreter is not None  # noqa: S101 - there is one of the two
    return Bench(
        directory=directory / "work",
        logs=cache_directory(environ) / "logs" / "build" / stack.stack.name,
        interpreter=interpreter,
        target=request.target,
        uv=request.uv,
        environ=environ,
        flags=flags_of(stack.build, request.target.platform),
        jobs=stack.build.jobs,
        walls=walls,
        seconds=stack.build.timeout,
        hints=stack.build.system,
        conda=conda,
    )


def _conda(request: ShopRequest, directory: Path) -> CondaPrefix:
    # The conda engine takes long to load.
    from lamina.build.wheels.conda_prefix import PrefixRequest, open_prefix

    assert request.conda is not None  # noqa: S101 - the Python is one of its packages
    return open_prefix(
        PrefixRequest(
            lock=request.lock,
            target=request.target,
            supply=request.conda,
            directory=directory / "prefixes",
            environ=request.environ,
            allow_clobber=request.stack.stack.allow_clobber,
        )
    )


def check_machine(shop: Shop, stack: Stack, names: Iterable[PackageName]) -> None:
    """Raise BuildFailedError where the machine lacks what building some packages needs."""
    orders = {name: shop.orders[name] for name in names}
    wanted: dict[str, list[str]] = {
        name: [*one.system, *(["patch"] if one.patches else [])] for name, one in orders.items()
    }
    check_system(
        {**wanted, "[build] system": list(stack.build.system)}, stack.build.system, shop.bench.seen
    )


def keep_build_lock(shop: Shop, path: Path) -> None:
    """Write down with what the packages of a shop are built, beside their lamina.toml."""
    found = [one.locked for one in shop.environments.values() if _says_something(one.locked)]
    place = path.with_name(BUILD_LOCK_NAME)
    save_build_lock(shop.resolver.build_lock.with_builds(found), place)


def _says_something(locked: object) -> bool:
    return any(getattr(locked, key) for key in ("files", "stack", "further"))


def _requires(
    order: Order, source: Path, directory: Path, environ: Mapping[str, str], logs: Path
) -> tuple[str, ...]:
    """Return what sources say that their build needs, patched; kept for the next time."""
    digests: list[str] = [order.artifact.sha256, *(one.sha256 for one in order.patches)]
    digests += [order.subdirectory] if order.subdirectory else []
    path = directory / f"{digest_of_value(digests)[:32]}.json"
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass  # Not asked before, or what was kept is damaged: ask.
    with tempfile.TemporaryDirectory(prefix="lamina-needs-") as name:
        work, log = Path(name), logs / f"{order.name}.log"
        top = unpack(source, work / "src")
        room = BuildRoom(
            work=work, walls="none", log=work / "log", variables=base_environment(environ)
        )
        try:
            with naming(log):
                apply_patches(order.patches, top, room, order.name)
        except BuildFailedError:
            # What patch(1) said goes where that of the build would have been.
            fs.make_directory(log.parent)
            fs.write_bytes(log, room.log.read_bytes(), durable=False)
            raise
        requires = read_build_system(top / order.subdirectory, order.name).requires
    fs.make_directory(directory)
    fs.write_text(path, json.dumps(requires), durable=False)
    return requires
