"""Solving over channels of files and of HTTP, and the traps of the engine on the way."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import rattler

from lamina.archive.zstd import compress
from lamina.channel.index import add_packages
from lamina.core.errors import (
    LaminaError,
    StorageError,
    UnsatisfiableError,
    UpstreamUnavailableError,
    UsageError,
)
from lamina.engines.conda_boundary import guarded
from lamina.engines.conda_records import in_order, parse_spec, spec_matches
from lamina.engines.conda_solve import CondaChannels, SolveRequest, query, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import Platform, SystemFloor
from support.archives import write_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.model.conda import CondaRecord

LINUX = Platform.LINUX_64
PACKAGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("lib", "1.0", {"moment": datetime(2025, 1, 1, tzinfo=UTC)}),
    ("lib", "1.5", {"moment": datetime(2025, 6, 1, tzinfo=UTC)}),
    ("lib", "2.0", {"moment": datetime(2026, 1, 1, tzinfo=UTC)}),
    ("old-tool", "1.0", {"depends": ("lib >=1,<2",)}),
    ("new-tool", "1.0", {"depends": ("lib >=2",)}),
    ("gpu", "1.0", {"depends": ("__cuda >=12",)}),
    ("modern", "1.0", {"depends": ("__glibc >=2.34",)}),
    ("shy", "1.0", {"constrains": ("lib <2",)}),
    ("text", "1.0", {"subdir": "noarch", "noarch": "generic", "depends": ("lib",)}),
)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("solving")
    files = [
        write_package(top / "made", top / "work", name, version, **about)
        for name, version, about in PACKAGES
    ]
    add_packages(top / "channel", files)
    return top / "channel"


@pytest.fixture
def channels(channel: Path, tmp_path: Path) -> CondaChannels:
    return CondaChannels(addresses=[str(channel)], cache=tmp_path / "cache")


def ask(*specs: str, **about: Any) -> SolveRequest:
    return SolveRequest(specs=specs, platform=LINUX, virtual=virtual_packages(LINUX), **about)


def versions(records: list[CondaRecord]) -> dict[str, str]:
    return {one.name: one.version for one in records}


@pytest.fixture
def served(channel: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the channel on loopback; yield its address and the paths that are asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            asked.append(str(words[1]).split()[1])

    serving = functools.partial(Handler, directory=str(channel))
    with ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        server.shutdown()
        thread.join()


def test_a_solution_has_all_that_a_lock_needs(channels: CondaChannels, channel: Path) -> None:
    solution = solve(channels, ask("text"))
    assert versions(solution) == {"lib": "2.0", "text": "1.0"}
    lib = solution[0]
    record = json.loads((channel / "linux-64" / "repodata.json").read_bytes())["packages.conda"]
    entry = record[lib.file_name]
    assert (lib.sha256, lib.md5, lib.size) == (entry["sha256"], entry["md5"], entry["size"])
    assert lib.timestamp == int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert lib.url == (channel / "linux-64" / lib.file_name).as_uri()
    assert solution[1].noarch == "generic"
    assert [one.name for one in in_order(solution)] == ["lib", "text"]


@pytest.mark.parametrize("sharded", [True, False], ids=["shards", "whole"])
def test_http_gives_the_same(
    served: tuple[str, list[str]], channels: CondaChannels, tmp_path: Path, *, sharded: bool
) -> None:
    address, asked = served
    other = CondaChannels(addresses=[address], cache=tmp_path / "other", sharded=sharded)
    assert versions(solve(other, ask("text"))) == versions(solve(channels, ask("text")))
    assert any("/shards/" in one for one in asked) is sharded
    assert any(one.endswith("/repodata.json.zst") for one in asked) is not sharded


def test_lowest_constraints_locked_and_pinned(channels: CondaChannels) -> None:
    assert versions(solve(channels, ask("lib", strategy="lowest"))) == {"lib": "1.0"}
    assert versions(solve(channels, ask("lib", constraints=["lib <2"]))) == {"lib": "1.5"}
    assert versions(solve(channels, ask("lib", constraints=["shy <1"]))) == {"lib": "2.0"}
    (old,) = (one for one in query(channels, ["lib"], LINUX) if one.version == "1.0")
    assert versions(solve(channels, ask("lib", locked=[old]))) == {"lib": "1.0"}
    assert versions(solve(channels, ask("new-tool", locked=[old])))["lib"] == "2.0"
    with pytest.raises(UnsatisfiableError, match="lib"):
        solve(channels, ask("new-tool", pinned=[old]))


def test_the_first_channel_that_has_a_package_has_it_alone(channel: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    file = write_package(tmp_path / "made", tmp_path / "work", "lib", "1.2")
    add_packages(ours, [file])
    both = CondaChannels(addresses=[str(ours), str(channel)], cache=tmp_path / "cache")
    assert versions(solve(both, ask("text")))["lib"] == "1.2"
    with pytest.raises(UnsatisfiableError, match=r"lib >=2"):
        solve(both, ask("new-tool"))
    # Asked for itself, too: the engine alone would turn to the second channel.
    with pytest.raises(UnsatisfiableError, match=r"lib >=2") as caught:
        solve(both, ask("lib >=2"))
    assert any(f"has lib 2.0, but {ours} comes first" in hint for hint in caught.value.hints)
    assert versions(solve(both, ask("lib >=2", only_from={"lib": 1}))) == {"lib": "2.0"}


def test_a_package_has_one_channel_on_every_day(channel: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    add_packages(ours, [write_package(tmp_path / "made", tmp_path / "work", "lib", "1.2")])
    both = CondaChannels(addresses=[str(ours), str(channel)], cache=tmp_path / "cache")
    before = datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(UnsatisfiableError, match="lib: all 1 builds are newer") as caught:
        solve(both, ask("lib", exclude_newer=before))
    assert any(f"has lib 2.0, but {ours} comes first" in hint for hint in caught.value.hints)
    request = ask("lib", exclude_newer=before, only_from={"lib": 1})
    assert versions(solve(both, request)) == {"lib": "2.0"}


def test_what_was_locked_counts_only_while_a_channel_has_it(channels: CondaChannels) -> None:
    (old,) = (one for one in query(channels, ["lib"], LINUX) if one.version == "1.0")
    gone = replace(old, file_name="lib-1.0-gone_0.conda", build="gone_0")
    assert versions(solve(channels, ask("lib", locked=[gone]))) == {"lib": "2.0"}


def test_virtual_packages_are_those_of_the_platform_not_of_this_machine() -> None:
    assert virtual_packages(LINUX)["__glibc"] == "2.28"
    assert "__cuda" not in virtual_packages(LINUX)
    found = virtual_packages(
        LINUX, floor=SystemFloor(glibc=(2, 34)), overrides={"__cuda": "12.4", "__archspec": ""}
    )
    assert found == {"__cuda": "12.4", "__glibc": "2.34", "__linux": "4.18", "__unix": "0"}
    assert virtual_packages(LINUX)["__archspec"] == "1=x86_64"
    assert virtual_packages(LINUX, march="x86-64-v3")["__archspec"] == "1=x86_64_v3"
    assert virtual_packages(Platform.OSX_ARM64)["__osx"] == "14.0"
    assert virtual_packages(Platform.WIN_64)["__win"] == "0"


def test_a_solve_sees_the_virtual_packages(channels: CondaChannels) -> None:
    with pytest.raises(UnsatisfiableError, match=r"__glibc >=2\.34") as caught:
        solve(channels, ask("modern"))
    assert "linux-64 is taken to have __glibc 2.28" in caught.value.message
    with pytest.raises(UnsatisfiableError, match="__cuda"):
        solve(channels, ask("gpu"))
    virtual = virtual_packages(LINUX, overrides={"__cuda": "12.4", "__glibc": "2.34"})
    request = SolveRequest(specs=["gpu", "modern"], platform=LINUX, virtual=virtual)
    assert set(versions(solve(channels, request))) == {"gpu", "modern"}


def test_trap_07_a_panic_is_an_error_like_others() -> None:
    panic = type("PanicException", (BaseException,), {})

    def panicking() -> None:
        raise panic("index out of bounds")

    with pytest.raises(LaminaError, match="asking: the conda engine panicked: index out of"):
        guarded(panicking, "asking")


def test_a_full_disk_is_said_whatever_the_engine_was_at() -> None:
    def full() -> None:
        said = "failed to fetch python.conda\nCaused by: No space left on device (os error 28)"
        raise rattler.exceptions.InstallerError(said)

    with pytest.raises(StorageError, match=r"^/the/prefix: no space left") as caught:
        guarded(full, "/the/prefix")
    assert any("free space" in hint for hint in caught.value.hints)


def test_trap_07_an_interrupt_stays_one() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, "asking")


def test_trap_10_upstream_time_counts_not_that_of_indexing(
    channel: Path, tmp_path: Path, channels: CondaChannels
) -> None:
    # A mirror that was indexed by another tool, today.
    path = tmp_path / "mirror" / "linux-64"
    path.mkdir(parents=True)
    document = json.loads((channel / "linux-64" / "repodata.json").read_bytes())
    for record in document["packages.conda"].values():
        record["indexed_timestamp"] = int(datetime.now(UTC).timestamp() * 1000)
    (path / "repodata.json").write_text(json.dumps(document), encoding="utf-8")
    (path / "repodata.json.zst").write_bytes(compress(json.dumps(document).encode()))
    mirror = CondaChannels(addresses=[str(path.parent)], cache=tmp_path / "c")
    (path.parent / "noarch").mkdir()
    (path.parent / "noarch" / "repodata.json").write_text('{"packages": {}}', encoding="utf-8")
    request = ask("lib", exclude_newer=datetime(2025, 7, 1, tzinfo=UTC))
    assert versions(solve(channels, request)) == {"lib": "1.5"}
    assert versions(solve(mirror, request)) == {"lib": "1.5"}
    early = ask("lib", exclude_newer=datetime(2024, 7, 1, tzinfo=UTC))
    with pytest.raises(UnsatisfiableError, match="lib: all 3 builds are newer than 2024-07-01"):
        solve(channels, early)


@pytest.mark.parametrize(
    "spec",
    ["lib=1.5", "lib 1.5.*", "lib==1.5", "lib >=1.1,<2", "lib 1.5 h0_0", "lib[version='1.5']"],
)
def test_trap_16_specs_as_people_write_them(channels: CondaChannels, spec: str) -> None:
    assert versions(solve(channels, ask(spec))) == {"lib": "1.5"}


def test_trap_16_what_is_no_spec_is_said(channels: CondaChannels) -> None:
    with pytest.raises(UsageError, match=r"'lib >=<1' is not a MatchSpec"):
        solve(channels, ask("lib >=<1"))
    record = solve(channels, ask("lib"))[0]
    assert spec_matches("lib=2", record)
    assert not spec_matches("lib <2", record)
    assert str(parse_spec("lib=2")) != ""


def test_trap_18_both_sides_of_a_conflict_are_named(channels: CondaChannels) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        solve(channels, ask("old-tool", "new-tool"))
    assert "old-tool 1.0 would require" in caught.value.message
    assert "lib >=1,<2" in caught.value.message
    assert "lib >=2" in caught.value.message


def test_trap_18_what_a_root_spec_leaves_out_is_named(channels: CondaChannels) -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        solve(channels, ask("new-tool", "lib <2"))
    assert "lib <2" in caught.value.message
    assert "lib >=2" in caught.value.message
    with pytest.raises(UnsatisfiableError, match=r"lib >=3"):
        solve(channels, ask("lib >=3"))
    with pytest.raises(UnsatisfiableError, match="nothing: no channel has it for linux-64"):
        solve(channels, ask("nothing"))


def test_a_channel_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/gone/"
    gone = CondaChannels(addresses=[address], cache=tmp_path)
    with pytest.raises(UpstreamUnavailableError, match=address):
        solve(gone, ask("lib"))
    secret = CondaChannels(addresses=[address.replace("//", "//me:secret@")], cache=tmp_path)
    with pytest.raises(UpstreamUnavailableError) as caught:
        solve(secret, ask("lib"))
    assert "secret" not in caught.value.message
    with pytest.raises(UsageError, match="neither the address of a channel nor a directory"):
        solve(CondaChannels(addresses=["conda-forge"], cache=tmp_path), ask("lib"))


def test_a_half_written_channel_is_named(channel: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "linux-64"
    broken.mkdir(parents=True)
    data = (channel / "linux-64" / "repodata.json").read_bytes()
    (broken / "repodata.json").write_bytes(data[: len(data) // 2])
    half = CondaChannels(addresses=[str(broken.parent)], cache=tmp_path / "cache")
    with pytest.raises(UpstreamUnavailableError, match="broken"):
        solve(half, ask("lib"))


def test_trap_21_a_process_that_solved_ends_well(channel: Path, tmp_path: Path) -> None:
    # Nothing comes after the answer: the engine's threads have no time to come to rest.
    code = f"""
from rattler import Channel, Gateway, solve
from lamina.engines.conda_boundary import call
gateway = Gateway(cache_dir={str(tmp_path)!r})
call(lambda: solve([Channel({channel.as_uri()!r})], ["text"], gateway=gateway), "a test")
"""
    for _ in range(16):
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


def test_trap_21_the_program_ends_well_and_says_all(channel: Path, tmp_path: Path) -> None:
    code = f"""
import atexit, sys
import click
from rattler import Channel, Gateway, solve
from lamina.cli.edge import end_with
from lamina.engines.conda_boundary import call
@click.command()
def command():
    gateway = Gateway(cache_dir={str(tmp_path)!r})
    call(lambda: solve([Channel({channel.as_uri()!r})], ["text"], gateway=gateway), "a test")
    atexit.register(print, "at exit")
    print("done")
    return 7
sys.argv = ['lamina']
end_with(command)
"""
    for _ in range(16):
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert (answer.returncode, answer.stdout, answer.stderr) == (7, "done\nat exit\n", "")
