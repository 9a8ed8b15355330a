from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.model.names import (
    parse_index_name,
    parse_package_name,
    parse_stack_name,
    parse_tier_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("numpy", "numpy", id="plain"),
        pytest.param("Foo__Bar", "foo-bar", id="normalised"),
        pytest.param("zope.interface", "zope-interface", id="dot"),
        pytest.param("a", "a", id="one letter"),
    ],
)
def test_package_names_are_normalised(text: str, name: str) -> None:
    assert parse_package_name(text) == name


@pytest.mark.parametrize("text", ["", "-a", "a-", "a b", "a/b", "ä", "a\n"])
def test_what_is_no_package_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a package name"):
        parse_package_name(text)


@pytest.mark.parametrize(
    ("parse", "what"),
    [
        pytest.param(parse_stack_name, "a stack", id="stack"),
        pytest.param(parse_tier_name, "a tier", id="tier"),
        pytest.param(parse_index_name, "an index", id="index"),
    ],
)
@pytest.mark.parametrize(
    "text", ["", ".", "..", ".hidden", "Upper", "a/b", "a\\b", "a b", "-a", "a" * 65, "a\n", "../a"]
)
def test_names_are_safe_as_paths(parse: Callable[[str], str], what: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"is not {what} name"):
        parse(text)


@pytest.mark.parametrize("text", ["a", "hep-analysis", "hep_2026.11", "a" * 64])
def test_good_names_stay_as_they_are(text: str) -> None:
    assert [parse_stack_name(text), parse_tier_name(text), parse_index_name(text)] == [text] * 3
