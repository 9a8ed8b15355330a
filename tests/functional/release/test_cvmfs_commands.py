"""The command line with a root in CVMFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.cvmfs_roots import environ_of
from support.stratum0 import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer
    from support.stratum0 import Stratum0

pytestmark = pytest.mark.namespaces
HERE = current_platform()
ROOT = "cvmfs:stack.example.org/sw/lamina"


@pytest.fixture
def server(
    index_server: IndexServer,
    command_line: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stratum0]:
    index_server.wheel("tool", "1.0")
    command_line.write("lamina.toml", _stack("1.0"))
    with stand_in(tmp_path / "world") as one:
        environ = environ_of(one, command_line.environ, tmp_path / "own")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield one


def _stack(version: str) -> str:
    return (
        f'[stack]\nname = "small"\nversion = "{version}"\npython = "3.12"\n'
        f'platforms = ["{HERE}"]\n[packages]\ntool = "*"\n[test]\nimports = ["tool"]\n'
    )


def test_a_release_from_the_stack_to_the_tier_and_away(
    command_line: CommandLine, server: Stratum0
) -> None:
    prefix = server.mount / "sw/lamina/releases/small/1.0" / HERE
    answer = command_line("publish", "--to", ROOT)
    assert answer.stdout == f"small/1.0 published\n{prefix}\n"
    assert f"publishing {server.repository}" in answer.stderr
    command_line.write("lamina.toml", _stack("1.1"))
    command_line("publish", "--root", ROOT)
    for version in ("1.0", "1.1"):
        command_line("release", "promote", f"small/{version}", "--tier", "stable", "--root", ROOT)
    moved = command_line("release", "rollback", "small@stable", "--root", ROOT)
    assert moved.stdout == "small@stable  1.1 -> 1.0\n"
    command_line("release", "retire", "small/1.1", "--root", ROOT)
    command_line("release", "gc", "--root", str(server.mount / "sw" / "lamina"))
    listed = command_line("release", "list", "--root", ROOT).stdout
    assert listed == f"small/1.0  {HERE}  {prefix}  (stable)\n"
    assert "as published" in command_line("release", "verify", "small", "--root", ROOT).stdout
    assert (server.mount / "sw/lamina/tiers/small/stable" / HERE / "bin/python").exists()


def test_reading_and_dry_runs_open_nothing(command_line: CommandLine, server: Stratum0) -> None:
    command_line("publish", "--to", ROOT)
    before = server.calls()
    command_line("release", "list", "--root", ROOT)
    command_line("release", "verify", "small", "--root", ROOT)
    command_line("publish", "--to", ROOT, "--dry-run")
    command_line("release", "promote", "small", "--tier", "stable", "--root", ROOT, "--dry-run")
    command_line("release", "gc", "--root", ROOT, "--dry-run")
    assert server.calls() == before


def test_what_is_refused(
    command_line: CommandLine, server: Stratum0, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = command_line("publish", "--to", "cvmfs:other.example.org", expect=2)
    assert "other.example.org: no repository that this machine publishes" in elsewhere.stderr
    wrong = command_line("publish", "--to", "cvmfs:a/../b", expect=2)
    assert "hint: write it as cvmfs:REPOSITORY/PATH" in wrong.stderr
    monkeypatch.setenv("LAMINA_CVMFS_WAIT", "nan")
    unclear = command_line("publish", "--to", ROOT, expect=2)
    assert "LAMINA_CVMFS_WAIT='nan': not a number of seconds" in unclear.stderr
    monkeypatch.setenv("LAMINA_CVMFS_WAIT", "0")
    server.do("transaction", server.repository)
    busy = command_line("publish", "--to", ROOT, expect=7)
    assert "a transaction is open that lamina did not open" in busy.stderr
    assert server.is_open()
