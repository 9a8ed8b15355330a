"""Builds on other machines: the workers are real, and so are their deaths."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.clusters import (
    DaskCluster,
    Processes,
    SlurmCluster,
    free_port,
    is_alive,
    name_of,
    parents_of,
    until,
)
from support.conda_sources import offer_alpha_and_beta, stack_of_both, write_cradle
from support.installers import stand_in
from support.repositories import make_repository, package_files, write_files
from support.sources import ALPHA_PATCH, offer_source
from support.waiting_builds import Stack, told, worker_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Return a scheduler of Dask; ask it to have workers."""
    with Processes(top=tmp_path_factory.mktemp("dask")) as processes:
        cluster = DaskCluster(processes=processes, port=free_port())
        cluster.begin()
        yield cluster


@pytest.fixture
def dask(dask_cluster: DaskCluster) -> DaskCluster:
    """Return a cluster of two workers."""
    dask_cluster.have(2)
    return dask_cluster


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Return a Slurm of one node."""
    with Processes(top=tmp_path_factory.mktemp("slurm")) as processes:
        yield SlurmCluster.made(processes)


@pytest.fixture
def stack(index_server: IndexServer, command_line: CommandLine, tmp_path: Path) -> Stack:
    """Return the stack, locked."""
    return Stack.locked(index_server, command_line, tmp_path / "go")


def test_a_worker_of_dask_is_killed_and_another_builds(dask: DaskCluster, stack: Stack) -> None:
    process = stack.start("--on", dask.on)
    pid = stack.began()
    [worker] = set(parents_of(pid)) & dask.workers
    dask.processes.kill(worker)
    second = stack.began(but=pid)
    assert not is_alive(pid)
    stack.go.touch()
    packages, said = told(process)
    host = os.uname().nodename
    assert {one["status"] for one in packages.values()} == {"built"}
    assert {one["host"] for one in packages.values()} == {host}
    assert f"first: its worker died on {host}; it is built again, attempt 2 of 3" in said
    assert packages["second"]["log"].endswith("logs/build/made/second.log")
    assert not is_alive(second)
    assert stack.desks() == []
    again, _ = told(stack.start())
    assert {one["status"] for one in again.values()} == {"cached"}


def test_without_workers_is_said_and_given_up(dask: DaskCluster, stack: Stack) -> None:
    process = stack.start("--on", dask.on, LAMINA_DASK_WAIT="3")
    pid = stack.began()
    for worker in sorted(dask.workers & dask.processes.running()):
        dask.processes.kill(worker)
    _, said = told(process, expect=1)
    where = f"Dask at {dask.on.removeprefix('dask://')}"
    assert f"warning: {where} has no workers left; builds wait for one to join, for 3 s" in said
    assert f"error: {where} has had no workers for " in said
    assert f"hint: dask worker tcp://{dask.on.removeprefix('dask://')}" in said
    assert "not tried: second" in said
    until(lambda: not is_alive(pid), "the end of the build")
    assert stack.desks() == []
    none = stack.lamina("build", "--on", dask.on, expect=1)
    assert f"{dask.on.removeprefix('dask://')} has no workers\n" in none.stderr


@pytest.mark.heavy
def test_a_worker_that_joins_later_builds_what_waits(dask: DaskCluster, stack: Stack) -> None:
    process = stack.start("--on", dask.on)
    pid = stack.began()
    for worker in sorted(dask.workers & dask.processes.running()):
        dask.processes.kill(worker)
    assert process.stderr is not None
    before = next(line for line in process.stderr if "no workers left" in line)
    assert "for 10 minutes at most" in before
    dask.have(1)
    second = stack.began(but=pid)
    stack.go.touch()
    packages, said = told(process)
    assert {one["status"] for one in packages.values()} == {"built"}
    assert f"note: Dask at {dask.on.removeprefix('dask://')} has workers again" in said
    assert "; it is built again, attempt 2 of 3" in said
    assert not is_alive(second)


@pytest.mark.heavy
def test_a_scheduler_that_is_killed_ends_the_builds(stack: Stack, tmp_path: Path) -> None:
    with Processes(top=tmp_path) as processes:
        cluster = DaskCluster(processes=processes, port=free_port())
        cluster.begin()
        cluster.have(1)
        process = stack.start("--on", cluster.on)
        pid = stack.began()
        processes.kill(processes.started[0].pid)
        _, said = told(process, expect=1)
    assert f"the scheduler of Dask at 127.0.0.1:{cluster.port} does not answer any more" in said
    assert "Failed to reconnect" not in said
    assert "Traceback" not in said
    until(lambda: not is_alive(pid), "the end of the build")


@pytest.mark.heavy
def test_a_package_that_kills_its_workers_is_given_up(dask: DaskCluster, stack: Stack) -> None:
    process = stack.start("--on", dask.on, "--keep-going")
    pid = 0
    for _ in range(3):
        pid = stack.began(but=pid)
        os.kill(worker_over(pid), signal.SIGKILL)
    packages, said = told(process, expect=5)
    assert (packages["first"]["status"], packages["second"]["because"]) == ("failed", "first")
    host = os.uname().nodename
    assert f"first: its worker died on {host}, signal 9; it is built again, attempt 2 of 3" in said
    assert f"first: 3 workers died over it, the last one on {host}, signal 9" in said
    until(lambda: not is_alive(pid), "the end of the build")
    assert not (stack.cache / "builds" / "wheels").exists()


def test_an_interrupt_ends_what_was_handed_out(dask: DaskCluster, stack: Stack) -> None:
    process = stack.start("--on", dask.on)
    pid = stack.began()
    process.send_signal(signal.SIGINT)
    _, said = told(process, expect=130)
    assert "interrupted" in said
    until(lambda: not is_alive(pid), "the end of the build")
    assert stack.desks() == []
    assert not (stack.cache / "builds" / "wheels").exists()


def test_a_build_that_fails_is_not_tried_again(
    dask: DaskCluster, index_server: IndexServer, stack: Stack, tmp_path: Path
) -> None:
    offer_source(index_server, "first", step="raise SystemExit('made for another century')")
    stack.lamina("lock", "--upgrade")
    answer = stack.lamina("build", "--json", "--on", dask.on, expect=5)
    packages = {one["name"]: one for one in answer.json["packages"]}
    assert (packages["first"]["status"], packages["second"]["because"]) == ("failed", "first")
    assert "first: its build failed: made for another century" in answer.stderr
    assert "not tried: second" in answer.stderr
    assert "again" not in answer.stderr
    assert "another century" in Path(packages["first"]["log"]).read_text()


@pytest.mark.heavy
def test_wheels_of_a_cluster_are_those_of_this_machine(dask: DaskCluster, stack: Stack) -> None:
    stack.go.touch()
    there, _ = told(stack.start("--on", dask.on))
    for one in (stack.cache / "builds" / "wheels", stack.lamina.directory / "lamina-build.lock"):
        one.rename(one.with_name("of-the-cluster"))
    here, said = told(stack.start("--on", "local:1"))
    assert {name: one["sha256"] for name, one in here.items()} == {
        name: one["sha256"] for name, one in there.items()
    }
    assert here["first"]["host"] is None
    assert f"built in {here['first']['seconds']:.1f} s" in said
    saved = stack.lamina.directory / "lamina-build.lock"
    assert saved.read_bytes() == saved.with_name("of-the-cluster").read_bytes()


@pytest.mark.heavy
def test_publish_builds_there_too(dask: DaskCluster, stack: Stack) -> None:
    stack.go.touch()
    answer = stack.lamina("publish", "--root", "root", "--json", "--on", dask.on)
    assert f"on {os.uname().nodename}" in answer.stderr
    [module] = Path(answer.json["prefix"]).glob("lib/*/site-packages/second_saw.py")
    assert module.read_text() == "saw = 1"


@pytest.mark.heavy
def test_sources_of_all_kinds_have_one_key_here_and_there(
    dask: DaskCluster, index_server: IndexServer, command_line: CommandLine,
    bootstrapped: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """Over conda packages; patched; with settings; of a path; of a directory in a repository."""
    write_cradle(tmp_path / "parts", tmp_path / "parts-work")
    offer_alpha_and_beta(index_server)
    command_line.write("alpha.patch", ALPHA_PATCH)
    write_files(command_line.directory / "vendor/mine", package_files("mine", "1.0"))
    inside = {f"python/{name}": text for name, text in package_files("theirs").items()}
    remote = make_repository(tmp_path / "remote", inside, tag="v1.5")
    packages = {
        "alpha": '{ version = "*", source = true, patches = ["alpha.patch"], '
        'system = ["cradle.h"], config = { speed = ["fast"] } }',
        "beta": '{ version = "*", source = true }',
        "mine": '{ path = "vendor/mine" }',
        "theirs": f'{{ git = "{remote.url}", tag = "v1.5", subdirectory = "python" }}',
    }
    text = stack_of_both([bootstrapped, tmp_path / "parts"], packages)
    command_line.write("lamina.toml", text)
    command_line("lock")
    there = command_line("build", "--json", "--on", dask.on).json["packages"]
    assert {(one["name"], one["status"]) for one in there} == {(one, "built") for one in packages}
    assert {one["host"] for one in there} == {os.uname().nodename}
    assert {one["version"] for one in there} == {"1.0", "1.5"}
    here = command_line("build", "--json").json["packages"]
    assert {one["status"] for one in here} == {"cached"}


@pytest.mark.heavy
@pytest.mark.namespaces
def test_workers_that_cannot_build_for_this_machine_are_named(
    dask: DaskCluster, stack: Stack, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "lamina-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: lamina\nVersion: 0.0.1\n")
    hidden = tmp_path / "home"
    enter = f'mount -t tmpfs none "{hidden}" && exec "$@"'
    lonely = dask.worker(
        "unshare", "--mount", "--map-root-user", "sh", "-c", enter, "sh",
        environ={"PYTHONPATH": str(other.parent)},
    )  # fmt: skip
    dask.wait_for(3)
    said = stack.lamina("build", "--on", dask.on, expect=2).stderr
    dask.processes.kill(lonely)
    assert said.count("does not see this machine's cache") == 1
    assert "lamina is 0.0.1, and " in said
    assert "XDG_CACHE_HOME has to be a directory that all machines share" in said
    assert stack.desks() == []


@pytest.mark.slurm
def test_a_job_of_slurm_is_killed_and_another_builds(
    slurm_cluster: SlurmCluster, stack: Stack
) -> None:
    process = stack.start("--on", "slurm:4 --comment=made", SLURM_CONF=str(slurm_cluster.conf))
    pid = stack.began()
    [job] = slurm_cluster.jobs()
    assert "Comment=made" in slurm_cluster.call("scontrol", "show", "job", job)
    slurm_cluster.call("scancel", "--signal=KILL", "--full", job)
    until(lambda: not is_alive(pid), "the end of the build")
    stack.began(but=pid)
    stack.go.touch()
    packages, said = told(process)
    assert {one["status"] for one in packages.values()} == {"built"}
    assert packages["second"]["host"] == os.uname().nodename
    assert f"first: its worker died on {os.uname().nodename}, job {job} of Slurm: CANCELLED" in said
    assert "; it is built again, attempt 2 of 3" in said
    until(lambda: slurm_cluster.jobs() == [], "the end of the jobs")


@pytest.mark.heavy
@pytest.mark.slurm
def test_a_step_daemon_that_is_killed_takes_its_build_along(
    slurm_cluster: SlurmCluster, stack: Stack
) -> None:
    process = stack.start("--on", "slurm", SLURM_CONF=str(slurm_cluster.conf))
    pid = stack.began()
    daemons = [one for one in parents_of(pid) if "slurmstepd" in name_of(one)]
    os.kill(daemons[0], signal.SIGKILL)
    until(lambda: not is_alive(pid), "the end of the build")
    process.send_signal(signal.SIGTERM)
    _, said = told(process, expect=130)
    assert "interrupted" in said
    until(lambda: slurm_cluster.jobs() == [], "the end of the jobs")


@pytest.mark.slurm
def test_jobs_that_wait_in_the_queue_are_cancelled(
    slurm_cluster: SlurmCluster, stack: Stack
) -> None:
    on = "slurm --begin=now+1hour"
    process = stack.start("--on", on, SLURM_CONF=str(slurm_cluster.conf))
    until(slurm_cluster.jobs, "a job")
    process.send_signal(signal.SIGTERM)
    told(process, expect=130)
    assert slurm_cluster.jobs() == []
    assert stack.desks() == []


@pytest.mark.slurm
def test_a_job_whose_number_sbatch_has_not_told_is_cancelled(
    slurm_cluster: SlurmCluster, stack: Stack, tmp_path: Path
) -> None:
    real = shutil.which("sbatch")
    slow = stand_in(tmp_path / "slow", sbatch=f'{real} "$@" >/dev/null && exec sleep 600')
    words = ("--on", "slurm --begin=now+1hour")
    process = stack.start(*words, SLURM_CONF=str(slurm_cluster.conf), PATH=slow)
    until(slurm_cluster.jobs, "a job")
    process.send_signal(signal.SIGTERM)
    told(process, expect=130)
    assert slurm_cluster.jobs() == []


@pytest.mark.slurm
def test_what_sbatch_refuses_is_said(slurm_cluster: SlurmCluster, stack: Stack) -> None:
    process = stack.start("--on", "slurm -p nowhere", SLURM_CONF=str(slurm_cluster.conf))
    _, said = told(process, expect=2)
    assert "Slurm does not take the job for first" in said
    assert "invalid partition specified: nowhere" in said


@pytest.mark.slurm
def test_a_slurm_that_does_not_run_is_said(stack: Stack, tmp_path: Path) -> None:
    host, conf = os.uname().nodename, tmp_path / "slurm.conf"
    conf.write_text(
        f"ClusterName=made\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={free_port()}\n"
        f"AuthType=auth/munge\nNodeName={host}\nPartitionName=main Nodes={host}\n"
    )
    process = stack.start("--on", "slurm --bogus-option", SLURM_CONF=str(conf))
    _, said = told(process, expect=1)
    assert "Slurm does not answer: " in said
    assert f"at {host} is DOWN" in said
    assert "hint: scontrol ping\n" in said
    assert stack.desks() == []
