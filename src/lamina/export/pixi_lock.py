"""pixi.lock, version 6 of its format, with the digests of both kinds of packages.

Written here: the conda engine writes no digests of what comes from package indexes, and makes
paths of this machine out of channels that are directories. pixi reads version 6 and newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from lamina.engines.index_addresses import without_credentials
from lamina.export.origins import refuse_origins
from lamina.lock.chains import requirement_of
from lamina.model.names import PUBLIC_INDEX

if TYPE_CHECKING:
    from lamina.engines.api import ArtifactLocator
    from lamina.export.conda_files import CondaExport
    from lamina.export.files import ExportRequest
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import LockedPackage
    from lamina.model.artifacts import Artifact

_VERSION = 6


def dump_pixi_lock(export: CondaExport, request: ExportRequest, locator: ArtifactLocator) -> str:
    """Return the lock for the targets of an export, one a platform.

    Raises NotSupportedError for packages of no index.
    """
    refuse_origins(export.lock, export.targets, "pixi-lock")
    addresses = {
        artifact: without_credentials(address)
        for artifact, address in locator.addresses(one.artifact for one in request.files()).items()
    }
    packages: dict[str, dict[str, Any]] = {}
    by_platform: dict[str, list[dict[str, str]]] = {}
    for target in sorted(export.targets):
        listed = by_platform[str(target.platform)] = []
        for conda in sorted(export.lock.conda_for(target), key=lambda one: one.name):
            url = export.url(conda)
            listed.append({"conda": url})
            packages[url] = {"conda": url, **_conda_fields(conda)}
        locked = {one.name: one for one in export.lock.packages_for(target)}
        for artifact in export.lock.artifacts_for(target):
            url = addresses[artifact]
            listed.append({"pypi": url})
            packages[url] = {"pypi": url, **_pypi_fields(artifact, locked[artifact.package])}
    environment: dict[str, Any] = {"channels": [{"url": f"{one}/"} for one in export.addresses]}
    if PUBLIC_INDEX in request.indexes and export.lock.packages:
        environment["indexes"] = [without_credentials(request.indexes[PUBLIC_INDEX])]
    document = {
        "version": _VERSION,
        "environments": {"default": environment | {"packages": by_platform}},
        "packages": [packages[url] for url in sorted(packages)],
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


class _Dumper(yaml.SafeDumper):
    """Writes each list where it stands, without anchors, and quotes what YAML 1.2 calls numbers."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Return always true."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # 1e5 is a text to PyYAML (YAML 1.1) and a number to those who read this.
    style = "'" if text[:1] in set("0123456789+-.") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _conda_fields(package: LockedConda) -> dict[str, Any]:
    """Return what the address does not say, or not to those who see a path in it."""
    fields: dict[str, Any] = {
        "name": str(package.name),
        "version": package.version,
        "build": package.build,
        "build_number": package.build_number,
        "subdir": package.subdir,
        "sha256": package.sha256,
    }
    record = package.record()
    optional = {
        "noarch": package.noarch,
        "md5": package.md5,
        "depends": list(package.depends),
        "constrains": list(package.constrains),
        "license": package.licence,
        "size": package.size,
        "timestamp": record.timestamp,
        "python_site_packages_path": package.site_packages,
    }
    return fields | {key: value for key, value in optional.items() if value}


def _pypi_fields(artifact: Artifact, package: LockedPackage) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": str(artifact.package),
        "version": artifact.version,
        "sha256": artifact.sha256,
    }
    if package.dependencies:
        fields["requires_dist"] = [requirement_of(one) for one in package.dependencies]
    return fields
