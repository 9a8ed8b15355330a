"""A bill of materials (CycloneDX): that of a release, or of what a lock would become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from lamina.core.clock import source_date
from lamina.core.errors import UsageError
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.document import read_document
from lamina.model.platforms import Target
from lamina.release.alterations import release_alterations
from lamina.release.contents import read_installed
from lamina.release.manifest import load_manifest
from lamina.release.root import INTERNAL, MANIFEST_NAME
from lamina.release.sbom import SBOM_NAME, Subject, dump_sbom

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.model.names import PackageName
    from lamina.model.versions import ReleaseVersion
    from lamina.release.alterations import Alteration
    from lamina.release.contents import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is known of a lock where its packages are installed."""

    version: ReleaseVersion
    python: str
    """The version of the interpreter, with its patch level."""
    contents: Mapping[PackageName, Content]
    """What the packages say of themselves."""


def is_release(lock_path: Path) -> bool:
    """Tell whether a lock is the one inside a release."""
    return lock_path.parent.name == INTERNAL and lock_path.with_name(MANIFEST_NAME).is_file()


def dump_release_sbom(internal: Path, wanted: str | None) -> str:
    """Return the bill that was published with a release; of one without it, made now.

    Raises UsageError when another target is wanted, DocumentError for what cannot be read.
    """
    manifest = load_manifest(internal / MANIFEST_NAME)
    target = Target(manifest.platform, manifest.python.series)
    if wanted not in {None, str(target)}:
        raise UsageError(
            f"{manifest.stack}/{manifest.version} is for {target}", hints=[f"--target {target}"]
        )
    published = internal / SBOM_NAME
    if published.is_file():
        return read_document(published)
    subject = Subject(
        stack=manifest.stack,
        version=manifest.version,
        target=target,
        python=manifest.python.version,
        created=manifest.created,
        tools={"lamina": manifest.tools.lamina, "uv": manifest.tools.uv},
        installed={one.name: one for one in read_installed(internal.parent)},
        alterations=release_alterations(internal.parent),
    )
    return dump_sbom(subject, load_lock(internal / LOCK_NAME))


def dump_lock_sbom(
    lock: Lock,
    target: Target,
    *,
    environ: Mapping[str, str],
    alterations: Mapping[PackageName, Alteration],
    installed: Installed | None = None,
) -> str:
    """Return the bill of a lock for one target; what nobody has installed has no licences yet."""
    subject = Subject(
        stack=lock.stack,
        version=installed.version if installed else None,
        target=target,
        python=installed.python if installed else None,
        created=source_date(environ) or datetime.now(UTC),
        tools={"lamina": version("lamina")},
        installed=installed.contents if installed else {},
        alterations=alterations,
    )
    return dump_sbom(subject, lock)
