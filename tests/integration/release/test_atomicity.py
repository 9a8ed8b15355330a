from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError
from lamina.model.versions import parse_release_version
from lamina.release.guard import only_publisher
from lamina.release.publish import publish
from lamina.release.root import Root, open_root
from lamina.release.verify import verify_release
from support.faults import InjectedError, failing_at, full_disk, interrupt
from support.mounts import mounted, read_only, remount
from support.releases import NOW, FakeInstaller, make_stack, publish_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lamina.engines.api import ArtifactLocator
    from lamina.model.artifacts import Artifact
    from lamina.release.draft import PublishRequest

_CHILD = """
import sys
from pathlib import Path
from support.releases import make_stack, publish_request
from lamina.cli.edge import guarded
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
import click, os
@click.command()
def main():
    version = parse_release_version(sys.argv[2])
    stack = make_stack(test={"commands": [sys.argv[3]]})
    publish(publish_request(Path(sys.argv[1]), dict(os.environ), version=version, stack=stack))
guarded(main, [])
"""


def _sound(root: Root) -> list[str]:
    """Return the names of the releases after verifying each of them."""
    for release in root.releases():
        assert verify_release(release).sound, release.name
    return [release.name for release in root.releases()]


def _child(
    tmp_path: Path, environ: dict[str, str], version: str, test: str = "greet"
) -> subprocess.Popen[bytes]:
    """Start to publish a release whose one test is a command."""
    paths = os.pathsep.join([str(Path(__file__).parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, tmp_path, version, test],
        env=environ | {"PYTHONPATH": paths},
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param((full_disk,), id="disk-full", marks=pytest.mark.heavy),
        pytest.param((interrupt,), id="interrupt", marks=pytest.mark.heavy),
        pytest.param((full_disk, interrupt), id="in-turn"),
    ],
)
def test_whatever_operation_fails_the_root_is_whole(
    tmp_path: Path,
    environ: dict[str, str],
    ways: tuple[Callable[[str, Path], None], ...],
) -> None:
    changes = {"installer": FakeInstaller(), "stack": make_stack(test={"imports": []})}
    publish(publish_request(tmp_path, environ, **changes))
    request = publish_request(tmp_path, environ, version=parse_release_version("2.0"), **changes)
    root = open_root(request.root)
    failures = 0
    for chosen in range(1000):
        failing = failing_at(chosen + 1, ways[chosen % len(ways)])
        with contextlib.suppress(StorageError, InjectedError), failing as tried:
            publish(request)
        names = _sound(root)
        assert names in (["small/1.0"], ["small/1.0", "small/2.0"])
        if len(tried) <= chosen:
            break
        failures += 1
        if len(names) == 2:
            assert publish(request).status == "identical"
            _withdraw(root)
    assert failures > 30
    assert publish(request).status == "identical"
    assert _in_common(root) > 3
    assert names == ["small/1.0", "small/2.0"]


def _in_common(root: Root) -> int:
    """Return how many files the two releases share."""
    [one, other] = [release.prefix for release in root.releases()]
    files = [path for path in one.rglob("*") if path.is_file() and not path.is_symlink()]
    pairs = [(path, other / path.relative_to(one)) for path in files]
    return sum(two.exists() and path.samefile(two) for path, two in pairs)


def _withdraw(root: Root) -> None:
    fs.remove_tree(root.path / "releases" / "small" / "2.0")


def test_whatever_operation_fails_a_new_root_can_be_made(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    changes = {"installer": FakeInstaller(), "stack": make_stack(test={"imports": []})}
    for chosen in range(6):
        request = publish_request(tmp_path, environ, root=tmp_path / f"root {chosen}", **changes)
        failing = failing_at(chosen + 1, full_disk)
        with pytest.raises(StorageError, match="no space left"), failing:
            publish(request)
        assert publish(request).status == "published"


def test_killed_at_any_moment_the_next_publish_works(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    publish(publish_request(tmp_path, environ))
    root = open_root(tmp_path / "root")
    chance = random.Random(20261101)
    killed = 0
    for turn in range(6):
        process = _child(tmp_path, environ, f"2.{turn}")
        time.sleep(chance.uniform(0.4, 1.4))
        killed += process.poll() is None
        process.kill()
        process.communicate()
        assert "small/1.0" in _sound(root)
        version = parse_release_version(f"2.{turn}")
        assert publish(publish_request(tmp_path, environ, version=version)).release.name in _sound(
            root
        )
    assert killed > 0
    _swept(root, publish_request(tmp_path, environ))


def _swept(root: Root, request: PublishRequest) -> None:
    """See the next publish remove what is left, once the programs that lost their parent ended."""
    deadline = time.monotonic() + 60
    while True:
        assert publish(request).status == "identical"
        if not any(root.staging.iterdir()):
            return
        assert time.monotonic() < deadline
        time.sleep(0.2)


@dataclass(frozen=True)
class _Orphan:
    """Installs, while a program that a killed publisher had started writes into its own stage."""

    stage: Path

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        (self.stage / "lib").mkdir(parents=True)
        FakeInstaller().install(artifacts, python=python, locator=locator)


def test_what_orphans_write_after_the_sweep_goes_too(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    root = open_root(tmp_path / "root", create=True)
    installer = _Orphan(root.staging / "small-0.9-killed")
    request = publish_request(tmp_path, environ, installer=installer, run_tests=False)
    assert publish(request).status == "published"
    assert not any(root.staging.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_an_interrupt_leaves_nothing(
    tmp_path: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    root = open_root(tmp_path / "root", create=True)
    # A test that never ends keeps it from being done before the signal comes.
    process = _child(tmp_path, environ, "1.0", "sleep 1000")
    deadline = time.monotonic() + 60
    while not (root.staging.is_dir() and any(root.staging.iterdir())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    message = "error: interrupted; nothing half-done was left in place"
    assert (process.returncode, errors.decode().strip()) == (130, message)
    assert not any(root.staging.iterdir())
    assert list((root.path / "releases").iterdir()) == []


def test_the_second_publisher_is_told_who_is_first(tmp_path: Path, environ: dict[str, str]) -> None:
    request = publish_request(tmp_path, environ | {"LOGNAME": "ada"}, installer=FakeInstaller())
    root = open_root(request.root, create=True)
    with (
        only_publisher(root, environ={"LOGNAME": "grace"}, now=NOW),
        pytest.raises(ConflictError, match=r"grace on .*, process ") as caught,
    ):
        publish(request)
    assert f"process {os.getpid()}, since 2026-11-01" in caught.value.message
    assert caught.value.exit_code == 7
    assert publish(request).status == "published"


def test_of_two_publishers_one_wins(tmp_path: Path, environ: dict[str, str]) -> None:
    processes = [_child(tmp_path, environ, "1.0") for _ in range(2)]
    answers = [process.communicate(timeout=120)[1].decode() for process in processes]
    codes = [process.returncode for process in processes]
    root = open_root(tmp_path / "root")
    assert _sound(root) == ["small/1.0"]
    assert sorted(codes) in ([0, 7], [0, 0]), answers
    for code, answer in zip(codes, answers, strict=True):
        assert ("another publisher is at work" in answer) == (code == 7)


@pytest.mark.namespaces
def test_a_full_disk(tmp_path: Path, environ: dict[str, str]) -> None:
    """Let the disk be a little larger each time, until a release fits."""
    small = tmp_path / "small"
    small.mkdir()
    request = publish_request(tmp_path, environ, root=small / "root")
    failures = 0
    with mounted(small, "size=24k"):
        for size in range(24, 1000, 12):
            remount(small, f"size={size}k")
            try:
                publish(request)
            except StorageError:
                assert not any(request.root.glob("releases/*"))
                assert not any(request.root.glob(".staging/*"))
                failures += 1
            else:
                break
        assert _sound(open_root(request.root)) == ["small/1.0"]
        assert failures > 5


@pytest.mark.namespaces
def test_a_root_that_is_not_writable(tmp_path: Path, environ: dict[str, str]) -> None:
    request = publish_request(tmp_path, environ, installer=FakeInstaller())
    open_root(request.root, create=True)
    with read_only(request.root):
        with pytest.raises(StorageError, match="read-only") as caught:
            publish(request)
        assert caught.value.hints
