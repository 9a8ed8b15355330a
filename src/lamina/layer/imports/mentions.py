"""Which modules the code of a package imports: not everything that is needed is declared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.layer.abi.scan import recorded_paths
from lamina.layer.keeping import Question, found_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_][A-Za-z0-9_]*)", re.MULTILINE)


def mentioned_modules(
    distributions: Iterable[Distribution], cache: Path | None
) -> dict[PackageName, frozenset[str]]:
    """Return the top-level modules that the code of each package names in its imports.

    Only the files of its outermost directories are read: importing a package runs little else.
    """
    return {
        canonicalize_name(one.key): frozenset(names)
        for one, names in found_out(distributions, cache, MENTIONED)
    }


def _mentioned(one: Distribution) -> list[str]:
    found: set[bytes] = set()
    for path in recorded_paths(one):
        if path.endswith(".py") and path.count("/") <= 1 and not path.startswith(("../", "/")):
            try:
                found.update(_IMPORT.findall((Path(one.location) / path).read_bytes()))
            except OSError:
                continue
    return sorted(name.decode() for name in found)


MENTIONED = Question(name="mentions", version=1, find_out=_mentioned)
"""Which modules the code of a distribution names in its imports."""
