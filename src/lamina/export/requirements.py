"""requirements.txt with hashes, for pip and uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials
from lamina.export.files import joined_markers
from lamina.model.names import PUBLIC_INDEX

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.files import ExportedFile, ExportRequest
    from lamina.model.platforms import Target


def dump_requirements(request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return the text; the same lock gives the same bytes.

    The format has no index of a package: what is not from the public index is named by its
    address, so that it comes from its own index here too.
    """
    files = request.files()
    named = [one.artifact for one in files if one.artifact.index != PUBLIC_INDEX]
    addresses = locator.addresses(named)
    lines = [f"# {request.heading}"]
    groups: dict[tuple[str, str], list[ExportedFile]] = {}
    for one in files:
        if one.artifact.index == PUBLIC_INDEX:
            groups.setdefault((one.artifact.package, one.artifact.version), []).append(one)
        else:
            address = without_credentials(addresses[one.artifact])
            lines += _lines(f"{one.artifact.package} @ {address}", one.marker, [one])
    for (name, version), many in groups.items():
        lines += _lines(f"{name}=={version}", _marker(request, many), many)
    return "\n".join(lines) + "\n"


def _marker(request: ExportRequest, files: list[ExportedFile]) -> str | None:
    targets: set[Target] = set()
    for one in files:
        targets.update(one.targets or request.targets)
    return None if targets == set(request.targets) else joined_markers(targets)


def _lines(requirement: str, marker: str | None, files: list[ExportedFile]) -> list[str]:
    head = f"{requirement} ; {marker}" if marker else requirement
    hashes = sorted({one.artifact.sha256 for one in files})
    more = [f"    --hash=sha256:{one} \\" for one in hashes[:-1]]
    return [f"{head} \\", *more, f"    --hash=sha256:{hashes[-1]}"]
