"""requirements.txt with hashes, for pip and uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials
from lamina.export.files import joined_markers
from lamina.export.origins import git_requirement, packages_of_no_index, refuse_origins
from lamina.model.names import PUBLIC_INDEX

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.files import ExportedFile, ExportRequest
    from lamina.model.platforms import Target


def dump_requirements(request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return the text; the same lock gives the same bytes.

    The format has no index of a package: what is not from the public index is named by its
    address, so that it comes from its own index here too. Raises NotSupportedError for a path.

    pip takes digests of all packages or of none, and a git revision has none: with one, no line
    has a digest.
    """
    refuse_origins(request.lock, request.targets, "requirements", paths_only=True)
    origins = packages_of_no_index(request.lock, request.targets)
    lines = request.head
    for one in request.files() if origins else ():
        if one.artifact.package in origins:
            text = git_requirement(origins[one.artifact.package])
            lines.append(f"{text} ; {one.marker}" if one.marker else text)
    files = [one for one in request.files() if one.artifact.package not in origins]
    named = [one.artifact for one in files if one.artifact.index != PUBLIC_INDEX]
    addresses = locator.addresses(named)
    groups: dict[tuple[str, str], list[ExportedFile]] = {}
    for one in files:
        if one.artifact.index == PUBLIC_INDEX:
            groups.setdefault((one.artifact.package, one.artifact.version), []).append(one)
        else:
            address = without_credentials(addresses[one.artifact])
            known = [] if origins else [one]
            lines += _lines(f"{one.artifact.package} @ {address}", one.marker, known)
    for (name, version), many in groups.items():
        lines += _lines(f"{name}=={version}", _marker(request, many), [] if origins else many)
    return "\n".join(lines) + "\n"


def _marker(request: ExportRequest, files: list[ExportedFile]) -> str | None:
    targets: set[Target] = set()
    for one in files:
        targets.update(one.targets or request.targets)
    return None if targets == set(request.targets) else joined_markers(targets)


def _lines(requirement: str, marker: str | None, files: list[ExportedFile]) -> list[str]:
    head = f"{requirement} ; {marker}" if marker else requirement
    if not files:
        return [head]
    hashes = sorted({one.artifact.sha256 for one in files})
    more = [f"    --hash=sha256:{one} \\" for one in hashes[:-1]]
    return [f"{head} \\", *more, f"    --hash=sha256:{hashes[-1]}"]
