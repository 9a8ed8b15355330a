"""The explicit list of a stack without conda packages: one file a line, for pip and uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials
from lamina.export.origins import git_requirement, packages_of_no_index, refuse_origins

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.files import ExportRequest


def dump_addresses(request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return ``name @ address#sha256=digest`` lines for one target.

    A git revision is named by its commit. Raises NotSupportedError for a path.
    """
    refuse_origins(request.lock, request.targets, "explicit", paths_only=True)
    origins = packages_of_no_index(request.lock, request.targets)
    every = [one.artifact for one in request.files()]
    artifacts = [one for one in every if one.package not in origins]
    addresses = locator.addresses(artifacts)
    lines = [
        f"{one.package} @ {without_credentials(addresses[one])}#sha256={one.sha256}"
        for one in artifacts
    ]
    lines += [git_requirement(one) for _, one in sorted(origins.items())]
    return "\n".join([*request.head, *lines]) + "\n"
