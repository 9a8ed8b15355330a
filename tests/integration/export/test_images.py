"""A release as an image: read by tools that others wrote, and run from it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, StorageError, UsageError
from lamina.export.oci.blobs import Blobs
from lamina.export.oci.layout import find_image, is_layout_tar, unpack_layout
from lamina.export.oci.libc import libraries_of
from lamina.model.platforms import Platform, current_platform
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
from lamina.release.verify import recorded_files
from support.containers import HERE, document, image_request, run, run_inside, ship, unpacked_image
from support.mounts import mounted, remount
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.release.root import Release
    from support.containers import Written
    from support.packs import Shipped


@pytest.mark.containers
def test_others_read_what_it_says_of_itself(shipped: Shipped, written: Written) -> None:
    told = json.loads(run("skopeo", "inspect", f"oci:{written.layout}:1.0"))
    assert told["Digest"] == written.result.digest
    assert told["Created"] == "2026-11-01T12:00:00Z"
    assert (told["Os"], told["Architecture"]) == HERE
    assert told["Labels"]["org.opencontainers.image.title"] == "small"
    assert told["Labels"]["org.opencontainers.image.version"] == "1.0"
    assert told["Env"][0].startswith(f"PATH={shipped.release.prefix}/bin:/usr/local/sbin:")
    assert len(told["Layers"]) == 4
    assert written.result.images[0].titles == (
        "C library of this machine", "interpreter", "packages", "release",
    )  # fmt: skip


@pytest.mark.containers
@pytest.mark.namespaces
def test_programs_run_in_it_at_the_prefix_of_the_release(
    shipped: Shipped, written: Written, tmp_path: Path
) -> None:
    rootfs = unpacked_image(written.layout, "1.0", tmp_path / "bundle")
    prefix = shipped.release.prefix
    assert run_inside(rootfs, prefix / "bin" / "greet") == f"hello from {prefix}\n"
    code = "import sys, ssl, ctypes, tempfile; print(sys.prefix, tempfile.gettempdir())"
    assert run_inside(rootfs, prefix / "bin" / "python", "-c", code) == f"{prefix} /tmp\n"
    settings = json.loads((tmp_path / "bundle" / "config.json").read_text())
    assert settings["process"]["args"] == [f"{prefix}/bin/python"]


def test_the_bill_of_materials_refers_to_the_image(shipped: Shipped, written: Written) -> None:
    index = json.loads((written.layout / "index.json").read_text())
    [image, bill] = index["manifests"]
    assert image["annotations"] == {"org.opencontainers.image.ref.name": "1.0"}
    manifest = document(written.layout, bill["digest"])
    assert bill["artifactType"] == manifest["artifactType"] == "application/vnd.cyclonedx+json"
    assert manifest["subject"]["digest"] == image["digest"]
    [content] = manifest["layers"]
    text = (shipped.release.internal / "sbom.cdx.json").read_text()
    assert document(written.layout, content["digest"]) == json.loads(text)


def test_the_same_release_gives_the_same_image(
    shipped: Shipped, written: Written, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        request = image_request(shipped.release, shipped.environ, tmp_path / f"{name}-scratch")
        ship([request], tmp_path / f"{name}.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert is_layout_tar(tmp_path / "one.tar")
    assert not is_layout_tar(shipped.archive)
    with pytest.raises(ConflictError, match="is there already"):
        ship([request], written.layout)
    changes: list[tuple[str, str]] = []
    with fs.observe(lambda operation, path: changes.append((operation, path.name))):
        ship([request], tmp_path / "three")
    *_, synced, renamed, (swept, scratch) = changes
    assert (synced, renamed, swept) == (("sync", "layout"), ("rename", "three"), "rmtree")
    assert scratch.startswith(".lamina-image-")


@pytest.fixture(scope="module")
def next_release(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Return the next version, with the same packages."""
    top = tmp_path_factory.mktemp("next")
    stack = make_stack(python="3.12", bundle=True, version="1.1")
    version = parse_release_version("1.1")
    yield publish(publish_request(top, shipped.environ, stack=stack, version=version)).release
    fs.remove_tree(top)


def test_the_next_release_has_the_same_layers_but_its_own(
    shipped: Shipped, next_release: Release, tmp_path: Path
) -> None:
    layers = []
    for release in (shipped.release, next_release):
        scratch = tmp_path / f"{release.version}-scratch"
        request = image_request(release, shipped.environ, scratch)
        result = ship([request], tmp_path / str(release.version), tag=str(release.version))
        layers.append([one.digest for one in result.images[0].layers])
    assert layers[0][:-1] == layers[1][:-1]
    assert layers[0][-1] != layers[1][-1]
    assert len(layers[0]) == 3


@pytest.mark.containers
def test_docker_load_and_import_take_one_file(
    shipped: Shipped, written: Written, tmp_path: Path
) -> None:
    target = tmp_path / "small.docker.tar"
    request = image_request(shipped.release, shipped.environ, tmp_path / "scratch")
    ship([request], target, form="docker")
    with tarfile.open(target) as archive:
        [listed] = json.load(archive.extractfile("manifest.json") or target.open("rb"))
        assert {*listed["Layers"], listed["Config"]} <= set(archive.getnames())
    assert listed["RepoTags"] == ["small:1.0"]
    told = json.loads(run("skopeo", "inspect", f"docker-archive:{target}:small:1.0"))
    assert told["Labels"]["lamina.release"] == "small/1.0"
    unpack_layout(target, tmp_path / "layout")
    assert find_image(tmp_path / "layout", HERE).labels["lamina.release"] == "small/1.0"


@pytest.mark.containers
def test_an_image_stands_on_a_base(shipped: Shipped, tmp_path: Path) -> None:
    base, image = tmp_path / "base", tmp_path / "base:slim"
    run("umoci", "init", "--layout", base)
    run("umoci", "new", "--image", image)
    python = (shipped.release.prefix / "bin" / "python").resolve()
    for path, source in libraries_of([("bin", python)], shipped.environ).items():
        run("umoci", "insert", "--rootless", "--image", image, source.resolve(), path)
    run("umoci", "config", "--image", image, "--config.env", "GROUP=us", "--config.user", "1000")
    below = find_image(base, HERE, "slim")
    request = image_request(
        shipped.release, shipped.environ, tmp_path / "scratch", compression="gzip",
        base=(Blobs(base), below), entrypoint=("greet",),
    )  # fmt: skip
    result = ship([request], tmp_path / "layout")
    made = find_image(tmp_path / "layout", HERE)
    assert made.layers[: len(below.layers)] == below.layers
    assert made.diff_ids[: len(below.layers)] == below.diff_ids
    assert made.config["config"]["User"] == "1000"
    assert "GROUP=us" in made.config["config"]["Env"]
    assert made.config["config"]["Entrypoint"] == ["greet"]
    base_digest = made.manifest["annotations"]["org.opencontainers.image.base.digest"]
    assert base_digest == below.descriptor.digest
    rootfs = unpacked_image(tmp_path / "layout", "1.0", tmp_path / "bundle")
    assert (rootfs / "lib64").is_dir()
    assert (rootfs / "opt/lamina/stacks/small/bin/greet").is_file()
    link = rootfs / str(shipped.release.prefix).lstrip("/")
    assert (link.parent / link.readlink()).resolve() == rootfs / "opt/lamina/stacks/small"
    assert result.images[0].titles == ("interpreter", "packages", "release")
    with pytest.raises(UsageError, match=r"for linux/\w+, not for linux/other"):
        find_image(base, ("linux", "other"))


def test_all_platforms_are_one_index(shipped: Shipped, tmp_path: Path) -> None:
    other = Platform.LINUX_AARCH64 if HERE[1] == "amd64" else Platform.LINUX_64
    prefix = shutil.copytree(shipped.release.prefix, tmp_path / str(other), symlinks=True)
    manifest = prefix / ".lamina" / "release.toml"
    text = manifest.read_text().replace(f'"{current_platform()}"', f'"{other}"')
    manifest.parent.chmod(0o755)
    manifest.chmod(0o644)
    manifest.write_text(text)
    there = dataclasses.replace(shipped.release, platform=other, prefix=prefix)
    requests = [
        image_request(one, shipped.environ, tmp_path / f"scratch-{one.platform}")
        for one in (shipped.release, there)
    ]
    result = ship(requests, tmp_path / "layout")
    index = document(tmp_path / "layout", result.digest)
    platforms = {one["platform"]["architecture"] for one in index["manifests"]}
    assert platforms == {"amd64", "arm64"}
    for processor in platforms:
        assert find_image(tmp_path / "layout", ("linux", processor)).platform[1] == processor
    fs.remove_tree(prefix)
    with pytest.raises(UsageError, match="one platform"):
        ship(requests, tmp_path / "x.tar", form="docker")


def test_what_is_the_same_in_an_earlier_release_goes_together(
    shipped: Shipped, next_release: Release, tmp_path: Path
) -> None:
    like = dict(recorded_files(shipped.release))
    changed = next(one for one in like if one.endswith("greeter/__init__.py"))
    like[changed] = dataclasses.replace(like[changed], sha256="0" * 64)
    request = image_request(next_release, shipped.environ, tmp_path / "scratch", like=like)
    result = ship([request], tmp_path / "layout")
    assert result.images[0].titles == ("interpreter", "packages as before", "packages", "release")
    layers = result.images[0].layers
    unchanged, rest = (names(tmp_path / "layout", one.digest) for one in layers[1:3])
    assert any("numbers_of_ours" in one for one in unchanged)
    assert not any("greeter" in one for one in unchanged)
    assert any("greeter" in one for one in rest)


def names(layout: Path, digest: str) -> list[str]:
    from lamina.archive.streams import Reading

    return [one.name for one in Reading(Blobs(layout).path(digest)).members()]


def test_a_release_that_was_changed_is_not_shipped(shipped: Shipped, tmp_path: Path) -> None:
    request = image_request(shipped.release, shipped.environ, tmp_path / "scratch")
    path = next(one for one in request.cargo.entries if one.endswith("greeter/__init__.py"))
    other = tmp_path / "other.py"
    size = request.cargo.entries[path].size
    other.write_bytes(b"#" * size)
    other.chmod(request.cargo.entries[path].mode)
    sources = {**request.cargo.sources, path: other}
    request = dataclasses.replace(
        request, cargo=dataclasses.replace(request.cargo, sources=sources)
    )
    with pytest.raises(IntegrityError, match="not as it was published: its content"):
        ship([request], tmp_path / "layout")
    assert not (tmp_path / "layout").exists()
    assert not list(tmp_path.glob(".lamina-image-*"))


@pytest.mark.namespaces
def test_a_full_disk_leaves_nothing(shipped: Shipped, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with mounted(small, "size=2m"):
        request = image_request(shipped.release, shipped.environ, tmp_path / "scratch")
        with pytest.raises(StorageError, match=r"needs .* MB, and .* are free"):
            ship([request], small / "layout")
        # A tar of it is written beside it.
        remount(small, f"size={int(request.cargo.size * 0.25)}")
        with pytest.raises(StorageError, match=r"needs .* MB, and .* are free"):
            ship([request], small / "image.tar")
        remount(small, "size=2m")
        # What is not known before: sizes that the listing does not have.
        entries = {
            path: dataclasses.replace(one, size=0, sha256="")
            for path, one in request.cargo.entries.items()
        }
        cargo = dataclasses.replace(request.cargo, entries=entries)
        with pytest.raises(StorageError, match="no space left"):
            ship([dataclasses.replace(request, cargo=cargo)], small / "layout")
        assert not list(small.iterdir())
