"""A layer leaves with its base, or without it and is put on the same base elsewhere."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import NotSupportedError
from lamina.export.layer_cargo import layer_cargo
from lamina.export.pack import write_pack
from lamina.layer.transaction import holding
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.packs import run, unpacked
from support.papers import offer
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer
    from support.packs import Shipped

EXTRA = Wheel(name="extra", version="1.0", scripts={"extra": "extra:main"})


@pytest.fixture
def layer(shipped: Shipped, command_line: CommandLine) -> Path:
    """Return a layer with a module and a program of its own."""
    directory = command_line.directory / "layer"
    command_line("layer", "create", directory, "--on", shipped.release.prefix)
    [site] = directory.glob("lib/python*/site-packages")
    (site / "mine.py").write_text("import greeter\nanswer = 42\n")
    program = directory / "bin" / "mine"
    program.write_text(
        f"#!{directory}/bin/python\nimport mine\nprint(mine.answer, mine.__file__)\n"
    )
    program.chmod(0o755)
    return directory


def test_with_its_base_it_needs_nothing(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    archive = tmp_path / "layer.tar"
    told = command_line("export", layer, "--as", "pack", "-o", archive, "--json").json
    assert told["name"] == "layer on small/1.0"
    top = unpacked(archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    site = "lib/python3.12/site-packages"
    assert run(top / "bin" / "mine") == f"42 {top}/{site}/mine.py\n"
    asked = "import sys, greeter; print(sys.base_prefix, greeter.__file__)"
    assert run(top / "bin" / "python", "-c", asked).split() == [
        f"{top}/.base/python",
        f"{top}/.base/{site}/greeter/__init__.py",
    ]
    old = run("grep", "-rlF", "-e", shipped.release.prefix, "-e", layer, ".", cwd=top)
    assert old == "./.lamina/pack.json\n"
    base = release_at(top / ".base")
    assert base is not None
    assert verify_release(base).sound
    assert (
        "a layer, and no release"
        in command_line("import", archive, "--root", tmp_path / "root", expect=2).stderr
    )
    fs.remove_tree(top)


@pytest.mark.parametrize("spelling", ["there/../layer", "there/link"])
def test_however_it_is_named_no_file_names_the_old_place(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path, spelling: str
) -> None:
    """Given by another path than the one in its scripts, they are made to fit all the same."""
    (layer.parent / "there").mkdir()
    (layer.parent / "there" / "link").symlink_to(layer)
    archive = tmp_path / "layer.tar"
    command_line("export", spelling, "--as", "pack", "--with-base", "never", "-o", archive)
    top = unpacked(archive, tmp_path / "top")
    run(top / "bin" / "lamina-unpack", "--base", shipped.release.prefix)
    assert run("grep", "-rlF", "-e", layer, ".", cwd=top) == "./.lamina/pack.json\n"
    assert run(top / "bin" / "mine").startswith(f"42 {top}/")


def test_an_unpacked_layer_is_changed_moved_and_unpacked_again(
    index_server: IndexServer, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    """What changed in it since is its owner's, and no damage."""
    offer(index_server, EXTRA)
    archive = tmp_path / "layer.tar"
    command_line("export", layer, "--as", "pack", "-o", archive)
    first, second = unpacked(archive, tmp_path / "first"), tmp_path / "second"
    run(first / "bin" / "lamina-unpack")
    command_line("layer", "add", first, "extra")
    (first / "bin" / "mine").write_text(f"#!{first}/bin/python\nprint('changed')\n")
    first.rename(second)
    told = command_line("layer", "check", second, expect=6).stdout
    mends = {line.strip() for line in told.splitlines() if line.strip().startswith("mend:")}
    assert mends == {f"mend: {second}/bin/lamina-unpack"}
    assert f"{second}/.base" in told
    said = command_line("layer", "migrate", second, "--to", second / ".base", expect=2).stderr
    assert f"{second}/.base is inside the layer {second} itself" in said
    assert f"hint: {second}/bin/lamina-unpack" in said
    assert (second / ".base" / "bin").is_dir()
    run(second / "bin" / "lamina-unpack")
    assert run(second / "bin" / "mine") == "changed\n"
    assert run(second / "bin" / "extra").split() == ["extra", "1.0"]
    assert run("grep", "-rlF", "-e", first, ".", cwd=second, expect=1) == ""
    assert "sound" in command_line("layer", "check", second).stdout
    command_line("layer", "remove", second, "extra")
    assert "nothing to do" in run(second / "bin" / "lamina-unpack")
    fs.remove_tree(second)


def test_damage_on_the_way_is_still_found(
    layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    archive = tmp_path / "layer.tar"
    command_line("export", layer, "--as", "pack", "-o", archive)
    top = unpacked(archive, tmp_path / "there")
    (top / "bin" / "mine").write_text("another\n")
    assert "not as packed: bin/mine" in run(top / "bin" / "lamina-unpack", expect=6)
    fs.remove_tree(top)


def test_a_layer_that_was_moved_is_refused(layer: Path, command_line: CommandLine) -> None:
    layer.rename(layer.with_name("moved"))
    said = command_line("export", "moved", "--as", "pack", "-o", "no.tar", expect=6).stderr
    assert f"not where it was made, which was {layer}\n" in said
    assert not (command_line.directory / "no.tar").exists()


def test_without_its_base_it_is_put_on_the_same_one(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    archive = tmp_path / "layer.tar.zst"
    command_line("export", layer, "--as", "pack", "--with-base", "never", "-o", archive)
    assert archive.stat().st_size < 200_000
    top = unpacked(archive, tmp_path / "there")
    assert "--base PATH" in run(top / "bin" / "lamina-unpack", expect=2)
    said = run(top / "bin" / "lamina-unpack", "--base", tmp_path / "nothing", expect=2)
    assert said.startswith(f"error: {tmp_path}/nothing: no release of lamina\nhint: ")
    assert said.endswith("--base PATH, the release it stands on\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(shipped.release.prefix)
    run(top / "bin" / "lamina-unpack", "--base", elsewhere)
    assert run(top / "bin" / "mine").startswith("42 ")
    assert f'prefix = "{elsewhere}"' in (top / "lamina-layer.toml").read_text()


def test_another_base_is_refused(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    archive = tmp_path / "layer.tar"
    command_line("export", layer, "--as", "pack", "--with-base", "never", "-o", archive)
    top = unpacked(archive, tmp_path / "there")
    other = tmp_path / "other"
    (other / ".lamina").mkdir(parents=True)
    (other / "bin").mkdir()
    (other / "bin" / "python").symlink_to(shipped.release.interpreter.resolve())
    manifest = (shipped.release.internal / "release.toml").read_text()
    digest = str(shipped.release.manifest().lock_digest)
    (other / ".lamina" / "release.toml").write_text(manifest.replace(digest, "0" * 64))
    said = run(top / "bin" / "lamina-unpack", "--base", other, expect=6)
    assert f"{other}: not the base of this layer, small/1.0" in said


@pytest.mark.parametrize("form", ["pack", "installer", "oci", "squashfs"])
def test_the_python_of_a_release_in_an_environment_is_not_shipped(
    shipped: Shipped,
    command_line: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    """The layer names what that environment has besides, which would not come along."""
    layer, made = tmp_path / "on-env", tmp_path / "made"
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{shipped.release.prefix / 'bin'}:/usr/bin:/bin")
        patched.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
        command_line("layer", "create", layer, "--on", "env")
    out = made.with_suffix({"installer": ".sh", "squashfs": ".sqfs"}.get(form, ".tar"))
    said = command_line("export", layer, "--as", form, "-o", out, expect=2).stderr
    assert f"{layer} stands on env, which is no release of lamina" in said
    assert not list(tmp_path.glob("made*"))


def test_a_base_without_an_interpreter_cannot_come_along(
    shipped: Shipped, layer: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    text = (shipped.release.internal / "release.toml").read_text()
    (base / ".lamina").mkdir(parents=True)
    (base / ".lamina" / "release.toml").write_text(
        text.replace("bundled = true", "bundled = false")
    )
    release = release_at(base)
    assert release is not None
    with pytest.raises(NotSupportedError, match="no interpreter of its own") as found:
        layer_cargo(layer, release, shipped.environ, tmp_path, with_base=True)
    # Of a pack, which may go without: see the command.
    assert found.value.hints == ("publish the release with `bundle = true` in [stack]",)


def stop_half_way(layer: Path) -> None:
    """Leave a layer as a change does that was killed once it had moved a module away."""
    stage = layer / ".lamina" / "stage-1" / "old"
    stage.mkdir(parents=True)
    [module] = layer.glob("lib/python*/site-packages/mine.py")
    module.rename(stage / "mine.py")
    moves = [[str(module.relative_to(layer)), ".lamina/stage-1/old/mine.py"]]
    (layer / ".lamina" / "journal.json").write_text(json.dumps(moves))


def test_a_change_that_was_stopped_half_way_is_undone_first(
    layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    stop_half_way(layer)
    command_line("export", layer, "--as", "pack", "-o", tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as archive:
        names = archive.getnames()
    assert "lib/python3.12/site-packages/mine.py" in names
    assert not [one for one in names if "stage-" in one or one.startswith(".lamina/journal")]


@pytest.mark.parametrize("form", ["pack", "installer", "oci", "squashfs"])
def test_a_layer_is_not_exported_while_it_is_changed(
    layer: Path, command_line: CommandLine, tmp_path: Path, form: str
) -> None:
    out = tmp_path / ("x.sqfs" if form == "squashfs" else "x.tar")
    with holding(layer):
        said = command_line("export", layer, "--as", form, "-o", out, expect=7).stderr
    assert f"{layer}: another operation changes this layer" in said
    assert not out.exists()


def test_what_cannot_be_held_is_exported_where_it_is_whole(
    layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    (layer / ".lamina").mkdir()
    (layer / ".lamina" / "lock").symlink_to("of-somebody-else")
    command_line("export", layer, "--as", "pack", "-o", tmp_path / "x.tar")
    stop_half_way(layer)
    said = command_line("export", layer, "--as", "pack", "-o", tmp_path / "y.tar", expect=1).stderr
    assert f"{layer}/.lamina/lock" in said
    assert not (tmp_path / "y.tar").exists()


def test_a_base_that_is_gone_is_said_to_be(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    document = layer / "lamina-layer.toml"
    text = document.read_text()
    document.write_text(text.replace(str(shipped.release.prefix), "/no/such/release"))
    out = tmp_path / "x.tar"
    said = command_line("export", layer, "--as", "pack", "-o", out, expect=6).stderr
    assert f"{layer}: its base is gone: /no/such/release\n" in said
    assert f"hint: lamina layer migrate {layer} --to BASE\n" in said


def test_what_will_be_missing_is_said(
    index_server: IndexServer, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    offer(index_server, EXTRA)
    command_line("layer", "add", layer, "extra")
    [site] = layer.glob("lib/python*/site-packages")
    words = ("export", layer, "--as", "pack", "--with-base", "never", "-o")
    assert "warning" not in command_line(*words, tmp_path / "whole.tar").stderr
    fs.remove_tree(site / "extra-1.0.dist-info")
    Wheel(name="Own.Work", version="0.1").unpack(site)
    [info] = site.glob("*.dist-info")
    (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///x"}')
    said = command_line(*words, tmp_path / "less.tar").stderr
    assert f"warning: {layer} does not hold what was put into it: extra 1.0: not there\n" in said
    assert "warning: editable, with files that stay where they are: Own.Work 0.1\n" in said


@pytest.mark.parametrize(
    ("form", "name"),
    [("pack", "x.tar"), ("installer", "x.sh"), ("oci", "image"), ("squashfs", "x.sqfs")],
)
def test_nothing_is_written_into_the_layer_that_it_is_made_of(
    layer: Path, command_line: CommandLine, form: str, name: str
) -> None:
    (command_line.directory / "link").symlink_to(layer)
    said = command_line("export", "link", "--as", form, "-o", layer / name, expect=2).stderr
    assert f"{layer / name}: in the layer that it is made of" in said
    assert not (layer / name).exists()


def clash(site: Path) -> None:
    """Let two packages say that one file of theirs has different contents."""
    for name, digest in (("one", "sha256=AAAA"), ("two", "sha256=BBBB")):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "RECORD").write_text(f"same.py,{digest},1\n")


def test_two_packages_of_a_layer_or_its_base_with_one_file_are_named(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    words = ("export", layer, "--as", "pack", "-o", tmp_path / "layer.tar")
    [site] = layer.glob("lib/python*/site-packages")
    clash(site)
    refused = command_line(*words, "--with-base", "never", expect=7)
    assert f"{layer}: two packages have put different files at one path" in refused.stderr
    assert "same.py: both one-1.0 and two-1.0" in refused.stderr
    allowed = command_line(*words, "--with-base", "never", "--clobbered")
    assert "same.py: both one-1.0 and two-1.0" in allowed.stderr


def test_whether_the_base_comes_along_is_a_question_of_layers(
    shipped: Shipped, command_line: CommandLine
) -> None:
    words = ("export", shipped.release.prefix, "--as", "pack", "-o", "x.tar", "--with-base")
    refused = command_line(*words, "never", expect=2)
    assert f"--with-base is for layers, and {shipped.release.prefix} is none" in refused.stderr


def test_the_same_layer_gives_the_same_bytes(shipped: Shipped, layer: Path, tmp_path: Path) -> None:
    environ = shipped.environ | {"SOURCE_DATE_EPOCH": "86400"}
    base = shipped.release
    cargo = layer_cargo(layer, base, environ, tmp_path, with_base=False)
    run(layer / "bin" / "mine")  # leaves byte code
    again = layer_cargo(layer, base, environ, tmp_path, with_base=False)
    write_pack(cargo, tmp_path / "one.tar", "tar")
    write_pack(again, tmp_path / "two.tar", "tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
