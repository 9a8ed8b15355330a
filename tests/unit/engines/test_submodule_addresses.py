"""Addresses of submodules that are relative to that of their repository, as git joins them."""

from __future__ import annotations

import pytest

from lamina.engines.git_repositories import _joined


@pytest.mark.parametrize(
    ("url", "other", "joined"),
    [
        ("https://h/group/x.git", "../y.git", "https://h/group/y.git"),
        ("https://h/group/x.git/", "../../other/y", "https://h/other/y"),
        ("https://h/x.git", "./y", "https://h/x.git/y"),
        ("https://h/x.git", "https://k/y", "https://k/y"),
        ("git@h:group/x.git", "../y", "git@h:group/y"),
        ("git@h:x.git", "../y", "git@h:y"),
        ("git@h:x.git", "../group/y", "git@h:group/y"),
        ("git@h:group/x.git", "../../y", "git@h:y"),
    ],
)
def test_joined(url: str, other: str, joined: str) -> None:
    assert _joined(url, other) == joined
