"""The file system that the benchmark of cold starts measures on."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from benchmarks import latency

pytestmark = [
    pytest.mark.fuse,
    pytest.mark.skipif(latency.missing() is not None, reason=str(latency.missing())),
]
DELAY = 20
"""Milliseconds a request."""
SIZE = 100_000
"""Bytes of a file, fewer than the kernel reads ahead."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return latency.build(tmp_path_factory.mktemp("server"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory with files, a directory and links."""
    top = tmp_path / "tree"
    (top / "inner").mkdir(parents=True)
    for number in range(8):
        (top / f"file{number}").write_bytes(os.urandom(SIZE))
    (top / "inner" / "link").symlink_to("../file0")
    (top / "inner" / "nowhere").symlink_to("missing")
    return top


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_is_there_is_the_same(server: Path, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    with latency.mounted(server, tree, tmp_path / "far", milliseconds=0) as mount:
        assert names_in(mount.path) == names_in(tree)
        assert names_in(mount.path / "inner") == {"link", "nowhere"}
        for number in range(8):
            name = f"file{number}"
            assert (mount.path / name).read_bytes() == (tree / name).read_bytes()
            assert (mount.path / name).stat().st_mtime_ns == (tree / name).stat().st_mtime_ns
        assert (mount.path / "inner" / "link").read_bytes() == (tree / "file0").read_bytes()
        assert (mount.path / "inner" / "nowhere").readlink() == Path("missing")
        assert not (mount.path / "inner" / "nowhere").exists()
        with pytest.raises(OSError, match="Read-only") as caught:
            (mount.path / "new").write_text("")
        assert caught.value.errno == errno.EROFS


def test_every_request_waits(server: Path, tree: Path) -> None:
    with latency.mounted(server, tree, tree, milliseconds=DELAY) as mount:
        before = mount.requests()
        start = time.perf_counter()
        (tree / "file0").read_bytes()
        seconds = time.perf_counter() - start
        after = mount.requests()
    came = {kind: after[kind] - before[kind] for kind in after if kind != "IOCTL"}
    assert (came["LOOKUP"], came["OPEN"]) == (1, 1)
    assert came["READ"] == 1
    assert seconds * 1000 >= 3 * DELAY


def test_requests_wait_beside_each_other(server: Path, tree: Path) -> None:
    with (
        ThreadPoolExecutor(8) as threads,
        latency.mounted(server, tree, tree, milliseconds=DELAY) as mount,
    ):
        start = time.perf_counter()
        list(threads.map(lambda number: (tree / f"file{number}").read_bytes(), range(8)))
        seconds = time.perf_counter() - start
        requests = mount.requests()
    one_by_one = (sum(requests.values()) - requests["IOCTL"]) * DELAY / 1000
    assert seconds < one_by_one / 2


def test_the_kernel_keeps_what_it_was_told(server: Path, tree: Path) -> None:
    def read() -> None:
        (tree / "file1").read_bytes()
        (tree / "inner" / "link").read_bytes()
        assert not (tree / "missing").exists()
        names_in(tree / "inner")

    with latency.mounted(server, tree, tree, milliseconds=0) as mount:
        read()
        first = mount.requests()
        read()
        second = mount.requests()
    again = {kind for kind in second if second[kind] > first[kind]}
    assert again - {"IOCTL"} == {"OPEN", "OPENDIR"}


def test_answers_are_kept_as_long_as_told(server: Path, tree: Path) -> None:
    with latency.mounted(server, tree, tree, milliseconds=0, kept=0) as mount:
        for _ in range(3):
            (tree / "file1").stat()
        assert mount.requests()["LOOKUP"] == 3


def test_each_mount_starts_cold_and_leaves(server: Path, tree: Path) -> None:
    counts = []
    for _ in range(2):
        with latency.mounted(server, tree, tree, milliseconds=0) as mount:
            assert tree.is_mount()
            (tree / "file0").read_bytes()
            counts.append(mount.requests())
        assert not tree.is_mount()
    assert counts[0] == counts[1]
    assert counts[0]["READ"] >= 1


def test_a_mount_in_use_leaves_when_its_user_fails(server: Path, tree: Path) -> None:
    def fail() -> NoReturn:
        opened.append(os.open(tree / "file0", os.O_RDONLY))
        raise KeyError

    opened: list[int] = []
    with pytest.raises(KeyError), latency.mounted(server, tree, tree, milliseconds=0):
        fail()
    assert not tree.is_mount()
    assert (tree / "file0").stat().st_size == SIZE
    with contextlib.suppress(OSError):  # its server is gone
        os.close(opened[0])


def test_a_log_names_what_was_asked_for(server: Path, tree: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with latency.mounted(server, tree, tree, milliseconds=0, log=log) as mount:
        (tree / "inner" / "link").read_bytes()
        requests = mount.requests()
    lines = log.read_text().splitlines()
    assert "LOOKUP ./inner/link" in lines
    assert "READ ./file0" in lines
    assert len(lines) == sum(requests.values())
