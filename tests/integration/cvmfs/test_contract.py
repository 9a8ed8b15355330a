"""What lamina relies on of ``cvmfs_server``, as it was observed on version 2.12.0.

Nothing here is about lamina. The same tests run on a real stratum 0::

    pytest tests/integration/cvmfs/test_contract.py \\
        --cvmfs-server /usr/bin/cvmfs_server --cvmfs-repository NAME
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from support.stratum0 import Stratum0, kill, stratum0

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.namespaces


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stratum0]:
    with stratum0(request.config, tmp_path / "world") as one:
        yield one


@pytest.fixture
def top(server: Stratum0) -> Path:
    """Return a published directory with a file, a link and a directory in it."""
    server.do("transaction", server.repository)
    directory = server.mount / f"contract-{uuid4().hex[:8]}"
    (directory / "old" / "inner").mkdir(parents=True)
    (directory / "old" / "inner" / "file").write_text("old")
    (directory / "other").mkdir()
    (directory / "tier").symlink_to("old")
    assert server.publish("-f").code == 0
    return directory


def _open(server: Stratum0, *words: str) -> None:
    server.do("transaction", *words, server.repository)


def _client(server: Stratum0, path: Path) -> Path:
    """Return a path as clients see it."""
    # Against the stand-in there always is one; of a real stratum 0 it is named by who runs this.
    if server.client is None:
        pytest.skip("no client of that repository was named")
    return server.client / path.relative_to(server.mount)


def _tags(server: Stratum0) -> set[str]:
    listed = server.do("tag", "-l", "-x", server.repository)
    return {line.split()[0] for line in listed.splitlines()}


def test_list_says_whether_a_transaction_is_open(server: Stratum0) -> None:
    assert server.state().startswith(f"{server.repository} (stratum0 / ")
    assert not server.is_open()
    _open(server)
    assert server.is_open()
    server.do("abort", "-f", server.repository)
    assert not server.is_open()


@pytest.mark.parametrize("words", [(), ("-t", "1")], ids=["at-once", "after-waiting"])
def test_an_open_transaction_is_17(server: Stratum0, words: tuple[str, ...]) -> None:
    _open(server)
    assert server("transaction", *words, server.repository).code == 17
    assert server.is_open()


def test_with_t_0_it_waits_for_ever(server: Stratum0) -> None:
    _open(server)
    words = [str(server.program), "transaction", "-t", "0", server.repository]
    null = subprocess.DEVNULL
    waiting = subprocess.Popen(words, stdin=null, stdout=null, stderr=null)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(3)
    server.do("abort", "-f", server.repository)
    assert waiting.wait(60) == 0
    assert server.is_open()


def test_an_unknown_repository_is_1(server: Stratum0) -> None:
    assert server("transaction", "no-such.example.org").code == 1


def test_a_lease_path_without_parent_is_2(server: Stratum0) -> None:
    assert server("transaction", f"{server.repository}/no/such/path").code == 2
    assert not server.is_open()


def test_a_lease_path_below_a_file_is_20(server: Stratum0, top: Path) -> None:
    path = (top / "old" / "inner" / "file" / "x").relative_to(server.mount.parent)
    assert server("transaction", str(path)).code == 20
    assert not server.is_open()


def test_a_template_over_a_directory_is_22(server: Stratum0, top: Path) -> None:
    (name,) = top.relative_to(server.mount).parts
    words = ("-T", f"/{name}/old=/{name}/other")
    assert server("transaction", *words, server.repository).code == 22
    assert not server.is_open()


def test_outside_a_transaction_abort_is_22_and_publish_1(server: Stratum0) -> None:
    assert server("abort", "-f", server.repository).code == 22
    assert server.publish("-f").code == 1


def test_nothing_can_be_written_outside_a_transaction(server: Stratum0, top: Path) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (top / "new").touch()


def test_an_empty_publish_is_fine(server: Stratum0) -> None:
    _open(server)
    assert server.publish("-f").code == 0


def test_a_file_open_for_writing_stops_publish(server: Stratum0, top: Path) -> None:
    _open(server)
    with (top / "log").open("w"):
        assert server.publish("-f").code == 1
    assert server.is_open()
    assert server.publish("-f").code == 0


def test_a_file_open_for_reading_does_not_with_f(server: Stratum0, top: Path) -> None:
    _open(server)
    with (top / "old" / "inner" / "file").open():
        assert server.publish("-f").code == 0


def test_without_f_it_asks_about_files_that_are_read(server: Stratum0, top: Path) -> None:
    _open(server)
    with (top / "old" / "inner" / "file").open():
        assert server("publish", server.repository, stdin="y\n").code == 0


def test_the_working_directory_inside_stops_publish(server: Stratum0, top: Path) -> None:
    _open(server)
    assert server("publish", "-f", server.repository, cwd=top).code == 1
    assert server.is_open()


def test_a_tag_is_used_once_and_has_no_spaces(server: Stratum0) -> None:
    tag = f"tag-{uuid4().hex[:8]}"
    _open(server)
    assert server.publish("-f", "-a", tag, "-m", "the first").code == 0
    assert tag in _tags(server)
    _open(server)
    for wrong in (tag, f"{tag} again"):
        assert server.publish("-f", "-a", wrong).code == 1
        assert server.is_open()


def test_rollback_deletes_later_tags(server: Stratum0) -> None:
    tags = [f"tag-{uuid4().hex[:8]}" for _ in range(2)]
    for tag in tags:
        _open(server)
        (server.mount / tag).touch()
        assert server.publish("-f", "-a", tag).code == 0
    server.do("rollback", "-f", "-t", tags[0], server.repository)
    assert _tags(server) & set(tags) == {tags[0]}
    assert not (server.mount / tags[1]).exists()


def test_a_published_directory_cannot_be_renamed(server: Stratum0, top: Path) -> None:
    _open(server)
    with pytest.raises(OSError, match="cross-device") as caught:
        (top / "old").rename(top / "new")
    assert caught.value.errno == errno.EXDEV
    (top / "fresh").mkdir()
    (top / "fresh").rename(top / "renamed")
    (top / "old" / "inner" / "file").rename(top / "file")


def test_hard_links_become_files_of_their_own(server: Stratum0, top: Path) -> None:
    _open(server)
    (top / "one").write_text("content")
    (top / "two").hardlink_to(top / "one")
    assert server.publish("-f").code == 0
    status = [(top / name).stat() for name in ("one", "two")]
    assert status[0].st_ino != status[1].st_ino
    assert {one.st_nlink for one in status} == {1}


def test_a_tier_flips_in_an_ordinary_publish(server: Stratum0, top: Path) -> None:
    _open(server)
    (top / "beside").symlink_to("new")
    (top / "beside").replace(top / "tier")
    if server.client is not None:
        assert str(_client(server, top / "tier").readlink()) == "old"
    assert server.publish("-f").code == 0
    assert str((top / "tier").readlink()) == "new"


def test_readers_see_nothing_before_publish(server: Stratum0, top: Path) -> None:
    _open(server)
    (top / "new").touch()
    assert not _client(server, top / "new").exists()
    server.do("abort", "-f", server.repository)
    assert not (top / "new").exists()
    assert not _client(server, top / "new").exists()


def _template(server: Stratum0, top: Path) -> tuple[str, str]:
    inside = top.relative_to(server.mount)
    return ("-T", f"/{inside}/old=/{inside}/new")


def test_a_template_is_there_at_once_and_private(server: Stratum0, top: Path) -> None:
    _open(server, *_template(server, top))
    assert (top / "new" / "inner" / "file").read_text() == "old"
    assert (top / "old" / "inner" / "file").read_text() == "old"
    if server.client is not None:
        assert not _client(server, top / "new").exists()
    with pytest.raises(OSError, match="cross-device"):
        (top / "new" / "inner").rename(top / "new" / "other")
    (top / "new" / "inner" / "file").write_text("new")
    assert server.publish("-f").code == 0
    assert (top / "new" / "inner" / "file").read_text() == "new"
    assert (top / "old" / "inner" / "file").read_text() == "old"


def test_abort_takes_a_template_back(server: Stratum0, top: Path) -> None:
    _open(server, *_template(server, top))
    server.do("abort", "-f", server.repository)
    assert not (top / "new").exists()
    _open(server, *_template(server, top))


def test_a_catalog_made_by_hand_is_published(server: Stratum0, top: Path) -> None:
    _open(server)
    (top / "old" / ".cvmfscatalog").touch()
    assert server.publish("-f").code == 0
    assert (top / "old" / ".cvmfscatalog").stat().st_size == 0


def test_abort_without_f_discards_at_the_end_of_its_input(server: Stratum0) -> None:
    _open(server)
    assert server("abort", server.repository, stdin="n\n").code == 4
    assert server.is_open()
    assert server("abort", server.repository, stdin="").code == 0
    assert not server.is_open()


def test_after_a_kill_in_publish_abort_repairs(server: Stratum0, top: Path) -> None:
    _open(server)
    (top / "old" / "inner" / "file").write_text("half")
    if server.world is None:
        (top / "large").write_bytes(os.urandom(1 << 28))
    kill(server.start_publish("-f"))
    assert "in transaction - unhealthy" in server.state()
    assert server.publish("-f").code != 0
    server.do("abort", "-f", server.repository)
    assert not server.is_open()
    assert "unhealthy" not in server.state()
    assert (top / "old" / "inner" / "file").read_text() == "old"


def test_a_pipe_that_is_inherited_stays_open(server: Stratum0) -> None:
    reading, writing = os.pipe()
    words: list[str | Path] = [server.program, "transaction", server.repository]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, check=True)
    os.close(writing)
    os.set_blocking(reading, False)
    said = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(reading, 4096):
            said += part
        pytest.fail(f"nobody has the pipe any more: {said!r}")
    os.close(reading)
