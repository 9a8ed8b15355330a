"""Scripts beside file systems that are at odd places, or not alone at theirs."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.export.cargo import Cargo, Part
from lamina.export.squashfs import write_release_squashfs
from lamina.model.platforms import current_platform
from lamina.release.mtree import Entry
from support.containers import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.containers


def write_small(path: Path, prefix: str, *names: str) -> Path:
    """Write an image with a few empty directories, for a prefix; return its script."""
    tree = path.parent / "tree"
    tree.mkdir(parents=True)
    for name in names:
        (tree / name).mkdir()
    small = Cargo(
        name="small/1.0",
        platform=current_platform(),
        seconds=1_000_000_000,
        parts=(Part(prefix=prefix, inside=""),),
        entries=dict.fromkeys(names, Entry(kind="dir", mode=0o555)),
        sources={name: tree / name for name in names},
        interpreter=None,
    )
    return write_release_squashfs(small, path, os.environ).script


@pytest.mark.fuse
def test_another_image_is_not_taken_for_this_one(tmp_path: Path) -> None:
    prefix = tmp_path / "it, all: there "
    one = write_small(tmp_path / "one: a, b" / "x, y:z.sqfs", str(prefix), "bin")
    copy = write_small(tmp_path / "copy" / "x.sqfs", str(prefix), "bin")
    other = write_small(tmp_path / "other" / "x.sqfs", str(prefix), "bin", "lib")
    with subprocess.Popen(
        [one, "sh", "-c", "echo there; exec sleep 60"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        told = run(other, "true", expect=1)
        file = one.with_suffix(".sqfs")
        assert f"error: {prefix}: another image is mounted there, {file}\n" in told
        assert run(copy, "ls", prefix) == "bin\n"
        os.killpg(process.pid, signal.SIGKILL)
    # What it left is of no use to anybody.
    assert (prefix / "bin").is_dir()
    assert run(other, "ls", prefix) == "bin\nlib\n"
    assert not prefix.exists()


@pytest.mark.fuse
def test_half_an_image_is_said_to_be_cut_off(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    script = write_small(tmp_path / "x" / "x.sqfs", str(prefix), "bin")
    file = script.with_suffix(".sqfs")
    whole = file.stat().st_size
    os.truncate(file, 100)
    told = run(script, "true", expect=6)
    assert f"error: {file}: cut off: 100 bytes of {whole}\nhint: get it once more\n" in told
    assert not prefix.exists()
    file.write_bytes(bytes(whole))
    assert f"error: {file} cannot be mounted at {prefix}\n" in run(script, "true", expect=1)


@pytest.mark.fuse
@pytest.mark.parametrize("trap", ["link", "file", "open", "foreign"])
def test_locks_are_nobody_elses(tmp_path: Path, trap: str) -> None:
    prefix = tmp_path / "prefix"
    script = write_small(tmp_path / "x" / "x.sqfs", str(prefix), "bin")
    place = f"{tmp_path}/lamina-"
    script.write_text(script.read_text().replace("/tmp/lamina-", place))
    locks, aim = tmp_path / f"lamina-{os.getuid()}", tmp_path / "aim"
    aim.mkdir(mode=0o700)
    if trap == "link":
        locks.symlink_to(aim)
    elif trap == "file":
        locks.write_text("")
    else:
        locks.mkdir(mode=0o700)
        locks.chmod(0o770 if trap == "open" else 0o700)
        if trap == "foreign":
            if os.getuid():
                pytest.skip("only root gives directories away")
            os.chown(locks, 65534, 65534)
    told = run(script, "true", expect=1)
    why = "others may look into it" if trap == "open" else "not a directory of yours"
    assert f"error: {locks}: {why}" in told
    assert not prefix.exists()
    assert not list(aim.iterdir())
    if trap == "open":
        run("sh", "-c", told.partition("hint: ")[2])
        assert run(script, "ls", prefix) == "bin\n"


def test_what_apptainer_would_split_is_escaped(tmp_path: Path) -> None:
    script = write_small(tmp_path / "a:b, c" / "d,e.sqfs", "/there: it, all", "bin")
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$APPTAINERENV_PREPEND_PATH" "$@"\n')
    program.chmod(0o755)
    environ = f"PATH={program.parent}:/usr/bin:/bin"
    told = run("env", environ, script, "--in", "x.sif", "greet", "a b").splitlines()
    file = f"{tmp_path}/a\\:b\\, c/d\\,e.sqfs"
    assert told == [
        "/there: it, all/bin", "exec", "--bind", rf"{file}:/there\: it\, all:image-src=/",
        "x.sif", "greet", "a b",
    ]  # fmt: skip
