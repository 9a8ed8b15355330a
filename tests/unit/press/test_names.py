"""Names and versions of distributions, in the words of conda."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from lamina.press.names import conda_name, conda_spec


@pytest.mark.parametrize(
    ("specifiers", "spec"),
    [
        ("", "x"),
        (">=1,<2", "x >=1,<2a0"),
        ("<2.0rc1", "x <2.0rc1"),
        ("==1.2", "x ==1.2"),
        ("==1.2.*", "x 1.2.*"),
        ("~=1.4.2", "x >=1.4.2,1.4.*"),
        ("!=1.5.*,>=1", "x >=1,!=1.5.*"),
        ("===1.0", "x ==1.0"),
    ],
)
def test_specs(specifiers: str, spec: str) -> None:
    assert conda_spec("x", SpecifierSet(specifiers)) == spec


def test_names() -> None:
    assert conda_name("Typing_Extensions") == "typing_extensions"
    assert conda_name("Awkward.CPP") == "awkward-cpp"
    assert conda_name("torch") == "pytorch"
    assert conda_name("torch", {"torch": "my-torch"}) == "my-torch"
