"""What a release keeps of its builds, and whether they would be the same now.

The inputs of each build are in its wheel, and so in the release. The files of the stack that builds
read, patches and lamina-build.lock, are kept beside the stack itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lamina.build.wheels.cache import said_differently
from lamina.build.wheels.document import (
    BUILD_LOCK_NAME,
    BuildLock,
    LockedBuild,
    load_build_lock,
    save_build_lock,
)
from lamina.build.wheels.order import flags_of, orders_of
from lamina.build.wheels.shop import said_of
from lamina.core import fs
from lamina.model.names import parse_package_name
from lamina.release.alterations import BUILD_NAME, read_inputs
from lamina.release.verify import recorded_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.build.wheels.opening import ShopRequest
    from lamina.build.wheels.order import Order
    from lamina.model.names import PackageName
    from lamina.release.root import Release

Inputs = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackBuilds:
    """The builds of a stack, as they would be done now; what publishing asks of them."""

    request: ShopRequest

    def keep(self, directory: Path) -> None:
        """Write the files that builds read, as they are beside lamina.toml."""
        orders = self._orders()
        for patch in (one for order in orders.values() for one in order.patches):
            inside = PurePosixPath(patch.name)
            if ".." not in inside.parts and not inside.is_absolute():
                fs.make_directory((directory / inside).parent)
                fs.write_bytes(directory / inside, patch.content, durable=False)
        if builds := self._locked(orders):
            fs.make_directory(directory)
            save_build_lock(BuildLock().with_builds(list(builds)), directory / BUILD_LOCK_NAME)

    def differences(self, prefix: Path) -> list[str]:
        """Return what would be built otherwise now than it was for a release, and in what.

        The machine does not count: a compiler that is another one since makes no other release.
        Raises DocumentError for patches that are not there.
        """
        told = {name: read_inputs(path) for name, path in _inside(prefix)}
        orders = self._orders()
        locked = {one.package: one for one in self._locked(orders)}
        stack = self.request.stack.build
        found = []
        for name, order in sorted(orders.items()):
            if not (before := told.get(name)):
                continue
            now = said_of(
                order, flags_of(stack, self.request.target.platform), network=stack.network
            )
            named = {"name": name, "version": order.artifact.version}
            words = said_differently({**now, **named}, before)
            if name in locked and not _is_of(before, locked[name]):
                words.append(f"what {BUILD_LOCK_NAME} has for it")
            found += [f"build of {name} ({', '.join(words)})"] if words else []
        return found

    def _orders(self) -> dict[PackageName, Order]:
        one = self.request
        return orders_of(one.stack, one.lock, one.target, one.path.parent)

    def _locked(self, orders: Iterable[PackageName]) -> tuple[LockedBuild, ...]:
        lock, names = load_build_lock(self.request.path.with_name(BUILD_LOCK_NAME)), set(orders)
        target = self.request.target
        return tuple(one for one in lock.builds if one.target == target and one.package in names)


def _is_of(inputs: Mapping[str, Any], locked: LockedBuild) -> bool:
    """Tell whether something was built with the files that are locked for it."""
    had = {(one["name"], one.get("sha256")) for one in inputs.get("requirements", ())}
    return {(file.name, file.sha256) for file in locked.files} <= had


def inputs_in(release: Release) -> dict[PackageName, Inputs]:
    """Return what each wheel of a release was built of, where that is as it was published."""
    recorded = recorded_files(release)
    return {
        name: told
        for name, path in _inside(release.prefix)
        if (entry := recorded.get(path.relative_to(release.prefix).as_posix())) is not None
        if fs.sha256_of(path) == entry.sha256 and (told := read_inputs(path))
    }


def _inside(prefix: Path) -> Iterable[tuple[PackageName, Path]]:
    for path in sorted(prefix.glob(f"lib/python3*/site-packages/*.dist-info/{BUILD_NAME}")):
        yield parse_package_name(path.parent.name.partition("-")[0]), path
