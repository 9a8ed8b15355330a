"""Releases that were damaged are found, and mended with recorded content only."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core.hold import hold
from lamina.model.platforms import current_platform
from support.faults import failing_at, full_disk
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = """\
[stack]
name = "hep"
version = "{version}"
python = "3.12"
platforms = ["{platform}"]

[packages]
lib = "*"
tool = "=={tool}"
"""
SITE = "lib/python3.12/site-packages"


def tool(version: str) -> Wheel:
    files = {"tool/part.py": f"part = {version!r}\n", "tool/data/table.txt": "1 2 3\n"}
    return Wheel(name="tool", version=version, files=files, scripts={"use-tool": "tool:main"})


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside two releases: hep/1.0 with tool 1.0, hep/1.1 with tool 1.1."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))

    def make() -> None:
        index.add(Wheel(name="lib", version="1.0"), tool("1.0"), tool("1.1"))
        for version in ("1.0", "1.1"):
            publish(command_line, version, version)

    place.once("releases", make)
    return command_line


def publish(lamina: CommandLine, version: str, of_tool: str) -> None:
    text = STACK.format(version=version, platform=current_platform(), tool=of_tool)
    lamina.write("lamina.toml", text)
    (lamina.directory / "lamina.lock").unlink(missing_ok=True)
    lamina("publish", "--no-test")


def prefix(lamina: CommandLine, version: str) -> Path:
    return lamina.directory / "root/releases/hep" / version / current_platform()


def write_to(path: Path, text: str) -> None:
    """Write into a file in place, as what damages releases does."""
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    path.parent.chmod(0o755)
    path.unlink()


def lines(text: str) -> set[str]:
    return {" ".join(line.split()) for line in text.splitlines()}


def test_several_releases_are_verified(lamina: CommandLine) -> None:
    said = lamina("release", "verify", "hep/1.0", "hep/1.1").stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == ["hep/1.0", "hep/1.1"]
    write_to(prefix(lamina, "1.1") / SITE / "tool/part.py", "other\n")
    value = lamina("release", "verify", "--all", "--json", expect=6).json
    assert value["sound"] is False
    assert [(one["release"], one["sound"]) for one in value["releases"]] == [
        ("hep/1.0", True), ("hep/1.1", False),
    ]  # fmt: skip
    # What is in both is damaged in both.
    write_to(prefix(lamina, "1.1") / SITE / "lib/__init__.py", "other\n")
    listed = lines(lamina("release", "verify", "--all", expect=6).stdout)
    assert {"hep/1.0 is not as published", "hep/1.1 is not as published"} < listed


def test_a_listing_that_is_not_to_be_trusted_does_not_end_it(lamina: CommandLine) -> None:
    write_to(prefix(lamina, "1.0") / ".lamina/files.mtree", "#mtree\n")
    answer = lamina("release", "verify", "--all", expect=6)
    assert "not the listing that was published with hep/1.0" in answer.stdout
    assert "hep/1.1: " in answer.stdout
    assert "not the listing" in lamina("release", "repair", "hep/1.0", expect=6).stderr


def test_a_release_without_its_manifest_does_not_pass_unseen(lamina: CommandLine) -> None:
    remove(prefix(lamina, "1.1") / ".lamina/release.toml")
    # What a publisher at work, or a killed one, leaves is nothing to complain of.
    prefix(lamina, "1.2").mkdir(parents=True)
    value = lamina("release", "verify", "--all", "--json", expect=6).json
    assert [(one["release"], one["sound"]) for one in value["releases"]] == [
        ("hep/1.0", True), ("hep/1.1", False),
    ]  # fmt: skip
    listed = lamina("release", "list", "hep")
    assert "hep/1.1" not in listed.stdout
    assert f"{prefix(lamina, '1.1')}: not empty, and no release" in listed.stderr
    assert "1.2" not in listed.stderr


def test_what_mends_it_is_named(lamina: CommandLine) -> None:
    assert "repair" not in lamina("release", "verify", "--all").stderr
    write_to(prefix(lamina, "1.1") / SITE / "tool/part.py", "other\n")
    said = lamina("release", "verify", "--all", expect=6).stderr
    assert "lamina release repair hep/1.1 --root " in said
    assert "repair hep/1.0" not in said


@pytest.mark.parametrize("words", [(), ("hep/1.0", "--all")], ids=["none", "both"])
def test_verify_wants_names_or_all(lamina: CommandLine, words: tuple[str, ...]) -> None:
    assert "name releases, or --all" in lamina("release", "verify", *words, expect=2).stderr


def test_a_sound_release_is_left_alone(lamina: CommandLine) -> None:
    before = {path: path.lstat() for path in prefix(lamina, "1.0").rglob("*")}
    assert "nothing to do" in lamina("release", "repair", "hep/1.0", "--dry-run").stdout
    assert lamina("release", "repair", "hep/1.0").stdout == "hep/1.0 is as published\n"
    after = {path: path.lstat() for path in prefix(lamina, "1.0").rglob("*")}
    assert [path for path in before if before[path].st_ctime != after[path].st_ctime] == []


def damage(top: Path) -> None:
    """Do everything to a release that can be done to it."""
    write_to(top / SITE / "tool/part.py", "damaged\n")
    write_to(top / "bin/use-tool", "damaged\n")
    remove(top / SITE / "tool/data/table.txt")
    remove(top / SITE / "tool/__pycache__/part.cpython-312.pyc")
    (top / SITE / "tool/data").rmdir()
    remove(top / "bin/python3")
    (top / SITE / "lib/__init__.py").chmod(0o644)
    top.chmod(0o755)
    (top / "mine" / "deep").mkdir(parents=True)
    (top / "mine" / "deep" / "notes.txt").write_text("mine\n")
    remove(top / "bin/activate")
    (top / "bin/activate").mkdir()
    (top / "bin/activate" / "inside").write_text("odd\n")
    remove(top / "pyvenv.cfg")
    (top / "pyvenv.cfg").symlink_to("/etc/hostname")


OF_TOOL = ", if it can be had: tool 1.0, the index pypi"
MENDS = {
    "remove mine",
    "remove bin/activate/inside",
    f"make {SITE}/tool/data a directory",
    "make bin/python3 a link",
    f"mode {SITE}/lib/__init__.py",
    f"mode {SITE}/tool",
    f"replace {SITE}/tool/data/table.txt by that of hep/1.1",
    f"replace {SITE}/tool/part.py installed anew{OF_TOOL}",
    f"replace {SITE}/tool/__pycache__/part.cpython-312.pyc installed anew{OF_TOOL}",
    f"replace bin/use-tool installed anew{OF_TOOL}",
    "replace bin/activate installed anew",
    "replace pyvenv.cfg installed anew",
}


def test_the_bill_of_materials_is_made_again_as_it_was(lamina: CommandLine) -> None:
    bill = prefix(lamina, "1.0") / ".lamina/sbom.cdx.json"
    before = bill.read_bytes()
    remove(bill)
    lamina("release", "repair", "hep/1.0")
    assert bill.read_bytes() == before


def test_everything_is_mended(lamina: CommandLine) -> None:
    top = prefix(lamina, "1.0")
    listing = (top / ".lamina/files.mtree").read_bytes()
    manifest = (top / ".lamina/release.toml").read_bytes()
    other = {path: path.lstat().st_mtime_ns for path in prefix(lamina, "1.1").rglob("*")}
    damage(top)
    before = {path: path.lstat().st_ctime for path in lamina.directory.rglob("root/**/*")}
    planned = lines(lamina("release", "repair", "hep/1.0", "--dry-run").stdout)
    assert planned >= MENDS
    assert before == {path: path.lstat().st_ctime for path in lamina.directory.rglob("root/**/*")}
    answer = lamina("release", "repair", "hep/1.0", "--json")
    assert answer.json["sound"] is True
    assert len(answer.json["mended"]) == len(planned)
    assert "as published" in lamina("release", "verify", "hep/1.0").stdout
    assert (top / ".lamina/files.mtree").read_bytes() == listing
    assert (top / ".lamina/release.toml").read_bytes() == manifest
    assert top.stat().st_mode & 0o777 == 0o555
    said = subprocess.check_output([top / "bin/use-tool"], text=True)
    assert said == "tool 1.0\n"
    assert not any((lamina.directory / "root/.staging").iterdir())
    # The other release was neither written to nor moved.
    assert other == {path: path.lstat().st_mtime_ns for path in prefix(lamina, "1.1").rglob("*")}
    lamina("release", "verify", "hep/1.1")


def test_what_is_damaged_in_both_is_mended_in_both(lamina: CommandLine) -> None:
    one, other = (prefix(lamina, version) / SITE / "lib/__init__.py" for version in ("1.0", "1.1"))
    assert one.samefile(other)
    write_to(one, "damaged\n")
    assert "installed anew" in lamina("release", "repair", "hep/1.1").stdout
    assert not one.samefile(other)
    lamina("release", "verify", "hep/1.1")
    lamina("release", "verify", "hep/1.0", expect=6)
    assert "by that of hep/1.1" in lamina("release", "repair", "hep/1.0").stdout
    assert one.samefile(other)
    lamina("release", "verify", "--all")


def test_damage_of_a_neighbour_is_not_taken_for_content(lamina: CommandLine) -> None:
    one, other = (
        prefix(lamina, version) / SITE / "tool/data/table.txt" for version in ("1.0", "1.1")
    )
    write_to(one, "3 2 1\n")
    if not one.samefile(other):
        write_to(other, "3 2 1\n")
    assert "installed anew" in lamina("release", "repair", "hep/1.0").stdout
    assert one.read_text() == "1 2 3\n"


def test_what_cannot_be_mended_is_listed(lamina: CommandLine) -> None:
    top = prefix(lamina, "1.0")
    write_to(top / SITE / "tool/part.py", "damaged\n")
    (top / SITE / "tool/more.py").write_text("extra\n")
    shutil.rmtree(lamina.directory / "index")
    shutil.rmtree(lamina.directory / "cache")
    answer = lamina("release", "repair", "hep/1.0", expect=6)
    assert "warning: tool 1.0 cannot be had: " in answer.stderr
    assert "lib 1.0" not in answer.stderr
    assert f"changed: {SITE}/tool/part.py (mode, size, content)" in answer.stdout
    # What could be done was done.
    assert not (top / SITE / "tool/more.py").exists()
    assert (top / SITE / "tool/part.py").read_text() == "damaged\n"
    lamina("release", "verify", "hep/1.0", expect=6)


def test_a_wheel_that_is_another_one_now_is_not_taken(lamina: CommandLine) -> None:
    top = prefix(lamina, "1.0")
    write_to(top / SITE / "tool/part.py", "damaged\n")
    shutil.rmtree(lamina.directory / "index")
    shutil.rmtree(lamina.directory / "cache")
    other = Wheel(name="tool", version="1.0", files={"tool/part.py": "evil = True\n"})
    FileIndex(lamina.directory / "index").add(Wheel(name="lib", version="1.0"), other)
    answer = lamina("release", "repair", "hep/1.0", expect=6)
    assert "tool/part.py" in answer.stdout
    assert (top / SITE / "tool/part.py").read_text() == "damaged\n"


def test_a_kept_lock_comes_from_a_release_with_the_same(lamina: CommandLine) -> None:
    publish(lamina, "1.2", "1.1")
    kept = prefix(lamina, "1.1") / ".lamina/lamina.lock"
    write_to(kept, "")
    assert "by that of hep/1.2" in lamina("release", "repair", "hep/1.1").stdout
    write_to(prefix(lamina, "1.0") / ".lamina/lamina.lock", "")
    answer = lamina("release", "repair", "hep/1.0", expect=6)
    assert "lamina.lock: not as published" in answer.stderr


def test_whatever_fails_files_are_as_before_or_as_published(lamina: CommandLine) -> None:
    """Each operation is stopped once, and what that leaves is mended by the next repair."""
    top = prefix(lamina, "1.0")
    good = (top / SITE / "tool/part.py").read_text()
    allowed = {good, "damaged\n"}
    for at in range(4, 1000, 11):
        write_to(top / SITE / "tool/part.py", "damaged\n")
        remove(top / SITE / "tool/data/table.txt")
        with failing_at(at, full_disk) as tried:
            answer = lamina_code(lamina)
        assert (top / SITE / "tool/part.py").read_text() in allowed
        lamina("release", "verify", "hep/1.1")
        if len(tried) < at:
            assert answer == 0
            break
        lamina("release", "repair", "hep/1.0")
    assert at > 40


def lamina_code(lamina: CommandLine) -> int:
    from lamina.cli.app import cli
    from lamina.cli.edge import exit_code_of

    return exit_code_of(cli, ["release", "repair", "hep/1.0", "--quiet"])


def test_not_while_somebody_publishes(lamina: CommandLine) -> None:
    with hold(lamina.directory / "root/.publisher", "owner = 'ada'\n") as other:
        assert other is None
        answer = lamina("release", "repair", "hep/1.0", expect=7)
    assert "another publisher is at work" in answer.stderr


START = [
    *(".lamina/index/start.index", ".lamina/index/hot.pack", ".lamina/index/packs/tool.pack"),
    *(".lamina/index/packs/+library.pack", ".lamina/prefetch.list"),
    *("python/lib/python3.12/_lamina_start.py", "python/lib/python3.12/encodings/__init__.py"),
]


@pytest.mark.parametrize(
    ("options", "damages"),
    [
        pytest.param([], [START, [".lamina/start.json"]], id="tested"),
        pytest.param(["--no-test"], [START], id="untested"),
    ],
)
def test_a_start_up_index_is_made_again(
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    damages: list[list[str]],
) -> None:
    index = FileIndex(command_line.directory / "index")
    index.add(Wheel(name="lib", version="1.0"), tool("1.0"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    text = STACK.format(version="1.0", platform=current_platform(), tool="1.0")
    text = text.replace("\n[packages]", "bundle = true\n\n[packages]")
    command_line.write("lamina.toml", f'{text}\n[test]\nimports = ["tool", "lib", "json"]\n')
    command_line("publish", *options)
    release = prefix(command_line, "1.0")
    for damaged in damages:
        for name in damaged:
            write_to(release / name, "damaged")
        told = lines(command_line("release", "repair", "hep/1.0").stdout)
        assert {f"replace {name} installed anew" for name in damaged} < told
    assert "as published" in command_line("release", "verify", "hep/1.0").stdout
