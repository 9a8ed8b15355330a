"""``lamina export --as wheel|conda``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.cli.options import environment

if TYPE_CHECKING:
    from lamina.cli.list_sources import ListedLayer, ListSource
    from lamina.cli.options import Output
    from lamina.export.metapackage import Metapackage
    from lamina.export.remarks import Origin
    from lamina.model.versions import ReleaseVersion
    from lamina.stack.document import Stack

MetapackageForm = Literal["wheel", "conda"]
_BEGINNING = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetapackageChoice:
    """What a person wants a metapackage of, and where."""

    form: MetapackageForm
    source: ListSource
    origin: Origin
    directory: Path | None


def export_metapackage(output: Output, choice: MetapackageChoice) -> None:
    """Write a metapackage into a directory; its name says what it is."""
    from lamina.core.errors import UsageError
    from lamina.export.metapackage import Metapackage, write_metaconda, write_metawheel
    from lamina.export.origins import refuse_origins

    directory = choice.directory or Path()
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            f"{directory}: a {choice.form} has a name that says what it is; give a directory",
            hints=[f"-o {shlex.quote(str(directory.parent))}"],
        )
    lock, targets, stack = choice.origin.lock, choice.origin.targets, choice.origin.stack
    refuse_origins(lock, targets, choice.form)
    layer = choice.source.layer
    version, moment = _version_and_moment(choice.source, stack)
    made = Metapackage(
        lock=lock,
        version=version,
        targets=targets,
        groups=stack.groups if stack is not None else {},
        listed=frozenset(
            [*(stack.packages if stack else ()), *(layer.flat.requests if layer else ())]
        ),
        moment=moment,
        kind="layer" if layer else "release",
    )
    _refuse_name(made, choice.form, layer)
    write = write_metawheel if choice.form == "wheel" else write_metaconda
    written = write(made, directory)
    value = {
        "form": choice.form,
        **choice.source.told,
        "output": str(written),
        "version": version,
    }
    output.result(f"wrote {written}", value)


def _refuse_name(made: Metapackage, form: MetapackageForm, layer: ListedLayer | None) -> None:
    """Raise UsageError for the name of a package inside: nothing can need another of its name."""
    from lamina.core.errors import UsageError
    from lamina.export.metapackage import has_own_name

    if has_own_name(made, form):
        link = f"ln -s {shlex.quote(str(layer.path))} NAME, and the export of NAME" if layer else ""
        raise UsageError(
            f"{made.lock.stack}: a package in it has this name, and the {form} cannot have it too",
            hints=[link or "another `name` in lamina.toml"],
        )


def _version_and_moment(source: ListSource, stack: Stack | None) -> tuple[ReleaseVersion, datetime]:
    """Return the version of release or layer, and a time that is the same for the same lock."""
    from lamina.core.clock import source_date
    from lamina.core.errors import UsageError
    from lamina.engines.git import GitProgram
    from lamina.export.sbom import is_release
    from lamina.release.manifest import load_manifest
    from lamina.release.root import MANIFEST_NAME
    from lamina.stack.version import resolve_version

    told = source_date(environment())
    if is_release(source.lock_path):
        manifest = load_manifest(source.lock_path.with_name(MANIFEST_NAME))
        version = source.layer.version if source.layer else manifest.version
        return version, told or manifest.created
    if stack is None:
        raise UsageError(
            f"{source.lock_path}: a lock alone has no version",
            hints=["give the directory of the stack, or a release"],
        )
    version = resolve_version(
        stack,
        source.stack_path.parent,
        history=GitProgram(environ=environment()),
        clock=lambda: datetime.now(UTC),
    )
    files = [file for package in source.lock.packages for file in package.artifacts]
    uploads = [one.uploaded for one in files if one.uploaded is not None]
    return version, told or max(uploads, default=_BEGINNING)
