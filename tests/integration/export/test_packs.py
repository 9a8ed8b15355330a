"""Packs work wherever they are unpacked: real tar, unzip, shells, accounts and interpreters."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, StorageError
from lamina.export.release_cargo import release_cargo
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.accounts import make_read_only, somebody
from support.mounts import mounted
from support.packs import make_shipped, pack, run, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lamina.release.root import Release
    from support.command_line import CommandLine
    from support.packs import Shipped

TEXT = "lib/python3.12/site-packages/greeter/data/ünï cöde.txt"
"""Of the release: a file that names no prefix."""


@pytest.fixture(scope="module")
def place(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the pack was unpacked and made to work."""
    top = unpacked(shipped.archive, tmp_path_factory.mktemp("unpacked") / "with a blank")
    assert "files name" in run(top / "bin" / "lamina-unpack")
    yield top
    fs.remove_tree(top)


def at(top: Path) -> Release:
    release = release_at(top)
    assert release is not None
    return release


def names_prefix(top: Path, prefix: Path) -> list[str]:
    """Return the files that name a prefix, but for where the pack says where it is from."""
    found = subprocess.run(
        ["grep", "-rlF", prefix, "."], cwd=top, capture_output=True, text=True, check=False
    )
    return [one for one in found.stdout.split("\n") if one not in {"", "./.lamina/pack.json"}]


def test_programs_run_and_nothing_names_the_old_place(shipped: Shipped, place: Path) -> None:
    assert run(place / "bin" / "greet") == f"hello from {place}\n"
    assert run(place / "bin" / "greet-script") == f"hello from {place}\n"
    asked = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    assert run(place / "bin" / "python", "-c", asked) == f"{place}/python/lib\n"
    assert names_prefix(place, shipped.release.prefix) == []


def test_the_start_up_index_is_used(place: Path) -> None:
    asked = "import greeter; print(type(greeter.__loader__).__module__, greeter.__file__)"
    answer = run(place / "bin" / "python", "-c", asked)
    assert answer.startswith(f"_lamina_start {place}/")


def test_it_is_verified_where_it_is(place: Path) -> None:
    findings = verify_release(at(place))
    assert findings.sound, findings.lines()
    with (place / "bin" / "greet").open("rb") as stream:
        before = stream.read()
    fs.write_bytes(place / "bin" / "greet", before + b"\n", mode=0o555)
    assert list(verify_release(at(place)).changed) == ["bin/greet"]
    fs.write_bytes(place / "bin" / "greet", before, mode=0o555)


def test_again_it_does_nothing_and_after_a_move_it_works_again(place: Path) -> None:
    assert "nothing to do" in run(place / "bin" / "conda-unpack")
    moved = place.rename(place.with_name("moved"))
    try:
        run(moved / "bin" / "lamina-unpack")
        assert run(moved / "bin" / "greet") == f"hello from {moved}\n"
        assert names_prefix(moved, place) == []
        assert verify_release(at(moved)).sound
    finally:
        moved.rename(place)
        run(place / "bin" / "lamina-unpack")


def test_it_is_packed_again_before_it_is_imported(place: Path, command_line: CommandLine) -> None:
    refused = command_line("import", place, expect=2)
    assert "an unpacked pack" in refused.stderr
    assert f"hint: lamina export '{place}' --as pack" in refused.stderr


def test_another_account_with_a_read_only_home_uses_it(shipped: Shipped) -> None:
    with somebody({"PATH": "/usr/bin:/bin"}) as (account, directory):
        archive = directory / shipped.archive.name
        shutil.copy(shipped.archive, archive)
        archive.chmod(0o644)
        account.run("mkdir", account.home / "pack")
        account.run("tar", "-xf", archive, "-C", account.home / "pack")
        account.run("env", "-i", account.home / "pack" / "bin" / "lamina-unpack")
        make_read_only(account.home)
        program = account.home / "pack" / "bin" / "greet"
        assert account.run("env", "-i", program).stdout == f"hello from {account.home}/pack\n"
        assert verify_release(at(account.home / "pack")).files > 1000
        fs.set_mode(account.home, 0o755)


@pytest.mark.heavy
@pytest.mark.parametrize("damage", ["altered", "missing", "listing"])
def test_what_is_not_as_packed_is_seen_before_anything_changes(
    shipped: Shipped, tmp_path: Path, damage: str
) -> None:
    """Also what names no prefix, and would not be looked at otherwise."""
    top = unpacked(shipped.archive, tmp_path / "there")
    name = ".lamina/files.mtree" if damage == "listing" else TEXT
    good = (top / name).read_bytes()
    fs.remove_file(top / name)
    if damage != "missing":
        # Of the listing, a line about another file, whose name is no text.
        line = b"./\xff type=file mode=0444 size=0 sha256digest=00" if damage == "listing" else b""
        (top / name).write_bytes(good + line + b"\n")
    before = {path: path.lstat().st_mtime_ns for path in top.rglob("*") if path.is_file()}
    assert run(top / "bin" / "lamina-unpack", expect=6) == f"error: not as packed: {name}\n"
    assert before == {path: path.lstat().st_mtime_ns for path in before}
    (top / name).write_bytes(good)
    (top / name).chmod(0o444)
    run(top / "bin" / "lamina-unpack")
    assert verify_release(at(top)).sound
    # Once it works, it is its owner's: what they change is no reason not to move it.
    fs.remove_file(top / TEXT)
    moved = top.rename(tmp_path / "moved")
    assert "files name" in run(moved / "bin" / "lamina-unpack")
    fs.remove_tree(moved)


def test_unzip_unpacks_it_too(shipped: Shipped, tmp_path: Path) -> None:
    archive = tmp_path / "small.zip"
    pack(shipped.release, archive, shipped.environ)
    top = unpacked(archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    assert run(top / "bin" / "greet") == f"hello from {top}\n"
    assert verify_release(at(top)).sound
    fs.remove_tree(top)


def test_the_same_release_gives_the_same_bytes(shipped: Shipped, tmp_path: Path) -> None:
    pack(shipped.release, tmp_path / "again.tar.zst", shipped.environ)
    assert (tmp_path / "again.tar.zst").read_bytes() == shipped.archive.read_bytes()
    run("zstd", "-tq", shipped.archive)


def test_members_have_the_time_of_the_release_or_the_one_that_was_asked_for(
    shipped: Shipped, tmp_path: Path
) -> None:
    listed = run("tar", "--utc", "-tvf", shipped.archive)
    assert {line.split()[3] for line in listed.splitlines()} == {"2026-11-01"}
    asked = shipped.environ | {"SOURCE_DATE_EPOCH": "86400"}
    assert release_cargo(shipped.release, asked, tmp_path).seconds == 86400


def test_a_release_without_an_interpreter_of_its_own_gets_one(tmp_path: Path) -> None:
    made = make_shipped(tmp_path, bundle=False, suffix="tar.gz")
    assert not made.release.manifest().python.bundled
    top = unpacked(made.archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    asked = "import sys, os; print(sys.base_prefix, os.path.realpath(sys.executable))"
    assert run(top / "bin" / "python", "-c", asked).split() == [
        f"{top}/python",
        f"{top}/python/bin/python3.12",
    ]
    assert run(top / "bin" / "greet") == f"hello from {top}\n"
    assert verify_release(at(top)).sound
    assert at(top).manifest().python.bundled
    python = made.release.manifest().python.interpreter
    assert python not in (top / ".lamina" / "base.json").read_text()
    fs.remove_tree(top)


def test_on_another_machine_it_says_so_before_anything_runs(
    shipped: Shipped, tmp_path: Path
) -> None:
    text = run("tar", "-xOf", shipped.archive, "bin/lamina-unpack")
    for name in ("bin", ".lamina"):
        (tmp_path / name).mkdir()
    (tmp_path / ".lamina" / "unpack.py").touch()
    script = tmp_path / "bin" / "lamina-unpack"
    script.write_text(text.replace(f"{os.uname().sysname} {os.uname().machine}", "Plan9 vax"))
    said = run("sh", script, expect=2)
    assert "small/1.0 is for linux-64 (Plan9 vax), and this machine is" in said
    script.write_text(text)
    assert "python3.12: not a program" in run("sh", script, expect=2)


def test_where_programs_cannot_be_started_it_says_so(shipped: Shipped, tmp_path: Path) -> None:
    top = tmp_path / "mounted"
    top.mkdir()
    with mounted(top, "noexec,size=1m"):
        for name in ("bin", ".lamina", "python/bin"):
            (top / name).mkdir(parents=True)
        (top / ".lamina" / "unpack.py").touch()
        python = top / "python" / "bin" / "python3.12"
        python.touch(mode=0o555)
        script = top / "bin" / "lamina-unpack"
        script.write_text(run("tar", "-xOf", shipped.archive, "bin/lamina-unpack"))
        words = ["env", "CDPATH=/:/usr", "sh", "bin/lamina-unpack"]
        said = run(*words, expect=2, cwd=top)
        assert f"{top}: programs cannot be started there (a file system without exec)" in said
        python.chmod(0o444)
        assert f"{python}: not a program" in run(*words, expect=2, cwd=top)


def _another_content(victim: Path) -> None:
    fs.write_bytes(victim, victim.read_bytes().swapcase(), mode=0o444)


def _another_size(victim: Path) -> None:
    fs.write_bytes(victim, victim.read_bytes() + b"\n", mode=0o444)


def _another_mode(victim: Path) -> None:
    victim.chmod(0o555)


@pytest.mark.parametrize(
    ("damage", "what"),
    [(_another_content, "content"), (_another_size, "size"), (_another_mode, "mode")],
    ids=["content", "size", "mode"],
)
def test_nothing_is_left_of_a_pack_of_a_damaged_release(
    shipped: Shipped, tmp_path: Path, damage: Callable[[Path], None], what: str
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", shipped.release.prefix, copy], check=True)
    release = dataclasses.replace(shipped.release, prefix=copy)
    damage(next(copy.glob("lib/python*/site-packages/numbers_of_ours.py")))
    archive = tmp_path / "small.tar.zst"
    with pytest.raises(IntegrityError, match=rf"numbers_of_ours\.py: not as .*: its {what}"):
        pack(release, archive, shipped.environ)
    assert [one for one in tmp_path.iterdir() if one.is_file()] == []
    fs.remove_tree(copy)


def test_what_is_there_is_not_overwritten(shipped: Shipped, tmp_path: Path) -> None:
    archive = tmp_path / "small.tar.zst"
    archive.write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        pack(shipped.release, archive, shipped.environ)
    assert archive.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "size", "why"),
    [
        ("small.tar.zst", "4m", "needs 13 MB"),
        ("small.tar", "20m", "needs 8. MB"),
        ("small.tar.zst", "20m", "no space left"),
    ],
    ids=["before", "before, not compressed", "meanwhile"],
)
def test_a_full_disk_leaves_nothing(
    shipped: Shipped, tmp_path: Path, name: str, size: str, why: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with mounted(small, f"size={size}"):
        with pytest.raises(StorageError, match=why):
            pack(shipped.release, small / name, shipped.environ)
        assert not [one for one in small.iterdir() if one.is_file()]
