"""``lamina lock`` against an index on loopback."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from support.index_server import LINUX, IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.command_line import CommandLine

BOTH = '["linux-64", "osx-arm64"]'


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    """Return an index with a few packages."""
    index_server.wheel("app", "1.0", ["lib>=1", "linuxonly ; sys_platform == 'linux'"])
    index_server.wheel("app", "2.0", ["lib>=2", "linuxonly ; sys_platform == 'linux'"])
    index_server.wheel("lib", "1.0")
    index_server.wheel("lib", "2.0", ["extra ; extra == 'more'"], extras=["more"])
    index_server.wheel("lib", "3.0a1")
    index_server.wheel("extra", "1.0")
    index_server.wheel("linuxonly", "1.0", tag=LINUX)
    return index_server


@pytest.fixture
def lamina(index: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, with the index as its default one."""
    assert index.url
    return command_line


def lock_of(lamina: CommandLine) -> dict[str, Any]:
    return tomllib.loads((lamina.directory / "lamina.lock").read_text())


def versions(lamina: CommandLine) -> dict[str, str]:
    return {one["name"]: one["version"] for one in lock_of(lamina).get("package", [])}


def test_a_lock_holds_what_the_stack_asks_for_and_what_that_needs(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"', platforms=BOTH))
    answer = lamina("lock")
    assert answer.stdout.splitlines()[-1].endswith(
        "lamina.lock: 3 packages for linux-64/3.12, osx-arm64/3.12"
    )
    by_name = {one["name"]: one for one in lock_of(lamina)["package"]}
    assert versions(lamina) == {"app": "2.0", "lib": "2.0", "linuxonly": "1.0"}
    assert by_name["app"]["requested-by"] == ["stack"]
    assert by_name["lib"]["requested-by"] == ["app"]
    assert by_name["linuxonly"]["targets"] == ["linux-64/3.12"]
    assert by_name["app"]["dependencies"] == [
        {"name": "lib"},
        {"name": "linuxonly", "marker": "sys_platform == 'linux'"},
    ]
    [file] = by_name["linuxonly"]["artifacts"]
    assert file["file"] == f"linuxonly-1.0-{LINUX}.whl"


def test_a_lock_holds_no_address(lamina: CommandLine, index: IndexServer) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    lamina("lock")
    text = (lamina.directory / "lamina.lock").read_text()
    assert "://" not in text
    assert index.url.rpartition(":")[2] not in text


def test_extras_are_followed(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('lib = { version = "*", extras = ["more"] }'))
    lamina("lock")
    assert versions(lamina) == {"lib": "2.0", "extra": "1.0"}
    lib = next(one for one in lock_of(lamina)["package"] if one["name"] == "lib")
    assert lib["dependencies"] == [{"name": "extra", "extra": "more"}]


def test_groups_are_part_of_the_lock(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text("", more='[groups]\nnotebook = ["lib[more]>=2"]'))
    lamina("lock")
    assert versions(lamina) == {"lib": "2.0", "extra": "1.0"}


def test_prereleases_are_taken_for_the_package_that_says_so(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('lib = { version = "*", prerelease = true }'))
    lamina("lock")
    assert versions(lamina) == {"lib": "3.0a1"}


def test_a_package_may_be_limited_to_platforms(lamina: CommandLine) -> None:
    line = 'lib = "*"\nlinuxonly = { version = "*", platforms = ["linux-64"] }'
    lamina.write("lamina.toml", stack_text(line, platforms=BOTH))
    lamina("lock")
    by_name = {one["name"]: one for one in lock_of(lamina)["package"]}
    assert by_name["linuxonly"]["targets"] == ["linux-64/3.12"]
    assert "targets" not in by_name["lib"]


def test_several_pythons_get_what_each_needs(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    index.wheel("native", "1.0", tag="cp313-cp313-manylinux_2_17_x86_64")
    index.wheel("old", "1.0", ["native", "lib<2 ; python_version < '3.12'"])
    lamina.write("lamina.toml", stack_text('old = "*"', python='["3.11", "3.13"]'))
    lamina("lock")
    by_name = {one["name"]: one for one in lock_of(lamina)["package"]}
    assert [one["targets"] for one in by_name["native"]["artifacts"]] == [
        ["linux-64/3.11"],
        ["linux-64/3.13"],
    ]
    assert by_name["lib"]["targets"] == ["linux-64/3.11"]


def test_a_python_that_is_not_on_this_machine(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("future", "1.0", tag="cp399-cp399-manylinux_2_17_x86_64")
    lamina.write("lamina.toml", stack_text('future = "*"', python='"3.99"'))
    lamina("lock")
    assert lock_of(lamina)["targets"] == ["linux-64/3.99"]


def test_the_best_wheel_is_chosen_within_the_floor(lamina: CommandLine, index: IndexServer) -> None:
    for tag in ("py3-none-any", LINUX, "cp312-cp312-manylinux_2_39_x86_64"):
        index.wheel("native", "1.0", tag=tag)
    lamina.write("lamina.toml", stack_text('native = "*"'))
    lamina("lock")
    [package] = lock_of(lamina)["package"]
    assert [one["file"] for one in package["artifacts"]] == [f"native-1.0-{LINUX}.whl"]


def test_a_version_for_newer_systems_only_is_passed_over(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("native", "1.0", tag=LINUX)
    index.wheel("native", "2.0", tag="cp312-cp312-manylinux_2_39_x86_64")
    lamina.write("lamina.toml", stack_text('native = "*"'))
    lamina("lock")
    assert versions(lamina) == {"native": "1.0"}
    lamina.write("lamina.toml", stack_text('native = "*"', resolve='glibc = "2.39"'))
    lamina("lock", "--upgrade")
    assert versions(lamina) == {"native": "2.0"}


def test_exclude_newer(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("lib", "2.5", uploaded="2026-03-01T12:00:00Z")
    for day, expected in {"2026-02-28": "2.0", "2026-03-01": "2.5"}.items():
        lamina.write("lamina.toml", stack_text('lib = "*"', resolve=f"exclude-newer = {day}"))
        lamina("lock")
        assert versions(lamina) == {"lib": expected}


def test_the_same_stack_gives_the_same_bytes_whatever_was_there(
    lamina: CommandLine, index: IndexServer
) -> None:
    dated = stack_text('app = "*"', platforms=BOTH, resolve="exclude-newer = 2026-06-01")
    lamina.write("lamina.toml", dated)
    lamina("lock")
    lock = lamina.directory / "lamina.lock"
    first = lock.read_bytes()
    lamina.write("lamina.toml", dated.replace('app = "*"', 'app = "<2"'))
    lamina("lock")
    assert lock.read_bytes() != first
    lamina.write("lamina.toml", dated)
    index.wheel("app", "9.0", uploaded="2026-07-01T00:00:00Z")
    lamina("lock")
    assert lock.read_bytes() == first
    assert "unchanged" in lamina("lock").stdout


def test_the_same_bytes_whatever_form_the_index_serves_its_pages_in(
    lamina: CommandLine, index: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"', resolve="exclude-newer = 2026-06-01"))
    lamina("lock")
    first = (lamina.directory / "lamina.lock").read_bytes()
    index.html_only = True
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    lamina("lock")
    assert (lamina.directory / "lamina.lock").read_bytes() == first


def test_pins_are_kept_until_an_upgrade_is_asked_for(
    lamina: CommandLine, index: IndexServer
) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"\nextra = "*"'))
    lamina("lock")
    for name in ("app", "lib", "extra"):
        index.wheel(name, "5.0")
    assert "unchanged" in lamina("lock").stdout
    lamina.write("lamina.toml", stack_text('app = "*"\nextra = "*"\nlinuxonly = "*"'))
    lamina("lock")
    assert versions(lamina)["lib"] == "2.0"
    assert "~ extra 1.0 -> 5.0" in lamina("lock", "--upgrade-package", "Extra").stdout
    assert versions(lamina) | {"app": "2.0", "lib": "2.0", "extra": "5.0"} == versions(lamina)
    answer = lamina("lock", "--upgrade", "--json").json
    assert answer["changes"]["up"] == [{"name": "app", "from": "2.0", "to": "5.0"}]
    assert answer["changes"]["removed"] == [{"name": "lib", "version": "2.0"}]


def test_dry_run_writes_nothing(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    assert "would write" in lamina("lock", "--dry-run").stdout
    assert not (lamina.directory / "lamina.lock").exists()


def test_check_needs_no_network(lamina: CommandLine, index: IndexServer) -> None:
    lamina.write("lamina.toml", stack_text('lib = "*"'))
    missing = lamina("lock", "--check", expect=3)
    assert "there is no lock" in missing.stderr
    lamina("lock")
    index.requests.clear()
    assert "up to date" in lamina("lock", "--check").stdout
    lamina.write("lamina.toml", stack_text('lib = "<2"'))
    stale = lamina("lock", "--check", expect=3)
    assert "hint: lamina lock" in stale.stderr
    assert index.requests == []


def test_a_broken_lock_is_replaced(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('lib = "*"'))
    lamina.write("lamina.lock", "stack = 7\n<<<<<<< HEAD\n")
    answer = lamina("lock")
    assert "the lock that is there is not used" in answer.stderr
    assert versions(lamina) == {"lib": "2.0"}


def test_a_failure_keeps_the_lock_that_was_there(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('lib = "*"'))
    lamina("lock")
    before = (lamina.directory / "lamina.lock").read_bytes()
    lamina.write("lamina.toml", stack_text('lib = ">7"'))
    lamina("lock", expect=4)
    assert (lamina.directory / "lamina.lock").read_bytes() == before


def test_sources_are_built_only_where_the_stack_says_so(
    lamina: CommandLine, index: IndexServer, interpreter: Callable[[str], Path]
) -> None:
    index.sdist("brew", "2.0", ["lib"])
    index.wheel("brew", "1.0")
    lamina.write("lamina.toml", stack_text('brew = "*"'))
    lamina("lock")
    assert versions(lamina) == {"brew": "1.0"}
    index.wheel("brew", "2.0", ["lib"])
    lamina.write("lamina.toml", stack_text('brew = { version = "*", source = true }'))
    interpreter("3.12")
    assert "no Python" not in lamina("lock").stderr
    assert versions(lamina) == {"brew": "2.0", "lib": "2.0"}
    brew = lock_of(lamina)["package"][0]
    assert [one["file"] for one in brew["artifacts"]] == ["brew-2.0.tar.gz"]


def test_what_cannot_be_locked_yet_is_refused_by_name(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('lib = "*"', more='[conda]\ngfal2 = "*"'))
    assert "[conda]" in lamina("lock", expect=2).stderr


@pytest.mark.parametrize(
    "option", [["--upgrade"], ["-P", "app"], ["--dry-run"]], ids=lambda words: words[0]
)
def test_a_check_goes_with_nothing_else(lamina: CommandLine, option: list[str]) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    assert "--check changes nothing" in lamina("lock", "--check", *option, expect=2).stderr


def test_an_upgrade_of_what_is_not_there(lamina: CommandLine, index: IndexServer) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    answer = lamina("lock", "-P", "apq", expect=2)
    assert "apq is neither in the stack nor in its lock (did you mean 'app'?)" in answer.stderr
    assert index.requests == []
    lamina("lock", "-P", "App")
    lamina("lock", "-P", "lib")


def test_a_lock_that_somebody_edited(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    lamina("lock")
    path = lamina.directory / "lamina.lock"
    good = path.read_text()
    path.write_text(good.replace('version = "2.0"', 'version = "banana"'))
    answer = lamina("lock", "--check", expect=3)
    assert "package[0].version: 'banana' is not a PEP 440 version" in answer.stderr
    path.write_text(good + good[good.index("\n[[package]]") :])
    answer = lamina("export", "--as", "pylock", expect=3)
    assert "app for linux-64/3.12 a second time" in answer.stderr
    answer = lamina("lock")
    assert "warning: the lock that is there is not used" in answer.stderr
    assert path.read_text() == good


@pytest.mark.parametrize(
    ("make", "words", "hint"),
    [
        pytest.param(
            lambda path: path.write_text("schema = 7\n"), "schema: 7", "update lamina", id="newer"
        ),
        pytest.param(lambda path: path.mkdir(), "Is a directory", "ls -l", id="directory"),
        pytest.param(os.mkfifo, "not a regular file", "ls -l", id="pipe"),
    ],
)
def test_a_lock_that_may_make_sense_to_others_is_not_replaced(
    lamina: CommandLine, make: Callable[[Path], None], words: str, hint: str
) -> None:
    lamina.write("lamina.toml", stack_text('lib = "*"'))
    lock = lamina.directory / "lamina.lock"
    make(lock)
    before = lock.lstat()
    answer = lamina("lock", expect=3)
    assert words in answer.stderr
    assert f"hint: {hint}" in answer.stderr
    assert (lock.lstat().st_ino, lock.lstat().st_size) == (before.st_ino, before.st_size)


def test_offline_the_index_is_unavailable(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    lamina.write("lamina.toml", stack_text('lib = "*"'))
    answer = lamina("lock", expect=8)
    assert "lib: not in uv's cache" in answer.stderr


@pytest.mark.parametrize("option", [["--upgrade"], ["-P", "app"]], ids=lambda words: words[0])
def test_an_upgrade_says_when_time_stands_still(lamina: CommandLine, option: list[str]) -> None:
    text = stack_text('app = "*"', resolve="exclude-newer = 2026-11-01")
    lamina.write("lamina.toml", text)
    assert "its lock holds the newest as of then" in lamina("lock", *option).stderr
    assert "newest as of then" not in lamina("lock").stderr
