"""Clusters on loopback: a Slurm of one node, a Dask of two workers; only their own processes."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATIENCE = 60.0
_LOOPBACK = "127.0.0.1"
SLURM_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
_SLURM_CONF = """\
ClusterName=made
SlurmctldHost={host}({address})
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr={address} CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES OverSubscribe=FORCE:4
"""


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds; fail when it does not within a minute."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def parents_of(pid: int) -> list[int]:
    """Return the processes above a process, the nearest first."""
    found = []
    while pid > 1:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        pid = int(text.rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def name_of(pid: int) -> str:
    """Return the name of a process's program."""
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def processes_in(directory: Path) -> list[int]:
    """Return the processes that work in a directory."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.readlink(one / "cwd") == str(directory):  # noqa: PTH115
                found.append(int(one.name))
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has collected yet does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


@dataclass(kw_only=True)
class Processes:
    """Programs of a test's, ended with it, each by its number."""

    top: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *argv: str | Path, environ: Mapping[str, str] | None = None) -> int:
        """Start a program; what it writes is in a file of the directory."""
        log = self.top / f"{Path(argv[0]).name}-{len(self.started)}.out"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(one) for one in argv],
                env={**os.environ, **(environ or {})},
                cwd=self.top,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process.pid

    def kill(self, pid: int) -> None:
        """Kill one of them."""
        [process] = [one for one in self.started if one.pid == pid]
        process.kill()
        process.wait()

    def running(self) -> set[int]:
        """Return the numbers of those that run."""
        return {one.pid for one in self.started if one.poll() is None}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for one in reversed(self.started):
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
                try:
                    one.wait(10)
                except subprocess.TimeoutExpired:
                    one.kill()
                    one.wait()


@dataclass(kw_only=True)
class DaskCluster:
    """A scheduler and workers, each a process of its own with one thread."""

    processes: Processes
    port: int
    workers: set[int] = field(default_factory=set)

    @property
    def on(self) -> str:
        """What ``--on`` is to say."""
        return f"dask://{_LOOPBACK}:{self.port}"

    def begin(self) -> None:
        """Start the scheduler."""
        module = ["-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--no-show"]
        self.processes.start(sys.executable, *module, "--host", _LOOPBACK, "--port", str(self.port))
        until(self._listens, "the scheduler")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((_LOOPBACK, self.port)) == 0

    def have(self, count: int) -> None:
        """Have so many workers, in place of those that were killed too."""
        self.workers &= self.processes.running()
        for _ in range(count - len(self.workers)):
            self.workers.add(self.worker())
        self.wait_for(count)

    def worker(self, *before: str, environ: Mapping[str, str] | None = None) -> int:
        """Start a worker, perhaps by another program."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", _LOOPBACK]
        return self.processes.start(
            *before, sys.executable, "-m", "distributed.cli.dask_worker",
            f"tcp://{_LOOPBACK}:{self.port}", *options,
            "--local-directory", str(self.processes.top), "--death-timeout", "60",
            environ=environ,
        )  # fmt: skip

    def wait_for(self, count: int) -> None:
        """Wait until the scheduler knows so many workers."""
        from distributed import Client

        with Client(f"tcp://{_LOOPBACK}:{self.port}", set_as_default=False) as client:
            client.wait_for_workers(count, timeout=_PATIENCE)


@dataclass(kw_only=True)
class SlurmCluster:
    """A controller and a node, with a key of their own."""

    processes: Processes
    conf: Path

    @classmethod
    def made(cls, processes: Processes) -> SlurmCluster:
        """Start one."""
        top, host = processes.top, socket.gethostname()
        for name in ("state", "spool"):
            (top / name).mkdir()
        key = top / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        conf = top / "slurm.conf"
        ports = (free_port(), free_port())
        text = _SLURM_CONF.format(
            host=host, address=_LOOPBACK, user=getpass.getuser(), ports=ports, top=top
        )
        conf.write_text(text, encoding="utf-8")
        names = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        files = [f"--{option}={top}/munge.{name}" for option, name in names.items()]
        environ = {"SLURM_CONF": str(conf)}
        processes.start(_program("munged"), "--foreground", "--force", f"--key-file={key}", *files)
        until((top / "munge.socket").exists, "munged")
        processes.start(_program("slurmctld"), "-D", "-i", "-f", conf, environ=environ)
        processes.start(_program("slurmd"), "-D", "-f", conf, environ=environ)
        cluster = cls(processes=processes, conf=conf)
        until(lambda: "idle" in cluster.call("sinfo", "-h", "-o", "%T"), "the node")
        return cluster

    def call(self, *words: str) -> str:
        """Run a command of Slurm's and return what it prints."""
        done = subprocess.run(
            [_program(words[0]), *words[1:]],
            env={**os.environ, "SLURM_CONF": str(self.conf)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    def jobs(self) -> list[str]:
        """Return the numbers of the jobs that are not over."""
        return self.call("squeue", "-h", "-o", "%i").split()


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is not there"
    return found
