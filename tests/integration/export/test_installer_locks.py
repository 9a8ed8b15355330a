"""Installers at one place at the same time: one is at work, and both links belong together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_promotion import Promotion, promote_installer
from lamina.model.versions import parse_release_version
from support.installers import install, stand_in
from support.mounts import mounted
from support.packs import PLAIN_ENVIRON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def versions(installer: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the same installer under three versions."""
    top = tmp_path_factory.mktemp("versions")
    found = [installer]
    for text in ("1.1", "1.2"):
        target = top / f"small-{text}.sh"
        version = parse_release_version(text)
        promote_installer(Promotion(source=installer, version=version, target=target))
        found.append(target)
    return found


@pytest.fixture
def area(tmp_path: Path) -> Iterator[Path]:
    """Return a directory in which nothing but releases may stay."""
    yield tmp_path / "area"
    assert not [one.name for one in (tmp_path / "area").rglob(".*.lamina-*")]
    fs.remove_tree(tmp_path)


def me() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


def nobody() -> str:
    """Return how an installer was called that is dead."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return f"{os.uname().nodename}:{process.pid}"


def started(*argv: str | Path, path: str = PLAIN_ENVIRON["PATH"]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", *map(str, argv)],
        env={"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_lock_of_a_dead_one_is_taken_over_by_one_only(
    installer: Path, area: Path, tmp_path: Path
) -> None:
    """The first is about to remove what the dead one left, while a second one comes."""
    area.mkdir()
    lock = area / ".small.lamina-lock"
    lock.symlink_to(nobody())
    there, go = tmp_path / "there", tmp_path / "go"
    slow = (
        f'case $* in *lamina-lock) : >"{there}"; until [ -e "{go}" ]; do sleep 0.02; done ;; esac\n'
        'exec /bin/rm "$@"'
    )
    first = started(
        installer, "-b", "-s", "-p", area / "small", path=stand_in(tmp_path / "bin", rm=slow)
    )
    wait_until(there.exists)
    second = install(installer, "-b", "-s", "-p", area / "small")
    go.touch()
    assert (second.code, "another installer is at work" in second.text) == (7, True), second.text
    assert f"process {first.pid} on " in second.text
    code, said = ended(first)
    assert code == 0, said


def test_whoever_died_while_taking_over_is_in_nobodys_way(installer: Path, area: Path) -> None:
    area.mkdir()
    for end in ("", "~", "~~"):
        (area / f".small.lamina-lock{end}").symlink_to(nobody())
    refused = area / ".other.lamina-lock"
    refused.symlink_to(me())
    answer = install(installer, "-b", "-s", "-p", area / "other")
    assert (answer.code, f"hint: if it is not: rm '{refused}'" in answer.text) == (7, True)
    assert str(refused.readlink()) == me()
    refused.unlink()
    answer = install(installer, "-b", "-s", "-p", area / "small")
    assert answer.code == 0, answer.text


def test_a_dead_one_that_nobody_has_waited_for_is_not_at_work(installer: Path, area: Path) -> None:
    area.mkdir()
    with subprocess.Popen(["sleep", "600"]) as dead:
        (area / ".small.lamina-lock").symlink_to(f"{os.uname().nodename}:{dead.pid}")
        assert install(installer, "-b", "-s", "-p", area / "small").code == 7
        dead.kill()
        wait_until(lambda: "\nState:\tZ" in Path(f"/proc/{dead.pid}/status").read_text())
        answer = install(installer, "-b", "-s", "-p", area / "small")
        assert answer.code == 0, answer.text


def links(top: Path) -> dict[str, str]:
    return {one.name: str(one.readlink()) for one in top.iterdir() if one.name in {"pro", "old"}}


def test_upgrades_at_once_leave_the_links_of_two_of_them(versions: list[Path], area: Path) -> None:
    assert install(versions[0], "-b", "-s", "--upgrade", area).code == 0
    lock = area / ".links.lamina-lock"
    lock.symlink_to(me())
    upgrades = [started(one, "-s", "--upgrade", area) for one in versions[1:]]
    for text in ("1.1", "1.2"):
        place = area / "versions" / text
        wait_until(lambda place=place: (place / "bin").exists())  # type: ignore[misc]
        wait_until(lambda place=place: not (place / ".lamina" / "unfinished").exists())  # type: ignore[misc]
    time.sleep(0.3)
    assert links(area) == {"pro": "versions/1.0"}
    lock.unlink()
    for one in upgrades:
        code, said = ended(one)
        assert code == 0, said
    assert set(links(area).values()) == {"versions/1.1", "versions/1.2"}
    before = links(area)
    lock.symlink_to(nobody())
    assert install(versions[0], "--rollback", area).code == 0
    assert links(area) == {"pro": before["old"], "old": before["pro"]}


def test_a_way_back_that_was_killed_between_both_links_goes_on(
    versions: list[Path], area: Path
) -> None:
    for one in versions[:2]:
        assert install(one, "-bs", "--upgrade", area).code == 0
    forth = {"pro": "versions/1.1", "old": "versions/1.0"}
    assert links(area) == forth
    # The first link is changed by the Python of what it is to name, and so is the second.
    python = area / "versions" / "1.0" / "bin" / "python"
    fs.rename(python, python.with_name("real"))
    python.write_text(
        '#!/bin/sh\n[ "${6##*/}" != old ] || { kill -9 "$PPID"; exit; }\nexec "${0%/*}/real" "$@"\n'
    )
    python.chmod(0o755)
    assert install(versions[0], "--rollback", area).code == -signal.SIGKILL
    assert links(area) == dict.fromkeys(("pro", "old"), "versions/1.0")
    fs.rename(python.with_name("real"), python)
    answer = install(versions[0], "--rollback", area)
    assert (answer.code, "one that was killed is ended" in answer.text) == (0, True), answer.text
    assert links(area) == {"pro": "versions/1.0", "old": "versions/1.1"}
    answer = install(versions[0], "--rollback", area)
    assert (answer.code, links(area)) == (0, forth), answer.text


def test_room_that_a_killed_one_takes_counts_as_free(installer: Path, tmp_path: Path) -> None:
    top = tmp_path / "mounted"
    top.mkdir()
    with mounted(top, "size=120m"):
        (top / ".there.lamina-stage-1").mkdir()
        (top / ".there.lamina-stage-1" / "big").write_bytes(bytes(100_000_000))
        refused = install(installer, "-bs", "-p", top / "other")
        assert (refused.code, "MB are free" in refused.text) == (1, True)
        answer = install(installer, "-bs", "-p", top / "there")
        assert answer.code == 0, answer.text
        assert [one.name for one in top.iterdir()] == ["there"]
