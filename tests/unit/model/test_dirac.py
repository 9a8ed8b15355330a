"""DIRAC's versions and PEP 440's, forth and back."""

from __future__ import annotations

import itertools

import pytest
from packaging.version import Version

from lamina.model.dirac import from_dirac, is_dirac, to_dirac

PAIRS = [
    ("v7r3p2-pre6", "7.3.2a6"),
    ("v7r3p2", "7.3.2"),
    ("v7r1", "7.1.0"),
    ("v8r0-pre5", "8.0.0a5"),
    ("v0r1p10", "0.1.10"),
    ("v10r0", "10.0.0"),
]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_forth_and_back(theirs: str, ours: str) -> None:
    assert from_dirac(theirs) == ours
    assert to_dirac(ours) == theirs
    assert is_dirac(theirs)
    assert not is_dirac(ours)


def test_they_are_ordered_as_dirac_orders_them() -> None:
    order = ["v6r22p9", "v7r0-pre1", "v7r0-pre12", "v7r0", "v7r0p1-pre1", "v7r0p1", "v7r10"]
    versions = [Version(from_dirac(one)) for one in order]
    assert all(one < other for one, other in itertools.pairwise(versions))


@pytest.mark.parametrize("ours", ["7", "7.1"])
def test_what_is_shorter(ours: str) -> None:
    assert Version(from_dirac(to_dirac(ours))) == Version(ours)


@pytest.mark.parametrize(
    "text", ["7.3.2", "v7", "v7r3p0", "v07r3", "v7r3-pre0", "v7r3p2-pre", "v7r3p2 ", "V7r3", ""]
)
def test_not_dirac(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version such as"):
        from_dirac(text)
    assert not is_dirac(text)


@pytest.mark.parametrize(
    "text",
    ["7.3.2b1", "7.3.2rc1", "7.3.2.post1", "7.3.2.dev1", "1!7.3.2", "7.3.2.1", "7.3.2+a", "7.3a0"],
)
def test_what_dirac_cannot_write(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        to_dirac(text)


def test_no_version_at_all() -> None:
    with pytest.raises(ValueError, match="is not a PEP 440 version"):
        to_dirac("seven")
