"""However a run ends, its transaction is closed; somebody else's is never touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, LaminaError, StorageError
from lamina.engines.cvmfs import CvmfsServer
from lamina.model.names import TierName
from lamina.release.tiers import promote
from lamina.release.verify import verify_release
from support.faults import full_disk
from support.releases import FakeInstaller, make_stack
from support.stratum0 import kill

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cvmfs_roots import Librarian

pytestmark = pytest.mark.namespaces

_CHILD = """
import dataclasses, json, os, sys, time
from pathlib import Path
import click
from lamina.cli.edge import guarded
from lamina.core import fs
from support.cvmfs_roots import Librarian
from support.stratum0 import Stratum0
words = json.loads(sys.argv[1])
server = {key: Path(one) if one and key != "repository" else one
          for key, one in words["server"].items()}
librarian = Librarian(server=Stratum0(**server), path=Path(words["path"]), environ=dict(os.environ))
def observer(operation, path):
    if operation == words["stop"] and path.is_relative_to(librarian.server.mount):
        Path(words["path"], "reached").touch()
        time.sleep(600)
@click.command()
def main():
    with fs.observe(observer):
        librarian.publish(words["version"])
guarded(main, [])
"""


def _child(librarian: Librarian, stop: str = "", version: str = "1.1") -> subprocess.Popen[str]:
    """Start to publish in another process, which waits where an operation in CVMFS begins."""
    server = {
        key: None if (one := getattr(librarian.server, key)) is None else str(one)
        for key in ("program", "repository", "mount", "client", "world")
    }
    path = str(librarian.path)
    words = json.dumps({"server": server, "path": path, "stop": stop, "version": version})
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, words],
        env=librarian.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _publishing(librarian: Librarian) -> int | None:
    assert librarian.server.world is not None
    home = librarian.server.world / "repositories" / librarian.server.repository
    number: int | None = json.loads((home / "state.json").read_text())["publishing"]
    return number


def _as_it_was(librarian: Librarian) -> None:
    """See that 1.0 is there, alone, and no transaction open."""
    assert not librarian.server.is_open()
    assert [one.name for one in librarian.root.releases()] == ["small/1.0"]
    assert verify_release(librarian.root.releases()[0]).sound
    assert [path.name for path in (librarian.client / "releases/small").iterdir()] == ["1.0"]


def _recovers(librarian: Librarian) -> None:
    release = librarian.publish("1.2")
    assert verify_release(release).sound
    assert not librarian.note.exists()
    assert [one.name for one in librarian.root.releases()] == ["small/1.0", "small/1.2"]
    assert not list(librarian.server.mount.glob(".lamina*"))


@pytest.mark.parametrize("chosen", [1, 3, 8, 31])
def test_whatever_operation_fails_the_transaction_is_aborted(
    librarian: Librarian, chosen: int
) -> None:
    librarian.publish()
    count = 0

    def observer(operation: str, path: Path) -> None:
        nonlocal count
        count += path.is_relative_to(librarian.server.mount)
        if count == chosen:
            count += 1000
            full_disk(operation, path)

    with fs.observe(observer), pytest.raises(StorageError, match="no space left"):
        librarian.publish("1.1")
    assert librarian.commands()[-2:] == ["transaction", "abort"]
    _as_it_was(librarian)
    assert not librarian.note.exists()


def test_a_full_scratch_area(librarian: Librarian) -> None:
    librarian.publish()
    assert librarian.server.world is not None
    scratch = librarian.server.world / "repositories" / librarian.server.repository / "scratch"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", scratch], check=True)
    try:
        with pytest.raises(StorageError, match="no space left"):
            librarian.publish("1.1")
    finally:
        subprocess.run(["umount", "-l", scratch], check=True)
    assert librarian.commands()[-1] == "abort"
    _as_it_was(librarian)
    _recovers(librarian)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
@pytest.mark.parametrize("where", ["writing", "publishing"])
def test_a_signal_aborts(librarian: Librarian, where: str, number: signal.Signals) -> None:
    librarian.publish()
    if where == "publishing":
        librarian.server.fail("publish", 1, "hang", at="middle")
        process = _child(librarian)
        _wait(lambda: _publishing(librarian) is not None)
    else:
        process = _child(librarian, "copy")
        _wait((librarian.path / "reached").exists)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.strip() == "error: interrupted; nothing half-done was left in place"
    assert librarian.commands()[-1] == "abort"
    _as_it_was(librarian)


def test_killed_in_the_transaction_the_next_run_recovers(librarian: Librarian) -> None:
    librarian.publish()
    process = _child(librarian, "copy")
    _wait((librarian.path / "reached").exists)
    process.kill()
    process.communicate()
    assert librarian.server.is_open()
    assert not (librarian.client / "releases/small/1.1").exists()
    _recovers(librarian)
    assert librarian.commands()[-4:] == ["transaction", "abort", "transaction", "publish"]


def test_killed_while_it_opens_the_next_run_recovers(librarian: Librarian) -> None:
    """There is no file of ours in the transaction yet, but the copy it was to start from."""
    librarian.publish()
    librarian.server.fail("transaction", 1, "wait", at="middle")
    process = _child(librarian)
    _wait(librarian.server.is_open)
    process.kill()
    process.communicate()
    assert librarian.server.world is not None
    (librarian.server.world / "go-on").touch()
    _recovers(librarian)
    assert librarian.commands()[-4:] == ["transaction", "abort", "transaction", "publish"]


def test_killed_with_its_publish_the_next_run_recovers(librarian: Librarian) -> None:
    librarian.publish()
    librarian.server.fail("publish", 1, "hang", at="middle")
    process = _child(librarian)
    _wait(lambda: _publishing(librarian) is not None)
    process.kill()
    process.communicate()
    number = _publishing(librarian)
    assert number is not None
    with pytest.raises(ConflictError, match=r"a run of ours was at it: .* process "):
        librarian.publish("1.2")
    os.kill(number, signal.SIGKILL)
    _wait(lambda: "unhealthy" in librarian.server.state())
    _recovers(librarian)


def test_killed_while_its_publish_goes_on_it_counts(librarian: Librarian) -> None:
    librarian.publish()
    librarian.server.fail("publish", 1, "wait", at="middle")
    process = _child(librarian)
    _wait(lambda: _publishing(librarian) is not None)
    process.kill()
    process.communicate()
    assert librarian.server.world is not None
    (librarian.server.world / "go-on").touch()
    _wait(lambda: not librarian.server.is_open())
    assert librarian.publish("1.2").version == "1.2"
    assert librarian.commands().count("abort") == 0
    assert len(librarian.root.releases()) == 3


@pytest.mark.parametrize(
    ("command", "at", "do"),
    [
        pytest.param("transaction", "end", "fail", id="after-hook"),
        pytest.param("transaction", "middle", "die", id="transaction-dies"),
        pytest.param("publish", "start", "fail", id="publish-refused"),
        pytest.param("publish", "middle", "fail", id="publish-fails"),
        pytest.param("publish", "middle", "die", id="publish-dies"),
    ],
)
def test_what_fails_leaves_the_old_state(
    librarian: Librarian, command: str, at: str, do: str
) -> None:
    librarian.publish()
    librarian.server.fail(command, 1, do, at=at, code=5)
    with pytest.raises(LaminaError):
        librarian.publish("1.1")
    assert librarian.commands()[-1] == "abort"
    _as_it_was(librarian)
    _recovers(librarian)


def test_an_abort_that_fails_is_made_good_by_the_next_run(librarian: Librarian) -> None:
    librarian.publish()
    librarian.server.fail("publish", 1, "fail")
    librarian.server.fail("abort", 1, "fail")
    with pytest.raises(LaminaError, match="cvmfs_server publish"):
        librarian.publish("1.1")
    assert librarian.server.is_open()
    assert librarian.note.exists()
    _recovers(librarian)


def test_a_transaction_of_somebody_else(librarian: Librarian) -> None:
    server = librarian.server
    server.do("transaction", server.repository)
    (server.mount / "theirs").write_text("work of a day")
    with pytest.raises(ConflictError, match="that lamina did not open") as caught:
        librarian.publish(installer=_Never())
    assert caught.value.exit_code == 7
    assert (server.mount / "theirs").read_text() == "work of a day"
    assert librarian.commands() == ["transaction"]
    server.do("publish", "-f", server.repository)
    assert librarian.publish().version == "1.0"


def test_a_refusal_aborts_nothing_that_somebody_else_opened_meanwhile(
    librarian: Librarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = librarian.server

    def refused(_: CvmfsServer, **__: object) -> None:
        server.do("transaction", server.repository)
        raise LaminaError("the file system is busy")

    monkeypatch.setattr(CvmfsServer, "transaction", refused)
    with pytest.raises(LaminaError, match="the file system is busy"):
        librarian.publish()
    assert server.is_open()
    assert librarian.commands() == ["transaction"]
    server.do("abort", "-f", server.repository)


class _Never(FakeInstaller):
    def install(self, *_: object, **__: object) -> None:
        pytest.fail("built although nothing can be published")


def test_somebody_else_who_came_meanwhile_is_waited_for(librarian: Librarian) -> None:
    server = librarian.server
    program = f"{server.program} transaction {server.repository} > $HOME/log 2>&1"
    stack = make_stack(test={"commands": [program]})
    with pytest.raises(ConflictError, match="that lamina did not open"):
        librarian.publish(stack=stack)
    assert librarian.commands() == ["transaction"]
    server.do("abort", "-f", server.repository)
    librarian.environ["LAMINA_CVMFS_WAIT"] = "60"

    def end() -> None:
        _wait(server.is_open)
        time.sleep(1)
        server.do("abort", "-f", server.repository)

    thread = threading.Thread(target=end)
    thread.start()
    assert librarian.publish(stack=stack).version == "1.0"
    thread.join()


def test_an_unhealthy_transaction_of_somebody_else(librarian: Librarian) -> None:
    server = librarian.server
    server.do("transaction", server.repository)
    kill(server.start_publish("-f"))
    with pytest.raises(ConflictError, match="what published it has died") as caught:
        librarian.publish()
    assert caught.value.hints == (
        f"if it is yours and nothing runs: cvmfs_server abort -f {server.repository}",
    )
    assert "unhealthy" in server.state()


@pytest.mark.parametrize("phase", ["opening", "open", "publishing"])
def test_a_note_that_was_left_does_not_make_it_ours(librarian: Librarian, phase: str) -> None:
    """A run of ours was killed, its transaction closed by hand, and another one opened."""
    librarian.publish()
    process = _child(librarian, "copy")
    _wait((librarian.path / "reached").exists)
    process.kill()
    process.communicate()
    server = librarian.server
    server.do("abort", "-f", server.repository)
    text = librarian.note.read_text().replace('phase = "open"', f'phase = "{phase}"')
    librarian.note.write_text(text)
    server.do("transaction", server.repository)
    with pytest.raises(ConflictError, match="a run of ours was at it"):
        librarian.publish("1.2")
    assert server.is_open()


def test_two_of_ours_at_once(librarian: Librarian) -> None:
    librarian.publish()
    process = _child(librarian, "copy")
    _wait((librarian.path / "reached").exists)
    with pytest.raises(ConflictError, match=r"another publisher is at work: .*process \d+, since"):
        librarian.publish("1.2")
    root, change = librarian.root, librarian.change()
    with pytest.raises(ConflictError, match=r"another lamina has a transaction open: .*process \d"):
        promote(root, root.releases()[0], [TierName("stable")], change)
    process.terminate()
    process.communicate(timeout=60)
    _as_it_was(librarian)
