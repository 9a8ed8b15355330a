"""A layout: images in a directory, or in a tar of it, which ``docker load`` can be made to read."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.archive.streams import Reading
from lamina.core import fs
from lamina.core.errors import IntegrityError, UsageError
from lamina.export.oci.blobs import (
    INDEX,
    INDEXES,
    LARGEST_DOCUMENT,
    MANIFESTS,
    Blobs,
    Descriptor,
    descriptor_of,
    json_bytes,
    parse_document,
)
from lamina.export.writers import TarWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TAG = "org.opencontainers.image.ref.name"
MARKER, TOP = "oci-layout", "index.json"
_BLOCK = 1 << 20
_DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of a layout, read and checked as far as its documents go."""

    descriptor: Descriptor
    layers: tuple[Descriptor, ...]
    config: Mapping[str, Any]
    config_descriptor: Descriptor
    manifest: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, str]:
        """What the image says of itself."""
        return (self.config.get("config") or {}).get("Labels") or {}

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The digests of the layers before compression."""
        return tuple((self.config.get("rootfs") or {}).get("diff_ids") or ())

    @property
    def platform(self) -> tuple[str, str]:
        """Operating system and processor, in Go's spelling."""
        return str(self.config.get("os")), str(self.config.get("architecture"))


def finish_layout(blobs: Blobs, entries: Sequence[Descriptor]) -> None:
    """Write what makes a directory of blobs a layout."""
    fs.write_bytes(blobs.layout / MARKER, b'{"imageLayoutVersion":"1.0.0"}', durable=False)
    value = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [one.value() for one in entries],
    }
    fs.write_bytes(blobs.layout / TOP, json_bytes(value), durable=False)
    for directory in (blobs.layout, blobs.directory.parent, blobs.directory):
        fs.set_mode(directory, 0o755)


def write_layout_tar(layout: Path, target: Path, seconds: int) -> None:
    """Write a layout as a tar, in one step; the same layout gives the same bytes."""
    with fs.replacing(target) as stream:
        writer = TarWriter(stream, seconds)
        for path in sorted(layout.rglob("*"), key=lambda one: (one.name != MARKER, one)):
            name = path.relative_to(layout).as_posix()
            if path.is_dir():
                writer.directory(name, 0o755)
            else:
                writer.file(name, 0o644, path.stat().st_size, _blocks(path))
        writer.close()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def is_layout_tar(path: Path) -> bool:
    """Tell whether a file is a tar of a layout, which is not compressed."""
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
            if first is None or first.name.startswith(".lamina"):
                return False
            return first.name == MARKER or MARKER in archive.getnames()
    except (tarfile.TarError, OSError):
        return False


def unpack_layout(archive: Path, directory: Path) -> None:
    """Unpack a tar of a layout; raises IntegrityError where it is damaged, StorageError."""
    for member in Reading(archive).members():
        target = directory / member.name
        if member.kind == "dir":
            fs.make_directory(target)
        elif member.kind == "file":
            fs.make_directory(target.parent)
            with fs.change("write", target), target.open("xb") as stream:
                for block in member.blocks():
                    stream.write(block)


def entries_of(layout: Path) -> list[Descriptor]:
    """Return what a layout has at its top; raises UsageError, IntegrityError."""
    top = layout / TOP
    if not top.is_file() or not (layout / MARKER).is_file():
        raise UsageError(f"{layout}: no OCI image layout: it lacks {MARKER} or {TOP}")
    if top.stat().st_size > LARGEST_DOCUMENT:
        raise IntegrityError(f"{top}: too large")
    return listed(parse_document(top.read_bytes(), str(top)), str(top))


def listed(value: Mapping[str, Any], where: str) -> list[Descriptor]:
    """Return what an index lists; raises IntegrityError where it lists nothing."""
    found = value.get("manifests")
    if not isinstance(found, list):
        raise IntegrityError(f"{where}: no list of manifests")
    return [descriptor_of(one, where) for one in found]


def find_image(
    layout: Path, platform: tuple[str, str], tag: str | None = None, *, anywhere: bool = False
) -> Image:
    """Return the image of a layout for a platform, by its tag where there are several.

    ``anywhere``: one of another platform will do, where there is one only.
    Raises UsageError, saying what there is; IntegrityError.
    """
    blobs = Blobs(layout)
    entries = [one for one in entries_of(layout) if not one.artifact_type]
    tagged = [one for one in entries if TAG in one.annotations]
    chosen = [one for one in entries if tag is None or one.annotations.get(TAG) == tag]
    images = list({one.descriptor.digest: one for one in _images(blobs, chosen)}.values())
    if not images:
        known = ", ".join(sorted({one.annotations[TAG] for one in tagged})) or "no tags"
        raise UsageError(f"{layout}: no image {tag or ''}".rstrip() + f"; there are {known}")
    fitting = [one for one in images if one.platform == platform]
    if not fitting and anywhere and len(images) == 1:
        fitting = images
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(sorted({"/".join(one.platform) for one in images}))
    if fitting:
        tags = ", ".join(sorted({one.annotations[TAG] for one in tagged}))
        raise UsageError(
            f"{layout}: {len(fitting)} images for {'/'.join(platform)}",
            hints=[f"{layout}:TAG, one of: {tags}"],
        )
    raise UsageError(f"{layout}: for {known}, not for {'/'.join(platform)}")


def _images(blobs: Blobs, entries: Sequence[Descriptor], depth: int = 0) -> Iterator[Image]:
    if depth > _DEEPEST:
        raise IntegrityError(f"{blobs.layout}: indexes within indexes without end")
    for one in entries:
        if one.media_type in INDEXES:
            where = f"{blobs.layout}: {one.digest}"
            yield from _images(blobs, listed(blobs.document(one), where), depth + 1)
        elif one.media_type in MANIFESTS and one.platform.get("os") != "unknown":
            manifest = blobs.document(one)
            if "subject" not in manifest:
                yield read_image(blobs, one, manifest)


def read_image(blobs: Blobs, one: Descriptor, manifest: Mapping[str, Any]) -> Image:
    """Return an image whose manifest has been read; raises IntegrityError."""
    where = f"{blobs.layout}: {one.digest}"
    config_descriptor = descriptor_of(manifest.get("config"), where)
    layers = manifest.get("layers")
    if not isinstance(layers, list):
        raise IntegrityError(f"{where}: a manifest without layers")
    config = blobs.document(config_descriptor)
    _check_config(config, f"{blobs.layout}: {config_descriptor.digest}")
    image = Image(
        descriptor=one,
        layers=tuple(descriptor_of(layer, where) for layer in layers),
        config=config,
        config_descriptor=config_descriptor,
        manifest=manifest,
    )
    if len(image.diff_ids) != len(image.layers):
        raise IntegrityError(f"{where}: {len(image.layers)} layers, and not as many in its config")
    return image


def _check_config(config: Mapping[str, Any], where: str) -> None:
    """Raise IntegrityError unless what is read of a config is what it has to be."""
    try:
        labels = (config.get("config") or {}).get("Labels") or {}
        layers = (config.get("rootfs") or {}).get("diff_ids") or ()
        texts = [*labels.values(), *layers]
    except (AttributeError, TypeError) as error:
        raise IntegrityError(f"{where}: no config of an image") from error
    if not all(isinstance(one, str) for one in texts):
        raise IntegrityError(f"{where}: no config of an image")
