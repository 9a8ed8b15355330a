"""What an installer finds where it is to install: older releases, other things, killed runs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_promotion import Promotion, promote_installer
from lamina.model.versions import parse_release_version
from support.installers import RC, install
from support.packs import PLAIN_ENVIRON, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def newer(installer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same installer, promoted to 1.1."""
    target = tmp_path_factory.mktemp("newer") / "small-1.1.sh"
    version = parse_release_version("1.1")
    return promote_installer(Promotion(source=installer, version=version, target=target)).path


@pytest.fixture(scope="module")
def area(installer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a directory in which version 1.0 is ``small``."""
    top = tmp_path_factory.mktemp("area")
    assert install(installer, "-b", "-p", top / "small").code == 0
    yield top
    fs.remove_tree(top)


@pytest.fixture(autouse=True)
def _nothing_left(area: Path) -> Iterator[None]:
    """Fail a test that leaves anything but releases."""
    yield
    assert [one.name for one in area.iterdir() if one.name != "small"] == []


def version_at(prefix: Path) -> str:
    """Return the version that the manifest names; the release has to work as well."""
    assert run(prefix / "bin" / "greet") == f"hello from {prefix}\n"
    assert not (prefix / ".lamina" / "unfinished").exists()
    text = (prefix / ".lamina" / "release.toml").read_text()
    return text.partition('\nversion = "')[2].partition('"')[0]


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_directory(path: Path) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("mine")


def a_link(path: Path) -> None:
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("make", "why"),
    [(a_file, "not a directory"), (a_directory, "no release of lamina"), (a_link, "a link")],
)
@pytest.mark.parametrize("words", [[], ["-f"], ["-u"], ["-fu"]], ids=" ".join)
def test_what_is_not_ours_is_never_replaced(
    installer: Path, tmp_path: Path, make: Callable[[Path], None], why: str, words: list[str]
) -> None:
    make(tmp_path / "there")
    before = sorted(tmp_path.rglob("*"))
    answer = install(installer, "-b", "-p", tmp_path / "there", *words)
    assert (answer.code, why in answer.text) == (7, True), answer.text
    assert sorted(tmp_path.rglob("*")) == before


def test_an_update_replaces_and_never_half(installer: Path, newer: Path, area: Path) -> None:
    prefix = area / "small"
    answer = install(newer, "-b", "-p", prefix)
    assert (answer.code, "small 1.0 is there already" in answer.text) == (7, True)
    assert "hint: -u updates it" in answer.text
    assert "there already" in install(installer, "-bu", "-p", prefix).text
    same = install(installer, "-b", "-p", prefix)
    assert (same.code, "-f replaces it" in same.text, "-u" in same.text) == (7, True, False)
    (area / "hook-fails").touch()
    answer = install(newer, "-bu", "-p", prefix)
    assert (answer.code, "its hook failed" in answer.text) == (5, True)
    assert version_at(prefix) == "1.0"
    assert install(newer, "-bus", "-p", prefix).code == 0
    assert version_at(prefix) == "1.1"
    (area / "hook-fails").rename(area / "hook-breaks")
    answer = install(installer, "-bft", "-p", prefix)
    assert (answer.code, "failed: greet" in answer.text) == (5, True), answer.text
    assert version_at(prefix) == "1.1"
    (area / "hook-breaks").unlink()
    answer = install(installer, "-bft", "-p", prefix)
    assert f"hook of small 1.0 on linux-64 in {prefix}" in answer.text
    assert version_at(prefix) == "1.0"


def started(*argv: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sh", *map(str, argv)],
        env=PLAIN_ENVIRON,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def await_stage(process: subprocess.Popen[bytes], prefix: Path, made: Path) -> None:
    """Wait until an installer is at work on a prefix, and has made something."""
    deadline = time.monotonic() + 60
    lock = prefix.with_name(f".{prefix.name}.lamina-lock")
    mine = f"{os.uname().nodename}:{process.pid}"
    while not (lock.is_symlink() and str(lock.readlink()) == mine and made.exists()):
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before"
        time.sleep(0.002)


def ended(process: subprocess.Popen[bytes], number: int) -> int:
    """Send a signal to an installer and all that it started."""
    os.killpg(process.pid, number)
    return process.wait(timeout=60)


def test_killed_while_unpacking_it_starts_again(installer: Path, tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    prefix = deep / "small"
    process = started(installer, "-b", "-p", prefix)
    stage = deep / f".small.lamina-stage-{process.pid}"
    await_stage(process, prefix, stage / "tree" / "bin")
    assert ended(process, signal.SIGKILL) == -signal.SIGKILL
    assert stage.exists()
    assert not prefix.exists()
    leftover = stage / "tree" / "leftover"
    leftover.touch()
    process = started(installer, "-b", "-p", prefix)
    while leftover.exists():
        assert process.poll() is None
        time.sleep(0.002)
    stage = deep / f".small.lamina-stage-{process.pid}"
    await_stage(process, prefix, stage / "tree" / "bin")
    assert ended(process, signal.SIGTERM) == 143
    assert list(deep.iterdir()) == []
    assert install(installer, "-b", "-p", prefix).code == 0
    assert list(deep.iterdir()) == [prefix]
    assert version_at(prefix) == "1.0"
    fs.remove_tree(deep)


def test_killed_before_it_was_finished_the_old_one_comes_back(
    installer: Path, newer: Path, area: Path
) -> None:
    prefix = area / "small"
    (area / "hook-waits").touch()
    process = started(newer, "-bu", "-p", prefix)
    try:
        await_stage(process, prefix, prefix / ".lamina" / "unfinished")
        answer = install(installer, "-bf", "-p", prefix)
        assert (answer.code, "another installer is at work" in answer.text) == (7, True)
    finally:
        assert ended(process, signal.SIGKILL) == -signal.SIGKILL
        (area / "hook-waits").unlink()
    answer = install(installer, "-b", "-p", prefix)
    assert (answer.code, "small 1.0 is there already" in answer.text) == (7, True)
    assert version_at(prefix) == "1.0"


def links(top: Path) -> dict[str, str]:
    return {one.name: str(one.readlink()) for one in top.iterdir() if one.is_symlink()}


@pytest.mark.parametrize("said", ["./area/.", ".//area/", "././area", "{top}/./area//."])
def test_messages_name_places_in_their_shortest_form(
    installer: Path, tmp_path: Path, said: str
) -> None:
    area = tmp_path / "area"
    area.mkdir()
    (area / "pro").mkdir()
    answer = install(installer, "-b", "--upgrade", said.format(top=tmp_path), cwd=tmp_path)
    assert (answer.code, answer.text.splitlines()[0]) == (
        7, f"error: {area}/pro: there, and no link",
    )  # fmt: skip
    answer = install(installer, "-b", "-p", f"{said.format(top=tmp_path)}/a'b", cwd=tmp_path)
    assert (answer.code, answer.text.partition(": a path")[0]) == (2, f"error: {area}/a'b")
    (tmp_path / "small.sh").hardlink_to(installer)
    answer = install("./small.sh", "--check", cwd=tmp_path)
    assert answer.text.startswith(f"{tmp_path}/small.sh: small 1.0, ")


def test_what_is_there_already_is_tested_before_the_link_is_moved(
    installer: Path, newer: Path, tmp_path: Path
) -> None:
    top = tmp_path / "server"
    for one in (installer, newer):
        assert install(one, "-bs", "--upgrade", top).code == 0
    before = links(top)
    assert before == {"pro": "versions/1.1", "old": "versions/1.0"}
    program = top / "versions" / "1.0" / "bin" / "greet"
    kept = program.rename(program.with_name("greet.kept"))
    program.symlink_to("/bin/false")
    answer = install(installer, "-bst", "--upgrade", top)
    assert (answer.code, "failed: greet" in answer.text) == (5, True), answer.text
    assert "its tests failed: nothing was changed" in answer.text
    assert links(top) == before
    assert install(installer, "-but", "-p", top / "versions" / "1.0").code == 5
    kept.replace(program)
    answer = install(installer, "-bst", "--upgrade", top)
    assert (answer.code, "running its tests" in answer.text) == (0, True), answer.text
    assert links(top) == {"pro": "versions/1.0", "old": "versions/1.1"}
    fs.remove_tree(tmp_path)


def test_servers_are_upgraded_and_go_back(installer: Path, newer: Path, tmp_path: Path) -> None:
    top = tmp_path / "server"
    one, other = "versions/1.0", "versions/1.1"
    answer = install(installer, "-b", "--upgrade", "server", cwd=tmp_path)
    assert answer.code == 0, answer.text
    assert answer.text.endswith(f"\nto use it: . '{top}/pro/{RC}'\n")
    assert links(top) == {"pro": one}
    answer = install(installer, "-b", "--rollback", top)
    assert (answer.code, "nothing to go back to" in answer.text) == (7, True)
    (top / "versions" / "hook-fails").touch()
    assert install(newer, "--upgrade", top).code == 5
    assert links(top) == {"pro": one}
    (top / "versions" / "hook-fails").unlink()
    assert install(newer, "--upgrade", top).code == 0
    assert links(top) == {"pro": other, "old": one}
    assert "there already" in install(newer, "--upgrade", top).text
    assert links(top) == {"pro": other, "old": one}
    assert install(newer, "--rollback", "server", cwd=tmp_path).code == 0
    assert links(top) == {"pro": one, "old": other}
    assert [version_at(top / link) for link in (one, other)] == ["1.0", "1.1"]
    assert sorted(path.name for path in top.iterdir()) == ["old", "pro", "versions"]
    (top / "pro").unlink()
    (top / "pro").mkdir()
    assert install(installer, "--upgrade", top).code == 7
    fs.remove_tree(tmp_path)
