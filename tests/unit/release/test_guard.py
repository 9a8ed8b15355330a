from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError
from lamina.core.hold import hold
from lamina.model.names import StackName
from lamina.model.platforms import Platform
from lamina.model.versions import parse_release_version
from lamina.release.guard import GUARD_NAME, only_publisher, sweep
from lamina.release.root import Root, open_root
from support.accounts import NOBODY, two_accounts
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Return a root with one release."""
    root = open_root(tmp_path / "root", create=True)
    internal = _prefix(root, "1.0") / ".lamina"
    fs.make_directory(internal)
    fs.write_text(internal / "release.toml", "")
    return root


def _prefix(root: Root, version: str) -> Path:
    return root.prefix_of(StackName("s"), parse_release_version(version), Platform.LINUX_64)


def test_remains_are_swept_and_releases_stay(root: Root) -> None:
    stage = root.staging / "s-2.0-linux-64-abc" / "lib"
    stage.mkdir(parents=True)
    (stage / "file").write_text("")
    (stage / "file").chmod(0o444)
    stage.chmod(0o555)
    _prefix(root, "2.0").mkdir(parents=True)
    with only_publisher(root, environ={}, now=NOW):
        assert list(root.staging.iterdir()) == []
        assert not _prefix(root, "2.0").parent.exists()
        assert [one.version for one in root.releases()] == ["1.0"]


def test_what_is_not_ours_stays(root: Root) -> None:
    foreign = _prefix(root, "2.0")
    foreign.mkdir(parents=True)
    (foreign / "thesis.tex").write_text("")
    sweep(root)
    assert (foreign / "thesis.tex").exists()


def test_a_file_among_the_remains_goes_too(root: Root) -> None:
    root.staging.mkdir()
    (root.staging / ".nfs0001").write_text("")
    sweep(root)
    assert list(root.staging.iterdir()) == []


def test_a_staging_directory_that_is_a_link_is_not_swept(root: Root, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "thesis").mkdir(parents=True)
    root.staging.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="is a link"):
        sweep(root)
    assert (tmp_path / "elsewhere" / "thesis").exists()


def test_the_holder_is_named(root: Root) -> None:
    with (
        only_publisher(root, environ={"USER": 'a "b"'}, now=NOW),
        pytest.raises(ConflictError) as caught,
        only_publisher(root, environ={}, now=NOW),
    ):
        pass
    assert 'a "b" on ' in caught.value.message
    assert f"process {os.getpid()}, since 2026-11-01 12:00:00" in caught.value.message


def test_a_holder_that_has_not_said_who_it_is(root: Root) -> None:
    with (
        hold(root.path / GUARD_NAME, "half of a docu"),
        pytest.raises(ConflictError, match="not said who it is"),
        only_publisher(root, environ={}, now=NOW),
    ):
        pass


def test_remains_into_which_somebody_still_writes(root: Root) -> None:
    (root.staging / "s").mkdir(parents=True)
    attempts: list[str] = []

    def observer(operation: str, path: Path) -> None:
        attempts.append(operation)
        if attempts.count("rmtree") < 3:
            raise StorageError(f"{path}: directory not empty")

    with fs.observe(observer):
        sweep(root)
    assert attempts.count("rmtree") == 3
    assert not (root.staging / "s").exists()


def test_remains_of_another_account_keep_nobody_from_publishing() -> None:
    with kept_warnings() as warned, two_accounts() as (place, another):
        root = open_root(place / "root", create=True)
        with only_publisher(root, environ={}, now=NOW):
            left = root.staging / "s-2.0-linux-64-abc"
            (left / "lib").mkdir(parents=True)
            _prefix(root, "2.0").mkdir(parents=True)
            root.staging.chmod(0o777)
        (root.path / GUARD_NAME).chmod(0o666)
        (root.staging / "ours").mkdir()
        os.chown(root.staging / "ours", NOBODY, -1)
        with another(), only_publisher(root, environ={}, now=NOW):
            assert list(root.staging.iterdir()) == [left]
        assert warned == [f"{left}: left by root, who alone can remove it"]
        with only_publisher(root, environ={}, now=NOW):
            assert not left.exists()
            assert not _prefix(root, "2.0").exists()
