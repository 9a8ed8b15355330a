"""All published platforms of a release as one image, put where it is wanted."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core import fs
from lamina.core.durability import flush_tree
from lamina.core.errors import ConflictError, StorageError, UsageError
from lamina.core.scratch import scratch_directory
from lamina.export.oci.blobs import INDEX, Blobs, Descriptor, json_bytes
from lamina.export.oci.image import build_image
from lamina.export.oci.layout import TAG, finish_layout, write_layout_tar
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.export.oci.image import BuiltImage, ImageRequest

Sending = Callable[[Blobs, "Sequence[BuiltImage]", Descriptor], None]
ImageForm = Literal["layout", "docker"]
_SMALLEST = 0.15
_OTHER_FILES = (".bz2", ".gz", ".sif", ".sqfs", ".tgz", ".xz", ".zip", ".zst")
"""What names files that are no image layouts; a directory would be made of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """An image that was written."""

    digest: str
    """Of what its tag names."""
    images: tuple[BuiltImage, ...]
    size: int
    """Bytes of all layers, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where an image goes; either of the two, or both."""

    path: Path | None
    form: ImageForm
    tag: str
    name: str
    """With its tag, as ``docker load`` calls it."""
    send: Sending | None = None


def check_destination(path: Path | None) -> Path:
    """Return the directory to work in: beside the output, or that of temporary files.

    Raises ConflictError, StorageError, UsageError.
    """
    if path is None:
        return Path(tempfile.gettempdir())
    if path.exists() or path.is_symlink():
        raise ConflictError(f"{path}: is there already", hints=[f"rm -r {shlex.quote(str(path))}"])
    if path.suffix in _OTHER_FILES:
        raise UsageError(
            f"{path}: an image is a directory or a .tar, and no {path.suffix}",
            hints=[f"-o {shlex.quote(str(path.with_suffix('.tar')))}"],
        )
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StorageError(f"{directory}: no such directory")
    return directory


def ship_image(requests: Sequence[ImageRequest], destination: Destination) -> Shipped:
    """Build the image of each platform, and write or send all as one.

    Raises ConflictError where there is something, StorageError, IntegrityError,
    UpstreamUnavailableError.
    """
    path = destination.path
    directory = check_destination(path)
    if destination.form == "docker" and len(requests) > 1:
        raise UsageError(
            "docker load takes an image of one platform",
            hints=[f"--platform {requests[0].cargo.platform}", "--format layout"],
        )
    content = sum(one.cargo.size for one in requests)
    # A tar is written from a layout, which is there until it is done.
    times = 2 if path is not None and _is_tar(path, destination.form) else 1
    require_space(directory, int(content * _SMALLEST * times), what="the image")
    with scratch_directory(".lamina-image-", directory) as scratch:
        blobs = Blobs(scratch / "layout")
        fs.make_directory(blobs.directory)
        images = tuple(build_image(one, blobs) for one in requests)
        top = _top(images, blobs)
        named = replace(top, annotations={TAG: destination.tag})
        finish_layout(blobs, [named, *(one.bill for one in images)])
        if destination.form == "docker":
            _add_docker(blobs, images[0], destination.name)
        if destination.send is not None:
            destination.send(blobs, images, top)
        if path is not None:
            if _is_tar(path, destination.form):
                write_layout_tar(blobs.layout, path, requests[0].cargo.seconds)
            else:
                flush_tree(blobs.layout)
                fs.rename(blobs.layout, path)
    layers = {one.digest: one.size for image in images for one in image.layers}
    return Shipped(digest=top.digest, images=images, size=sum(layers.values()))


def _top(images: Sequence[BuiltImage], blobs: Blobs) -> Descriptor:
    """Return what the tag names: the image, or the index of several."""
    if len(images) == 1:
        return images[0].descriptor
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [one.descriptor.value() for one in images],
    }
    return blobs.add_document(index)


def _add_docker(blobs: Blobs, image: BuiltImage, name: str) -> None:
    """Write the list that ``docker load`` and ``podman load`` begin with."""

    def path(one: Descriptor) -> str:
        return blobs.path(one.digest).relative_to(blobs.layout).as_posix()

    value = {
        "Config": path(image.config),
        "RepoTags": [name],
        "Layers": [path(one) for one in image.layers],
    }
    fs.write_bytes(blobs.layout / "manifest.json", json_bytes([value]), durable=False)


def _is_tar(path: Path, form: ImageForm) -> bool:
    return form == "docker" or path.name.endswith(".tar")
