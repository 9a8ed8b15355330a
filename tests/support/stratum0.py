"""A ``cvmfs_server`` and one of its repositories: the stand-in's, or a real one.

A real one is named on the command line of pytest: ``--cvmfs-server PATH --cvmfs-repository NAME``.
The tests publish into it, in directories of their own; it has to be one for that, and they have to
run as its owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import cvmfs_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "stack.example.org"


@dataclass(frozen=True, kw_only=True)
class Answered:
    code: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Stratum0:
    """What the tests talk to; ``world`` is the stand-in's, None with a real server."""

    program: Path
    repository: str
    mount: Path
    client: Path | None
    world: Path | None

    def __call__(self, *words: str, stdin: str = "", cwd: Path | None = None) -> Answered:
        """Run a command of cvmfs_server; its streams are files."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            code = subprocess.run(
                [self.program, *words], stdin=given, stdout=out, stderr=out, cwd=cwd, check=False
            ).returncode
            out.seek(0)
            return Answered(code=code, text=out.read().decode())

    def do(self, *words: str) -> str:
        """Run a command that has to succeed."""
        answer = self(*words)
        assert answer.code == 0, (words, answer)
        return answer.text

    def state(self) -> str:
        """Return what ``list`` says of the repository."""
        lines = self.do("list").splitlines()
        return next(line for line in lines if line.startswith(f"{self.repository} "))

    def is_open(self) -> bool:
        return "in transaction" in self.state()

    def publish(self, *words: str) -> Answered:
        return self("publish", *words, self.repository)

    def fail(self, command: str, call: int, do: str, *, at: str = "start", code: int = 1) -> None:
        """Make a call fail, counted from the next one; of the stand-in only."""
        assert self.world is not None
        before = sum(one[0] == command for one in self.calls())
        rule = {"command": command, "call": before + call, "do": do, "at": at, "code": code}
        path = self.world / "control.json"
        rules = json.loads(path.read_text()) if path.exists() else []
        path.write_text(json.dumps([*rules, rule]))

    def calls(self) -> list[list[str]]:
        """Return all calls so far; of the stand-in only."""
        assert self.world is not None
        path = self.world / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def start_publish(self, *words: str) -> subprocess.Popen[bytes]:
        """Start to publish, and return while it is at it."""
        if self.world is not None:
            self.fail("publish", 1, "hang", at="middle")
        process = subprocess.Popen(
            [self.program, "publish", *words, self.repository],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self.world is None:
            time.sleep(0.5)
            return process
        state = self.world / "repositories" / self.repository / "state.json"
        deadline = time.monotonic() + 60
        while json.loads(state.read_text())["publishing"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.1)
        return process

    def written(self) -> dict[str, set[str]]:
        """Return the files and links that the last transaction wrote and removed."""
        assert self.world is not None
        path = self.world / "repositories" / self.repository / "written.json"
        return {kind: set(paths) for kind, paths in json.loads(path.read_text()).items()}


def kill(process: subprocess.Popen[Any]) -> None:
    """End a program and what it started, as kill -9 does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def can_mount() -> bool:
    """Tell whether overlay file systems can be mounted here."""
    with tempfile.TemporaryDirectory() as name:
        for part in ("lower", "upper", "work", "merged"):
            Path(name, part).mkdir()
        options = f"lowerdir={name}/lower,upperdir={name}/upper,workdir={name}/work"
        words = ["mount", "-t", "overlay", "overlay", f"{name}/merged", "-o", options]
        if subprocess.run(words, capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", f"{name}/merged"], check=True)
    return True


@contextlib.contextmanager
def stand_in(world: Path) -> Iterator[Stratum0]:
    """Yield the stand-in with an empty repository."""
    if not can_mount():
        pytest.skip("cannot mount an overlay file system here")
    program = cvmfs_stand_in.make_program(world)
    one = Stratum0(
        program=program,
        repository=NAME,
        mount=world / "cvmfs" / NAME,
        client=world / "clients" / NAME,
        world=world,
    )
    one.do("mkfs", NAME)
    try:
        yield one
    finally:
        (world / "control.json").unlink(missing_ok=True)
        one.do("rmfs", "-f", NAME)


@contextlib.contextmanager
def stratum0(config: pytest.Config, world: Path) -> Iterator[Stratum0]:
    """Yield the real server that pytest was given, otherwise the stand-in."""
    server, repository = config.getoption("--cvmfs-server"), config.getoption("--cvmfs-repository")
    if server is None:
        with stand_in(world) as one:
            yield one
        return
    if not repository:
        raise pytest.UsageError("--cvmfs-server needs --cvmfs-repository")
    one = Stratum0(
        program=server,
        repository=repository,
        mount=Path("/cvmfs") / repository,
        client=config.getoption("--cvmfs-client"),
        world=None,
    )
    yield one
    if one.is_open():
        one.do("abort", "-f", repository)
