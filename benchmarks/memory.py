"""How much memory a program has, together with every program that it starts."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_INTERVAL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How a program ended."""

    code: int
    said: str
    peak: int
    """The most bytes that it and its children had at one time; what they share counts for each."""
    seconds: float
    """Processor time of all of them."""


def resident(process: int) -> int:
    """Return the bytes that a process and its children have now; 0 where it is gone."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as stream:  # noqa: PTH123
            total = int(stream.read().split()[1]) * _PAGE
        for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as stream:  # noqa: PTH123
                total += sum(resident(int(one)) for one in stream.read().split())
    except OSError:
        return 0
    return total


def measured(*argv: str | Path, environ: Mapping[str, str]) -> Used:
    """Run a program and look at its memory, fifty times a second."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(one) for one in argv],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        peak, before = 0, _processor_time()
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(_INTERVAL)
        said.seek(0)
        return Used(
            code=process.returncode,
            said=said.read(),
            peak=peak,
            seconds=_processor_time() - before,
        )


def _processor_time() -> float:
    """Return what all children that have ended took, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
