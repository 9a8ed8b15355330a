from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.build.wheels.carrying import (
    ATTEMPTS,
    Reply,
    hosts_in,
    read_reply,
    read_request,
    sign_in,
    write_reply,
)
from lamina.build.wheels.graph import Outcome
from lamina.build.wheels.remote import RemoteWorkers
from lamina.build.wheels.running import raise_failures
from lamina.build.wheels.workers import LocalWorkers, workers_on
from lamina.core.errors import (
    BuildFailedError,
    CommandFailedError,
    DocumentError,
    IntegrityError,
    LaminaError,
    NotSupportedError,
    Problem,
    UsageError,
)
from lamina.engines import dask_cluster
from lamina.engines.dask_cluster import Dask
from lamina.engines.slurm import Slurm
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.build.wheels.shop import Made
    from lamina.model.names import PackageName


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("local:3", 3),
        ("slurm", 64),
        ("slurm:20 --partition=long", 20),
        ("dask://head.cluster:8786", 64),
        ("dask://127.0.0.1:8786/", 64),
        ("dask://[::1]:8786", 64),
    ],
)
def test_who_builds_is_said_in_one_word(text: str, slots: int) -> None:
    workers = workers_on(text, {})
    assert workers.slots == slots
    assert isinstance(workers, LocalWorkers if text.startswith("local") else RemoteWorkers)


def test_this_machine_builds_on_all_cores() -> None:
    assert workers_on("local", {}).slots >= 1


@pytest.mark.parametrize(
    "text",
    ["", "  ", "slrum", "local:0", "local:-1", "local --mem=4G", "dask://host", "dask://host:1 -x",
     "dask:8786", "slurm:many", "slurm 'open", "http://host:80", "dask://:8786", "dask://host:0",
     "dask://host:99999", "dask://host:port", "dask://host:1/x", "dask://host:1?a", "dask://-h:1",
     "dask://[::1:1", "dask://ho$t:1"],
)  # fmt: skip
def test_what_nobody_can_build_on_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--on ") as caught:
        workers_on(text, {})
    assert "dask://host:8786, slurm or slurm:20" in caught.value.hints[0]
    assert "unpack" not in caught.value.message


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="a host and a port alone") as caught:
        workers_on("dask://me:secret@host:8786", {})
    assert "secret" not in caught.value.message


def test_how_long_to_wait_for_workers_is_a_number_of_seconds() -> None:
    workers_on("dask://host:1", {"LAMINA_DASK_WAIT": "1.5"})
    for text in ("soon", "-1", "nan", "inf"):
        with pytest.raises(UsageError, match=f"LAMINA_DASK_WAIT='{text}'") as caught:
            workers_on("dask://host:1", {"LAMINA_DASK_WAIT": text})
        assert caught.value.hints == ("unset LAMINA_DASK_WAIT",)


def test_what_ends_all_builds_is_one_error() -> None:
    one, other = parse_package_name("one"), parse_package_name("other")
    gone = "Dask at head:1 has had no workers for 10 minutes"
    outcomes: dict[PackageName, Outcome[Made]] = {
        name: Outcome(status="failed", error=LaminaError(gone)) for name in (one, other)
    }
    outcomes[parse_package_name("third")] = Outcome(status="not tried", because=one)
    with pytest.raises(LaminaError) as caught:
        raise_failures(outcomes)
    assert (caught.value.exit_code, caught.value.message) == (1, f"{gone}\nnot tried: third")
    outcomes[other] = Outcome(status="failed", error=BuildFailedError("other: no such header"))
    with pytest.raises(BuildFailedError, match="no such header"):
        raise_failures(outcomes)


def test_those_that_take_up_work_are_counted(tmp_path: Path) -> None:
    assert [sign_in(tmp_path) for _ in range(ATTEMPTS + 8)] == list(range(ATTEMPTS + 8))
    assert len(set(hosts_in(tmp_path))) == 1
    (tmp_path / "begun-2").write_text("second")
    (tmp_path / "begun-10").write_text("tenth")
    hosts = hosts_in(tmp_path)
    assert (hosts[1], hosts[9]) == ("second", "tenth")


@pytest.mark.parametrize(
    ("error", "arrives"),
    [
        (BuildFailedError("it failed", hints=["less log"]), BuildFailedError),
        (IntegrityError("other bytes"), IntegrityError),
        (CommandFailedError(program="cc", returncode=1, output="no"), LaminaError),
        (DocumentError("a.toml", [Problem(where="a", found="b")], hints=["c"]), LaminaError),
    ],
    ids=["build", "integrity", "command", "document"],
)
def test_errors_arrive_with_their_words(
    error: LaminaError, arrives: type[LaminaError], tmp_path: Path
) -> None:
    write_reply(tmp_path, Reply(token="t", error=error, warnings=("mind the step",)))
    reply = read_reply(tmp_path, "t")
    assert reply is not None
    assert type(reply.error) is arrives
    assert (reply.error.message, reply.error.hints) == (error.message, error.hints)
    assert reply.warnings == ("mind the step",)


def test_a_reply_of_another_run_is_none(tmp_path: Path) -> None:
    assert read_reply(tmp_path, "t") is None
    write_reply(tmp_path, Reply(token="of another"))
    assert read_reply(tmp_path, "t") is None
    assert (tmp_path / "reply").stat().st_mode & 0o777 == 0o600


def test_a_request_of_another_lamina_is_not_even_read(tmp_path: Path) -> None:
    (tmp_path / "request").write_bytes(b"lamina 0.0.1\n" + pickle.dumps("what would not load")[:-3])
    with pytest.raises(LaminaError, match=r"the build was begun by lamina 0\.0\.1") as caught:
        read_request(tmp_path)
    assert "install the same version on all machines" in caught.value.hints[0]


def test_a_cluster_without_the_commands_of_slurm_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="there is no sbatch here"):
        Slurm(environ={"PATH": str(tmp_path)}).connect(tmp_path)


def test_without_its_library_dask_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NotSupportedError, match="is not installed") as caught:
        Dask(address="127.0.0.1:1").connect(tmp_path)
    assert [one.split(",")[0] for one in caught.value.hints] == [
        "pip install 'lamina[dask]'", "pip install '.[dask]'",
    ]  # fmt: skip


def test_each_worker_that_differs_is_named(tmp_path: Path) -> None:
    good = dask_cluster.look(str(tmp_path))
    dask_cluster.check_workers({"tcp://a:1": good})
    other = good | {"host": "far", "lamina": "0.0.1", "platform": "darwin on arm64"}
    found = {
        "tcp://a:1": good,
        "tcp://b:1": other | {"sees": False},
        "tcp://c:1": ModuleNotFoundError("No module named 'lamina'"),
    }
    with pytest.raises(NotSupportedError) as caught:
        dask_cluster.check_workers(found)
    said = caught.value.message
    assert "tcp://a:1" not in said
    assert "tcp://b:1 on far: lamina is 0.0.1, and " in said
    assert "tcp://b:1 on far: platform is darwin on arm64, and " in said
    assert "tcp://b:1 on far does not see this machine's cache" in said
    assert "tcp://c:1 cannot import lamina: No module named 'lamina'" in said
    assert len(caught.value.hints) == 2
