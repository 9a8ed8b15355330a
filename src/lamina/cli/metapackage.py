"""``lamina export --as wheel|conda``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.cli.options import environment

if TYPE_CHECKING:
    from lamina.cli.options import Output
    from lamina.lock.document import Lock
    from lamina.model.platforms import Target
    from lamina.model.versions import ReleaseVersion
    from lamina.stack.document import Stack

MetapackageForm = Literal["wheel", "conda"]
_BEGINNING = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetapackageChoice:
    """What a person wants a metapackage of, and where."""

    form: MetapackageForm
    lock: Lock
    lock_path: Path
    stack: Stack | None
    stack_path: Path
    targets: tuple[Target, ...]
    directory: Path | None


def export_metapackage(output: Output, choice: MetapackageChoice) -> None:
    """Write a metapackage into a directory; its name says what it is."""
    from lamina.core import fs
    from lamina.core.errors import UsageError
    from lamina.export.metapackage import Metapackage, write_metaconda, write_metawheel
    from lamina.export.origins import refuse_origins

    directory = choice.directory or Path()
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            f"{directory}: a {choice.form} has a name that says what it is; give a directory",
            hints=[f"lamina export ... --as {choice.form} -o {directory.parent}"],
        )
    refuse_origins(choice.lock, choice.targets, choice.form)
    stack = choice.stack
    version, moment = _version_and_moment(choice)
    made = Metapackage(
        lock=choice.lock,
        version=version,
        targets=choice.targets,
        groups=stack.groups if stack is not None else {},
        listed=frozenset(stack.packages) if stack is not None else frozenset(),
        moment=moment,
    )
    fs.make_directory(directory)
    write = write_metawheel if choice.form == "wheel" else write_metaconda
    written = write(made, directory)
    value = {
        "form": choice.form,
        "lock": str(choice.lock_path),
        "output": str(written),
        "version": version,
    }
    output.result(f"wrote {written}", value)


def _version_and_moment(choice: MetapackageChoice) -> tuple[ReleaseVersion, datetime]:
    """Return the version of the release, and a time that is the same for the same lock."""
    from lamina.core.clock import source_date
    from lamina.core.errors import UsageError
    from lamina.engines.git import GitProgram
    from lamina.export.sbom import is_release
    from lamina.release.manifest import load_manifest
    from lamina.release.root import MANIFEST_NAME
    from lamina.stack.version import resolve_version

    told = source_date(environment())
    if is_release(choice.lock_path):
        manifest = load_manifest(choice.lock_path.with_name(MANIFEST_NAME))
        return manifest.version, told or manifest.created
    if choice.stack is None:
        raise UsageError(
            f"{choice.lock_path}: a lock alone has no version",
            hints=["give the directory of the stack, or a release"],
        )
    version = resolve_version(
        choice.stack,
        choice.stack_path.parent,
        history=GitProgram(environ=environment()),
        clock=lambda: datetime.now(UTC),
    )
    files = [file for package in choice.lock.packages for file in package.artifacts]
    uploads = [one.uploaded for one in files if one.uploaded is not None]
    return version, told or max(uploads, default=_BEGINNING)
