"""Channels as the command line makes, changes and checks them."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from lamina.archive.zstd import decompress
from lamina.channel.index import add_packages, index_channel
from lamina.channel.repodata import load_repodata
from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.core.hold import hold
from support.archives import a_file, forge, write_package
from support.channels import records_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    one = write_package(made, tmp_path / "w", "one", "1.0", depends=("two >=1",))
    two = write_package(made, tmp_path / "w", "two", "1.5", subdir="noarch", noarch="generic")
    add_packages(tmp_path / "channel", [one, two])
    return tmp_path / "channel"


def shard(place: Path, name: str) -> Any:
    index = msgpack.unpackb(decompress((place / "repodata_shards.msgpack.zst").read_bytes()))
    file = place / "shards" / f"{index['shards'][name].hex()}.msgpack.zst"
    return msgpack.unpackb(decompress(file.read_bytes()))


def test_every_form_says_the_same(channel: Path) -> None:
    place = channel / "linux-64"
    whole = json.loads((place / "repodata.json").read_bytes())
    assert json.loads(decompress((place / "repodata.json.zst").read_bytes())) == whole
    assert json.loads((place / "repodata_from_packages.json").read_bytes()) == whole
    assert whole["info"] == {"subdir": "linux-64"}
    record = whole["packages.conda"]["one-1.0-h0_0.conda"]
    file = place / "one-1.0-h0_0.conda"
    assert record["sha256"] == fs.sha256_of(file)
    assert record["size"] == file.stat().st_size
    assert record["depends"] == ["two >=1"]
    sharded = shard(place, "one")["packages.conda"]["one-1.0-h0_0.conda"]
    assert sharded | {"sha256": record["sha256"], "md5": record["md5"]} == record
    assert sharded["sha256"] == bytes.fromhex(record["sha256"])


def test_the_same_packages_are_the_same_bytes(channel: Path) -> None:
    before = {one: one.read_bytes() for one in channel.rglob("*") if one.is_file()}
    for cache in channel.glob("*/.lamina-index.json"):
        cache.unlink()
    index_channel(channel)
    assert {one: one.read_bytes() for one in channel.rglob("*") if one.is_file()} == before


def test_what_did_not_change_is_not_read_again(channel: Path, tmp_path: Path) -> None:
    file = channel / "linux-64" / "one-1.0-h0_0.conda"
    status = file.stat()
    with file.open("r+b") as stream:  # nothing that a look at the directory could show
        stream.write(b"broken")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    add_packages(channel, [write_package(tmp_path / "made", tmp_path / "w", "one", "1.1")])
    assert len(load_repodata(channel, "linux-64").records) == 2
    os.utime(file)
    with pytest.raises(IntegrityError, match=r"one-1\.0-h0_0\.conda: not a whole"):
        index_channel(channel)


def test_trap_08_a_corrupt_archive_is_named_and_nothing_is_written(
    channel: Path, command_line: CommandLine
) -> None:
    bad = channel / "linux-64" / "bad-1-0.conda"
    bad.write_bytes((channel / "linux-64" / "one-1.0-h0_0.conda").read_bytes()[:300])
    worse = channel / "noarch" / "worse-1-0.conda"
    worse.write_bytes(b"nothing of the kind")
    before = (channel / "linux-64" / "repodata.json").read_bytes()
    answer = command_line("channel", "index", channel, expect=6)
    assert f"{bad}: not a whole conda archive" in answer.stderr
    assert (channel / "linux-64" / "repodata.json").read_bytes() == before
    bad.unlink()
    answer = command_line("channel", "index", channel, expect=6)
    assert "worse-1-0.conda: not a whole conda archive" in answer.stderr
    command_line("channel", "remove", channel, "noarch/worse-1-0.conda")
    assert not worse.exists()
    command_line("channel", "check", channel)


def test_an_archive_in_the_wrong_place_is_named(channel: Path) -> None:
    file = channel / "linux-64" / "one-1.0-h0_0.conda"
    shutil.move(file, channel / "noarch" / file.name)
    with pytest.raises(IntegrityError, match=r"one-1\.0-h0_0\.conda: it belongs into linux-64"):
        index_channel(channel)


def test_add_refuses_what_would_leave_the_prefix(
    channel: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    bad = forge(tmp_path, [a_file("../../.bashrc")])
    answer = command_line("channel", "add", channel, bad, expect=6)
    assert (
        "bad-1-0.conda: '../../.bashrc' in its paths.json is a path that goes up" in answer.stderr
    )
    assert not (channel / "linux-64" / bad.name).exists()


def test_add_never_replaces_a_package(
    channel: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    other = write_package(tmp_path / "other", tmp_path / "v", "one", files={"x": "another"})
    old = (channel / "linux-64" / other.name).read_bytes()
    answer = command_line("channel", "add", channel, other, expect=7)
    assert "there already, with another content" in answer.stderr
    assert (channel / "linux-64" / other.name).read_bytes() == old


def test_add_takes_one_of_a_name_at_once(
    channel: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    first, second = (
        write_package(tmp_path / one, tmp_path / f"w-{one}", "new", files={"share/new": one})
        for one in ("first", "second")
    )
    answer = command_line("channel", "add", channel, first, second, expect=7)
    assert f"{first} and {second}: the same name, and another content" in answer.stderr
    assert not (channel / "linux-64" / first.name).exists()
    add_packages(channel, [first, first])
    assert (channel / "linux-64" / first.name).read_bytes() == first.read_bytes()


def test_add_leaves_nothing_where_it_fails(channel: Path, tmp_path: Path) -> None:
    def there() -> dict[Path, bytes]:
        # Without what lamina remembers of archives for itself.
        files = (one for one in channel.rglob("[!.]*") if one.is_file())
        return {one: one.read_bytes() for one in files}

    before = there()
    broken = channel / "noarch" / "two-1.5-h0_0.conda"
    broken.write_bytes(b"broken")
    new = write_package(tmp_path / "made", tmp_path / "w", "new")
    other = write_package(tmp_path / "made", tmp_path / "w", "other", subdir="osx-arm64")
    with pytest.raises(IntegrityError, match=r"two-1\.5-h0_0\.conda: not a whole"):
        add_packages(channel, [new, other])
    assert not (channel / "osx-arm64").exists()
    broken.write_bytes(before[broken])
    assert there() == before


def test_remove_takes_a_package_out(channel: Path, command_line: CommandLine) -> None:
    answer = command_line("channel", "remove", channel, "one-1.0-h0_0.conda")
    assert "linux-64: 0 packages" in answer.stdout
    assert not (channel / "linux-64" / "one-1.0-h0_0.conda").exists()
    assert records_of(channel, "linux-64") == {}
    command_line("channel", "check", channel)
    answer = command_line("channel", "remove", channel, "one-1.0-h0_0.conda", expect=2)
    assert "one-1.0-h0_0.conda: no such package" in answer.stderr
    answer = command_line("channel", "remove", channel, "../../one-1.0-h0_0.conda", expect=2)
    assert "no such package" in answer.stderr


def test_readers_of_the_index_of_before_find_their_shards(channel: Path, tmp_path: Path) -> None:
    place = channel / "linux-64"
    old = set((place / "shards").iterdir())
    add_packages(channel, [write_package(tmp_path / "made", tmp_path / "w", "one", "1.1")])
    assert old <= set((place / "shards").iterdir())
    add_packages(channel, [write_package(tmp_path / "made", tmp_path / "w", "one", "1.2")])
    assert not old & set((place / "shards").iterdir())


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("linux-64/one-1.0-h0_0.conda", None, "in the repodata, and not there"),
        ("linux-64/one-1.0-h0_0.conda", b"broken", "its sha256 is"),
        ("noarch/new-1-0.conda", b"new", "new-1-0.conda: not in the repodata"),
        ("noarch/repodata.json", b'{"packages": {', "not repodata"),
        ("noarch/repodata_from_packages.json", None, "no such file"),
        ("linux-64/repodata_shards.msgpack.zst", None, "not there"),
    ],
    ids=["gone", "changed", "foreign", "half-written", "unindexed", "no-shards"],
)
def test_check_names_what_is_wrong(
    channel: Path, command_line: CommandLine, name: str, text: bytes | None, finding: str
) -> None:
    assert command_line("channel", "check", channel).stdout.endswith("all as they should be\n")
    (channel / name).unlink(missing_ok=True)
    if text is not None:
        (channel / name).write_bytes(text)
    answer = command_line("channel", "check", channel, "--json", expect=6)
    assert [one for one in answer.json["findings"] if finding in one and name in one]


def test_check_finds_a_shard_that_is_another(channel: Path, command_line: CommandLine) -> None:
    broken = next((channel / "linux-64" / "shards").iterdir())
    broken.write_bytes(b"something else")
    answer = command_line("channel", "check", channel, expect=6)
    assert f"{broken}: is not what its name says" in answer.stdout


def test_one_at_a_time(channel: Path, command_line: CommandLine) -> None:
    with hold(channel / ".lamina-lock", "somebody") as holder:
        assert holder is None
        answer = command_line("channel", "index", channel, expect=7)
        name = "linux-64/one-1.0-h0_0.conda"
        command_line("channel", "broken", channel, name, expect=7)
    assert f"{channel}: is being changed" in answer.stderr
    # What another one notes meanwhile would be lost.
    assert not (channel / "broken.txt").exists()
    command_line("channel", "broken", channel, name, name)
    assert (channel / "broken.txt").read_text(encoding="utf-8") == f"{name}\n"


class StoppedError(Exception):
    """The n-th change of the file system."""


def test_stopped_anywhere_a_reader_sees_whole_files(channel: Path, tmp_path: Path) -> None:
    new = write_package(tmp_path / "made", tmp_path / "w", "one", "2.0")
    for stop in range(40):
        copy = tmp_path / f"copy-{stop}"
        shutil.copytree(channel, copy)
        done: list[str] = []

        def stopping(operation: str, path: Path, at: int = stop, seen: list[str] = done) -> None:
            seen.append(f"{operation} {path}")
            if len(seen) > at:
                raise StoppedError

        try:
            with fs.observe(stopping):
                add_packages(copy, [new])
        except StoppedError:
            for subdir in ("linux-64", "noarch"):
                for name in load_repodata(copy, subdir).records:
                    assert (copy / subdir / name).is_file()
                assert shard(copy / subdir, {"linux-64": "one", "noarch": "two"}[subdir])
            index_channel(copy)
            assert "one-1.0-h0_0.conda" in load_repodata(copy, "linux-64").records
        else:
            assert stop > 10
            return
    pytest.fail("never done")


def test_a_directory_that_is_not_there(command_line: CommandLine, tmp_path: Path) -> None:
    answer = command_line("channel", "index", tmp_path / "none", expect=2)
    assert "no such directory" in answer.stderr
