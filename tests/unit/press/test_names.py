"""Names and versions of distributions, in the words of conda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from lamina.core.errors import DocumentError, UsageError
from lamina.press.names import conda_name, conda_spec, distribution_name, read_names

if TYPE_CHECKING:
    from pathlib import Path


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


def test_names_both_ways() -> None:
    assert distribution_name("pytorch") == "torch"
    assert distribution_name("numpy") == ""
    assert distribution_name("my-torch", {"torch": "my-torch"}) == "torch"
    assert distribution_name("pytorch", {"torch": "my-torch"}) == ""
    with pytest.raises(UsageError, match="of other and of torch, and can be of one only"):
        distribution_name("pytorch", {"other": "pytorch"})


def test_names_that_are_given(tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text('[names]\n"Py_Foo" = "foo"\nbar = "libbar"\n', encoding="utf-8")
    assert read_names(["bar=bar2"], file) == {"py-foo": "foo", "bar": "bar2"}
    for pairs, reason in ((["foo"], "not DISTRIBUTION"), (["a=x", "A=y"], "a|A is x already")):
        with pytest.raises(UsageError, match=reason):
            read_names(pairs)
    file.write_text('[names]\n"py-foo" = "foo"\n"Py_Foo" = "other"\n', encoding="utf-8")
    with pytest.raises(DocumentError, match="the same name has another package"):
        read_names([], file)
    file.write_text("[nmaes]\n", encoding="utf-8")
    with pytest.raises(DocumentError):
        read_names([], file)
