"""``lamina lock`` of stacks that take packages from conda channels and from an index."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lamina.lock.files import load_lock
from support.mixed import PINNED, build, mixed_stack, offer, python

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer

LATER = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a channel for Linux and macOS, where ``gfal2`` is not on any index."""
    top = tmp_path_factory.mktemp("mixed")
    made = top / "made"
    mac: dict[str, Any] = {"subdir": "osx-arm64"}
    return offer(
        top / "channel",
        *(python(made, subdir=one) for one in ("linux-64", "osx-arm64")),
        build(made, "nump", "1.9", PINNED),
        build(made, "nump", "2.1", PINNED),
        build(made, "nump", "2.2", PINNED, moment=LATER),
        build(made, "nump", "2.0", PINNED, **mac),
        build(made, "gfal2", "2.23", ["libfoo >=1"]),
        build(made, "gfal2", "2.22", ["libfoo >=1"]),
        build(made, "libfoo", "1.2"),
        build(made, "torch-cpu", "2.5", [*PINNED, "nump"], provides="torch-2.5.1"),
        build(made, "shared", "3.0", ["python"], subdir="noarch", noarch="python"),
        build(made, "gpu", "1.0", ["__cuda >=12"]),
        build(made, "tight", "1.0", ["python>=3.12", "nump>=2"], provides="tight-1.0"),
    )


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine, channel: Path) -> CommandLine:
    """Return the program beside the channel, with an index that has a few packages."""
    (command_line.directory / "channel").symlink_to(channel)
    for version in ("1.9", "2.0", "2.5"):
        index_server.wheel("nump", version)
    index_server.wheel("nump", "2.2", ["nump-more"])
    index_server.wheel("nump-more", "1.0")
    index_server.wheel("uproo", "4.1", ["nump<2"])
    index_server.wheel("uproo", "4.2", ["nump>=1.5,<2.3", "helper"])
    index_server.wheel("helper", "1.0")
    index_server.wheel("train", "1.0", ["torch>=2.5.1", "shared[more]"])
    return command_line


def lock(lamina: CommandLine, packages: str, conda: str, **about: Any) -> dict[str, Any]:
    lamina.write("lamina.toml", mixed_stack(packages, conda, **about))
    lamina("lock")
    load_lock(lamina.directory / "lamina.lock")
    lamina("lock", "--check")
    return read(lamina)


def read(lamina: CommandLine) -> dict[str, Any]:
    document = tomllib.loads((lamina.directory / "lamina.lock").read_text())
    return {"package": [], "conda": []} | document


def versions(document: dict[str, Any], side: str = "conda") -> dict[str, str]:
    return {one["name"]: one["version"] for one in document[side]}


def entry(document: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in document["conda"] if one["name"] == name]
    return dict(found)


def test_what_a_channel_provides_is_not_taken_from_the_index(lamina: CommandLine) -> None:
    found = lock(lamina, 'uproo = "*"', 'gfal2 = "*"\nnump = "<2.2"')
    assert versions(found) == {"gfal2": "2.23", "libfoo": "1.2", "nump": "2.1", "python": "3.12.5"}
    assert versions(found, "package") == {"helper": "1.0", "uproo": "4.2"}
    nump = entry(found, "nump")
    assert nump["provides"] == [{"name": "nump", "version": "2.1"}]
    assert nump["requested-by"] == ["pypi:uproo", "stack"]
    assert entry(found, "libfoo")["requested-by"] == ["gfal2"]
    assert entry(found, "python")["requested-by"] == ["nump", "stack"]
    assert {"sha256", "md5", "size", "built"} <= set(nump)
    assert nump["channel"] == "./channel"
    [uproo] = [one for one in found["package"] if one["name"] == "uproo"]
    assert {"name": "nump"} in uproo["dependencies"]


def test_trap_14_the_lock_has_the_digests_of_both_sides(lamina: CommandLine) -> None:
    found = lock(lamina, 'uproo = "*"', 'gfal2 = "*"')
    assert all(len(file["sha256"]) == 64 for one in found["package"] for file in one["artifacts"])
    assert all(len(one["sha256"]) == 64 and len(one["md5"]) == 32 for one in found["conda"])


def test_the_summary_counts_both_sides(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", mixed_stack('uproo = "*"', 'gfal2 = "*"'))
    assert ": 4 packages and 3 conda packages for linux-64/3.12" in lamina("lock").stdout
    assert "4 packages and 3 conda packages" in lamina("lock", "--check").stdout
    assert lamina("lock", "--json").json["conda"] == 3


def test_the_index_may_have_no_such_package(lamina: CommandLine) -> None:
    """The distribution inside has another name and version than the conda package."""
    found = lock(lamina, 'train = "*"', 'torch-cpu = "*"\nshared = "*"')
    assert versions(found, "package") == {"train": "1.0"}
    assert entry(found, "torch-cpu")["provides"] == [{"name": "torch", "version": "2.5.1"}]
    assert entry(found, "torch-cpu")["requested-by"] == ["pypi:train", "stack"]
    assert entry(found, "shared")["requested-by"] == ["pypi:train", "stack"]


def test_needs_without_a_blank_count_as_others(lamina: CommandLine) -> None:
    found = lock(lamina, "", 'tight = "*"')
    assert entry(found, "tight")["provides"] == [{"name": "tight", "version": "1.0"}]
    assert entry(found, "nump")["requested-by"] == ["tight"]
    assert entry(found, "python")["requested-by"] == ["nump", "stack", "tight"]


def test_an_extra_of_what_a_channel_provides_brings_nothing_and_says_so(
    lamina: CommandLine,
) -> None:
    lamina.write("lamina.toml", mixed_stack('train = "*"', 'torch-cpu = "*"\nshared = "*"'))
    said = "shared comes from a conda channel, without what shared[more] needs"
    assert said in lamina("lock").stderr


def test_the_conda_package_wins_within_the_range_of_packages(lamina: CommandLine) -> None:
    found = lock(lamina, 'nump = "<2"', 'nump = "*"')
    assert versions(found) == {"nump": "1.9", "python": "3.12.5"}
    assert found["package"] == []
    assert entry(found, "nump")["requested-by"] == ["stack"]


def test_each_platform_has_its_own_channel_packages(lamina: CommandLine) -> None:
    """On macOS the index gives the very version that a channel gives on Linux."""
    found = lock(
        lamina,
        'uproo = "*"\nnump = "==2.2"',
        'gfal2 = { version = "*", platforms = ["linux-64"] }\n'
        'nump = { version = "*", platforms = ["linux-64"] }\nshared = "*"',
        platforms='["linux-64", "osx-arm64"]',
    )
    assert entry(found, "nump")["targets"] == ["linux-64/3.12"]
    assert "targets" not in entry(found, "shared")
    pythons = {one["subdir"]: one["targets"] for one in found["conda"] if one["name"] == "python"}
    assert pythons == {"linux-64": ["linux-64/3.12"], "osx-arm64": ["osx-arm64/3.12"]}
    [nump, more] = [one for one in found["package"] if one["name"].startswith("nump")]
    assert nump["targets"] == more["targets"] == ["osx-arm64/3.12"]
    assert nump["requested-by"] == ["stack", "uproo"]


def test_channels_give_way_to_what_packages_need(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", mixed_stack('uproo = "==4.1"', 'nump = "*"'))
    answer = lamina("lock")
    assert "uproo<=4.1 needs nump<2 (packages.uproo = '==4.1')" in answer.stderr
    assert versions(read(lamina))["nump"] == "1.9"


def test_the_least_change_of_the_channels_is_chosen(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    index_server.wheel("picky", "1.0", ["nump<2"])
    index_server.wheel("picky", "2.0", ["nump<2.2"])
    found = lock(lamina, 'picky = "*"', 'nump = "*"')
    assert (versions(found)["nump"], versions(found, "package")) == ("2.1", {"picky": "2.0"})


def test_time_counts_on_both_sides(lamina: CommandLine) -> None:
    found = lock(lamina, 'uproo = "*"', 'nump = "*"', resolve="exclude-newer = 2026-04-01")
    assert versions(found)["nump"] == "2.1"
    assert versions(found, "package")["uproo"] == "4.2"


@pytest.mark.parametrize(
    ("strategy", "uproo", "nump"), [("lowest", "4.1", "1.9"), ("highest", "4.2", "2.2")]
)
def test_the_strategy_counts_on_both_sides(
    lamina: CommandLine, strategy: str, uproo: str, nump: str
) -> None:
    found = lock(lamina, 'uproo = ">=4"', 'nump = "*"', resolve=f'strategy = "{strategy}"')
    assert (versions(found, "package")["uproo"], versions(found)["nump"]) == (uproo, nump)


def test_versions_stay_until_somebody_asks(lamina: CommandLine) -> None:
    lock(lamina, "", 'nump = "==2.1"\ngfal2 = "==2.22"')
    kept = lock(lamina, "", 'nump = "*"\ngfal2 = "*"')
    assert (versions(kept)["nump"], versions(kept)["gfal2"]) == ("2.1", "2.22")
    changes = lamina("lock", "--upgrade-package", "nump").stdout
    assert "~ conda:nump 2.1 -> 2.2" in changes
    assert versions(read(lamina))["gfal2"] == "2.22"
    lamina("lock", "--upgrade")
    assert versions(read(lamina))["gfal2"] == "2.23"


def test_what_a_channel_has_no_more_is_not_kept(
    lamina: CommandLine, channel: Path, tmp_path: Path
) -> None:
    ours = lamina.directory / "ours"
    made = tmp_path / "made"
    offer(ours, python(made), build(made, "nump", "2.1", PINNED), build(made, "nump", "3", PINNED))
    lock(lamina, "", 'nump = "<3"', channels='["./ours"]')
    lamina("channel", "broken", ours, "linux-64/nump-2.1-h0_0.conda", "--why", "bad")
    assert versions(lock(lamina, "", 'nump = "*"', channels='["./ours"]'))["nump"] == "3"
    assert channel.is_dir()


def test_the_same_stack_is_the_same_lock(lamina: CommandLine) -> None:
    text = mixed_stack('uproo = "*"', 'gfal2 = "*"\nnump = "*"')
    lamina.write("lamina.toml", text)
    lamina("lock")
    first = (lamina.directory / "lamina.lock").read_bytes()
    (lamina.directory / "lamina.lock").unlink()
    lamina("lock")
    assert (lamina.directory / "lamina.lock").read_bytes() == first
    assert b"://" not in first


def test_a_package_comes_from_its_channel_alone(lamina: CommandLine, tmp_path: Path) -> None:
    made = tmp_path / "made"
    offer(lamina.directory / "ours", python(made), build(made, "gfal2", "2.20"))
    both = '["./ours", "./channel"]'
    assert versions(lock(lamina, "", 'gfal2 = "*"', channels=both))["gfal2"] == "2.20"
    conda = 'gfal2 = { version = "*", channel = "./channel" }'
    found = lock(lamina, "", conda, channels=both)
    assert versions(found)["gfal2"] == "2.23"
    channels = {one["name"]: one["channel"] for one in found["conda"]}
    assert channels == {"gfal2": "./channel", "libfoo": "./channel", "python": "./ours"}


def test_virtual_packages_are_those_that_the_stack_says(lamina: CommandLine) -> None:
    cuda = '[resolve.virtual]\nlinux-64 = { __cuda = "12.4" }'
    assert versions(lock(lamina, "", 'gpu = "*"', resolve=cuda))["gpu"] == "1.0"


def test_a_stack_without_conda_takes_nothing_from_channels(lamina: CommandLine) -> None:
    found = lock(lamina, 'uproo = "*"', "")
    assert found["conda"] == []
    assert set(versions(found, "package")) == {"helper", "nump", "nump-more", "uproo"}


def test_a_stack_without_conda_does_not_load_the_engine(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", mixed_stack('uproo = "*"', ""))
    code = (
        "import sys; from lamina.cli.app import cli; from lamina.cli.edge import exit_code_of;"
        "print(exit_code_of(cli, ['lock']), 'rattler' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=lamina.directory,
        env=lamina.environ,
        text=True,
    )
    assert said.stdout.splitlines()[-1] == "0 False"


def test_a_line_that_was_added_makes_the_lock_stale(lamina: CommandLine) -> None:
    lock(lamina, "", 'gfal2 = "*"')
    answer = lamina("add", "--conda", "nump>=2")
    assert answer.stdout.strip() == 'added to [conda]: nump = ">=2"'
    assert "has changed since it was locked" in lamina("lock", "--check", expect=3).stderr
    lamina("lock")
    assert versions(read(lamina))["nump"] == "2.2"
    lamina("remove", "--conda", "nump")
    assert "- conda:nump 2.2" in lamina("lock").stdout


def test_names_are_renewed_from_the_packages_of_a_channel(lamina: CommandLine) -> None:
    arguments = ("channel", "names", "--update", "channel", "--file", "names.toml")
    assert lamina(*arguments).stdout == "torch torch-cpu\n"
    assert (lamina.directory / "names.toml").read_text() == '[names]\ntorch = "torch-cpu"\n'
    shown = lamina("channel", "names", "--file", "names.toml", "Nump", "torch", "--json").json
    assert shown["names"] == {"Nump": "nump", "torch": "torch-cpu"}
    assert lamina("channel", "names", "torch").stdout == "torch pytorch\n"
