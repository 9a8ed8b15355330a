"""Tiers move in one step, forwards and back, and never to what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError, UsageError
from lamina.model.names import TierName
from lamina.model.platforms import Platform, current_platform
from lamina.model.references import ReleaseReference
from lamina.model.versions import parse_release_version
from lamina.release.history import read_history, retired
from lamina.release.tiers import drop, promote, put_back, retire, rollback
from support.faults import failing_at, full_disk
from support.roots import HEP, Clock, release_of, root_with

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Root

STABLE, TESTING = TierName("stable"), TierName("testing")
PRO, OLD, OLDER = TierName("pro"), TierName("old"), TierName("older")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return root_with(tmp_path / "root", "1.0", "1.1", "1.2", "2.0")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def point(root: Root, clock: Clock, *versions: str, tier: TierName = STABLE) -> None:
    for version in versions:
        promote(root, release_of(root, version), [tier], clock.change(f"to {version}"), new=True)


def back(root: Root, clock: Clock, to: str | None = None, tier: TierName = STABLE) -> str:
    version = None if to is None else parse_release_version(to)
    rollback(root, HEP, tier, clock.change(), to=version)
    return root.tiers(HEP)[tier]


def test_a_tier_is_a_relative_link_to_the_release(root: Root, clock: Clock) -> None:
    point(root, clock, "1.1")
    link = root.path / "tiers" / "hep" / "stable"
    assert str(link.readlink()) == "../../releases/hep/1.1"
    assert (link / current_platform() / ".lamina" / "release.toml").read_text() == "1.1"
    assert root.find(ReleaseReference.parse("hep@stable")).version == "1.1"


def test_moving_it_where_it_is_does_nothing(root: Root, clock: Clock) -> None:
    point(root, clock, "1.1", "1.1")
    assert len(read_history(root.path, HEP)) == 1


def test_links_pass_on_what_each_had(root: Root, clock: Clock) -> None:
    for version in ("1.0", "1.1", "1.2"):
        promote(root, release_of(root, version), [PRO, OLD, OLDER], clock.change(), new=True)
    assert root.tiers(HEP) == {"pro": "1.2", "old": "1.1", "older": "1.0"}
    # Again: nothing is passed on of a release that was there already.
    promote(root, release_of(root, "1.2"), [PRO, OLD], clock.change())
    assert root.tiers(HEP) == {"pro": "1.2", "old": "1.1", "older": "1.0"}


def test_links_are_moved_from_the_last_to_the_first(root: Root, clock: Clock) -> None:
    promote(root, release_of(root, "1.0"), [PRO, OLD], clock.change(), new=True)
    order: list[str] = []

    def observer(operation: str, path: Path) -> None:
        if operation == "symlink":
            order.append(path.name)

    with fs.observe(observer):
        promote(root, release_of(root, "1.1"), [PRO, OLD], clock.change(), new=True)
    assert order == ["old", "pro"]


def test_a_name_that_is_not_usual_has_to_be_asked_for(root: Root, clock: Clock) -> None:
    with pytest.raises(UsageError, match="no tier 'stabel' \\(did you mean 'stable'") as caught:
        promote(root, release_of(root, "1.0"), [TierName("stabel")], clock.change())
    assert "to make it: --new" in caught.value.hints
    assert not root.tiers(HEP)
    promote(root, release_of(root, "1.0"), [PRO], clock.change(), new=True)
    promote(root, release_of(root, "1.1"), [PRO], clock.change())
    assert root.tiers(HEP) == {"pro": "1.1"}


def test_one_tier_twice(root: Root, clock: Clock) -> None:
    with pytest.raises(UsageError, match="named twice"):
        promote(root, release_of(root, "1.0"), [STABLE, STABLE], clock.change())


def test_rollback_goes_back_step_by_step(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0", "1.1", "1.2")
    assert back(root, clock) == "1.1"
    assert back(root, clock) == "1.0"
    with pytest.raises(UsageError, match="nothing is known to which it could go back"):
        back(root, clock)
    point(root, clock, "2.0")
    assert back(root, clock) == "1.0"


def test_rollback_to_a_release(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0", "1.1", "1.2", "2.0")
    assert back(root, clock, to="1.1") == "1.1"
    # What lay above is gone: back means further back.
    assert back(root, clock) == "1.0"
    with pytest.raises(UsageError, match=r"no release 9\.9"):
        back(root, clock, to="9.9")


def test_rollback_where_a_release_was_there_twice(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0", "1.1", "1.2", "1.1", "2.0")
    assert [back(root, clock) for _ in range(4)] == ["1.1", "1.2", "1.1", "1.0"]


def test_rollback_to_what_the_tier_never_had(root: Root, clock: Clock) -> None:
    point(root, clock, "1.1", "1.2")
    assert back(root, clock, to="1.0") == "1.0"
    with pytest.raises(UsageError, match="nothing is known"):
        back(root, clock)


def test_what_a_killed_move_has_left(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0")
    leftover = root.path / "tiers" / "hep" / ".stable.0123456789ab"
    leftover.symlink_to("../../releases/hep/2.0")
    assert root.tiers(HEP) == {"stable": "1.0"}
    retire(root, release_of(root, "2.0"), clock.change())
    assert not leftover.is_symlink()


def test_a_release_that_is_removed_while_it_is_promoted(root: Root, clock: Clock) -> None:
    release = release_of(root, "2.0")
    fs.remove_tree(release.prefix)
    with pytest.raises(UsageError, match="was removed just now"):
        promote(root, release, [STABLE], clock.change())
    assert root.tiers(HEP) == {}


def test_rollback_passes_over_what_is_gone_or_retired(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0", "1.1", "1.2", "2.0")
    fs.remove_tree(release_of(root, "1.2").prefix)
    retire(root, release_of(root, "1.1"), clock.change())
    assert back(root, clock) == "1.0"


def test_rollback_of_a_tier_that_was_made_by_hand(root: Root, clock: Clock) -> None:
    fs.make_directory(root.path / "tiers" / "hep")
    fs.symlink(root.path / "tiers" / "hep" / "stable", "../../releases/hep/1.0")
    point(root, clock, "1.1")
    assert back(root, clock) == "1.0"


def test_tiers_have_each_their_own_way_back(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0", "1.1")
    point(root, clock, "1.2", "2.0", tier=TESTING)
    assert back(root, clock) == "1.0"
    assert back(root, clock, tier=TESTING) == "1.2"


def test_an_unknown_tier_cannot_go_back(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0")
    with pytest.raises(UsageError, match=r"no tier 'testing'.*there is: stable"):
        back(root, clock, tier=TESTING)


def test_drop(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0")
    drop(root, HEP, STABLE, clock.change())
    assert root.tiers(HEP) == {}
    assert release_of(root, "1.0").prefix.is_dir()
    with pytest.raises(UsageError, match="no tier 'stable'"):
        drop(root, HEP, STABLE, clock.change())


def test_a_platform_that_would_be_lost(tmp_path: Path, clock: Clock) -> None:
    other = next(one for one in Platform if one is not current_platform())
    root = root_with(tmp_path / "root", "1.0", platforms=[current_platform(), other])
    root_with(tmp_path / "root", "1.1")
    point(root, clock, "1.0")
    with pytest.raises(ConflictError, match=f"not published for {other}"):
        promote(root, release_of(root, "1.1"), [STABLE], clock.change())
    promote(root, release_of(root, "1.1"), [STABLE], clock.change(), fewer_platforms=True)
    assert root.tiers(HEP) == {"stable": "1.1"}


def test_retired_is_out_of_service(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0")
    newest = ReleaseReference.parse("hep")
    assert root.find(newest).version == "2.0"
    retire(root, release_of(root, "2.0"), clock.change("wrong numpy"))
    assert root.find(newest).version == "1.2"
    assert root.find(ReleaseReference.parse("hep/2.0")).version == "2.0"
    with pytest.raises(ConflictError, match="retired by lib on 2026-11-01: wrong numpy"):
        promote(root, release_of(root, "2.0"), [STABLE], clock.change())
    with pytest.raises(ConflictError, match="retired by lib"):
        back(root, clock, to="2.0")
    put_back(root, release_of(root, "2.0"), clock.change())
    assert root.find(newest).version == "2.0"
    assert retired(root.path, HEP) == {}


def test_what_a_tier_names_is_not_retired(root: Root, clock: Clock) -> None:
    point(root, clock, "1.0")
    point(root, clock, "1.0", tier=TESTING)
    with pytest.raises(ConflictError, match="is what hep@stable, hep@testing names"):
        retire(root, release_of(root, "1.0"), clock.change())
    assert retired(root.path, HEP) == {}


def test_all_retired_is_still_found(tmp_path: Path, clock: Clock) -> None:
    root = root_with(tmp_path / "root", "1.0")
    retire(root, release_of(root, "1.0"), clock.change())
    assert root.find(ReleaseReference.parse("hep")).version == "1.0"


def test_a_dry_run_changes_nothing(root: Root, clock: Clock) -> None:
    before = sorted(root.path.rglob("*"))
    change = clock.change(dry_run=True)
    assert [one.after for one in promote(root, release_of(root, "1.0"), [STABLE], change)] == [
        "1.0"
    ]
    assert retire(root, release_of(root, "1.0"), change)
    assert sorted(root.path.rglob("*")) == before


@pytest.mark.parametrize("at", range(3))
def test_a_change_that_fails_leaves_the_old_or_the_new(root: Root, clock: Clock, at: int) -> None:
    """Whichever operation fails, the tier is whole, and one rollback later it is the old one."""
    point(root, clock, "1.0", "1.1")
    failed = False
    with failing_at(at + 1, full_disk) as tried:
        try:
            promote(root, release_of(root, "1.2"), [STABLE], clock.change())
        except StorageError:
            failed = True
    assert failed == (at < len(tried))
    assert root.tiers(HEP)["stable"] == ("1.1" if failed else "1.2")
    assert back(root, clock) == ("1.0" if failed else "1.1")


def test_each_operation_is_tried_above(root: Root, clock: Clock) -> None:
    operations: list[str] = []
    point(root, clock, "1.0")
    with fs.observe(lambda operation, _path: operations.append(operation)):
        point(root, clock, "1.1")
    assert operations == ["append", "symlink"]
