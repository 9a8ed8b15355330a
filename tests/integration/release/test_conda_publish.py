"""``lamina publish`` with a hand-made lock of conda packages, from the directory to the tier."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from lamina.release.root import open_root
from lamina.release.verify import verify_release
from support.conda_releases import SPECS, write_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.conda_releases import Published

TEST = {"imports": ["tool_box"], "commands": ["tool-box", 'test -n "$BOX_OF"']}


@pytest.fixture
def stack(published: Published, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a lamina.toml and its lock, with no Python on PATH."""
    directory = command_line.directory
    monkeypatch.setenv("LAMINA_ROOT", str(directory / "root"))
    monkeypatch.setenv("PATH", str(directory / "nothing"))
    return write_stack(directory, published.channels, SPECS, [], test=TEST)


@contextmanager
def without_box(channels: list[Path], instead: bytes | None = None) -> Iterator[None]:
    """Have the archive of ``box`` away for a while, or another in its place."""
    [archive] = [path for one in channels for path in one.glob("linux-64/box-1.0-*.conda")]
    away = archive.with_suffix(".away")
    archive.rename(away)
    if instead is not None:
        archive.write_bytes(instead)
    try:
        yield
    finally:
        away.replace(archive)


def test_from_the_directory_to_the_tier(
    published: Published, command_line: CommandLine, stack: Path
) -> None:
    plan = command_line("publish", "--dry-run", "--json").json
    assert (plan["packages"], plan["bundle"]) == (5, True)
    refused = command_line("publish", "--python", sys.executable, expect=2)
    assert "one of its conda packages" in refused.stderr
    done = command_line("publish", "--json").json
    assert done["status"] == "published"
    assert command_line("publish", "--json").json["status"] == "identical"
    command_line("release", "promote", "boxed/1.0", "--tier", "stable")
    shown = command_line("release", "show", "boxed@stable")
    assert "\n  box 1.0 h0_0, conda\n" in shown.stdout
    assert "with a copy inside" in shown.stdout
    why = command_line("release", "why", "boxed", "native-part")
    assert "the stack asks for tool-box -> native-part" in why.stdout
    assert command_line("release", "verify", "boxed").exit_code == 0
    damaged = command_line.directory / "root/releases/boxed/1.0/linux-64/share/box/prefix.txt"
    damaged.chmod(0o644)
    damaged.write_text("damaged\n", encoding="utf-8")
    damaged.chmod(0o444)
    command_line("release", "verify", "boxed", expect=6)
    # The stack is not needed for that, nor what it is in.
    stack.unlink()
    command_line("release", "repair", "boxed")
    assert command_line("release", "verify", "boxed").exit_code == 0
    # The channel has one of the two packages no longer.
    program = damaged.parents[2] / "bin/tool-box"
    for path in (damaged, program):
        path.chmod(0o644)
        path.write_text("damaged\n", encoding="utf-8")
    with without_box(published.channels):
        planned = command_line("release", "repair", "boxed", "--dry-run").stdout
        assert "if it can be had: box 1.0 h0_0, conda, " in planned
        said = command_line("release", "repair", "boxed", expect=6)
    assert "warning: box 1.0 cannot be had: " in said.stderr
    assert "changed: share/box/prefix.txt" in said.stdout
    assert "changed: bin/tool-box" not in said.stdout
    # It has another one under that name.
    with without_box(published.channels, instead=b"another"):
        said = command_line("release", "repair", "boxed", expect=6)
    assert re.search("box 1.0 cannot be had: .*: not the file that was locked", said.stderr)
    command_line("release", "repair", "boxed")


@pytest.mark.heavy
@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.5])
def test_trap_17_killed_at_any_time_nothing_is_there(
    command_line: CommandLine, stack: Path, seconds: float
) -> None:
    root = stack.parent / "root"
    process = subprocess.Popen(
        [sys.executable, "-m", "lamina", "publish"],
        cwd=stack.parent,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list((root / ".staging").glob(".*.lamina-conda-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert open_root(root).releases() == []
    command_line("publish")
    (release,) = open_root(root).releases()
    assert verify_release(release).sound
    assert list((root / ".staging").iterdir()) == []
