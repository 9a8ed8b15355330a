"""A release as a file system in one file: read by squashfs-tools, mounted, and run from."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import (
    ConflictError,
    IntegrityError,
    LaminaError,
    NotSupportedError,
    StorageError,
    UsageError,
)
from lamina.export.squashfs import write_release_squashfs
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.containers import image_request, run
from support.mounts import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.export.cargo import Cargo
    from support.packs import Shipped

pytestmark = pytest.mark.containers


@pytest.fixture(scope="module")
def cargo(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Cargo:
    """Return a release, most of whose interpreter is left out."""
    top = tmp_path_factory.mktemp("cargo")
    return image_request(shipped.release, shipped.environ, top / "scratch").cargo


def test_the_same_release_gives_the_same_file(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    one, two = tmp_path / "one" / "small.sqfs", tmp_path / "two" / "small.sqfs"
    for path in (one, two):
        path.parent.mkdir()
        write_release_squashfs(cargo, path, shipped.environ)
        time.sleep(1.1 if path is one else 0)  # Times count in seconds.
    assert one.read_bytes() == two.read_bytes()
    assert one.with_suffix(".run").read_bytes() == two.with_suffix(".run").read_bytes()
    told = run("unsquashfs", "-s", one)
    assert "Compression zstd" in told
    listed = run("unsquashfs", "-lln", one).splitlines()
    assert all(" 0/0 " in line for line in listed if "squashfs-root" in line)
    assert {line.split()[3] for line in listed if "squashfs-root" in line} == {"2026-11-01"}
    out = tmp_path / "out"
    run("unsquashfs", "-no-progress", "-d", out, one)
    for name, entry in cargo.entries.items():
        if entry.kind == "file" and entry.sha256:
            assert fs.sha256_of(out / name) == entry.sha256
    fs.remove_tree(out)
    with pytest.raises(ConflictError, match="is there already"):
        write_release_squashfs(cargo, one, shipped.environ)


def test_it_is_on_disk_and_has_its_script_or_is_not_there(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    changes: list[tuple[str, str]] = []

    def fail_at_the_script(operation: str, path: Path) -> None:
        changes.append((operation, path.name))
        if changes[-1] == ("rename", "small.run"):
            raise StorageError("no more")

    with fs.observe(fail_at_the_script), pytest.raises(StorageError, match="no more"):
        write_release_squashfs(cargo, tmp_path / "small.sqfs", shipped.environ)
    assert not list(tmp_path.iterdir())
    assert changes.index(("sync", "small.sqfs")) < changes.index(("rename", "small.sqfs"))


def test_words_of_the_script_in_a_path_are_only_words(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    part = dataclasses.replace(cargo.parts[0], prefix="/there it/@FILE@")
    kept = {"bin": cargo.entries["bin"]}
    small = dataclasses.replace(cargo, parts=(part,), entries=kept, first=())
    made = write_release_squashfs(small, tmp_path / "$(touch was-here).sqfs", shipped.environ)
    run("sh", made.script, "--help")
    line = next(one for one in made.script.read_text().splitlines() if one.startswith("name="))
    assert "prefix='/there it/@FILE@' file='$(touch was-here).sqfs'" in line


def test_a_time_that_it_has_no_room_for_is_its_last_one(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    small = dataclasses.replace(
        cargo, seconds=1 << 34, entries={"bin": cargo.entries["bin"]}, first=()
    )
    made = write_release_squashfs(small, tmp_path / "late.sqfs", shipped.environ)
    assert "Feb  7 06:28:15 2106" in run("env", "TZ=UTC", "unsquashfs", "-s", made.path)


def test_without_its_program_the_package_is_named(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    with pytest.raises(NotSupportedError, match="no program mksquashfs") as error:
        write_release_squashfs(cargo, tmp_path / "x.sqfs", {"PATH": str(tmp_path)})
    assert "apt install squashfs-tools" in error.value.hints[0]
    with pytest.raises(UsageError, match="the name of the script"):
        write_release_squashfs(cargo, tmp_path / "x.run", shipped.environ)
    with pytest.raises(LaminaError, match="no such directory"):
        write_release_squashfs(cargo, tmp_path / "no" / "x.sqfs", shipped.environ)


def test_a_release_that_was_changed_is_not_written(
    shipped: Shipped, cargo: Cargo, tmp_path: Path
) -> None:
    path = next(one for one in cargo.entries if one.endswith("greeter/__init__.py"))
    other = tmp_path / "other.py"
    other.write_bytes(b"#" * cargo.entries[path].size)
    other.chmod(cargo.entries[path].mode)
    changed = dataclasses.replace(cargo, sources={**cargo.sources, path: other})
    with pytest.raises(IntegrityError, match="not as it was published: its content"):
        write_release_squashfs(changed, tmp_path / "x.sqfs", shipped.environ)
    other.unlink()
    with pytest.raises(IntegrityError, match="missing, and was published"):
        write_release_squashfs(changed, tmp_path / "x.sqfs", shipped.environ)
    assert not list(tmp_path.iterdir())


@pytest.mark.namespaces
def test_a_full_disk_leaves_nothing(shipped: Shipped, cargo: Cargo, tmp_path: Path) -> None:
    with mounted(tmp_path, "size=4m"):
        whole = {path: dataclasses.replace(one, size=0) for path, one in cargo.entries.items()}
        sizeless = {path: dataclasses.replace(one, sha256="") for path, one in whole.items()}
        # What is known to be too much is refused before; this is what turns out so.
        with pytest.raises(LaminaError, match=r"x.sqfs: no space is left"):
            write_release_squashfs(
                dataclasses.replace(cargo, entries=sizeless), tmp_path / "x.sqfs", shipped.environ
            )
        assert not list(tmp_path.iterdir())


def test_unpacked_or_mounted_it_is_as_published(shipped: Shipped, tmp_path: Path) -> None:
    request = image_request(shipped.release, shipped.environ, tmp_path / "scratch", whole=True)
    made = write_release_squashfs(request.cargo, tmp_path / "small.sqfs", shipped.environ)
    run("unsquashfs", "-no-progress", "-d", tmp_path / "out", made.path)
    there = release_at(tmp_path / "out")
    assert there is not None
    assert verify_release(there).lines() == []
    fs.remove_tree(tmp_path / "out")


@pytest.fixture(scope="module")
def away(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the script of the whole release, which has gone from its place meanwhile."""
    top = tmp_path_factory.mktemp("away")
    request = image_request(shipped.release, shipped.environ, top / "scratch", whole=True)
    made = write_release_squashfs(request.cargo, top / "small.sqfs", shipped.environ)
    # Its directory is not to be written to, but that it is in is.
    there = shipped.release.prefix.parent
    there.rename(there.with_name("gone"))
    yield made.script
    there.with_name("gone").rename(there)
    fs.remove_tree(top)


@pytest.mark.fuse
def test_a_command_runs_at_the_prefix_and_nothing_stays(shipped: Shipped, away: Path) -> None:
    prefix = shipped.release.prefix
    assert run(away, "greet") == f"hello from {prefix}\n"
    assert run(away, "--", "sh", "-c", "command -v greet; exit 7", expect=7).startswith(str(prefix))
    assert not prefix.parent.exists()
    # One that ends does not take it from another that still runs.
    nested = f"{away} greet && cd / && greet && {away} greet && greet"
    assert run(away, "sh", "-c", nested).count("hello from") == 4
    assert not prefix.parent.exists()


@pytest.mark.fuse
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_command_that_is_stopped_is_cleaned_up_after(
    shipped: Shipped, away: Path, number: signal.Signals
) -> None:
    prefix = shipped.release.prefix
    with subprocess.Popen(
        [away, "sh", "-c", "echo there; exec sleep 60"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert (prefix / "bin" / "greet").exists()
        os.killpg(process.pid, number)
    assert not prefix.parent.exists()


def test_the_script_says_what_is_missing(shipped: Shipped, away: Path, tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    for name in ("sh", "dirname", "mountpoint", "sed"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")

    def said(*argv: str | Path) -> str:
        done = subprocess.run(
            ["/bin/sh", *argv], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        return done.stderr

    assert "hint: apt install squashfuse" in said(away, "true")
    assert "neither apptainer nor singularity" in said(away, "--in", "x.sif", "true")
    apptainer = tmp_path / "apptainer"
    apptainer.write_text('#!/bin/sh\necho "$APPTAINERENV_PREPEND_PATH $*" >&2\nexit 1\n')
    apptainer.chmod(0o755)
    prefix = shipped.release.prefix
    file = away.with_name("small.sqfs")
    told = said(away, "--in", "x.sif", "--", "greet", "a b")
    bound = f"--bind {file}:{prefix}:image-src=/"
    assert told == f"{prefix}/bin exec {bound} x.sif greet a b\n"
    alone = tmp_path / "alone.run"
    alone.write_text(away.read_text())
    assert "small.sqfs: not there" in said(alone, "true")
