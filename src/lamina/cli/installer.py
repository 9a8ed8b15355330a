"""``lamina export --as installer`` and ``lamina installer``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.app import LazyGroup
from lamina.cli.options import environment, output_options
from lamina.cli.pack_options import sign_option
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.cli.options import Output
    from lamina.cli.pack_options import InstallerChoice, PackChoice
    from lamina.export.cargo import Cargo
    from lamina.export.installer import Installer
    from lamina.export.installer_cargo import Identity
    from lamina.release.manifest import ManifestTest

_COMMANDS = {
    "promote": (
        "lamina.cli.installer:promote",
        "Give a tested installer another version; its payload stays.",
    ),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def installer() -> None:
    """Promote installers that were tested."""


def export_installer(output: Output, choice: PackChoice, extra: InstallerChoice) -> None:
    """Write an installer of a release, or of a layer and its base."""
    from lamina.core.scratch import scratch_directory
    from lamina.export.installer import write_installer
    from lamina.export.installer_cargo import Extras, with_extras
    from lamina.export.pack import check_free

    if choice.source is None or choice.path is None:
        raise UsageError(
            "an installer is made of a release or a layer, and is a file",
            hints=["lamina export STACK/VERSION --as installer -o FILE.sh"],
        )
    environ, path = environment(), choice.path
    check_free(path)
    directory = path.absolute().parent
    _try_key(extra.key, environ)
    extras = Extras(environment_file=extra.environment_file, hook=extra.hook)
    with scratch_directory(".lamina-pack-", directory) as scratch:
        for part in ("release", "extras"):
            (scratch / part).mkdir()
        cargo, identity, tests = _whole(choice, environ, scratch / "release")
        cargo = with_extras(cargo, identity, tests, extras, scratch / "extras")
        written = write_installer(cargo, identity, path, environment_file=extra.environment_file)
    _tell(output, written, extra.key, environ)


def _whole(
    choice: PackChoice, environ: Mapping[str, str], scratch: Path
) -> tuple[Cargo, Identity, tuple[ManifestTest, ...]]:
    """Return what is installed, what it is called, and the tests of the release in it."""
    from lamina.cli.release import find_release
    from lamina.export.clobber import check_owners
    from lamina.export.installer_cargo import Identity
    from lamina.export.layer_cargo import layer_cargo
    from lamina.export.release_cargo import release_cargo
    from lamina.layer.base import is_layer
    from lamina.layer.release_below import layer_and_release

    source = str(choice.source)
    if not is_layer(Path(source)):
        release = find_release(source, choice.root)
        check_owners(release.prefix, allow=choice.clobbered)
        manifest = release.manifest()
        cargo = release_cargo(release, environ, scratch)
        return cargo, Identity.of_release(manifest), manifest.tests
    layer, base = layer_and_release(Path(source))
    cargo = layer_cargo(layer, base, environ, scratch, with_base=True)
    for prefix in (layer, base.prefix):
        check_owners(prefix, allow=choice.clobbered)
    manifest = base.manifest()
    return cargo, Identity.of_layer(Path(source), manifest), manifest.tests


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--version", "text", required=True, metavar="VERSION", help="What it is to install.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write.",
)
@sign_option
@output_options
def promote(output: Output, *, file: Path, text: str, target: Path, key: Path | None) -> None:
    """Write an installer with the payload of FILE that installs it under another version.

    What FILE was tested under is said by it, and by the manifest of what it installs.
    """
    from lamina.export.installer_promotion import Promotion, promote_installer
    from lamina.model.versions import parse_release_version

    try:
        version = parse_release_version(text)
    except ValueError as error:
        raise UsageError(f"--version: {error}") from error
    environ = environment()
    _try_key(key, environ)
    written = promote_installer(Promotion(source=file, version=version, target=target))
    _tell(output, written, key, environ)


def _try_key(key: Path | None, environ: Mapping[str, str]) -> None:
    """Raise UsageError for a key that would be refused after the work."""
    from lamina.engines.signing import check_key

    if key is not None:
        check_key(key, environ=environ)


def _tell(output: Output, written: Installer, key: Path | None, environ: Mapping[str, str]) -> None:
    from lamina.engines.signing import sign

    header = written.header
    value: dict[str, Any] = {
        "form": "installer",
        "name": header.name,
        "version": header.version,
        "tested-version": header.tested_version,
        "output": str(written.path),
        "bytes": written.size,
        "payload-digest": header.payload_digest,
    }
    if key is not None:
        value["signature"] = str(sign(written.path, key, environ=environ))
    tested = header.tested_version
    text = (
        f"wrote {written.path}: {header.name} {header.version}"
        f"{f', tested as {tested}' if tested != header.version else ''}, "
        f"{written.size / 1e6:.1f} MB, payload sha256 {header.payload_digest}"
    )
    output.result(text, value)
