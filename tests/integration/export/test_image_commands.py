"""``lamina export --as oci`` and ``--as squashfs``, and ``lamina import`` of images."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import Platform, current_platform
from support.containers import RegistryServer, run, run_inside, unpacked_image
from support.packs import run as run_bare

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.packs import Shipped

OTHER = Platform.LINUX_AARCH64 if current_platform() is Platform.LINUX_64 else Platform.LINUX_64


def root_of(shipped: Shipped) -> Path:
    return shipped.release.prefix.parents[3]


@pytest.mark.containers
def test_a_release_goes_through_a_registry(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    with RegistryServer(tmp_path / "registry") as server:
        name = f"{server.host}/hep/small"
        words = ("export", "small", "--root", root_of(shipped), "--as", "oci")
        options = ("--compression", "zstd", "--with-libc", "--push")
        first = command_line(*words, *options, f"{name}:1.0", "--json").json
        assert first["pushed"][0]["there"] == 0
        assert first["images"][0]["own-layers"][0] == "C library of this machine"
        again = command_line(*words, *options, f"{name}:stable")
        assert f"sent {name}:stable: 0 blobs, 0.0 MB; 7 were there\n" in again.stdout
        assert first["digest"] in again.stdout
        root = tmp_path / "root"
        told = command_line("import", f"{name}:stable", "--root", root, "--json").json
        assert told["release"] == "small/1.0"
        command_line("release", "verify", "small", "--root", root)
        greet = f"{told['prefix']}/bin/greet"
        assert run_bare(greet) == f"hello from {told['prefix']}\n"
        unknown = command_line("import", f"{name}:other", "--root", root, expect=2)
        assert "there is no such image" in unknown.stderr
    fs.remove_tree(root)


@pytest.mark.heavy
@pytest.mark.containers
@pytest.mark.namespaces
def test_a_layer_runs_where_it_was_made(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    layer = command_line.directory / "layer"
    command_line("layer", "create", layer, "--on", shipped.release.prefix)
    [site] = layer.glob("lib/python*/site-packages")
    (site / "mine.py").write_text("import greeter\nanswer = 42\n")
    # It needs libraries that nothing in the release does.
    program = site / "mine" / "list"
    program.parent.mkdir()
    shutil.copy(shutil.which("ls") or "", program)
    layout = tmp_path / "layout"
    words = ("export", layer, "--as", "oci", "--with-libc", "-o", layout, "--platform")
    other = command_line(*words, str(OTHER), expect=2)
    assert f"published for {current_platform()}, not for {OTHER}" in other.stderr
    command_line(*words, str(current_platform()))
    rootfs = unpacked_image(layout, "1.0", tmp_path / "bundle")
    code = "import mine, greeter; print(mine.answer, mine.__file__, greeter.__file__)"
    base = f"{shipped.release.prefix}/{site.relative_to(layer)}"
    assert run_inside(rootfs, layer / "bin" / "python", "-c", code).split() == [
        "42", f"{site}/mine.py", f"{base}/greeter/__init__.py",
    ]  # fmt: skip
    assert run_inside(rootfs, program, program).split() == [str(program)]
    settings = json.loads(run("skopeo", "inspect", "--config", f"oci:{layout}:1.0"))["config"]
    assert settings["Env"][0].startswith(f"PATH={layer}/bin:{shipped.release.prefix}/bin:")
    assert settings["Cmd"] == [f"{layer}/bin/python"]
    brought = command_line("import", layout, "--root", tmp_path / "root")
    assert "small/1.0" in brought.stdout
    assert "note: layer on small/1.0 has more than small/1.0: " in brought.stderr
    fs.remove_tree(tmp_path / "root")
    fs.remove_tree(rootfs)


@pytest.mark.heavy
def test_platforms_that_are_published_are_one_image(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(root_of(shipped), root, symlinks=True)
    words = ("export", "small", "--root", root, "--as", "oci", "--compression", "zstd")
    there = root / "releases" / "small" / "1.0"
    missing = command_line(*words, "-o", tmp_path / "x", "--platform", str(OTHER), expect=2)
    assert f"published for {current_platform()}, not for {OTHER}" in missing.stderr
    assert "no platform" in command_line(
        *words, "-o", tmp_path / "x", "--platform", "amd64", expect=2
    ).stderr  # fmt: skip
    shutil.copytree(there / str(current_platform()), there / str(OTHER), symlinks=True)
    manifest = there / str(OTHER) / ".lamina" / "release.toml"
    manifest.parent.chmod(0o755)
    text = manifest.read_text()
    manifest.unlink()
    manifest.write_text(text.replace(f'"{current_platform()}"', f'"{OTHER}"'))
    both = command_line(*words, "-o", tmp_path / "both.tar", "--json")
    assert {one["platform"] for one in both.json["images"]} == {current_platform(), OTHER}
    assert "holds no C library" in both.stderr
    libc = command_line(*words, "-o", tmp_path / "x", "--with-libc", expect=2)
    assert f"not one for {OTHER}" in libc.stderr
    fs.remove_tree(root)


def test_a_layout_is_imported_by_the_name_that_export_gave_it(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    layout, root = tmp_path / "layout", tmp_path / "root"
    words = ("export", "small", "--root", root_of(shipped), "--as", "oci", "-o", layout)
    assert f"oci:{layout}:1.0 for skopeo" in command_line(*words).stdout
    unknown = command_line("import", f"oci:{layout}:2.0", "--root", root, expect=2)
    assert "no image 2.0; there are 1.0" in unknown.stderr
    brought = command_line("import", f"oci:{layout}:1.0", "--root", root)
    assert "small/1.0 is in" in brought.stdout
    assert "stays behind" not in brought.stderr
    fs.remove_tree(root)


def test_what_makes_no_sense_is_said(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    words = ("export", "small", "--root", root_of(shipped), "--as", "oci")
    assert "--push REGISTRY/NAME:TAG" in command_line(*words, expect=2).stderr
    out = ("-o", tmp_path / "x")
    for options, said in {
        ("--base", "nowhere:slim"): "hint: skopeo copy docker://nowhere:slim oci:base:latest",
        ("--base", str(shipped.archive)): "no OCI image layout",
        ("--base", str(tmp_path)): "no OCI image layout",
        ("--base", str(tmp_path), "--with-libc"): "--base or --with-libc",
        ("--format", "zip"): "--format zip: an image is",
        ("--push", "small:1.0"): "is no image",
        ("--push", f"localhost:5/small@sha256:{'0' * 64}"): "--push localhost:5/small:TAG",
        ("-o", "y.zip"): "y.zip: an image is a directory or a .tar, and no .zip",
    }.items():
        assert said in command_line(*words, *out, *options, expect=2).stderr
    (tmp_path / "x").mkdir()
    assert "is there already" in command_line(*words, *out, expect=7).stderr
    root = tmp_path / "root"
    for source, said in {"gone.tar": "no such file", str(tmp_path): "no OCI image layout"}.items():
        assert said in command_line("import", source, "--root", root, expect=2).stderr
    words = ("export", "small", "--root", root_of(shipped), "--as", "squashfs")
    assert "-o FILE.sqfs" in command_line(*words, expect=2).stderr


def test_a_dead_registry_is_told_before_anything_is_packed(
    shipped: Shipped, command_line: CommandLine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    words = ("export", "small", "--root", root_of(shipped), "--as", "oci", "--push")
    said = command_line(*words, f"{host}/hep/small:1.0", expect=8).stderr
    assert host in said
    assert "packing" not in said


@pytest.mark.containers
def test_what_was_written_is_named_as_other_tools_name_it(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    words = ("export", "small", "--root", root_of(shipped), "--as", "oci", "-o")
    docker = ("--format", "docker")
    for name, options in {"image": (), "image.tar": (), "docker.tar": docker}.items():
        told = command_line(*words, tmp_path / name, *options).stdout.splitlines()[0]
        called = told.split(": ", 1)[1]
        if options:
            assert called == "small:1.0 for docker load"
            continue
        reference = called.removesuffix(" for skopeo and podman")
        # Its bill of materials is in it too: without the tag, skopeo asks which is meant.
        assert json.loads(run("skopeo", "inspect", reference))["Layers"]


@pytest.mark.containers
def test_a_file_system_is_written_with_its_script(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "small.sqfs"
    words = ("export", "small", "--root", root_of(shipped), "--as", "squashfs", "-o", path)
    told = command_line(*words, "--json").json
    assert told["bytes"] == path.stat().st_size < told["content"]
    assert told["script"] == str(tmp_path / "small.run")
    assert "COMMAND" in run_bare(tmp_path / "small.run", "--help")
