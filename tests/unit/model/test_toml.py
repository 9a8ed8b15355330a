from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.model.toml import toml_text, toml_texts

ANY_TEXT = st.text(st.characters(codec="utf-8"))


@given(ANY_TEXT)
def test_every_text_comes_back(text: str) -> None:
    assert tomllib.loads(f"key = {toml_text(text)}") == {"key": text}


@given(st.lists(ANY_TEXT))
def test_every_array_comes_back(texts: list[str]) -> None:
    assert tomllib.loads(f"key = {toml_texts(texts)}") == {"key": texts}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("numpy", '"numpy"', id="plain"),
        pytest.param('a "b" \\ c', r'"a \"b\" \\ c"', id="quotes"),
        pytest.param("Zürich", '"Zürich"', id="letters stay"),
        pytest.param("\x7f\n", r'"\u007f\n"', id="controls do not"),
        pytest.param(3.12, '"3.12"', id="what is no text becomes one"),
    ],
)
def test_how_text_is_written(value: object, expected: str) -> None:
    assert toml_text(value) == expected
