"""A release as an image: layers, what it says of itself, and its bill of materials beside it.

The files are in a directory whose path is the same for all versions, so that layers can be shared;
the prefix under which the release was published is a link to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lamina._target.reprefix import json_text
from lamina.core.errors import NotSupportedError
from lamina.export.cargo import Loader, survey
from lamina.export.oci.blobs import CONFIG, EMPTY, MANIFEST, json_bytes
from lamina.export.oci.groups import groups_of
from lamina.export.oci.layers import add_parents, parents_of, placed, writing_layer
from lamina.export.oci.libc import libraries_of, write_libc
from lamina.export.pack import described_pack, described_prefixes
from lamina.export.sbom import dump_release_sbom
from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.export.cargo import Cargo, Named
    from lamina.export.oci.blobs import Blobs, Descriptor
    from lamina.export.oci.groups import Group
    from lamina.export.oci.layers import Compression, WrittenLayer
    from lamina.export.oci.layout import Image
    from lamina.release.mtree import Entry
    from lamina.release.root import Release

STACKS = "opt/lamina/stacks"
"""Where in an image releases are, by the name of the stack."""
PACKS = "opt/lamina/packs"
"""Where what describes them is, for who makes a release of the image again."""
LAYERS_LABEL, RELEASE_LABEL, PREFIX_LABEL = "lamina.layers", "lamina.release", "lamina.prefix"
MARCH_LABEL = "lamina.micro-architecture"
SBOM_TYPE = "application/vnd.cyclonedx+json"
_TITLES = "org.opencontainers.image."
TITLE_LABEL = f"{_TITLES}title"
"""What the image is called: the stack, or the layer on it."""
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROCESSORS = {Platform.LINUX_64: "amd64", Platform.LINUX_AARCH64: "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """What is to become an image, and how."""

    release: Release
    cargo: Cargo
    compression: Compression = "gzip"
    like: Mapping[str, Entry] | None = None
    """The listing of an earlier release: what is the same in both goes together."""
    base: tuple[Blobs, Image] | None = None
    with_libc: bool = False
    entrypoint: tuple[str, ...] = ()
    layer: Cargo | None = None
    """What stands on the release, and goes on top of it."""
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """An image that is in the blobs."""

    descriptor: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]
    titles: tuple[str, ...]
    bill: Descriptor


def go_platform(platform: Platform) -> tuple[str, str]:
    """Return the system and processor in Go's spelling; raises NotSupportedError."""
    if platform not in _PROCESSORS:
        known = ", ".join(_PROCESSORS)
        raise NotSupportedError(f"there are no images for {platform}; there are for {known}")
    return "linux", _PROCESSORS[platform]


def build_image(request: ImageRequest, blobs: Blobs) -> BuiltImage:
    """Write an image into blobs; the same request gives the same bytes.

    Raises IntegrityError for the first file that is not as it was published, StorageError.
    """
    cargo, prefix = request.cargo, request.release.prefix
    seen = survey(cargo)
    layers: list[WrittenLayer] = []
    below = _base_layers(request, blobs)
    if request.with_libc:
        programs = [(one, cargo.sources[one]) for one in seen.programs]
        if (top := request.layer) is not None:
            programs += [(one, top.sources[one]) for one in survey(top).programs]
        libraries = libraries_of(programs, request.environ)
        layers.append(write_libc(blobs, libraries, request.compression))
    own = [
        _write_group(request, blobs, group)
        for group in groups_of(cargo, prefix, seen, request.like)
    ]
    layers += own
    if request.layer is not None:
        layers.append(_write_top(request.layer, request, blobs))
    config = blobs.add(json_bytes(_config(request, layers, own)), CONFIG)
    described = [*below, *(one.descriptor for one in layers)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.value(),
        "layers": [one.value() for one in described],
        "annotations": _annotations(request),
    }
    system, processor = go_platform(cargo.platform)
    image = replace(
        blobs.add_document(manifest), platform={"architecture": processor, "os": system}
    )
    return BuiltImage(
        descriptor=image,
        config=config,
        layers=tuple(described),
        titles=tuple(one.title for one in layers),
        bill=_add_bill(request, blobs, image),
    )


def _base_layers(request: ImageRequest, blobs: Blobs) -> list[Descriptor]:
    """Take the layers of the base; return them."""
    if request.base is None:
        return []
    source, image = request.base
    for one in image.layers:
        blobs.copy(source, one)
    media = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    gzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    return [
        replace(one, media_type=gzip) if one.media_type == media else one for one in image.layers
    ]


def _write_group(request: ImageRequest, blobs: Blobs, group: Group) -> WrittenLayer:
    cargo, stack = request.cargo, request.release.stack
    at, beside = f"{STACKS}/{stack}", f"{PACKS}/{stack}"
    part = replace(placed(cargo, group.paths, at), name=f"{cargo.name}: {group.title}")
    if group.title != "release":
        with writing_layer(blobs, group.title, request.compression) as writing:
            Loader(replace(part, parts=()), writing.writer).load()
        return writing.layer
    with writing_layer(blobs, group.title, request.compression) as writing:
        loader = Loader(part, writing.writer)
        loader.add(f"{beside}/pack.json", json_text(described_pack(cargo)))
        named = [_from(one, at) for one in loader.load()]
        loader.add(f"{beside}/prefixes.json", json_text(described_prefixes(cargo, named)))
        _add_links(request, writing.writer, at)
    return writing.layer


def _from(named: Named, at: str) -> Named:
    return replace(named, path=named.path.removeprefix(f"{at}/"))


def _add_links(request: ImageRequest, writer: Any, at: str) -> None:
    """Add the prefixes, as links that hold wherever the image is unpacked."""
    spelled = {request.release.manifest().prefix, str(request.release.prefix)}
    known = set(parents_of(f"{at}/x"))
    for prefix in sorted(one.strip("/") for one in spelled):
        if request.base is None:
            for parent in parents_of(prefix):
                if parent not in known:
                    known.add(parent)
                    writer.directory(parent, 0o1777 if parent in {"tmp", "var/tmp"} else 0o755)
        writer.link(prefix, os.path.relpath(f"/{at}", os.path.dirname(f"/{prefix}")))  # noqa: PTH120


def _write_top(cargo: Cargo, request: ImageRequest, blobs: Blobs) -> WrittenLayer:
    """Write what stands on the release, at the path that it has."""
    at = cargo.parts[0].prefix.strip("/")
    with writing_layer(blobs, "layer", request.compression) as writing:
        there = parents_of(at)
        if request.base is None:
            add_parents(writing.writer, at)
        Loader(placed(cargo, cargo.entries, at), writing.writer, there).load()
    return writing.layer


def _created(request: ImageRequest) -> str:
    moment = datetime.fromtimestamp((request.layer or request.cargo).seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _annotations(request: ImageRequest) -> dict[str, str]:
    release = request.release
    value = {
        TITLE_LABEL: request.layer.name if request.layer else str(release.stack),
        f"{_TITLES}version": str(release.version),
        f"{_TITLES}created": _created(request),
    }
    if request.base is not None:
        value[f"{_TITLES}base.digest"] = request.base[1].descriptor.digest
    return value


def _config(
    request: ImageRequest, layers: list[WrittenLayer], own: list[WrittenLayer]
) -> dict[str, Any]:
    """Return the config; what a base says stays where the release says nothing."""
    base = dict(request.base[1].config) if request.base else {}
    settings = dict(base.get("config") or {})
    variables = dict(one.partition("=")[::2] for one in settings.get("Env") or ())
    manifest = request.release.manifest()
    prefix = manifest.prefix
    first = [f"{request.layer.parts[0].prefix}/bin"] if request.layer else []
    path = [*first, f"{prefix}/bin", variables.get("PATH") or _SYSTEM_PATH]
    variables["PATH"] = ":".join(path)
    labels = {
        **(settings.get("Labels") or {}),
        **_annotations(request),
        RELEASE_LABEL: request.release.name,
        PREFIX_LABEL: prefix,
        LAYERS_LABEL: ",".join(one.diff_id for one in own),
        **({MARCH_LABEL: march} if (march := manifest.micro_architecture) else {}),
    }
    settings |= {"Env": [f"{key}={one}" for key, one in variables.items()], "Labels": labels}
    settings.pop("Entrypoint", None)
    settings["Cmd"] = [f"{first[0] if first else f'{prefix}/bin'}/python"]
    if request.entrypoint:
        settings |= {"Entrypoint": list(request.entrypoint)}
        settings.pop("Cmd")
    system, processor = go_platform(request.cargo.platform)
    history = [
        {"created": _created(request), "created_by": f"lamina export: {one.title}"}
        for one in layers
    ]
    below = (base.get("rootfs") or {}).get("diff_ids") or []
    return {
        "created": _created(request),
        "architecture": processor,
        "os": system,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [*below, *(one.diff_id for one in layers)]},
        "history": [*(base.get("history") or []), *history],
    }


def _add_bill(request: ImageRequest, blobs: Blobs, image: Descriptor) -> Descriptor:
    """Add the bill of materials as an artifact that refers to the image (image-spec 1.1)."""
    text = dump_release_sbom(request.release.internal, None)
    content = blobs.add(text.encode(), SBOM_TYPE)
    title = {f"{_TITLES}title": "sbom.cdx.json"}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": SBOM_TYPE,
        "config": blobs.add(b"{}", EMPTY).value(),
        "layers": [replace(content, annotations=title).value()],
        "subject": replace(image, platform={}).value(),
        "annotations": {
            f"{_TITLES}created": _created(request),
            "lamina.version": version("lamina"),
        },
    }
    return replace(blobs.add_document(manifest), artifact_type=SBOM_TYPE)
