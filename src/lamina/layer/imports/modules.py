"""Which modules a distribution brings, and whom a change can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.abi.scan import recorded_paths
from lamina.layer.requirements import needed_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName

_NOT_TO_IMPORT = frozenset(
    {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "setup",
     "this", "antigravity", "conftest", "__main__"}
)  # fmt: skip


def modules_of(one: Distribution) -> tuple[str, ...]:
    """Return the top-level modules of a distribution; of namespaces, what it has in them."""
    paths = [path.split("/") for path in recorded_paths(one)]
    packages = {tuple(parts[:-1]) for parts in paths if parts[-1].startswith("__init__.")}
    found = set()
    for parts in paths:
        module = _module(parts, packages)
        if module is not None:
            found.add(module)
    # Without any list of files only names are left.
    return tuple(sorted(found)) if paths else one.modules or (one.key.replace("-", "_"),)


def _module(parts: list[str], packages: set[tuple[str, ...]]) -> str | None:
    """Return the outermost real package that a file is in, or the module that it is."""
    stem, _, suffix = parts[-1].partition(".")
    if suffix != "py" and not suffix.endswith("so"):
        return None
    named = [*parts[:-1], stem]
    for depth in range(1, len(parts)):
        if tuple(parts[:depth]) in packages:
            named = parts[:depth]
            break
    usable = all(one.isidentifier() for one in named) and not _NOT_TO_IMPORT.intersection(named)
    # Deep in directories without any __init__ lies data, not a namespace.
    return ".".join(named) if usable and len(named) <= 3 else None


def reached(
    distributions: Mapping[PackageName, Distribution],
    moved: Iterable[PackageName],
    users: Mapping[PackageName, frozenset[PackageName]] | None = None,
) -> set[PackageName]:
    """Return the packages that a change of ``moved`` can break: those and all that need them.

    ``users`` has, for each of the moved, who uses it without needing it by its metadata.
    """
    needs = {name: needed_names(one) for name, one in distributions.items()}
    found = set(moved) & set(distributions)
    for name in moved:
        found |= users.get(name, frozenset()) if users is not None else frozenset()
    frontier = set(found)
    while frontier:
        frontier = {name for name, hard in needs.items() if name not in found and hard & found}
        found |= frontier
    return found


def users_of(
    moved: Iterable[PackageName],
    distributions: Mapping[PackageName, Distribution],
    mentions: Mapping[PackageName, frozenset[str]],
) -> dict[PackageName, frozenset[PackageName]]:
    """Return who names the modules of the moved packages in its code."""
    found = {}
    for name in moved:
        if name in distributions:
            tops = {module.partition(".")[0] for module in modules_of(distributions[name])}
            found[name] = frozenset(user for user, named in mentions.items() if named & tops)
    return found
