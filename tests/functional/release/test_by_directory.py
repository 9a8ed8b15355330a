"""A release that is named by its directory is one of the root that it is in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = """\
[stack]
name = "hep"
version = "1.0"
python = "3.12"
platforms = ["{platform}"]

[packages]
tool = "*"
"""
PART = "lib/python3.12/site-packages/tool/part.py"


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside a root with the release hep/1.0, which is not the default one."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))

    def make() -> None:
        index.add(Wheel(name="tool", version="1.0", files={"tool/part.py": "part = 1\n"}))
        command_line.write("lamina.toml", STACK.format(platform=current_platform()))
        command_line("publish", "--no-test", "--root", command_line.directory / "root")

    place.once("release", make)
    return command_line


def _release(lamina: CommandLine) -> Path:
    return lamina.directory / "root/releases/hep/1.0" / current_platform()


def _damaged(lamina: CommandLine) -> Path:
    path = _release(lamina) / PART
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text("part = 2\n", encoding="utf-8")
    return _release(lamina)


def _pasted(stderr: str) -> list[str]:
    """Return the words of the command that mends it, without the program's name."""
    return shlex.split(stderr.partition("to mend it: lamina ")[2].splitlines()[0])


def test_a_damaged_release_is_told_and_mended_by_its_directory(lamina: CommandLine) -> None:
    release = _damaged(lamina)
    told = lamina("release", "verify", release, expect=6)
    assert f"changed: {PART}" in told.stdout
    assert "no releases there" not in told.stderr
    assert str(lamina.directory / "root") in _pasted(told.stderr)
    lamina(*_pasted(told.stderr))
    assert "as published" in lamina("release", "verify", release).stdout


@pytest.mark.parametrize("through", ["the directory", "a link"])
def test_a_root_with_a_release_of_the_same_name_is_not_meant(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    release = _damaged(lamina)
    other = lamina.directory / "other"
    fs.copy_tree(lamina.directory / "root", other)
    monkeypatch.setenv("LAMINA_ROOT", str(other))
    named = release
    if through == "a link":
        named = lamina.directory / "link"
        named.symlink_to(release)
    lamina("release", "repair", named)
    assert lamina("release", "verify", release).exit_code == 0
    assert lamina("release", "verify", "hep/1.0", expect=6).exit_code == 6


def test_a_damaged_copy_in_no_root_is_told(lamina: CommandLine) -> None:
    copy = lamina.directory / "copy"
    fs.copy_tree(_damaged(lamina), copy)
    told = lamina("release", "verify", copy, expect=6)
    assert f"changed: {PART}" in told.stdout
    assert "it is in no root" in told.stderr


def test_what_asks_a_release_of_another_root(lamina: CommandLine) -> None:
    release, root = _release(lamina), lamina.directory / "root"
    assert "hep/1.0" in lamina("release", "show", release).stdout
    assert "tool" in lamina("release", "why", release, "tool").stdout
    lamina("release", "promote", release, "--tier", "stable")
    assert (root / "tiers/hep/stable").readlink().name == "1.0"
    lamina("release", "drop", "hep@stable", "--root", root)
    lamina("release", "retire", release)
    assert "retired" in lamina("release", "list", "--root", root).stdout


def _damaged_namesake(lamina: CommandLine) -> Path:
    """Return a root with a release of the same name, other bytes, and one more platform."""
    other = lamina.directory / "other"
    fs.copy_tree(lamina.directory / "root", other)
    path = other / "releases/hep/1.0" / current_platform() / PART
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text("part = 2\n", encoding="utf-8")
    return other


@pytest.mark.parametrize("where", ["a root", "no root"])
def test_an_image_is_of_the_release_that_was_named(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("LAMINA_ROOT", str(_damaged_namesake(lamina)))
    named = _release(lamina)
    if where == "no root":
        named = lamina.directory / "copy"
        fs.copy_tree(_release(lamina), named)
    words = ("export", named, "--as", "oci", "--compression", "zstd", "-o")
    made = lamina(*words, lamina.directory / "image", "--json").json
    assert [one["platform"] for one in made["images"]] == [current_platform()]
    said = lamina(*words, "x", "--platform", "osx-64", expect=2).stderr
    assert f"published for {current_platform()}, not for osx-64" in said


def test_what_is_kept_in_a_root_is_about_releases_in_it(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_ROOT", str(_damaged_namesake(lamina)))
    copy = lamina.directory / "copy"
    fs.copy_tree(_release(lamina), copy)
    for words in (
        ("release", "promote", copy, "--tier", "stable"),
        ("release", "retire", copy),
        ("test", copy, "--record"),
    ):
        assert f"{copy}: it is in no root" in lamina(*words, expect=2).stderr
    assert not (lamina.directory / "other/tiers").exists()
    assert "retired" not in lamina("release", "list").stdout


def test_there_is_no_image_for_what_no_container_has(lamina: CommandLine) -> None:
    release = _release(lamina)
    there = release.rename(release.with_name("osx-64"))
    manifest = there / ".lamina/release.toml"
    manifest.parent.chmod(0o755)
    manifest.chmod(0o644)
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(f'"{current_platform()}"', '"osx-64"'), encoding="utf-8")
    words = ("export", there, "--root", lamina.directory / "root", "--as", "oci", "-o", "x")
    said = lamina(*words, expect=2).stderr
    assert "error: there are no images for osx-64" in said
