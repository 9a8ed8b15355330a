"""Which forms of ``lamina export`` hold the files themselves."""

from __future__ import annotations

import dataclasses
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args

from lamina.cli.image_options import ImageChoice
from lamina.cli.pack_options import PackChoice
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.cli.options import Output

FilesForm = Literal["pack", "installer", "rpm", "oci", "squashfs"]


def holds_files(form: str) -> TypeGuard[FilesForm]:
    """Tell whether a form holds the files."""
    return form in get_args(FilesForm)


def export_files(output: Output, form: FilesForm, special: Mapping[str, Any], **where: Any) -> None:
    """Write files in one of the forms, each with its own options out of ``special``."""
    from lamina.layer.base import is_layer
    from lamina.layer.transaction import unchanged

    source, path = where["source"], where["path"]
    with ExitStack() as stack:
        if source is not None and is_layer(Path(source)):
            if path is not None:
                _refuse_inside(Path(source), path)
            stack.enter_context(unchanged(Path(source)))
        _export_files(output, form, special, where)


def _export_files(
    output: Output, form: FilesForm, special: Mapping[str, Any], where: Mapping[str, Any]
) -> None:
    from lamina.cli.image import export_image
    from lamina.cli.installer import export_installer
    from lamina.cli.pack import export_pack
    from lamina.cli.rpm import export_rpm
    from lamina.cli.squashfs import export_squashfs

    def options(choice: type) -> dict[str, Any]:
        names = {one.name for one in dataclasses.fields(choice)}
        return {key: one for key, one in special.items() if key in names} | dict(where)

    match form:
        case "pack":
            export_pack(output, PackChoice(**options(PackChoice)))
        case "installer":
            export_installer(output, PackChoice(**options(PackChoice)), special["installer"])
        case "rpm":
            export_rpm(
                output,
                special["rpm"],
                source=where["source"],
                directory=where["path"],
                root=where["root"],
                clobbered=special["clobbered"],
            )
        case "oci":
            export_image(output, ImageChoice(**options(ImageChoice)))
        case "squashfs":
            export_squashfs(output, **where)


def _refuse_inside(layer: Path, path: Path) -> None:
    """Raise UsageError for what is to be written into the layer that it is made of."""
    if path.resolve().is_relative_to(layer.resolve()):
        raise UsageError(
            f"{path}: in the layer that it is made of, and would be in itself",
            hints=[f"-o {shlex.quote(path.name)}, from another directory"],
        )
