"""Whether what a lock has of paths is as it was locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.errors import DocumentError, Problem
from lamina.engines.origin_sources import OriginSources, check_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.lock.document import Lock


def check_paths(lock: Lock, place: Path, environ: Mapping[str, str]) -> None:
    """Raise DocumentError where a path is not as it was when its lock, at ``place``, was made."""
    sources = OriginSources(environ=environ)
    origins = {one.name: one.origin for one in lock.packages if one.origin and one.origin.path}
    artifacts = {
        one.package: one
        for target in lock.targets
        for one in lock.artifacts_for(target)
        if one.package in origins
    }
    problems = []
    for name, artifact in sorted(artifacts.items()):
        if (problem := check_path(origins[name], name, place.parent)) is not None:
            problems.append(problem)
        elif said := sources.changes(artifact, origins[name], place.parent):
            problems.append(Problem(where=f"package {name}", found=f"{origins[name].path} {said}"))
    if problems:
        raise DocumentError(place, problems, hints=["lamina lock"])
