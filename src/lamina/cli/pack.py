"""``lamina export --as pack`` and ``lamina import``."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamina.cli.image_options import plain_http_option
from lamina.cli.options import (
    environment,
    given_options,
    output_options,
    root_option,
    signers_option,
)
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from lamina.cli.options import Output
    from lamina.cli.pack_options import PackChoice
    from lamina.export.cargo import Cargo


def export_pack(output: Output, choice: PackChoice) -> None:
    """Write a pack of a release or layer."""
    from lamina.core.scratch import scratch_directory
    from lamina.export.pack import check_free, format_of, write_pack

    if choice.source is None or choice.path is None:
        raise UsageError(
            "a pack is made of a release or a layer, and is a file",
            hints=["lamina export STACK/VERSION --as pack -o FILE.tar.zst"],
        )
    form = format_of(choice.path, choice.archive)
    check_free(choice.path)
    directory = choice.path.absolute().parent
    with scratch_directory(".lamina-pack-", directory) as scratch:
        cargo = _cargo(choice, scratch)
        packed = write_pack(cargo, choice.path, form)
    text = (
        f"wrote {choice.path}: {packed.size / 1e6:.1f} MB of {packed.content / 1e6:.1f} MB; "
        f"{packed.named} files name the prefix"
    )
    value = {
        "form": "pack",
        "name": cargo.name,
        "output": str(choice.path),
        "bytes": packed.size,
        "content": packed.content,
        "named": packed.named,
    }
    output.result(text, value)


def _cargo(choice: PackChoice, scratch: Path) -> Cargo:
    from lamina.cli.release import find_release
    from lamina.export.clobber import check_owners
    from lamina.export.release_cargo import release_cargo
    from lamina.layer.base import is_layer

    assert choice.source is not None  # noqa: S101 (asked before)
    if is_layer(Path(choice.source)):
        return _layer_cargo(Path(choice.source), choice, scratch)
    if given := given_options({"with_base"}):
        raise UsageError(f"{given['with_base']} is for layers, and {choice.source} is none")
    release = find_release(choice.source, choice.root)
    check_owners(release.prefix, allow=choice.clobbered)
    return release_cargo(release, environment(), scratch)


def _layer_cargo(source: Path, choice: PackChoice, scratch: Path) -> Cargo:
    from lamina.core.errors import NotSupportedError
    from lamina.export.clobber import check_owners
    from lamina.export.layer_cargo import layer_cargo
    from lamina.layer.release_below import layer_and_release

    layer, base = layer_and_release(source)
    with_base = choice.with_base == "always"
    if choice.with_base == "auto":
        with_base = not base.prefix.is_relative_to("/cvmfs")
    for prefix in (layer, base.prefix) if with_base else (layer,):
        check_owners(prefix, allow=choice.clobbered)
    try:
        return layer_cargo(layer, base, environment(), scratch, with_base=with_base)
    except NotSupportedError as error:
        raise NotSupportedError(error.message, hints=["--with-base never", *error.hints]) from error


def _refuse_installer(path: Path) -> None:
    """Raise UsageError for what installs a release itself."""
    from lamina.export.installer_header import BLOCK, is_installer

    if not (path.is_file() and os.access(path, os.R_OK)):
        return  # Whoever reads it next says why it cannot be read.
    with path.open("rb") as stream:
        if not is_installer(stream.read(BLOCK)):
            return
    quoted = shlex.quote(str(path))
    raise UsageError(
        f"{path}: an installer; what is imported is a pack or an image",
        hints=[f"sh {quoted} -b -p DIR", "lamina export DIR --as pack -o FILE.tar.zst"],
    )


@click.command(name="import")
@click.argument("source")
@signers_option
@plain_http_option
@root_option
@output_options
def import_(
    output: Output, source: str, *, root: Path, plain_http: bool, signers: Path | None
) -> None:
    """Make a pack or image a release of a root again.

    SOURCE is what ``lamina export`` wrote ``--as pack`` or ``--as oci`` (a directory or .tar, where
    there are several images with :TAG), or an image in a registry, REGISTRY/NAME:TAG.

    Every file is compared with the manifest in it, and its signature is checked with --signers,
    before the root's path is written where it has to be.
    """
    from lamina.cli.image import bring_image, is_image
    from lamina.export.arrival import ImportRequest, import_pack
    from lamina.export.unpacked import is_unpacked
    from lamina.release.cvmfs import backend_of

    environ, now = environment(), datetime.now(UTC)
    request = ImportRequest(
        archive=Path(source),
        root=root,
        environ=environ,
        now=now,
        backend=backend_of(root, environ, now),
        signers=signers,
    )
    if is_unpacked(Path(source)):
        raise UsageError(
            f"{source}: an unpacked pack; what is imported is an archive, or an image",
            hints=[f"lamina export {shlex.quote(source)} --as pack -o FILE.tar.zst"],
        )
    _refuse_installer(Path(source))
    if is_image(source):
        imported = bring_image(source, request, plain_http=plain_http)
    else:
        imported = import_pack(request)
    release, signed_by = imported.release, imported.signed_by
    text = f"{release.name} is in {shlex.quote(str(release.prefix))}"
    output.result(
        text + (f", and what was packed is signed by {signed_by}" if signed_by else ""),
        {
            "release": release.name,
            "platform": release.platform,
            "prefix": str(release.prefix),
            "signed-by": signed_by,
        },
    )
