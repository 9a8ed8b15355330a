"""The explicit list of a stack without conda packages: one file a line, for pip and uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.index_addresses import without_credentials

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.files import ExportRequest


def dump_addresses(request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return ``name @ address#sha256=digest`` lines for one target."""
    artifacts = [one.artifact for one in request.files()]
    addresses = locator.addresses(artifacts)
    lines = [
        f"{one.package} @ {without_credentials(addresses[one])}#sha256={one.sha256}"
        for one in artifacts
    ]
    return "\n".join([f"# {request.heading}", *lines]) + "\n"
