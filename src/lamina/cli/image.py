"""``lamina export --as oci``, and images for ``lamina import``."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.options import environment
from lamina.core import fs, report
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lamina.cli.image_options import ImageChoice
    from lamina.cli.options import Output
    from lamina.export.arrival import Imported, ImportRequest
    from lamina.export.oci.blobs import Blobs, Descriptor
    from lamina.export.oci.image import BuiltImage, ImageRequest
    from lamina.export.oci.layout import Image
    from lamina.export.oci.registries import Pushed
    from lamina.export.oci.shipping import Destination, ImageForm
    from lamina.model.image_references import ImageReference
    from lamina.release.mtree import Entry
    from lamina.release.root import Release


def export_image(output: Output, choice: ImageChoice) -> None:
    """Write or send an image of a release or layer."""
    from lamina.export.oci.shipping import check_destination, ship_image

    if choice.source is None or not (choice.path or choice.push):
        raise UsageError(
            "an image is made of a release or layer, and is a directory, a .tar, or in a registry",
            hints=[
                "lamina export STACK/VERSION --as oci -o DIRECTORY",
                "lamina export STACK/VERSION --as oci --push REGISTRY/NAME:TAG",
            ],
        )
    _check_choice(choice)
    if not (choice.base or choice.with_libc):
        report.warn(
            "the image holds no C library, and nothing can be started in it: --base LAYOUT puts it "
            "on an image that has one, --with-libc puts this machine's in"
        )
    pushed: list[Pushed] = []
    directory = check_destination(choice.path)
    with ExitStack() as stack:
        requests = _requests(choice, stack, directory)
        destination = _destination(choice, requests[0], pushed)
        if choice.push:
            _check_registry(choice, _reference(choice.push))
        shipped = ship_image(requests, destination)
    lines = [f"wrote {_called(destination)}"] if choice.path else []
    lines += [
        f"sent {choice.push}: {one.blobs} blobs, {one.sent / 1e6:.1f} MB; {one.there} were there"
        for one in pushed
    ]
    names = ", ".join(one.cargo.platform for one in requests)
    lines.append(f"{shipped.digest}: {shipped.size / 1e6:.1f} MB in layers, for {names}")
    value = _value(choice, requests, shipped.digest, shipped.images, pushed)
    output.result("\n".join(lines), value | {"tag": destination.tag})


def _check_choice(choice: ImageChoice) -> None:
    """Raise UsageError for options that do not go together, or with an image."""
    if choice.base and choice.with_libc:
        raise UsageError("a base has its C library: --base or --with-libc")
    if choice.archive not in {None, "docker", "layout"}:
        raise UsageError(f"--format {choice.archive}: an image is a layout or for docker")
    if choice.push and (digest := _reference(choice.push).digest):
        raise UsageError(
            f"{choice.push}: an image is sent to a tag; its digest is that of what it holds",
            hints=[f"--push {choice.push.removesuffix(f'@{digest}')}:TAG"],
        )


def _called(destination: Destination) -> str:
    """Return what was written, as other tools name the image in it."""
    path, tag = destination.path, destination.tag
    if destination.form == "docker":
        return f"{path}: {destination.name} for docker load"
    word = "oci" if path is None or path.is_dir() else "oci-archive"
    return f"{path}: {word}:{path}:{tag} for skopeo and podman"


def _check_registry(choice: ImageChoice, reference: ImageReference) -> None:
    """Ask a registry for a blob before anything is packed: it may be dead, or refuse us."""
    from lamina.core.http import HttpClient
    from lamina.engines.registry import Registry
    from lamina.export.oci.blobs import EMPTY_DIGEST

    environ = environment()
    with HttpClient(environ) as http:
        Registry(http, reference, environ, plain_http=choice.plain_http).has(EMPTY_DIGEST)


def _value(
    choice: ImageChoice,
    requests: Sequence[ImageRequest],
    digest: str,
    images: Sequence[BuiltImage],
    pushed: Sequence[Pushed],
) -> dict[str, object]:
    return {
        "form": "oci",
        "name": requests[0].release.name,
        "digest": digest,
        "output": str(choice.path) if choice.path else None,
        "pushed": [
            {"image": choice.push, "blobs": one.blobs, "bytes": one.sent, "there": one.there}
            for one in pushed
        ],
        "images": [
            {
                "platform": request.cargo.platform,
                "digest": image.descriptor.digest,
                "layers": [{"digest": one.digest, "bytes": one.size} for one in image.layers],
                "own-layers": list(image.titles),
            }
            for request, image in zip(requests, images, strict=True)
        ],
    }


def _requests(choice: ImageChoice, stack: ExitStack, directory: Path) -> list[ImageRequest]:
    """Return what is to be built: one image a platform; what is copied for it is in a directory."""
    from lamina.cli.release import find_release
    from lamina.export.layer_cargo import check_bundled, layer_cargo
    from lamina.layer.base import is_layer
    from lamina.layer.release_below import layer_and_release

    assert choice.source is not None  # noqa: S101 (asked before)
    environ = environment()
    if not is_layer(Path(choice.source)):
        release = find_release(choice.source, choice.root)
        platforms = _platforms(release, choice)
        return [_request(one, choice, stack, directory) for one in platforms]
    layer, release = layer_and_release(Path(choice.source))
    check_bundled(release)
    for one in choice.platforms:
        _for_platform(one, release, None)
    cargo = layer_cargo(layer, release, environ, _scratch(stack, directory), with_base=False)
    return [_request(release, choice, stack, directory, layer=cargo)]


def _platforms(release: Release, choice: ImageChoice) -> list[Release]:
    """Return the releases that go into one image; raises UsageError for what is not published.

    They are of the root that the release is in; what is in none is there for one platform.
    """
    from lamina.core.errors import NotSupportedError
    from lamina.export.oci.image import go_platform
    from lamina.release.root import Root, root_around

    around = root_around(release)
    if choice.platforms:
        return [_for_platform(one, release, around) for one in sorted(set(choice.platforms))]
    if around is None or choice.archive == "docker":
        return [release]
    found = []
    for other in Root(around).releases(release.stack):
        if other.version != release.version:
            continue
        try:
            go_platform(other.platform)
        except NotSupportedError as error:
            report.note(f"left out: {error.message}")
        else:
            found.append(other)
    return found or [release]


def _for_platform(text: str, release: Release, root: Path | None) -> Release:
    """Return a release as it is for a platform; ``root``: where it is, None for nowhere."""
    from lamina.model.platforms import Platform
    from lamina.model.references import ReleaseReference
    from lamina.release.root import Root

    known = [one.value for one in Platform]
    if text not in known:
        raise UsageError(f"{text}: no platform; there are {', '.join(known)}")
    platform = Platform(text)
    if platform is release.platform:
        return release
    if root is None:
        raise UsageError(
            f"{release.name} is published for {release.platform}, not for {platform}",
            hints=[f"--platform {release.platform}"],
        )
    return Root(root).find(ReleaseReference.parse(release.name), platform)


def _scratch(stack: ExitStack, directory: Path | None = None) -> Path:
    from lamina.core.scratch import scratch_directory

    return stack.enter_context(scratch_directory(".lamina-image-", directory))


def _request(
    release: Release, choice: ImageChoice, stack: ExitStack, directory: Path, **more: object
) -> ImageRequest:
    from lamina.export.oci.image import ImageRequest, go_platform
    from lamina.export.release_cargo import release_cargo
    from lamina.export.unpacked import check_published
    from lamina.model.platforms import current_platform

    check_published(release, "an image")
    environ = environment()
    platform = go_platform(release.platform)
    if choice.with_libc and release.platform != current_platform():
        raise UsageError(
            f"the C library of this machine is not one for {release.platform}",
            hints=["--base LAYOUT", f"--platform {current_platform()}"],
        )
    return ImageRequest(
        release=release,
        cargo=release_cargo(release, environ, _scratch(stack, directory)),
        compression="zstd" if choice.compression == "zstd" else "gzip",
        like=_listing(choice),
        base=_base(choice.base, platform, stack, directory) if choice.base else None,
        with_libc=choice.with_libc,
        entrypoint=tuple(shlex.split(choice.entrypoint or "")),
        environ=environ,
        **more,  # type: ignore[arg-type]
    )


def _listing(choice: ImageChoice) -> Mapping[str, Entry] | None:
    from lamina.cli.release import find_release
    from lamina.release.verify import recorded_files

    return recorded_files(find_release(choice.like, choice.root)) if choice.like else None


def _base(
    text: str, platform: tuple[str, str], stack: ExitStack, directory: Path
) -> tuple[Blobs, Image]:
    """Return the image that a person means by ``LAYOUT[:TAG]``."""
    from lamina.export.oci.blobs import Blobs
    from lamina.export.oci.layout import find_image, is_layout_tar, unpack_layout
    from lamina.release.space import require_space

    if (found := _located(text)) is None:
        raise UsageError(
            f"{text}: no such directory or file; a base is an image layout",
            hints=[f"skopeo copy docker://{shlex.quote(text)} oci:base:latest", "--base base"],
        )
    path, tag = found
    if path.is_file():
        if not is_layout_tar(path):
            raise UsageError(f"{path}: no OCI image layout")
        scratch = _scratch(stack, directory)
        require_space(scratch, path.stat().st_size, what=f"the image in {path}")
        unpack_layout(path, scratch)
        path = scratch
    return Blobs(path), find_image(path, platform, tag)


def _destination(choice: ImageChoice, request: ImageRequest, pushed: list[Pushed]) -> Destination:
    from lamina.export.oci.shipping import Destination
    from lamina.model.image_references import tag_of

    release = request.release
    tag = tag_of(str(release.version))
    name, send = f"{release.stack}:{tag}", None
    if choice.push:
        reference = _reference(choice.push)
        tag = reference.tag or tag
        name = f"{reference.host}/{reference.name}:{tag}"

        def send(blobs: Blobs, images: Sequence[BuiltImage], top: Descriptor) -> None:
            from lamina.core.http import HttpClient
            from lamina.engines.registry import Registry
            from lamina.export.oci.registries import push

            environ = environment()
            with HttpClient(environ) as http:
                registry = Registry(http, reference, environ, plain_http=choice.plain_http)
                pushed.append(push(registry, blobs, images, top, tag))

    form: ImageForm = "docker" if choice.archive == "docker" else "layout"
    return Destination(path=choice.path, form=form, tag=tag, name=name, send=send)


def _reference(text: str, head: str = "") -> ImageReference:
    from lamina.model.image_references import ImageReference

    try:
        return ImageReference.parse(text)
    except ValueError as error:
        raise UsageError(
            f"{head}{error}", hints=["registry.example.org/group/stack:1.0"]
        ) from error


def is_image(text: str) -> bool:
    """Tell whether what is to be imported is an image: a layout, a tar of it, or in a registry."""
    from lamina.export.oci.layout import is_layout_tar

    found = _located(text)
    return found is None or bool(found[1]) or found[0].is_dir() or is_layout_tar(found[0])


def _located(text: str) -> tuple[Path, str | None] | None:
    """Return the layout and tag that ``[oci:|oci-archive:]PATH[:TAG]`` means, None for no path."""
    for plain in dict.fromkeys((text, text.removeprefix("oci:").removeprefix("oci-archive:"))):
        if Path(plain).exists():
            return Path(plain), None
        name, _, tag = plain.rpartition(":")
        if name and Path(name).exists():
            return Path(name), tag
    return None


def bring_image(text: str, request: ImportRequest, *, plain_http: bool) -> Imported:
    """Make a release of an image."""
    from lamina.core.http import HttpClient
    from lamina.engines.registry import Registry
    from lamina.export.oci.arrival import import_image
    from lamina.export.oci.image import go_platform
    from lamina.export.oci.layout import find_image, unpack_layout
    from lamina.export.oci.registries import pull
    from lamina.model.platforms import current_platform
    from lamina.release.space import require_space

    platform = go_platform(current_platform())
    with ExitStack() as stack:
        if found := _located(text):
            path, tag = found
            layout = path
            if not path.is_dir():
                layout = _scratch(stack)
                require_space(layout, path.stat().st_size, what=f"the image in {path}")
                unpack_layout(path, layout)
            image = find_image(layout, platform, tag, anywhere=True)
        else:
            reference = _reference(text, f"{text}: no such file or directory; ")
            layout = _scratch(stack) / "layout"
            fs.make_directory(layout)
            with HttpClient(request.environ) as http:
                registry = Registry(http, reference, request.environ, plain_http=plain_http)
                image = pull(registry, reference, platform, layout)
        return import_image(request, layout, image)
