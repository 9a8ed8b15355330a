from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core import hold as hold_module
from lamina.core.errors import StorageError
from lamina.core.hold import hold
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from pathlib import Path


def test_one_holds_and_the_other_reads_who(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with hold(lock, "ada") as first, hold(lock, "grace") as second:
        assert first is None
        assert second is not None
        assert (second.owner, second.host) == ("ada", platform.node())
    assert lock.read_text() == ""
    with hold(lock, "grace") as third:
        assert third is None


def test_an_error_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(KeyError), hold(lock, "ada"):
        raise KeyError
    # On another host, a name would mean that somebody died.
    assert lock.read_text() == ""
    with hold(lock, "grace") as other:
        assert other is None


def test_a_lock_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError), hold(tmp_path / "missing" / "lock", "ada"):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "lock").symlink_to(tmp_path / "thesis.tex")
    with pytest.raises(StorageError), hold(tmp_path / "lock", "ada"):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def _left(lock: Path, *, kernel: str) -> None:
    """Leave a lock as its holder would, without any lock of the system."""
    lock.write_text(f"pc7 {kernel}\nada")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_module, "BEAT_SECONDS", 0.02)


@pytest.mark.usefixtures("fast")
def test_a_holder_on_another_host_is_alive_as_long_as_it_gives_signs(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    _left(lock, kernel="another")
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.01):
            os.utime(lock)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with hold(lock, "grace") as other:
            assert other is not None
            assert (other.owner, other.host) == ("ada", "pc7")
    finally:
        over.set()
        thread.join()
    assert lock.read_text() == "pc7 another\nada"


@pytest.mark.usefixtures("fast")
def test_a_holder_on_another_host_that_stands_still_is_dead_whatever_its_clock_said(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "lock"
    for moment in (0, 4e9):
        _left(lock, kernel="another")
        os.utime(lock, (moment, moment))
        with kept_warnings() as warned, hold(lock, "grace") as other:
            assert other is None
            assert lock.read_text().endswith("\ngrace")
        assert warned == [f"{lock}: taken over from pc7, which has gone silent"]


def test_what_was_killed_here_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says that nobody has the lock: no need to watch."""
    lock = tmp_path / "lock"
    program = f"""
import os, signal
from pathlib import Path
from lamina.core.hold import hold
with hold(Path({str(lock)!r}), "ada"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert lock.read_text().endswith("\nada")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits"))
    with hold(lock, "grace") as other:
        assert other is None


@pytest.mark.usefixtures("fast")
def test_it_gives_signs_of_life(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with hold(lock, "ada"):
        os.utime(lock, (0, 0))
        deadline = time.monotonic() + 10
        while lock.stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(("directory", "file"), [(0o755, 0o644), (0o775, 0o664), (0o777, 0o666)])
def test_whoever_may_write_there_may_hold_it(tmp_path: Path, directory: int, file: int) -> None:
    tmp_path.chmod(directory)
    before = os.umask(0o077)
    try:
        with hold(tmp_path / "lock", "ada"):
            assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == file
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        pytest.param("empty", True, id="empty"),
        pytest.param("missing", True, id="missing"),
        pytest.param("full", False, id="full"),
        pytest.param("file", False, id="file"),
    ],
)
def test_only_an_empty_directory_is_removed(tmp_path: Path, name: str, gone: bool) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "file").write_text("")
    assert fs.remove_empty_directory(tmp_path / name) is gone
    assert (tmp_path / name).exists() is not gone


def test_a_mode_is_set(tmp_path: Path) -> None:
    fs.set_mode(tmp_path, 0o700)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_file_that_need_not_be_durable_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    fs.write_text(tmp_path / "fast", "text", durable=False)
    assert ((tmp_path / "fast").read_text(), waits) == ("text", [])
    fs.write_text(tmp_path / "safe", "text")
    assert len(waits) == 1
