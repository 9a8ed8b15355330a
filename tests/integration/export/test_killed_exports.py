"""An export that is killed leaves nothing that looks like one, and the next one is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.packs import Shipped

FORMS = {
    "pack": ("--as", "pack", "-o", "small.tar.gz"),
    "installer": ("--as", "installer", "-o", "small.sh"),
    "layout": ("--as", "oci", "-o", "small"),
    "docker": ("--as", "oci", "--format", "docker", "-o", "small.tar"),
    "squashfs": ("--as", "squashfs", "-o", "small.sqfs"),
}


def begun(directory: Path) -> bool:
    """Tell whether something of what is exported has been written."""
    # While they are looked at, they may vanish or be renamed.
    sizes = []
    for top, _, names in os.walk(directory):
        for name in names:
            try:
                sizes.append(os.lstat(f"{top}/{name}").st_size)
            except FileNotFoundError:
                continue
    return sum(sizes) > 1 << 20


def kill_while_writing(words: tuple[str | Path, ...], directory: Path) -> None:
    """Start an export, and kill it and all that it started once it has written 1 MB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lamina", *words],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not begun(directory):
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "form",
    [
        "pack",
        pytest.param("installer", marks=pytest.mark.heavy),
        pytest.param("layout", marks=pytest.mark.heavy),
        pytest.param("docker", marks=pytest.mark.heavy),
        pytest.param("squashfs", marks=pytest.mark.containers),
    ],
)
def test_nothing_is_seen_of_it_and_the_next_is_whole(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path, form: str
) -> None:
    *how, name = FORMS[form]
    there = tmp_path / "there"
    there.mkdir()
    root = shipped.release.prefix.parents[3]
    words: tuple[str | Path, ...] = (
        *("export", shipped.release.name, "--root", root),
        *how,
        there / name,
    )
    kill_while_writing(words, there)
    left = sorted(one.name for one in there.iterdir())
    assert left
    assert [one for one in left if not one.startswith(".")] == []
    command_line(*words)
    assert (there / name).exists()
    fs.remove_tree(there)
