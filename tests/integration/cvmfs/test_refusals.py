"""What ``cvmfs_server`` says no with, in lamina's words; nothing is left open by any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import LaminaError

if TYPE_CHECKING:
    from support.cvmfs_roots import Librarian

pytestmark = pytest.mark.namespaces


@pytest.mark.parametrize(
    ("code", "exit_code", "words", "hint"),
    [
        (1, 1, "the transaction is refused", "CVMFS_USER"),
        (2, 1, "a directory that it is about is not there", "cvmfs_server check"),
        (5, 1, "the transaction did not start", "cvmfs_server check"),
        (16, 7, "the gateway has given the path to another publisher", "run it again"),
        (17, 7, "somebody else has a transaction open", "run it again"),
        (20, 1, "what should be a directory there is none", "cvmfs_server check"),
        (22, 1, "its whitelist has expired, or ", "cvmfs_server resign"),
        (99, 1, "the transaction did not start", "cvmfs_server check"),
    ],
)
def test_a_transaction_that_is_refused(
    librarian: Librarian, code: int, exit_code: int, words: str, hint: str
) -> None:
    server = librarian.server
    server.fail("transaction", 1, "fail", code=code)
    with pytest.raises(LaminaError) as caught:
        librarian.publish()
    error = caught.value
    assert error.exit_code == exit_code
    first, said = error.message.split("\n")
    assert first.startswith(f"{server.repository}: {words}")
    assert said == "  transaction: failed on demand"
    assert hint in error.hints[0]
    assert librarian.commands() == ["transaction"]
    assert not librarian.note.exists()
    assert not server.is_open()


def test_list_that_fails(librarian: Librarian) -> None:
    librarian.server.fail("list", 1, "fail", code=1)
    with pytest.raises(LaminaError, match="cvmfs_server list"):
        librarian.publish()
    assert librarian.commands() == []


def test_tags_that_cannot_be_listed(librarian: Librarian) -> None:
    librarian.server.fail("tag", 1, "fail", code=1)
    with pytest.raises(LaminaError, match="cvmfs_server tag") as caught:
        librarian.publish()
    assert caught.value.hints == (f"less {librarian.work / 'cvmfs_server.log'}",)
    assert librarian.commands() == ["transaction", "abort"]
