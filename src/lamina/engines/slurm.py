"""Slurm: one job for each program, through the commands that every cluster has.

Nothing is asked of its accounting, which not every cluster keeps: a job's state is what the
controller says of it. Source: https://slurm.schedmd.com/sbatch.html, squeue.html, scontrol.html.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import CommandFailedError, LaminaError, NotSupportedError, UsageError
from lamina.core.run import base_environment, run
from lamina.engines.api import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.core.run import Completed

_LOOK_SECONDS = 2.0
"""No more often is the controller asked, for all jobs together."""
_SILENT_SECONDS = 600.0
"""A controller may be away for that long."""
_CALL_SECONDS = 120.0
_COMMANDS = ("sbatch", "squeue", "scontrol", "scancel")
_OVER = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
        "PREEMPTED", "REVOKED", "TIMEOUT",
    }
)  # fmt: skip


@dataclass(kw_only=True)
class Slurm:
    """Submits jobs with ``options`` of sbatch; may be used by several threads."""

    environ: Mapping[str, str]
    options: Sequence[str] = ()
    _label: str = ""
    _submitting: set[str] = field(default_factory=set)
    """The names of jobs whose numbers sbatch has not told yet."""
    _jobs: set[str] = field(default_factory=set)
    _over: set[str] = field(default_factory=set)
    _asked: float = 0.0
    _answered: float = 0.0
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def connect(self, directory: Path) -> None:
        """Look for Slurm's commands, and ask its controller.

        That jobs see the directory each finds out itself, first of all: a job for that alone would
        wait in the queue like any other.
        """
        for one in _COMMANDS:
            if shutil.which(one, path=self.environ.get("PATH")) is None:
                raise NotSupportedError(
                    f"--on slurm: there is no {one} here",
                    hints=["run it where jobs are submitted from; Debian has it in slurm-client"],
                )
        try:
            self._call("scontrol", "ping")
        except CommandFailedError as error:
            raise LaminaError(
                f"Slurm does not answer: {error.output.strip()}",
                hints=[
                    "scontrol ping",
                    "SLURM_CONF=FILE, where its settings are not in /etc/slurm",
                ],
            ) from error
        self._label = f"lamina-{directory.name[:8]}"
        self._answered = time.monotonic()

    def start(self, name: str, module: str, place: Path, output: Path) -> _Job:
        """Submit a job; raises UsageError with what sbatch says of it."""
        command = [sys.executable, "-m", module, str(place)]
        script = place / "job.sh"
        fs.write_text(script, f"#!/bin/sh\nexec {shlex.join(command)}\n", durable=False)
        label = f"{self._label}-{name}"
        with self._mutex:
            self._submitting.add(label)
        try:
            answer = self._call(
                "sbatch", "--parsable", "--no-requeue", f"--job-name={label}",
                f"--output={output}", f"--chdir={place}", *self.options, str(script),
            )  # fmt: skip
        except CommandFailedError as error:
            with self._mutex:
                self._submitting.discard(label)
            raise UsageError(
                f"Slurm does not take the job for {name}: {error.output.strip()}",
                hints=["what follows slurm in --on goes to sbatch: --on 'slurm --partition=NAME'"],
            ) from error
        number = answer.stdout.strip().partition(";")[0]
        with self._mutex:
            self._submitting.discard(label)
            self._jobs.add(number)
        return _Job(slurm=self, number=number)

    def close(self) -> None:
        """Cancel the jobs that are not over; one that Slurm gets after that finds no request."""
        with self._mutex:
            left, labels = sorted(self._jobs - self._over), sorted(self._submitting)
        if left:
            self._call("scancel", *left, last=True, check=False)
        for one in labels:
            words = (f"--user={os.getuid()}", f"--name={one}")
            self._call("scancel", *words, last=True, check=False)

    def ended(self, number: str) -> Ended | None:
        """Return how a job has ended."""
        with self._mutex:
            if time.monotonic() - self._asked >= _LOOK_SECONDS:
                self._look()
                self._asked = time.monotonic()
            if number not in self._over:
                return None
        return self._how(number)

    def _look(self) -> None:
        """Find out which of our jobs are over: those that the controller does not name as going."""
        words = ("--noheader", "--states=all", f"--user={os.getuid()}", "--format=%i %T")
        try:
            answer = self._call("squeue", *words)
        except CommandFailedError as error:
            if time.monotonic() - self._answered > _SILENT_SECONDS:
                raise LaminaError(f"Slurm has stopped answering: {error.output.strip()}") from error
            return
        self._answered = time.monotonic()
        pairs = (line.split() for line in answer.stdout.splitlines())
        states = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
        self._over |= {one for one in self._jobs if states.get(one, "COMPLETED") in _OVER}

    def _how(self, number: str) -> Ended:
        answer = self._call("scontrol", "--oneliner", "show", "job", number, check=False)
        told = dict(re.findall(r"(\w+)=(\S+)", answer.stdout))
        code, _, number_of_signal = told.get("ExitCode", "").partition(":")
        state = told.get("JobState", "no longer known")
        killed = number_of_signal not in {"", "0"} or state not in {"COMPLETED", "FAILED"}
        how = f"job {number} of Slurm: {state}"
        if number_of_signal not in {"", "0"}:
            how += f", signal {number_of_signal}"
        return Ended(
            code=None if killed or not code.isdecimal() else int(code),
            how=how,
            host=told.get("BatchHost", ""),
        )

    def _call(self, *words: str, last: bool = False, check: bool = True) -> Completed:
        own = {name: text for name, text in self.environ.items()
               if name == "SLURM_CONF" or name.startswith("SBATCH_")}  # fmt: skip
        env = base_environment(self.environ) | own
        return run(words, env=env, last=last, check=check, timeout=_CALL_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    slurm: Slurm
    number: str

    def ended(self) -> Ended | None:
        """Return how it has ended, None while it has not."""
        return self.slurm.ended(self.number)
