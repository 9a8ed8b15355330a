"""Builds that are stopped, never end or meet a full disk: nothing half-done, nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.mounts import mounted, remount
from support.sources import offer_source, stack_of
from support.survivors import wait_for

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer

SOURCE = '{ version = "*", source = true }'
# Waits for the file that lets it go on, and leaves something behind in a session of its own.
WAITS = """
import time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
while not Path({gate!r}).exists():
    time.sleep(0.02)
"""


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program in the directory of a stack of two packages that wait for a gate."""
    step = WAITS.format(gate=str(command_line.directory / "gate"))
    for name in ("one", "two"):
        offer_source(index_server, name, step=step)
    command_line.write("lamina.toml", stack_of({"one": SOURCE, "two": SOURCE}, ""))
    command_line("lock")
    return command_line


def builds(lamina: CommandLine) -> Path:
    return Path(lamina.environ["HOME"]) / ".cache/lamina/builds"


def start(lamina: CommandLine) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lamina", "build"],
        cwd=lamina.directory, env=lamina.environ, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def kept(lamina: CommandLine) -> list[str]:
    """Return the wheels of the cache, and everything else that is there and should not be."""
    left = [one for one in (builds(lamina) / "work").iterdir() if one.suffix != ".lock"]
    assert left == []
    [*entries] = (builds(lamina) / "wheels").glob("*") if builds(lamina).is_dir() else []
    assert all(len(list(one.iterdir())) == 2 for one in entries)
    return sorted(path.name for one in entries for path in one.glob("*.whl"))


def test_killed_builds_leave_nothing_that_matters(lamina: CommandLine) -> None:
    work = str(builds(lamina) / "work")
    with start(lamina) as stopped:
        wait_for("_in_process.py build_wheel", count=2)
        wait_for(work, count=8)
        stopped.kill()
    wait_for(work, count=0, seconds=10)
    (builds(lamina) / "work" / "of-another-stack").mkdir()
    (lamina.directory / "gate").touch()
    again = lamina("build", "--json").json["packages"]
    assert {one["status"] for one in again} == {"built"}
    assert kept(lamina) == ["one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
    assert {one["status"] for one in lamina("build", "--json").json["packages"]} == {"cached"}
    wait_for(work, count=0, seconds=10)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, id="term"),
        pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.heavy),
    ],
)
def test_an_interrupted_build_cleans_up(lamina: CommandLine, number: int) -> None:
    work = str(builds(lamina) / "work")
    with start(lamina) as stopped:
        wait_for(work, count=8)
        stopped.send_signal(number)
        _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "error: interrupted; nothing half-done was left in place" in said
    wait_for(work, count=0, seconds=10)
    assert kept(lamina) == []


def test_two_at_once_build_everything_once(lamina: CommandLine) -> None:
    with start(lamina) as first:
        wait_for(str(builds(lamina) / "work"), count=8)
        with start(lamina) as second:
            assert second.stderr is not None
            lines = [second.stderr.readline() for _ in range(2)]
            (lamina.directory / "gate").touch()
            said, _ = second.communicate(timeout=60)
        told, _ = first.communicate(timeout=60)
    assert all(f"is being built by process {first.pid} on" in line for line in lines), lines
    assert (first.returncode, second.returncode) == (0, 0)
    assert [told.count("built in"), said.count("in the cache")] == [2, 2]
    assert len(kept(lamina)) == 2


@pytest.mark.heavy
def test_who_waits_can_be_interrupted(lamina: CommandLine) -> None:
    with start(lamina) as first:
        wait_for(str(builds(lamina) / "work"), count=8)
        with start(lamina) as second:
            assert second.stderr is not None
            assert "waiting for it" in second.stderr.readline()
            second.send_signal(signal.SIGINT)
            second.communicate(timeout=60)
        assert second.returncode == 130
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert kept(lamina) == []


def test_a_build_that_never_ends(lamina: CommandLine) -> None:
    text = stack_of({"one": SOURCE}, "[build]\ntimeout = 3")
    lamina.write("lamina.toml", text)
    lamina("lock")
    said = lamina("build", expect=5).stderr
    assert "one: not built after 3 s" in said
    assert "[build] timeout" in said
    wait_for(str(builds(lamina) / "work"), count=0, seconds=10)
    assert kept(lamina) == []


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a directory that has room for a few megabytes."""
    # A small file system has to be mounted, which users of CI elsewhere may not.
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts")
    return tmp_path / "small"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("8m", "one: its build found no space left: 0 of 8 MB are free in {small}/lamina/builds"),
        pytest.param(
            "24k",
            "/one/unpacked: no space left",
            marks=pytest.mark.heavy,
        ),
    ],
)
def test_a_full_disk_is_named_and_the_cache_is_sound(
    index_server: IndexServer, lamina: CommandLine, small: Path,
    monkeypatch: pytest.MonkeyPatch, size: str, said: str,
) -> None:  # fmt: skip
    offer_source(index_server, "one", step="Path('big').write_bytes(os.urandom(32_000_000))")
    lamina.write("lamina.toml", stack_of({"one": SOURCE}, ""))
    lamina("lock", "--upgrade")
    lamina("build", "--dry-run")
    small.mkdir()
    with mounted(small, f"size={size}"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(small))
        assert said.format(small=small) in lamina("build", expect=1).stderr
        assert [one.name for one in (small / "lamina/builds/work").iterdir()] == ["one.lock"]
        assert not (small / "lamina/builds/wheels").exists()
        remount(small, "size=256m")
        assert lamina("build", "--json").json["packages"][0]["status"] == "built"


@pytest.mark.heavy
def test_a_full_temporary_directory_is_named(
    index_server: IndexServer, lamina: CommandLine, small: Path
) -> None:
    offer_source(index_server, "one", step="for _ in range(40_000): print('x' * 99)")
    lamina.write("lamina.toml", stack_of({"one": SOURCE}, ""))
    lamina("lock", "--upgrade")
    lamina("build", "--dry-run")
    small.mkdir()
    with mounted(small, "size=1m"):
        lamina.environ["TMPDIR"] = str(small)
        with start(lamina) as started:
            _, said = started.communicate(timeout=60)
        assert started.returncode == 1
        assert f"what it writes found no space left in {small}" in said
    assert kept(lamina) == []


@pytest.mark.heavy
def test_a_cache_that_is_read_only(lamina: CommandLine, small: Path) -> None:
    (lamina.directory / "gate").touch()
    lamina("build")
    cache = builds(lamina).parent
    small.mkdir()
    subprocess.run(["mount", "--bind", cache, cache], check=True)
    try:
        remount(cache, "ro,bind")
        said = lamina("build", expect=1).stderr
    finally:
        subprocess.run(["umount", cache], check=True)
    assert f"{cache}/logs/" in said
    assert "the file system is read-only" in said
    assert len(kept(lamina)) == 2
