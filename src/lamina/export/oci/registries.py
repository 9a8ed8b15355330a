"""Images to and from a registry: what is there already is not sent again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import IntegrityError
from lamina.export.oci.arrival import release_layers
from lamina.export.oci.blobs import (
    INDEX,
    INDEXES,
    MANIFESTS,
    Blobs,
    Descriptor,
    descriptor_of,
    json_bytes,
    parse_document,
)
from lamina.export.oci.layout import find_image, finish_layout, listed
from lamina.model.digests import digest_of_bytes
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.core.http import Answer
    from lamina.engines.registry import Registry
    from lamina.export.oci.image import BuiltImage
    from lamina.export.oci.layout import Image
    from lamina.model.image_references import ImageReference

_ACCEPT = ", ".join(sorted(MANIFESTS | INDEXES))


@dataclass(slots=True, kw_only=True)
class Pushed:
    """What a registry got."""

    sent: int = 0
    """Bytes."""
    blobs: int = 0
    there: int = 0
    """Blobs that it had."""


def push(
    registry: Registry, blobs: Blobs, images: Sequence[BuiltImage], top: Descriptor, tag: str
) -> Pushed:
    """Send images, then what names them; the tag is moved last.

    Raises UpstreamUnavailableError where the registry refuses or is not there.
    """
    done = Pushed()
    needed = {one.digest: one for image in images for one in (*image.layers, image.config)}
    bills = [(image, blobs.document(image.bill)) for image in images]
    for _, bill in bills:
        for value in (bill["config"], *bill["layers"]):
            one = descriptor_of(value, "the bill of materials")
            needed[one.digest] = one
    with report.step("sending blobs", total=len(needed)) as step:
        for one in needed.values():
            if registry.has(one.digest):
                done.there += 1
            else:
                registry.send(blobs.path(one.digest), one.digest)
                done.sent, done.blobs = done.sent + one.size, done.blobs + 1
            step.advance()
        step.outcome = f"{done.blobs} sent, {done.there} there already, {done.sent / 1e6:.1f} MB"
    for image in images:
        if image.descriptor.digest != top.digest:
            _put(registry, blobs, image.descriptor)
    _put(registry, blobs, top, tag)
    for image, _ in bills:
        answer = _put(registry, blobs, image.bill)
        if "oci-subject" not in answer.headers:
            _add_referrer(registry, image)
    return done


def _put(registry: Registry, blobs: Blobs, one: Descriptor, tag: str = "") -> Answer:
    return registry.put_manifest(tag or one.digest, blobs.data(one), one.media_type)


def _add_referrer(registry: Registry, image: BuiltImage) -> None:
    """Keep the list that a registry does not keep itself (distribution-spec 1.1, fallback)."""
    tag = image.descriptor.digest.replace(":", "-")
    known = registry.manifest(tag, INDEX, or_none=True)
    listed = parse_document(known.content, tag).get("manifests", []) if known else []
    if any(one.get("digest") == image.bill.digest for one in listed):
        return
    value = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [*listed, image.bill.value()],
    }
    registry.put_manifest(tag, json_bytes(value), INDEX)


def pull(
    registry: Registry, reference: ImageReference, platform: tuple[str, str], layout: Path
) -> Image:
    """Get the image for a platform into a new layout: of its layers, those of the release.

    Raises UsageError where there is none, IntegrityError where bytes are not what they should be.
    """
    blobs = Blobs(layout)
    top = _get_manifest(registry, blobs, reference.manifest, reference)
    if top.media_type in INDEXES:
        for one in listed(blobs.document(top), str(reference)):
            if one.platform.get("os") != "unknown" and not one.artifact_type:
                _with_config(registry, blobs, one, reference)
    else:
        _with_config(registry, blobs, top, reference)
    finish_layout(blobs, [top])
    image = find_image(layout, platform, anywhere=True)
    layers = release_layers(image, str(reference))
    require_space(layout, sum(one.size for one in layers), what=str(reference))
    with report.step(f"getting {reference}", total=len(layers)) as step:
        for one in layers:
            _get(registry, blobs, one, reference)
            step.advance()
        step.outcome = f"{len(layers)} layers, {sum(one.size for one in layers) / 1e6:.1f} MB"
    return image


def _with_config(
    registry: Registry, blobs: Blobs, one: Descriptor, reference: ImageReference
) -> None:
    _get_manifest(registry, blobs, one.digest, reference)
    manifest = blobs.document(one)
    _get(registry, blobs, descriptor_of(manifest.get("config"), one.digest), reference)


def _get_manifest(
    registry: Registry, blobs: Blobs, name: str, reference: ImageReference
) -> Descriptor:
    answer = registry.manifest(name, _ACCEPT)
    assert answer is not None  # noqa: S101 (it is required)
    digest = f"sha256:{digest_of_bytes(answer.content)}"
    if name.startswith("sha256:") and digest != name:
        raise IntegrityError(f"{reference}: the manifest {name} is altered: it is {digest}")
    kind = answer.headers.get("content-type", "").partition(";")[0]
    said = parse_document(answer.content, f"{reference}: {digest}").get("mediaType", kind)
    return replace(blobs.add(answer.content, str(said)), media_type=str(said))


def _get(registry: Registry, blobs: Blobs, one: Descriptor, reference: ImageReference) -> None:
    with blobs.adding() as target:

        def take(block: bytes) -> None:
            if target.size + len(block) > one.size:
                raise IntegrityError(
                    f"{reference}: the blob {one.digest} is altered: more than its {one.size} bytes"
                )
            target.write(block)

        registry.fetch(one.digest, take)
    if target.digest != one.digest:
        fs.remove_file(blobs.path(target.digest))
        raise IntegrityError(
            f"{reference}: the blob {one.digest} is altered: what came is {target.digest}, "
            f"{target.size} bytes of {one.size}"
        )
