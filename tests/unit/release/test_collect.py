"""Only what nobody needs is collected, and whatever stops it leaves a root that is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError
from lamina.model.names import TierName
from lamina.model.platforms import Platform, current_platform
from lamina.release.collect import collect, plan_collection
from lamina.release.guard import only_publisher
from lamina.release.history import read_history
from lamina.release.root import open_root
from lamina.release.tiers import promote, retire
from support.accounts import NOBODY, two_accounts
from support.faults import failing_at, full_disk
from support.roots import HEP, Clock, release_of, root_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lamina.release.collect import Collection
    from lamina.release.root import Root

STABLE = TierName("stable")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return root_with(tmp_path / "root", "1.0", "1.1", "1.2", "1.3", "2.0")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def plan(
    root: Root, keep: int | None = None, needed: Mapping[str, Sequence[str]] | None = None
) -> Collection:
    return plan_collection(root, root.releases(), keep=keep, needed=needed or {})


def going(found: Collection) -> list[str]:
    return [one.release.version for one in found.going]


def why(found: Collection) -> dict[str, tuple[str, ...]]:
    return {one.version: reasons for one, reasons in found.staying}


def run(root: Root, clock: Clock, keep: int | None = None) -> Collection:
    return collect(root, root.releases(), clock.change(), keep=keep, needed={}, environ={})


def test_nothing_goes_unasked(root: Root) -> None:
    assert going(plan(root)) == []
    assert set(why(plan(root)).values()) == {("in service",)}


def test_what_is_retired_goes(root: Root, clock: Clock) -> None:
    retire(root, release_of(root, "1.1"), clock.change())
    assert [(one.release.version, one.reason) for one in plan(root).going] == [
        ("1.1", "retired by lib")
    ]


def test_the_newest_stay(root: Root, clock: Clock) -> None:
    assert going(plan(root, keep=2)) == ["1.0", "1.1", "1.2"]
    assert why(plan(root, keep=2))["2.0"] == ("one of the 2 newest",)
    # What is retired is not counted among them.
    retire(root, release_of(root, "2.0"), clock.change())
    assert going(plan(root, keep=2)) == ["1.0", "1.1", "2.0"]
    assert going(plan(root, keep=9)) == ["2.0"]


def test_what_a_tier_names_and_goes_back_to_stays(root: Root, clock: Clock) -> None:
    for version in ("1.0", "1.1", "1.2"):
        promote(root, release_of(root, version), [STABLE], clock.change())
    found = plan(root, keep=1)
    assert going(found) == ["1.0", "1.3"]
    assert why(found) == {
        "1.1": ("hep@stable goes back to it",),
        "1.2": ("hep@stable names it",),
        "2.0": ("one of the 1 newest",),
    }


def test_what_a_layer_stands_on_stays(root: Root, clock: Clock) -> None:
    for version in ("1.0", "1.1"):
        retire(root, release_of(root, version), clock.change())
    prefix = release_of(root, "1.0").prefix.as_posix()
    needed = {prefix: ["ann's layer"], "hep/1.0": ["ann's layer"], "hep/1.1": ["bob's layer"]}
    found = plan(root, needed=needed)
    assert going(found) == []
    assert why(found)["1.0"] == ("ann's layer",)
    assert why(found)["1.1"] == ("bob's layer",)


def test_a_root_that_is_reached_by_a_link(root: Root, tmp_path: Path) -> None:
    prefix = release_of(root, "1.0").prefix.as_posix()
    (tmp_path / "link").symlink_to(root.path)
    linked = open_root(tmp_path / "link")
    found = plan_collection(linked, linked.releases(), keep=1, needed={prefix: ["ann's layer"]})
    assert going(found) == ["1.1", "1.2", "1.3"]


def test_a_release_that_is_promoted_meanwhile_stays(root: Root, clock: Clock) -> None:
    moved = False

    def observer(operation: str, _path: Path) -> None:
        nonlocal moved
        if operation == "rmtree" and not moved:
            moved = True
            promote(root, release_of(root, "1.2"), [STABLE], clock.change())

    with fs.observe(observer):
        found = run(root, clock, keep=1)
    assert moved
    assert going(found) == ["1.0", "1.1", "1.3"]
    assert why(found)["1.2"] == ("wanted again",)
    assert root.tiers(HEP) == {"stable": "1.2"}
    assert release_of(root, "1.2").prefix.is_dir()


def test_platforms_are_counted_apart(tmp_path: Path) -> None:
    other = next(one for one in Platform if one is not current_platform())
    root = root_with(tmp_path / "root", "1.0", platforms=[other])
    root_with(tmp_path / "root", "1.1", "1.2")
    assert going(plan(root, keep=1)) == ["1.1"]


def test_it_is_gone_with_its_empty_directories(root: Root, clock: Clock) -> None:
    fs.make_read_only(release_of(root, "1.0").prefix)
    assert going(run(root, clock, keep=4)) == ["1.0"]
    assert not (root.path / "releases" / "hep" / "1.0").exists()
    assert not list(root.staging.iterdir())
    assert [(one.action, one.after) for one in read_history(root.path, HEP)] == [("collect", "1.0")]


def test_a_dry_run_removes_nothing(root: Root, clock: Clock) -> None:
    before = sorted(root.path.rglob("*"))
    change = clock.change(dry_run=True)
    found = collect(root, root.releases(), change, keep=1, needed={}, environ={})
    assert len(found.going) == 4
    assert sorted(root.path.rglob("*")) == before


def test_it_says_what_is_really_given_back(root: Root, clock: Clock) -> None:
    """Files that a release has in common with one that stays are not given back."""
    size = 1 << 20
    one, two, last = (release_of(root, version).prefix for version in ("1.0", "1.1", "2.0"))
    (one / "own").write_bytes(bytes(size))
    (one / "with the next").write_bytes(bytes(size))
    (two / "with the next").hardlink_to(one / "with the next")
    (one / "with the last").write_bytes(bytes(size))
    (last / "with the last").hardlink_to(one / "with the last")
    found = plan(root, keep=3)
    assert going(found) == ["1.0", "1.1"]
    assert [each.size // size for each in found.going] == [1, 1]
    assert found.size // size == 2
    shares = [each.size // size for each in plan(root, keep=4).going]
    assert shares == [1]
    retire(root, release_of(root, "2.0"), clock.change())
    assert plan(root, keep=2).size // size == 3
    run(root, clock, keep=2)
    assert {path.name for path in root.path.rglob("with*")} == set()


def test_not_while_somebody_publishes(root: Root, clock: Clock) -> None:
    with (
        only_publisher(root, environ={}, now=clock.now),
        pytest.raises(ConflictError, match="another publisher"),
    ):
        run(root, clock, keep=1)
    assert len(root.releases()) == 5


def test_whatever_fails_releases_are_whole_or_gone(tmp_path: Path) -> None:
    """Each operation is stopped once; what it left is swept by the next that publishes."""
    at = 0
    while True:
        root, clock = root_with(tmp_path / f"root{at}", "1.0", "1.1", "2.0"), Clock()
        for one in root.releases():
            fs.make_read_only(one.prefix)
        try:
            with failing_at(at + 1, full_disk):
                run(root, clock, keep=1)
        except StorageError:
            for one in root.releases():
                assert (one.prefix / ".lamina" / "release.toml").read_text() == one.version
            assert "2.0" in [one.version for one in root.releases()]
            run(root, clock, keep=1)
            assert not list(root.staging.iterdir())
            assert [one.version for one in root.releases()] == ["2.0"]
            at += 1
            continue
        break
    assert at > 10


def test_a_release_of_another_account_stays(clock: Clock) -> None:
    """Who may publish beside it cannot remove it, and what stays is not written down as gone."""
    with two_accounts() as (place, another):
        root = root_with(place / "root", "1.0", "1.1", "1.2")
        run(root, clock, keep=9)
        for path in (root.path, *root.path.rglob("*")):
            if not path.is_relative_to(release_of(root, "1.0").prefix):
                os.chown(path, NOBODY, -1)
        with another():
            done = collect(root, root.releases(), clock.change(), keep=1, needed={}, environ={})
        assert [one.release.version for one in done.going] == ["1.1"]
        assert ("published by root, who alone can remove it",) in [why for _, why in done.staying]
        assert [move.after for move in read_history(root.path, HEP)] == ["1.1"]
        assert [one.version for one in root.releases()] == ["1.0", "1.2"]
