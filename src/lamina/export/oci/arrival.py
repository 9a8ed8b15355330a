"""An image becomes a release again: its layers are read as a pack is, against the same listing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from lamina.archive.streams import Reading
from lamina.core import report
from lamina.core.errors import IntegrityError, UsageError
from lamina.export.arrival import import_members
from lamina.export.launcher import PACK_NAME, PREFIXES_NAME
from lamina.export.oci.blobs import Blobs
from lamina.export.oci.image import LAYERS_LABEL, PACKS, RELEASE_LABEL, STACKS, TITLE_LABEL
from lamina.model.names import parse_stack_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.archive.streams import Member
    from lamina.export.arrival import Imported, ImportRequest
    from lamina.export.oci.blobs import Descriptor
    from lamina.export.oci.layout import Image


def release_layers(image: Image, where: str) -> list[Descriptor]:
    """Return the layers of the release in an image, that with its documents first.

    A note says that more lies on them. Raises UsageError where there is no release in it,
    IntegrityError where a layer has gone.
    """
    wanted = image.labels.get(LAYERS_LABEL, "").split(",")
    if RELEASE_LABEL not in image.labels or wanted == [""]:
        raise UsageError(
            f"{where}: no release of lamina in this image",
            hints=["lamina export RELEASE --as oci -o DIRECTORY"],
        )
    by_id = dict(zip(image.diff_ids, image.layers, strict=True))
    missing = [one for one in wanted if one not in by_id]
    if missing:
        raise IntegrityError(
            f"{where}: the image has lost the layer {missing[0]} of the release",
            hints=["layers may be added to an image, not put together"],
        )
    on_top = len(image.diff_ids) - 1 - max(image.diff_ids.index(one) for one in wanted)
    if on_top:
        what = image.labels.get(TITLE_LABEL, where)
        report.note(
            f"{what} has more than {image.labels[RELEASE_LABEL]}: a layer of lamina, or others; "
            "that stays behind, only the release is imported"
        )
    return [by_id[one] for one in reversed(wanted)]


def import_image(request: ImportRequest, layout: Path, image: Image) -> Imported:
    """Return the release that was made of an image; the root holds all of it or nothing.

    Raises UsageError where no release is in it, and what ``import_pack`` raises.
    """
    blobs = Blobs(layout)
    layers = release_layers(image, str(request.archive))
    for one in layers:
        blobs.check(one)
    stack = _stack(image, str(request.archive))
    members = itertools.chain.from_iterable(_members(blobs.path(one.digest)) for one in layers)
    return import_members(request, _renamed(members, stack))


def _stack(image: Image, where: str) -> str:
    try:
        return parse_stack_name(image.labels[RELEASE_LABEL].partition("/")[0])
    except ValueError as error:
        raise IntegrityError(f"{where}: {RELEASE_LABEL}: {error}") from error


def _members(path: Path) -> Iterator[Member]:
    return Reading(path, listed=True).members()


def _renamed(members: Iterator[Member], stack: str) -> Iterator[Member]:
    """Yield the members as a pack has them; what only the image needs is left out."""
    inside = f"{STACKS}/{stack}/"
    documents = {
        f"{PACKS}/{stack}/pack.json": PACK_NAME,
        f"{PACKS}/{stack}/prefixes.json": PREFIXES_NAME,
    }
    for member in members:
        if member.name in documents:
            yield replace(member, name=documents[member.name])
        elif member.name.startswith(inside):
            yield replace(member, name=member.name.removeprefix(inside))
