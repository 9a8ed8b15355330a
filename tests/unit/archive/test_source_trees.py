from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from lamina.archive.source_trees import changed_names, pack_sources
from lamina.core.errors import BuildFailedError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["a.py", "deep/long.bin", "link", "run.sh"]
DIGEST = "5f83c384f8695c29d36108e0835e2492aca0792868c10fc3cc537f43f5149251"
"""Another one would make all locks with sources of a tree stale."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "deep").mkdir(parents=True)
    (top / "a.py").write_text("value = 1\n")
    (top / "deep" / "long.bin").write_bytes(bytes(range(256)) * 1000)
    (top / "link").symlink_to("deep/long.bin")
    (top / "run.sh").write_text("#!/bin/sh\n")
    (top / "run.sh").chmod(0o700)
    return top


def test_the_digest_follows_from_the_files_alone(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    assert pack_sources(tree, NAMES, path, top="x") == DIGEST
    os.utime(tree / "a.py", (1, 1))
    (tree / "a.py").chmod(0o666)
    assert pack_sources(tree, reversed(NAMES), path, top="x") == DIGEST
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out" / "x"
    assert (out / "deep" / "long.bin").read_bytes() == bytes(range(256)) * 1000
    assert os.access(out / "run.sh", os.X_OK)
    assert not os.access(out / "a.py", os.X_OK)
    assert (out / "link").readlink().as_posix() == "deep/long.bin"


def test_changes_are_named(tree: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.tar.gz", tmp_path / "new.tar.gz"
    pack_sources(tree, NAMES, old, top="x")
    (tree / "a.py").write_text("value = 2\n")
    (tree / "run.sh").chmod(0o600)
    (tree / "more").write_text("")
    pack_sources(tree, ["a.py", "deep/long.bin", "more", "run.sh"], new, top="x")
    assert changed_names(old, new) == ["a.py", "link", "more", "run.sh"]
    assert changed_names(old, old) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "deep/../../outside"])
def test_links_that_lead_out_are_refused(tree: Path, tmp_path: Path, target: str) -> None:
    (tree / "bad").symlink_to(target)
    with pytest.raises(BuildFailedError, match=r"bad: a link to .* out of the sources"):
        pack_sources(tree, ["bad"], tmp_path / "x.tar.gz", top="x")
    assert not (tmp_path / "x.tar.gz").exists()


def test_what_is_no_file_is_refused(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(BuildFailedError, match="pipe: neither a file nor a link"):
        pack_sources(tree, ["pipe"], tmp_path / "x.tar.gz", top="x")
