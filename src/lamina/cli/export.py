"""``lamina export``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, assert_never, cast, get_args

import click

from lamina.cli.export_output import FormChoice, check_options, output_path
from lamina.cli.image_options import image_options
from lamina.cli.list_sources import find_list_source
from lamina.cli.metapackage import MetapackageChoice, MetapackageForm, export_metapackage
from lamina.cli.options import Output, environment, output_options, root_option
from lamina.cli.pack_options import installer_options, pack_options
from lamina.cli.rpm import rpm_options
from lamina.cli.shipping import FilesForm, export_files, holds_files
from lamina.core import fs, report
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from lamina.cli.list_sources import ListSource
    from lamina.export.conda_files import CondaExport
    from lamina.export.explicit import DigestKind
    from lamina.export.remarks import Origin
    from lamina.lock.document import Lock
    from lamina.model.platforms import Platform, Target
    from lamina.stack.document import Stack

ListForm = Literal["requirements", "pylock", "explicit", "environment", "pixi", "pixi-lock"]
TextForm = Literal[ListForm, "sbom", MetapackageForm]
Form = Literal[TextForm, FilesForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is to be written, and of what."""

    form: ListForm
    origin: Origin
    remarks: tuple[str, ...]
    """What whoever installs from it has to know."""

    @property
    def lock(self) -> Lock:
        """The lock."""
        return self.origin.lock

    @property
    def stack(self) -> Stack | None:
        """Its stack, where that is known."""
        return self.origin.stack


@click.command()
@click.argument("source", required=False)
@click.option(
    "--as",
    "form",
    type=FormChoice(get_args(Form)),
    required=True,
    help="requirements.txt with hashes, pylock.toml, exact files (conda's explicit list where "
    "there are conda packages), environment.yml, pixi.toml, pixi.lock, a bill of materials "
    "(CycloneDX), a metapackage: a wheel or conda package that needs exactly this; or, of a "
    "release or layer, a pack: an archive that works wherever it is unpacked, an installer: a "
    "shell script with it inside, an image for containers, a file system in one file "
    "(squashfs), or RPMs.",
)
@click.option("--target", metavar="PLATFORM/PYTHON", help="One target only, as linux-64/3.12.")
@click.option(
    "--digest",
    type=click.Choice(["md5", "sha256"]),
    help="Of archives in conda's explicit list [default: md5, which every conda reads].",
)
@click.option(
    "-o",
    "--output",
    "destination",
    type=click.Path(path_type=Path),
    help="The file to write [default: standard output, also -]; of metapackages the directory "
    "[here]; of RPMs the directory; of an image a directory or .tar. Lists and metapackages "
    "replace what is there, archives and images never.",
)
@pack_options
@rpm_options
@installer_options
@image_options
@root_option
@output_options
def export(
    output: Output,
    source: str | None,
    *,
    form: Form,
    target: str | None,
    digest: DigestKind | None,
    destination: Path | None,
    root: Path,
    **special: Any,
) -> None:
    """Write a lock, a release or a layer in another form: a list, an archive, an installer.

    SOURCE is a stack's directory, a lock, a release such as hep-analysis/2026.11.0, or a layer,
    which is written with its base; without it, the lock beside the nearest lamina.toml is taken.
    What holds files is made of a release or, but for RPMs, a layer.
    """
    check_options(form, {"--target": target, "--digest": digest})
    destination = output_path(form, destination)
    if source is not None and form == "rpm":
        _refuse_layer(form, source)
    if holds_files(form):
        export_files(output, form, special, source=source, path=destination, root=root)
        return
    _export_lock(
        output,
        find_list_source(source, root),
        form=cast("TextForm", form),
        target=target,
        digest=digest,
        destination=destination,
        root=root,
    )


def _refuse_layer(form: Form, source: str) -> None:
    """Raise UsageError for a layer."""
    from lamina.layer.base import is_layer

    if is_layer(Path(source)):
        raise UsageError(
            f"{source}: a layer, and {form} is made of a release",
            hints=[
                "--as pack puts a layer into an archive",
                f"lamina layer lock {shlex.quote(source)} writes it as one document",
            ],
        )


def _export_lock(
    output: Output,
    found: ListSource,
    *,
    form: TextForm,
    target: str | None,
    digest: DigestKind | None,
    destination: Path | None,
    root: Path,
) -> None:
    from lamina.export.remarks import list_remarks
    from lamina.export.sbom import dump_lock_sbom, dump_release_sbom, is_release

    lock = found.lock
    _refuse_over(found, destination)
    if digest is not None and (form != "explicit" or not lock.conda):
        raise UsageError("--digest is about conda's explicit list, which this is not")
    if form == "sbom" and found.layer is None and is_release(found.lock_path):
        _deliver(
            output, found, form, destination, dump_release_sbom(found.stack_path.parent, target)
        )
        return
    origin = found.origin(_targets(form, lock, target), destination, root)
    remarks = list_remarks(form, origin)
    for one in remarks:
        report.warn(one)
    match form:
        case "wheel" | "conda":
            choice = MetapackageChoice(
                form=form, source=found, origin=origin, directory=destination
            )
            export_metapackage(output, choice)
            return
        case "sbom":
            text = dump_lock_sbom(
                lock,
                origin.targets[0],
                environ=environment(),
                alterations=origin.alterations(),
                installed=found.installed(),
            )
        case _:
            wanted = _Wanted(form=form, origin=origin, remarks=remarks)
            text = _text(wanted, found.stack_path.parent, digest or "md5")
    _deliver(output, found, form, destination, text)


def _refuse_over(found: ListSource, destination: Path | None) -> None:
    """Raise UsageError where a list would replace what it is made from."""
    if destination is None or not destination.exists():
        return
    if any(one.exists() and one.samefile(destination) for one in found.made_from):
        raise UsageError(
            f"{destination}: the list is made from this", hints=["another -o, or none: it is shown"]
        )


def _deliver(
    output: Output, found: ListSource, form: TextForm, destination: Path | None, text: str
) -> None:
    if destination is not None:
        fs.write_text(destination, text)
    value = {"form": form, **found.told}
    value |= {"output": str(destination)} if destination else {"text": text}
    shown = f"wrote {destination}" if destination else text.removesuffix("\n")
    output.result(shown, value)


def _text(wanted: _Wanted, directory: Path, digest: DigestKind) -> str:
    from lamina.engines.index_addresses import IndexAddresses, cache_directory
    from lamina.export.addresses import dump_addresses
    from lamina.export.environment import dump_environment
    from lamina.export.explicit import dump_explicit
    from lamina.export.files import ExportRequest
    from lamina.export.pixi import dump_pixi
    from lamina.export.pixi_lock import dump_pixi_lock
    from lamina.export.pylock import dump_pylock_export
    from lamina.export.requirements import dump_requirements
    from lamina.resolve.project import index_addresses

    environ = environment()
    indexes = index_addresses(wanted.stack, environ)
    locator = IndexAddresses(environ, indexes, cache_directory(environ))
    request = ExportRequest(
        lock=wanted.lock,
        targets=wanted.origin.targets,
        indexes=indexes,
        remarks=wanted.remarks,
        paths=wanted.origin.paths(),
    )
    if wanted.lock.conda and wanted.form in ("requirements", "pylock"):
        count = len({one.name for one in wanted.lock.conda})
        report.warn(f"not in {wanted.form}, being conda packages: {count}")
    match wanted.form:
        case "requirements":
            return dump_requirements(request, locator)
        case "pylock":
            return dump_pylock_export(request, locator)
        case "explicit" if not wanted.lock.conda:
            return dump_addresses(request, locator)
        case "explicit":
            return dump_explicit(_conda_export(wanted, directory), digest)
        case "environment":
            return dump_environment(_conda_export(wanted, directory))
        case "pixi":
            return dump_pixi(_conda_export(wanted, directory))
        case "pixi-lock":
            return dump_pixi_lock(_conda_export(wanted, directory), request, locator)
        case _:
            assert_never(wanted.form)


def _conda_export(wanted: _Wanted, directory: Path) -> CondaExport:
    """Return what the lists of conda are made from; says what cannot be in them."""
    from lamina.engines.conda_channels import channel_addresses
    from lamina.export.conda_files import CondaExport, check_conda

    check_conda(wanted.lock, wanted.form)
    used = dict.fromkeys(wanted.stack.resolve.channels if wanted.stack else ())
    needed = sorted({one.channel for one in wanted.lock.conda})
    used |= dict.fromkeys(needed)
    if wanted.form == "explicit":
        count = len(wanted.lock.packages_for(wanted.origin.targets[0]))
        if count:
            report.warn(f"not in conda's explicit list, being of the package index: {count}")
    known = _recorded_channels(directory)
    # Paths in the stack of a release began at another directory.
    lost = {one for one in used if known and one not in needed and one.startswith((".", "/"))}
    asked = [one for one in used if one not in known and one not in lost]
    found = channel_addresses(asked, directory, environment()) | known
    return CondaExport(
        lock=wanted.lock,
        targets=wanted.origin.targets,
        channels={one: found[one] for one in used if one in found},
        paths=wanted.origin.paths(),
    )


def _recorded_channels(directory: Path) -> dict[str, str]:
    """Return where the channels of a release are, by its manifest; nothing elsewhere."""
    from lamina.export.sbom import is_release
    from lamina.lock.files import LOCK_NAME
    from lamina.release.manifest import load_manifest
    from lamina.release.root import MANIFEST_NAME

    inside = is_release(directory / LOCK_NAME)
    return dict(load_manifest(directory / MANIFEST_NAME).channels) if inside else {}


def _targets(form: TextForm, lock: Lock, target: str | None) -> tuple[Target, ...]:
    from lamina.export.conda_files import one_python
    from lamina.export.files import chosen_targets, single_target

    if form in {"explicit", "environment", "sbom", "conda"}:
        return single_target(lock, target, _here())
    chosen = chosen_targets(lock, target)
    return one_python(chosen) if form in {"pixi", "pixi-lock"} else chosen


def _here() -> Platform | None:
    from lamina.model.platforms import current_platform

    try:
        return current_platform()
    except ValueError:
        return None
