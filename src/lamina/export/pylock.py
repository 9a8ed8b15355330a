"""pylock.toml (PEP 751), for uv and pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials
from lamina.engines.pylock import PackageVersion, PylockSettings, dump_pylock
from lamina.export.files import joined_markers
from lamina.export.origins import packages_of_no_index, pylock_lines
from lamina.resolve.demands import target_marker

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.files import ExportRequest
    from lamina.model.platforms import Target


def dump_pylock_export(request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return the text; the same lock and the same addresses give the same bytes.

    Paths are relative to the file itself, as the standard has it.
    """
    files = request.files()
    origins = packages_of_no_index(request.lock, request.targets)
    indexed = [one.artifact for one in files if one.artifact.package not in origins]
    addresses = locator.addresses(indexed)
    where: dict[PackageVersion, set[Target]] = {}
    for one in files:
        key = (one.artifact.package, one.artifact.version)
        where.setdefault(key, set()).update(one.targets or request.targets)
    settings = PylockSettings(
        indexes=request.indexes,
        requires_python=_requires_python(request.targets),
        environments=[target_marker(one) for one in request.targets],
        markers={
            key: joined_markers(targets)
            for key, targets in where.items()
            if targets != set(request.targets)
        },
        origins={
            (one.name, one.version): [*pylock_lines(one, request.paths)] for one in origins.values()
        },
    )
    public = {one: without_credentials(address) for one, address in addresses.items()}
    text = dump_pylock([one.artifact for one in files], public, settings)
    return "".join(f"# {one}\n" for one in request.remarks) + text


def _requires_python(targets: tuple[Target, ...]) -> str:
    series = sorted({one.python for one in targets})
    return f">={series[0]},<{series[-1].major}.{series[-1].minor + 1}"
