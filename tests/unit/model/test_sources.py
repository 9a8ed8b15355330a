from __future__ import annotations

import pytest

from lamina.model.sources import check_commit, check_inside, check_repository, check_revision


@pytest.mark.parametrize(
    "text",
    [
        "https://git.example.org/x.git",
        "http://git.example.org:8080/a/b",
        "ssh://git@git.example.org/x.git",
        "git@git.example.org:group/x.git",
        "file:///srv/git/x.git",
    ],
)
def test_addresses_of_repositories(text: str) -> None:
    assert check_repository(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not the address"),
        ("../x", "not the address"),
        ("/srv/x.git", "not the address"),
        ("--upload-pack=touch", "not the address"),
        ("ext::sh -c touch", "not the address"),
        ("git@host:--x y", "not the address"),
        ("https://", "not the address"),
        ("https://[x", "not the address"),
        ("https://host:port/x", "not the address"),
        ("https://me:secret@host/x", "has credentials"),
        ("https://token@host/x", "has credentials"),
        ("ssh://me:secret@host/x", "has credentials"),
        ("https://host/x?ref=1", "keys of their own"),
        ("https://host/x#main", "keys of their own"),
    ],
)
def test_what_is_no_repository(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        check_repository(text)
    assert "secret" not in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("text", ["v1.4", "feature/x", "1a2b3c", "release-2026"])
def test_revisions(text: str) -> None:
    assert check_revision(text) == text


@pytest.mark.parametrize(
    "text", ["", "@", "-x", "/x", "x/", "a..b", "a b", "a~1", "a^{}", "a:b", "x.lock", "a@{1}"]
)
def test_what_git_would_take_for_something_else(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a revision"):
        check_revision(text)


def test_a_commit_has_its_full_name() -> None:
    assert check_commit("0a" * 20) == "0a" * 20
    for text in ("0a" * 19, "0A" * 20, "main"):
        with pytest.raises(ValueError, match="full name"):
            check_commit(text)


@pytest.mark.parametrize(
    ("text", "short"), [("vendor/x", "vendor/x"), ("./a//b/", "a/b"), ("a/../b", "b"), (".", ".")]
)
def test_paths_get_their_shortest_form(text: str, short: str) -> None:
    assert check_inside(text) == short


@pytest.mark.parametrize("text", ["", "/srv/x", "../x", "a/../../x", "a\\b"])
def test_paths_that_lead_elsewhere(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path below"):
        check_inside(text)
