"""A file system that is as far away as wanted: a directory, read through FUSE with a delay.

Every request that reaches the server waits; what the kernel has been told it keeps, as it does of
CVMFS. So a fresh mount is a first start on a machine, and its requests can be counted. Needs Linux,
/dev/fuse, the headers of fuse3 and a C compiler; the server is compiled when it is first wanted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("server.c")
KEPT = 3600.0
"""Seconds that the kernel keeps entries and attributes: longer than any start. CVMFS says 60."""
PROMPT_SECONDS = 10
"""How long a server may take to leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A directory behind the delay, for as long as its context lasts."""

    path: Path
    pid: int
    counts: Path

    def requests(self) -> dict[str, int]:
        """Return how many requests of each kind have come; IOCTL is the one that does not wait."""
        records = struct.iter_unpack("16sQ", self.counts.read_bytes())
        return {name.rstrip(b"\0").decode(): number for name, number in records}


def missing() -> str | None:
    """Return what this machine lacks to have such a file system, None if nothing."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    if compiler() is None:
        return "there is no C compiler"
    if shutil.which("fusermount3") is None:
        return "there is no fusermount3 (Debian: fuse3)"
    if _flags() is None:
        return "there are no headers of fuse3 (Debian: libfuse3-dev, pkg-config)"
    return None


def compiler() -> str | None:
    """Return the C compiler of the machine."""
    return shutil.which(os.environ.get("CC") or "cc")


def _flags() -> list[str] | None:
    """Return what the compiler has to be told about fuse3."""
    if shutil.which("pkg-config") is None:
        return None
    asked = ["pkg-config", "--cflags", "--libs", "fuse3"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.split() if told.returncode == 0 else None


def build(directory: Path) -> Path:
    """Compile the server into a directory; SystemExit says what is missing for it."""
    program = directory / "latency-server"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    lacking, cc, flags = missing(), compiler(), _flags()
    if lacking is not None or cc is None or flags is None:
        sys.exit(f"no file system with a delay: {lacking}")
    command: list[str | Path] = [
        cc,
        "-std=c11",
        "-O2",
        "-Wall",
        "-o",
        program,
        SOURCE,
        *flags,
        "-lpthread",
    ]
    subprocess.run(command, check=True)
    return program


@contextlib.contextmanager
def mounted(
    program: Path,
    source: Path,
    target: Path,
    *,
    milliseconds: float,
    kept: float = KEPT,
    log: Path | None = None,
) -> Iterator[Mount]:
    """Show a directory with a delay a request, at another place or at its own.

    ``kept`` are the seconds that the kernel keeps entries and attributes. The counts lie beside the
    program; ``log`` gets a line a request, its kind and its path.
    """
    counts = program.with_name(f"requests-{os.getpid()}-{target.name}")
    words: list[str | Path] = [source, target, str(round(milliseconds * 1000)), str(kept), counts]
    server = subprocess.Popen(
        [program, *words, *([log] if log is not None else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline() != "mounted\n":
            raise OSError(f"{target}: the file system with a delay could not be mounted")
        yield Mount(path=target, pid=server.pid, counts=counts)
    finally:
        _leave(server, target)
        counts.unlink(missing_ok=True)


def _leave(server: subprocess.Popen[str], target: Path) -> None:
    """End a server, which unmounts; where it cannot, the mount is taken from under it."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(PROMPT_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if server.stdout is not None:
        server.stdout.close()
    with contextlib.suppress(OSError):
        if not os.path.ismount(target):
            return
    subprocess.run(["fusermount3", "-u", "-z", target], check=False)
