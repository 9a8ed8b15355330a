"""Copies of releases outside of their root are verified and mended where they are."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

SITE = "lib/python3.12/site-packages"
STACK = f"""\
[stack]
name = "hep"
version = "1.0"
python = "3.12"
platforms = ["{current_platform()}"]

[packages]
lib = "*"
"""
MANY = {f"lib/many/n{number:02}/__init__.py": "" for number in range(50)}


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside hep/1.0 in a root."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", str(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))

    def make() -> None:
        index.add(Wheel(name="lib", version="1.0", files={"lib/part.py": "part = 1\n", **MANY}))
        command_line.write("lamina.toml", STACK)
        command_line("publish", "--no-test")

    place.once("release", make)
    return command_line


def published(lamina: CommandLine) -> Path:
    return lamina.directory / "root/releases/hep/1.0" / current_platform()


@pytest.fixture
def copy(lamina: CommandLine) -> Path:
    """Return a copy of the release, as an archive of it would be unpacked."""
    copy = lamina.directory / "copy"
    shutil.copytree(published(lamina), copy, symlinks=True)
    return copy


def damage(path: Path, text: str = "damaged\n") -> None:
    path.chmod(0o644)
    path.write_text(text, encoding="utf-8")


def test_what_is_mended_is_no_file_of_the_root(lamina: CommandLine, copy: Path) -> None:
    part = copy / SITE / "lib/part.py"
    damage(part)
    (copy / SITE / "lib/many").chmod(0o755)
    (copy / SITE / "lib/many/n07/__init__.py").unlink()
    assert "by that of hep/1.0" in lamina("release", "repair", copy).stdout
    assert part.read_text() == "part = 1\n"
    assert [one for one in copy.rglob("*") if one.is_file() and one.stat().st_nlink > 1] == []
    lamina("release", "verify", copy)
    assert not list(copy.glob(".lamina/repair-*"))
    # It is its owner's, who may write to it.
    damage(part, "mine\n")
    lamina("release", "verify", "--all")


def test_what_a_killed_repair_leaves_in_a_copy_is_removed(lamina: CommandLine, copy: Path) -> None:
    (copy / ".lamina").chmod(0o755)
    (copy / ".lamina/repair-0123").mkdir()
    assert "remove .lamina/repair-0123" in " ".join(
        lamina("release", "repair", copy).stdout.split()
    )
    lamina("release", "verify", copy)


def test_a_copy_in_no_root_is_told_from_where_it_is_mended(lamina: CommandLine, copy: Path) -> None:
    (copy / "more.txt").write_text("mine\n")
    none = lamina.directory / "none"
    said = lamina("release", "verify", copy, "--root", none, expect=6).stderr
    assert "note: it has all that was published: what is extra is of no use to it" in said
    damage(copy / SITE / "lib/part.py")
    said = lamina("release", "repair", copy, "--root", none, expect=2).stderr
    assert f"error: {copy} is in no root, and there is none at {none}: what it lacks is" in said
    assert f"hint: lamina release repair {copy} --root DIRECTORY" in said
    assert not none.exists()


def test_modes_come_last_of_what_is_mended(lamina: CommandLine, copy: Path) -> None:
    for one in [path for path in copy.rglob("*") if path.is_dir() and not path.is_symlink()]:
        one.chmod(0o700)
    for name in MANY:
        (copy / SITE / name).chmod(0o644)
    damage(copy / SITE / "lib/part.py")
    for words in (["--dry-run"], []):
        told = lamina("release", "repair", copy, *words).stdout.splitlines()
        assert told[0].startswith(f"replace  {SITE}/lib/part.py")
        assert len(told) == 41 + (not words)
        assert told[40].startswith("and ")
        assert told[40].endswith(" more (mode)")
    assert told[41] == "hep/1.0 is as published"


def test_the_mend_named_is_that_of_the_copy(lamina: CommandLine, copy: Path) -> None:
    damage(copy / SITE / "lib/part.py")
    said = lamina("release", "verify", copy, expect=6).stderr
    assert f"lamina release repair {copy} --root {lamina.directory / 'root'}" in said
    said = lamina("release", "verify", copy, "--root", lamina.directory / "none", expect=6).stderr
    assert "it is in no root" in said
    # By its path, what is in the root is still what is in the root.
    damage(published(lamina) / SITE / "lib/part.py")
    assert " repair hep/1.0 " in lamina("release", "verify", published(lamina), expect=6).stderr


@pytest.mark.namespaces
def test_no_mend_is_named_for_what_is_read_only(lamina: CommandLine, copy: Path) -> None:
    damage(copy / SITE / "lib/part.py")
    subprocess.run(["mount", "--bind", copy, copy], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", copy], check=True)
        said = lamina("release", "verify", copy, expect=6).stderr
    finally:
        subprocess.run(["umount", copy], check=True)
    assert f"{copy} is read-only: it is mended where it was made" in said


def test_other_modes_do_not_hide_what_else_is_wrong(lamina: CommandLine, copy: Path) -> None:
    for one in [path for path in copy.rglob("*") if path.is_dir() and not path.is_symlink()]:
        one.chmod(0o700)
    damage(copy / SITE / "lib/part.py")
    answer = lamina("release", "verify", copy, expect=6)
    told = answer.stdout.splitlines()
    assert told[1] == f"changed: {SITE}/lib/part.py (mode, size, content)"
    assert len(told) == 42
    value = lamina("release", "verify", copy, "--json", expect=6).json
    assert told[-1] == f"and {len(value['changed']) - 40} more (mode)"
    assert len(value["changed"]) > 60
    for name in MANY:
        damage(copy / SITE / name)
    told = lamina("release", "verify", copy, expect=6).stdout.splitlines()
    assert told[-1].endswith(" more")


def test_how_a_layer_is_exported_whose_base_cannot_come_along(lamina: CommandLine) -> None:
    lamina("layer", "create", "mine", "--on", published(lamina))
    words = ["export", "mine", "--as", "pack", "-o", "mine.tar"]
    assert "hint: --with-base never\n" in lamina(*words, expect=2).stderr
    lamina(*words, "--with-base", "never")
    said = lamina("export", "mine", "--as", "squashfs", "--with-base", "never", expect=2).stderr
    assert "--with-base is for --as pack" in said


@pytest.mark.parametrize("command", ["verify", "repair", "show"])
def test_a_path_is_no_name(lamina: CommandLine, command: str) -> None:
    assert "RELEASE|PATH" in lamina("release", command, "--help").stdout
    for name in ("/nope/there", "./nope", "one/two/three"):
        said = lamina("release", command, name, expect=2).stderr
        assert f"{name.removeprefix('./')}: no such directory" in said
    assert ".: no release of lamina" in lamina("release", command, ".", expect=2).stderr
    lamina.write("mine/lamina-layer.toml", "")
    said = lamina("release", command, "./mine", expect=2).stderr
    assert "mine: a layer, and this is about releases" in said
    assert "hint: lamina layer check mine" in said
    # A release of this name would be meant, and there is none.
    for root in ("root", "none"):
        words = ["release", command, "mine", "--root", root]
        said = lamina(*words, expect=2).stderr
        assert "mine: a layer, and this is about releases" in said
    assert "is not a stack name" in lamina("release", command, "N", expect=2).stderr
