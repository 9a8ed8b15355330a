"""Builds that a test waits for, and that wait for the test."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.clusters import parents_of, processes_in, until
from support.sources import offer_source, stack_of

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer

_WAITING = """
import time
Path("started").write_text(str(os.getpid()))
while not Path({go!r}).exists():
    time.sleep(0.05)
"""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of two packages, of which the second is built with the first, which waits."""

    lamina: CommandLine
    go: Path
    """What the first waits for."""

    @classmethod
    def locked(cls, server: IndexServer, command_line: CommandLine, go: Path) -> Stack:
        """Offer and lock one."""
        server.wheel("buildtool", "3.0")
        offer_source(server, "first", step=_WAITING.format(go=str(go)), further=["buildtool"])
        offer_source(
            server, "second", build_requires=["first"],
            step="import first; Path('second_saw.py').write_text('saw = %d' % first.value)",
        )  # fmt: skip
        source = '{ version = "*", source = true }'
        command_line.write("lamina.toml", stack_of({"first": source, "second": source}))
        command_line("lock")
        return cls(lamina=command_line, go=go)

    @property
    def cache(self) -> Path:
        return Path(self.lamina.environ["HOME"]) / ".cache" / "lamina"

    def began(self, *, but: int = 0) -> int:
        """Wait until the build of the first waits, and return its process."""
        path = self.cache / "builds" / "work" / "first" / "src" / "started"

        def found() -> int:
            # Its number in its own namespace says nothing here.
            pids = processes_in(path.parent) if path.exists() else []
            return max((pid for pid in pids if pid > but), default=0)

        until(found, "a build that waits")
        return found()

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``lamina build`` as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "lamina", "build", "--json", *words],
            env=self.lamina.environ | environ,
            cwd=self.lamina.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def desks(self) -> list[Path]:
        return list((self.cache / "builds" / "desks").iterdir())


def told(process: subprocess.Popen[str], *, expect: int = 0) -> tuple[dict[str, Any], str]:
    """Wait for a build and return its packages, and what it said."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == expect, err
    packages = json.loads(out)["packages"] if out else []
    return {one["name"]: one for one in packages}, err


def worker_over(pid: int) -> int:
    """Return the program of ours that a build runs under."""
    commands = {one: Path(f"/proc/{one}/cmdline").read_bytes() for one in parents_of(pid)}
    return next(one for one, text in commands.items() if b"wheels.worker" in text)
