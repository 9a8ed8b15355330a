"""Where builds run: nothing of them is left, whoever is killed; what they may see and write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamina.core.errors import CommandFailedError, TookTooLongError
from lamina.engines.build_room import BuildRoom, Walls, walls_here
from support.survivors import running, wait_for

WALLS: list[object] = [
    "none",
    pytest.param("writes", marks=[pytest.mark.namespaces, pytest.mark.heavy]),
    pytest.param("all", marks=pytest.mark.namespaces),
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for processes")
_DAEMON = """\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""
_KILLED = """\
import sys
from pathlib import Path
from lamina.engines.build_room import BuildRoom
work = Path(sys.argv[1])
room = BuildRoom(work=work, walls=sys.argv[2], log=work / "log")
room.run(sys.executable, "-c", Path(sys.argv[3]).read_text() + "time.sleep(600)", work, cwd=work)
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return the directory of a build."""
    path = tmp_path / "work"
    path.mkdir()
    return path


def room(work: Path, walls: Walls, until: float | None = None) -> BuildRoom:
    return BuildRoom(
        work=work, walls=walls, log=work / "log", variables={"PATH": os.environ["PATH"]},
        until=until,
    )  # fmt: skip


@pytest.mark.parametrize("walls", WALLS)
def test_what_a_program_leaves_behind_ends_with_it(work: Path, walls: Walls) -> None:
    source = _DAEMON + f"while open('/proc/loadavg').read() and not {count(work)}: pass\n"
    room(work, walls).run(sys.executable, "-c", source, work, cwd=work)
    wait_for(str(work), count=0, seconds=5)


def count(work: Path) -> str:
    """Return Python that tells whether the daemon of a program is there."""
    return (
        "[one for one in os.listdir('/proc') if one.isdigit() and int(one) != os.getpid() and "
        f"{str(work)!r} in open('/proc/%s/cmdline' % one).read()]"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
@pytest.mark.parametrize("walls", WALLS)
def test_all_ends_with_whoever_started_it(
    work: Path, tmp_path: Path, walls: Walls, number: int
) -> None:
    daemon = tmp_path / "daemon.py"
    daemon.write_text(_DAEMON)
    words = [sys.executable, "-c", _KILLED, str(work), walls, str(daemon)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as started:
        # The one that starts, the one between, its keeper, the program, what that leaves behind.
        wait_for(str(work), count=5)
        started.send_signal(number)
    wait_for(str(work), count=0, seconds=10)


@pytest.mark.parametrize("walls", WALLS)
def test_a_program_that_never_ends(work: Path, walls: Walls) -> None:
    source = "print('begun', flush=True)\n" + _DAEMON + "time.sleep(600)"
    with pytest.raises(TookTooLongError):
        room(work, walls, time.monotonic() + 2).run(sys.executable, "-c", source, work, cwd=work)
    wait_for(str(work), count=0, seconds=10)
    assert "begun\n[ended: it took too long]\n" in (work / "log").read_text()


@pytest.mark.parametrize("walls", WALLS)
def test_how_a_program_ended_is_told(work: Path, walls: Walls) -> None:
    inside = room(work, walls)
    answer = inside.run("/bin/sh", "-c", "pwd; echo complaint >&2; cat", cwd=work)
    assert (answer.stdout, answer.stderr) == (f"{work}\n", "complaint\n")
    for command, code in (("exit 7", 7), ("kill -9 $$", -9), ("kill -15 $$", -15)):
        with pytest.raises(CommandFailedError) as caught:
            inside.run("/bin/sh", "-c", command, cwd=work)
        assert caught.value.returncode == code
    with pytest.raises(CommandFailedError, match="no-such-program") as caught:
        inside.run("no-such-program", cwd=work)
    assert caught.value.returncode == 127


@pytest.mark.parametrize("walls", WALLS)
def test_a_group_of_its_own_is_all_that_a_program_can_kill(work: Path, walls: Walls) -> None:
    with pytest.raises(CommandFailedError) as caught:
        room(work, walls).run("/bin/sh", "-c", "kill -9 0", cwd=work)
    assert caught.value.returncode == -9


@pytest.mark.namespaces
def test_others_are_neither_seen_nor_shared_with(work: Path) -> None:
    inside = room(work, "all")
    source = (
        "import os; print(len([one for one in os.listdir('/proc') if one.isdigit()]));"
        f"open('/dev/shm/lamina-{os.getpid()}', 'w').write('x'); print(os.listdir('/dev/shm'))"
    )
    seen, shared = inside.run(sys.executable, "-c", source, cwd=work).stdout.splitlines()
    assert int(seen) == 2
    assert shared == f"['lamina-{os.getpid()}']"
    assert not Path(f"/dev/shm/lamina-{os.getpid()}").exists()


@pytest.mark.namespaces
@pytest.mark.parametrize("outside", ["beside", "home", "temporary"])
def test_only_the_directory_is_written_to(work: Path, tmp_path: Path, outside: str) -> None:
    places = {"beside": work.parent, "home": Path.home(), "temporary": Path("/tmp")}
    path = places[outside] / f"lamina-outside-{os.getpid()}"
    inside = room(work, "writes")
    inside.run("/bin/sh", "-c", f"echo x > {work}/inside", cwd=work)
    with pytest.raises(CommandFailedError, match="Read-only file system"):
        inside.run("/bin/sh", "-c", f"echo x > {path}", cwd=work)
    assert not path.exists()
    inside.run("/bin/sh", "-c", f"echo x > {tmp_path}/also", cwd=work, also=tmp_path)


@pytest.mark.namespaces
def test_walls_do_not_need_programs_in_path(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    assert walls_here(environ, network=False, directory=tmp_path) == "all"
    assert walls_here(environ, network=True, directory=tmp_path) == "writes"


def test_whoever_has_ended_already_gets_nothing_started(tmp_path: Path) -> None:
    """The process that started it is gone before it could ask to be told of that."""
    from lamina.engines import build_room

    words = [sys.executable, "-I", "-S", build_room._ENTER, "none", "1", "--", "touch"]
    path = tmp_path / "touched"
    done = subprocess.run([*map(str, words), path], check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert not path.exists()
    assert running(str(path)) == []
