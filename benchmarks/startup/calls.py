"""The system calls of a start that reach below its prefix, as ``strace`` sees them.

Two numbers a side. *By path*: calls that name a path below the prefix, answered or not, and
``getdents64`` of a directory below it; a mounted file system may have to ask its server for each.
*By descriptor*: reads, ``fstat``, seeks, ``ioctl`` and mappings of files below it that are open.
"""

from __future__ import annotations

import os.path
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.startup.prefixes import Start

TRACED = "%file,getdents64,read,pread64,readv,fstat,lseek,ioctl,mmap,fcntl"
LINE = re.compile(r"(?:\d+ +)?(?P<call>\w+)\((?P<words>.*)")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<(/[^>]*)>")
FAILED = re.compile(r"\) += -1 (\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call on a path; ``failed`` is the name of its error."""

    name: str
    path: str
    by_path: bool
    failed: str | None

    @property
    def lists(self) -> bool:
        """Say whether the calls of an open directory are meant."""
        return self.name == "getdents64"


def of_program(side: Start, statement: str, *, home: Path) -> list[Call]:
    """Return the calls below a side's prefix that a line of Python makes, start included."""
    trace = home / "trace"
    watched = ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={TRACED}", "-o", str(trace)]
    subprocess.run(
        [*watched, side.python, "-c", statement],
        env=side.environ(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    below = f"{side.prefix}/"
    with trace.open(encoding="utf-8", errors="surrogateescape") as lines:
        calls = [call for call in parse(lines) if f"{call.path}/".startswith(below)]
    trace.unlink()
    return calls


def parse(lines: Iterator[str]) -> Iterator[Call]:
    """Give the calls of a trace that are on a path; relative ones are joined to their directory."""
    for line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        name, words = found["call"], found["words"]
        failed = FAILED.search(words)
        opened = DESCRIPTOR.search(words.partition(") = ")[0])
        quoted = None if name in BY_DESCRIPTOR else QUOTED.search(words)
        path = quoted[1] if quoted else ""
        if path and not path.startswith("/"):
            path = f"{opened[1]}/{path}" if opened else ""
        by_path = bool(path) or name == "getdents64"
        if not path and opened:
            path = opened[1]
        if path:
            yield Call(
                name=name,
                path=os.path.normpath(path),
                by_path=by_path,
                failed=failed[1] if failed else None,
            )


BY_DESCRIPTOR = frozenset(
    {"getdents64", "read", "pread64", "readv", "fstat", "lseek", "ioctl", "mmap", "fcntl"}
)


def counts(calls: list[Call]) -> tuple[int, int]:
    """Return how many calls there are by path, and by descriptor."""
    by_path = sum(call.by_path for call in calls)
    return by_path, len(calls) - by_path


def by_name(calls: list[Call]) -> Counter[str]:
    """Return how many calls there are of each name."""
    return Counter(call.name for call in calls)
