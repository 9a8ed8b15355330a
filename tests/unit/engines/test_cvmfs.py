"""The words that go to ``cvmfs_server``, and the paths that are in a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import UsageError
from lamina.engines.cvmfs import path_of, plain, repository_of, tag_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("publish small/1.0, tested", "publish small/1.0, tested", id="plain"),
        pytest.param("1.0 -> 1.1", "1.0 1.1", id="redirection"),
        pytest.param("$(rm -rf /) `x` \"q\" 'q' ; & | * ? ~", "rm rf / x q q", id="shell"),
        pytest.param("-a other --tag", "a other tag", id="options"),
        pytest.param("line\nnext \\ für", "line next f r", id="others"),
        pytest.param("- --", "lamina", id="nothing-left"),
    ],
)
def test_no_message_means_anything_to_a_shell(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_a_tag_has_no_spaces_and_is_new() -> None:
    assert tag_of("small-1.0+local-linux-64", frozenset()) == "small-1.0-local-linux-64"
    assert tag_of("a b", frozenset({"a-b", "a-b-2"})) == "a-b-3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cvmfs:lhcb.cern.ch", "/cvmfs/lhcb.cern.ch"),
        ("cvmfs:lhcb.cern.ch/sw//lamina/", "/cvmfs/lhcb.cern.ch/sw/lamina"),
    ],
)
def test_a_root_in_a_repository(text: str, expected: str) -> None:
    assert path_of(text, {}) == Path(expected)
    repository, inside = repository_of(Path(expected), {}) or ("", "")
    assert f"/cvmfs/{repository}/{inside}".rstrip("/") == expected


@pytest.mark.parametrize("text", ["cvmfs:", "cvmfs:/a", "cvmfs:a/../b", "cvmfs:..", "cvmfs:-f"])
def test_what_is_no_root(text: str) -> None:
    with pytest.raises(UsageError, match="is no root in CVMFS"):
        path_of(text, {})


@pytest.mark.parametrize("path", ["/cvmfs", "/data/root", "/cvmfsother/a"])
def test_a_directory_that_is_in_no_repository(path: str) -> None:
    assert repository_of(Path(path), {}) is None
    assert repository_of(Path("/somewhere/a/b"), {"LAMINA_CVMFS": "/somewhere"}) == ("a", "b")
