"""What an installer that was killed had started, and how the next one gets on with it."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_promotion import read_header
from support.installers import install, stand_in
from support.packs import PLAIN_ENVIRON, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def area(tmp_path: Path) -> Iterator[Path]:
    """Return the directory to install into; in the end nobody waits for anything."""
    area = tmp_path / "area"
    area.mkdir()
    yield area
    for name in ("go", "first-go", "second-go"):
        (tmp_path / name).touch()
    fs.remove_tree(tmp_path)


def hidden(area: Path) -> list[str]:
    return sorted(one.name for one in area.iterdir() if one.name.startswith("."))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def started(installer: Path, prefix: Path, programs: Path, **scripts: str) -> subprocess.Popen[str]:
    """Start an installer with other programs than those of the system."""
    return subprocess.Popen(
        ["sh", str(installer), "-b", "-s", "-p", str(prefix)],
        env={**PLAIN_ENVIRON, "PATH": stand_in(programs, **scripts)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(process: subprocess.Popen[str], when: Path) -> None:
    """Kill the shell alone, once there is a file."""
    wait_until(when.exists)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL


def all_said(process: subprocess.Popen[str]) -> str:
    """Return what was said until the last one that the installer had started has ended."""
    assert process.stdout is not None
    with process.stdout as stream:
        return stream.read()


def test_the_next_run_gets_past_what_still_writes(
    installer: Path, area: Path, tmp_path: Path
) -> None:
    there, go = tmp_path / "there", tmp_path / "go"
    tar = (
        f'top=$PWD; while ! [ -e "{go}" ]; do mkdir -p "$top/tree/$((n = ${{n-0}} + 1))"; '
        f': >"{there}"; sleep 0.002; done 2>/dev/null'
    )
    first = started(installer, area / "small", tmp_path / "programs", tar=tar)
    killed(first, there)
    stage = area / f".small.lamina-stage-{first.pid}"
    second = install(installer, "-b", "-s", "-p", area / "small")
    assert second.code == 0, second.text
    assert run(area / "small" / "bin" / "greet") == f"hello from {area}/small\n"
    assert f"note: {stage}: cannot be removed" in second.text
    assert f"hint: in a moment: rm -rf '{stage}'" in second.text
    assert hidden(area) == [stage.name]
    go.touch()
    all_said(first)
    assert install(installer, "-b", "-p", area / "small").code == 7
    assert hidden(area) == []


def test_its_mark_does_not_land_in_the_stage_of_the_next(
    installer: Path, area: Path, tmp_path: Path
) -> None:
    made = {}
    for name in ("first", "second"):
        there, go = tmp_path / f"{name}-there", tmp_path / f"{name}-go"
        gzip = f': >"{there}"; until [ -e "{go}" ]; do sleep 0.02; done'
        made[name] = started(installer, area / "small", tmp_path / name, gzip=gzip)
        if name == "first":
            killed(made[name], there)
    wait_until((tmp_path / "second-there").exists)
    (tmp_path / "first-go").touch()
    all_said(made["first"])
    stages = [one for one in hidden(area) if "lamina-stage" in one]
    assert stages == [f".small.lamina-stage-{made['second'].pid}"]
    assert [one.name for one in (area / stages[0]).iterdir() if one.name == "whole"] == []
    (tmp_path / "second-go").touch()
    assert "not unpacked" in all_said(made["second"])
    assert made["second"].wait(timeout=60) == 1
    assert hidden(area) == []


def test_it_ends_soon_and_in_silence(installer: Path, area: Path, tmp_path: Path) -> None:
    there, go, size = tmp_path / "there", tmp_path / "go", tmp_path / "size"
    tar = (
        f': >"{there}"; until [ -e "{go}" ]; do sleep 0.02; done; wc -c >"{size}"; '
        'echo "tar: cannot open" >&2; exit 2'
    )
    first = started(installer, area / "small", tmp_path / "programs", tar=tar, gzip="exec cat")
    killed(first, there)
    go.touch()
    assert all_said(first) == f"unpacking {read_header(installer).files} files into {area}/small\n"
    assert int(size.read_text()) == read_header(installer).part_size
    assert install(installer, "-b", "-s", "-p", area / "small").code == 0
    assert hidden(area) == []
