"""What stops restoring a layer: files that changed, places that are taken, failures, kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import (
    ConflictError,
    IntegrityError,
    StorageError,
    UnsatisfiableError,
    UpstreamUnavailableError,
)
from lamina.layer.paper.restore import plan_restore, restore
from lamina.layer.paper.text import dump_paper
from lamina.model.names import PUBLIC_INDEX
from support.changes import versions
from support.faults import InjectedError, failing_at

if TYPE_CHECKING:
    from pathlib import Path

    from support.papers import Bench


def test_a_file_that_changed_on_the_index(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))
    for one in bench.server.offers["alpha"]:
        one.sha256 = "0" * 64
    with pytest.raises(IntegrityError, match=r"alpha-2.0-py3-none-any.whl") as caught:
        bench.restore(lock)
    assert caught.value.exit_code == 6
    assert "--find-links" in caught.value.hints[0]
    assert bench.hidden() == []
    assert not (bench.path / "again").exists()


@pytest.mark.parametrize("content", [b"not a wheel", b""], ids=["other", "damaged"])
def test_bytes_that_are_not_what_the_page_says(bench: Bench, content: bytes) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))
    for one in bench.server.offers["alpha"]:
        one.content = content or one.content[:-40] + bytes(40)
    environ = bench.environ | {"UV_CACHE_DIR": str(bench.path / "cache")}
    plan = plan_restore(bench.request(lock))
    request = replace(plan.request, environ=environ)
    with pytest.raises(IntegrityError):
        restore(replace(plan, request=request))
    assert bench.hidden() == []
    assert not (bench.path / "again").exists()


def test_files_that_are_gone_are_all_named(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2", "gamma"))
    for name in ("alpha", "beta"):
        bench.server.offers.pop(name)
    with pytest.raises(UnsatisfiableError) as caught:
        bench.restore(lock)
    for name in ("alpha-2.0-py3-none-any.whl (pypi)", "beta-2.0-py3-none-any.whl (pypi)"):
        assert name in caught.value.message
    assert "gamma" not in caught.value.message


def test_an_index_that_does_not_answer(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))
    bench.server.failures["/simple/alpha/"] = 9
    with pytest.raises(UpstreamUnavailableError):
        bench.restore(lock)


def test_an_index_that_nothing_knows(bench: Bench) -> None:
    lock = bench.lock(bench.layer("gamma"))
    ours = lock.packages[0].model_copy(update={"index": "ours"})
    lock = lock.model_copy(update={"packages": (ours,)})
    with pytest.raises(UnsatisfiableError, match=r"gamma-1.0-py3-none-any.whl \(ours\)"):
        bench.restore(lock)
    again = bench.restore(lock, indexes={"ours": bench.server.url, PUBLIC_INDEX: "http://[::1]:1"})
    assert versions(bench.workshop, again, "gamma") == ["1.0"]


@pytest.mark.parametrize("content", ["file", "directory", "link"])
def test_a_directory_that_is_not_empty(bench: Bench, content: str) -> None:
    lock = bench.lock(bench.layer())
    target = bench.path / "again"
    match content:
        case "file":
            target.write_text("mine", encoding="utf-8")
        case "directory":
            (target / "notes").mkdir(parents=True)
        case _:
            target.symlink_to(bench.path / "base")
    with pytest.raises(ConflictError, match="not empty"):
        bench.restore(lock)
    assert bench.hidden() == []


def test_an_empty_directory_will_do(bench: Bench) -> None:
    lock = bench.lock(bench.layer("gamma"))
    (bench.path / "again").mkdir()
    assert versions(bench.workshop, bench.restore(lock), "gamma") == ["1.0"]


def test_a_failure_at_any_point_leaves_nothing(bench: Bench) -> None:
    """Each operation of the file system fails once, until the layer is in its place."""
    lock = bench.lock(bench.layer("alpha>=2"))
    target = bench.path / "again"
    n = 0
    while not target.exists():
        n += 1
        with pytest.raises(InjectedError), failing_at(n):
            bench.restore(lock)
        assert bench.hidden() == [], f"operation {n}"
    assert n > 15
    assert versions(bench.workshop, target, "alpha", "beta") == ["2.0", "2.0"]


def test_a_disk_that_is_full(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))

    def observer(operation: str, path: Path) -> None:
        if operation == "rename" and path.name == "alpha":
            raise StorageError(f"{path}: no space left")

    with pytest.raises(StorageError), fs.observe(observer):
        bench.restore(lock)
    assert bench.hidden() == []
    assert not (bench.path / "again").exists()


KILLER = """
import os, signal, sys
from pathlib import Path
from lamina.core import fs
from lamina.layer.paper.document import parse_paper
from lamina.layer.paper.restore import RestoreRequest, plan_restore, restore

top, fatal, count = Path(sys.argv[1]), int(sys.argv[2]), 0

def observer(operation, path):
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

lock = parse_paper((top / "paper.lock").read_text(), "paper.lock")
request = RestoreRequest(
    lock=lock, directory=top / "again", root=top / "root", environ=dict(os.environ)
)
with fs.observe(observer):
    restore(plan_restore(request))
"""


def test_what_a_killed_one_leaves_is_cleared_away(bench: Bench) -> None:
    lock = bench.lock(bench.layer("gamma"))
    (bench.path / "paper.lock").write_text(dump_paper(lock), encoding="utf-8")
    script = bench.path / "killer.py"
    script.write_text(KILLER, encoding="utf-8")
    for fatal in (4, 7, 12, 20):
        argv = [sys.executable, str(script), str(bench.path), str(fatal)]
        answer = subprocess.run(argv, env=bench.environ, check=False)
        assert answer.returncode == -signal.SIGKILL
        assert not (bench.path / "again").exists()
    assert len(bench.hidden()) == 1
    again = bench.restore(lock)
    assert bench.hidden() == []
    assert versions(bench.workshop, again, "gamma") == ["1.0"]
