"""What solvers are told of a channel: patched, without what is broken, as of a day."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from lamina.archive.zstd import decompress
from lamina.channel.broken import exact_record
from lamina.channel.index import add_packages, index_channel
from lamina.core.errors import UnsatisfiableError
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import Platform
from support.archives import write_package

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

LINUX = Platform.LINUX_64
PATCH = """\
# tool 1.0 does not work with lib 2
if:
  name: tool
  version_lt: 1.1
  timestamp_lt: 1772000000000
then:
  - tighten_depends: {name: lib, upper_bound: "2.0"}
  - add_constrains: other >=1
"""


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    made, work = tmp_path / "made", tmp_path / "trees"
    files = [
        write_package(made, work, "lib", "1.0", moment=datetime(2025, 1, 1, tzinfo=UTC)),
        write_package(made, work, "lib", "2.0", moment=datetime(2026, 1, 1, tzinfo=UTC)),
        write_package(
            made, work, "tool", "1.0",
            moment=datetime(2025, 3, 1, 12, tzinfo=UTC), depends=("lib >=1",),
        ),
    ]  # fmt: skip
    add_packages(tmp_path / "channel", files)
    return tmp_path / "channel"


def solved(channel: Path, *specs: str, **about: Any) -> dict[str, str]:
    # A cache of its own: that the channel changed is not for the clock to say.
    caches = len(list(channel.parent.glob("cache-*")))
    channels = CondaChannels(addresses=[str(channel)], cache=channel.parent / f"cache-{caches}")
    channels.cache.mkdir()
    request = SolveRequest(specs=specs, platform=LINUX, virtual=virtual_packages(LINUX), **about)
    return {one.name: one.version for one in solve(channels, request)}


def forms(channel: Path, file: str) -> list[dict[str, Any]]:
    """Return what each form of the repodata has of a package, digests left out."""
    place = channel / "linux-64"
    name = file.rsplit("-", 2)[0]
    index = msgpack.unpackb(decompress((place / "repodata_shards.msgpack.zst").read_bytes()))
    shard = place / "shards" / f"{index['shards'][name].hex()}.msgpack.zst"
    documents = [
        json.loads((place / "repodata.json").read_bytes()),
        json.loads(decompress((place / "repodata.json.zst").read_bytes())),
        msgpack.unpackb(decompress(shard.read_bytes())),
    ]
    return [
        {k: v for k, v in one["packages.conda"].get(file, {}).items() if k not in {"md5", "sha256"}}
        | ({"removed": True} if file in one["removed"] else {})
        for one in documents
    ]


def test_trap_09_patches_are_in_every_form_and_gone_when_taken_away(
    channel: Path, command_line: CommandLine
) -> None:
    assert solved(channel, "tool") == {"lib": "2.0", "tool": "1.0"}
    before = forms(channel, "tool-1.0-h0_0.conda")
    patch = channel / "patches" / "tool.yaml"
    patch.parent.mkdir()
    patch.write_text(PATCH, encoding="utf-8")
    assert "linux-64: 3 packages, 1 patched" in command_line("channel", "index", channel).stdout
    for form in forms(channel, "tool-1.0-h0_0.conda"):
        assert form["depends"] == ["lib >=1,<2.0a0"]
        assert form["constrains"] == ["other >=1"]
    assert solved(channel, "tool") == {"lib": "1.0", "tool": "1.0"}
    raw = json.loads((channel / "linux-64" / "repodata_from_packages.json").read_bytes())
    assert raw["packages.conda"]["tool-1.0-h0_0.conda"]["depends"] == ["lib >=1"]
    command_line("channel", "check", channel)
    patch.unlink()
    index_channel(channel)
    assert forms(channel, "tool-1.0-h0_0.conda") == before
    assert solved(channel, "tool")["lib"] == "2.0"


def test_a_patch_with_a_mistake_changes_nothing(channel: Path, command_line: CommandLine) -> None:
    before = (channel / "linux-64" / "repodata.json").read_bytes()
    (channel / "patches").mkdir()
    (channel / "patches" / "x.yaml").write_text("if: {named: x}\nthen: []\n", encoding="utf-8")
    answer = command_line("channel", "index", channel, expect=3)
    assert "1.if.named: unknown key (did you mean 'name'?)" in answer.stderr
    assert (channel / "linux-64" / "repodata.json").read_bytes() == before


def test_trap_09_broken_packages_are_hidden_from_solves_and_can_be_had(
    channel: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    words = ("broken", channel, "linux-64/lib-2.0-h0_0.conda")
    answer = command_line("channel", *words, "--why", "loses data")
    assert "linux-64: 2 packages, 1 broken" in answer.stdout
    assert "lib-2.0-h0_0.conda  # loses data" in (channel / "broken.txt").read_text("utf-8")
    assert forms(channel, "lib-2.0-h0_0.conda") == [{"removed": True}] * 3
    assert solved(channel, "tool")["lib"] == "1.0"
    with pytest.raises(UnsatisfiableError, match="lib >=2"):
        solved(channel, "lib >=2")
    record = exact_record(channel, "lib-2.0-h0_0.conda")
    assert solved(channel, "tool", "lib >=2", offered=[record])["lib"] == "2.0"
    archive = channel / "linux-64" / record.file_name
    prefix = tmp_path / "prefix"
    install_new(InstallRequest(archives={record: archive}, prefix=prefix, platform=LINUX))
    assert (prefix / "share" / "lib.txt").read_text("utf-8") == "lib 2.0\n"
    command_line("channel", "check", channel)
    command_line("channel", *words, "--undo")
    assert solved(channel, "tool")["lib"] == "2.0"


def test_what_is_no_package_cannot_be_broken(channel: Path, command_line: CommandLine) -> None:
    answer = command_line("channel", "broken", channel, "lib-9-0.conda", expect=2)
    assert "lib-9-0.conda: no such package" in answer.stderr
    (channel / "broken.txt").write_text("linux-64/lib\nlib-2.0-h0_0.conda\n", encoding="utf-8")
    answer = command_line("channel", "index", channel, expect=3)
    assert "line 1: 'lib' is not NAME-VERSION-BUILD" in answer.stderr
    assert "line 2: 'lib-2.0-h0_0.conda' is not SUBDIR/FILE" in answer.stderr


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ("2024-12-31", []),
        ("2025-01-01", ["lib-1.0"]),
        ("2025-03-01", ["lib-1.0", "tool-1.0"]),
        ("2025-03-01T11:00", ["lib-1.0"]),
        ("2026-11-01", ["lib-1.0", "lib-2.0", "tool-1.0"]),
    ],
)
def test_a_channel_as_it_was_on_a_day(
    channel: Path, command_line: CommandLine, day: str, names: list[str]
) -> None:
    answer = command_line("channel", "list", channel, "--at", day)
    assert answer.stdout.split() == [f"linux-64/{name}-h0_0.conda" for name in names]
    document = command_line("channel", "list", channel, "--at", day, "--json").json["linux-64"]
    assert len(document["packages.conda"]) == len(names)


def test_a_day_that_is_none(channel: Path, command_line: CommandLine) -> None:
    answer = command_line("channel", "list", channel, "--at", "yesterday", expect=2)
    assert "--at 'yesterday': not a day or time" in answer.stderr


def test_the_solve_of_a_day(channel: Path) -> None:
    moment = datetime(2025, 12, 31, tzinfo=UTC)
    assert solved(channel, "tool", exclude_newer=moment) == {"lib": "1.0", "tool": "1.0"}
