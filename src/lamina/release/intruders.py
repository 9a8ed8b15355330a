"""Packages that bring files which are not theirs: the release's own, or another package's."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lamina.core import report
from lamina.core.errors import BuildFailedError
from lamina.engines.records import claims
from lamina.release.root import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.engines.records import Claim

_SHOWN = 5
_START = re.compile(
    r"lib/python3\.\d+/site-packages/(_lamina_(start|machine)|\+lamina-(start|machine))"
)
"""What a start begins with, and whatever would be found before it."""


def names_of_ours(stage: Path, *, directories: Iterable[str] = ()) -> frozenset[str]:
    """Return what no package may bring: what is there before any is installed.

    Names are relative to the stage; a directory stands for all that is in it.
    """
    programs = {f"bin/{path.name}" for path in (stage / "bin").iterdir()}
    return frozenset({"pyvenv.cfg", INTERNAL, *directories, *programs})


def refuse_intruders(stage: Path, ours: frozenset[str]) -> None:
    """Raise BuildFailedError for a package that brought a file of the release itself.

    A file that packages bring with different contents is only warned about: which of them is there
    depends on the order of installation, and many packages are careless with their tests.
    """
    owners = {
        os.path.relpath(path, stage): many
        for site in stage.glob("lib/python*/site-packages")
        for path, many in claims(site).items()
    }
    wrong = sorted(path for path in owners if _is_ours(path, ours))
    if wrong:
        raise BuildFailedError(
            "\n".join(
                f"{', '.join(one.distribution for one in owners[path])} brings {path}, "
                "which belongs to the release itself"
                for path in wrong[:_SHOWN]
            ),
            hints=[f"lamina remove {owners[wrong[0]][0].distribution.rpartition('-')[0]}"],
        )
    _warn_of_shared(owners)


def _is_ours(path: str, ours: frozenset[str]) -> bool:
    return path in ours or path.partition("/")[0] in ours or _START.match(path) is not None


def _warn_of_shared(owners: Mapping[str, list[Claim]]) -> None:
    shared = sorted(
        path for path, many in owners.items() if len({one.digest for one in many if one.digest}) > 1
    )
    for path in shared[:_SHOWN]:
        names = " and ".join(one.distribution for one in owners[path])
        report.warn(f"{path} comes with {names}, which differ: one of them is there")
    if len(shared) > _SHOWN:
        report.warn(f"{len(shared) - _SHOWN} more files come with several packages, and differ")
