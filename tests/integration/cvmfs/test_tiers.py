"""Tiers, retirement and collection: one ordinary transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, UsageError
from lamina.model.names import StackName, TierName
from lamina.release.collect import collect
from lamina.release.history import read_history
from lamina.release.root import Root
from lamina.release.tiers import drop, promote, retire, rollback

if TYPE_CHECKING:
    from support.cvmfs_roots import Librarian

pytestmark = pytest.mark.namespaces

SMALL = StackName("small")
STABLE = TierName("stable")


def _two(librarian: Librarian) -> None:
    for version in ("1.0", "1.1"):
        librarian.publish(version)


def _tiers(librarian: Librarian) -> dict[str, str]:
    """Return what clients see."""
    return {name: str(at) for name, at in Root(librarian.client).tiers(SMALL).items()}


def _last_message(librarian: Librarian) -> str:
    calls = [call for call in librarian.server.calls() if call[0] == "publish"]
    return calls[-1][calls[-1].index("-m") + 1]


def test_a_tier_is_moved_forth_and_back(librarian: Librarian) -> None:
    _two(librarian)
    first, second = librarian.root.releases()
    promote(librarian.root, first, [STABLE], librarian.change())
    promote(librarian.root, second, [STABLE], librarian.change("for $(them) -> `all`"))
    assert _tiers(librarian) == {"stable": "1.1"}
    assert _last_message(librarian) == "lamina: small for them all"
    rollback(librarian.root, SMALL, STABLE, librarian.change(), to=None)
    assert _tiers(librarian) == {"stable": "1.0"}
    assert [one.action for one in read_history(librarian.client, SMALL)] == [
        *("promote", "promote", "rollback"),
    ]
    drop(librarian.root, SMALL, STABLE, librarian.change())
    assert _tiers(librarian) == {}
    assert "rollback" not in librarian.commands()
    assert not librarian.server.is_open()
    tags = librarian.server.do("tag", "-l", "-x", librarian.server.repository)
    assert sum(line.startswith("small-") for line in tags.splitlines()) == 2


def test_what_is_refused_publishes_nothing(librarian: Librarian) -> None:
    _two(librarian)
    before = librarian.commands()
    with pytest.raises(UsageError, match="no tier"):
        rollback(librarian.root, SMALL, STABLE, librarian.change(), to=None)
    assert librarian.commands() == [*before, "transaction", "abort"]
    assert not (librarian.client / "history").exists()


def test_what_changes_nothing_publishes_nothing(librarian: Librarian) -> None:
    _two(librarian)
    for _ in range(2):
        promote(librarian.root, librarian.root.releases()[0], [STABLE], librarian.change())
    assert librarian.commands()[-4:] == ["transaction", "publish", "transaction", "abort"]
    assert len(read_history(librarian.client, SMALL)) == 1


def test_somebody_elses_transaction_is_left_alone(librarian: Librarian) -> None:
    _two(librarian)
    server = librarian.server
    server.do("transaction", server.repository)
    with pytest.raises(ConflictError, match="a transaction is open"):
        promote(librarian.root, librarian.root.releases()[0], [STABLE], librarian.change())
    assert server.is_open()
    assert librarian.commands()[-1] == "transaction"


def test_what_is_retired_is_collected_in_one_transaction(librarian: Librarian) -> None:
    for version in ("1.0", "1.1", "1.2"):
        librarian.publish(version)
    for old in librarian.root.releases()[:2]:
        retire(librarian.root, old, librarian.change())
    before = len(librarian.commands())
    plan = collect(
        librarian.root, librarian.root.releases(), librarian.change(), keep=None, needed={},
        environ=librarian.environ,
    )  # fmt: skip
    assert [one.release.version for one in plan.going] == ["1.0", "1.1"]
    assert librarian.commands()[before:] == ["transaction", "publish"]
    assert [path.name for path in (librarian.client / "releases/small").iterdir()] == ["1.2"]
    with pytest.raises(ConflictError, match=r"small/1\.1 was published once"):
        librarian.publish("1.1")


def test_nothing_to_collect_opens_nothing(librarian: Librarian) -> None:
    _two(librarian)
    before = librarian.commands()
    collect(
        librarian.root, librarian.root.releases(), librarian.change(), keep=None, needed={},
        environ=librarian.environ,
    )  # fmt: skip
    assert librarian.commands() == before
