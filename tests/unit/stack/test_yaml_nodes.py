from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.model.platforms import Platform
from lamina.stack.selectors import selected_platforms, selectors_of
from lamina.stack.yaml_nodes import Located, load_yaml

if TYPE_CHECKING:
    from pathlib import Path

BOMB = "\n".join(
    [f"a0: &a0 [{', '.join('x' * 9)}]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)


def loaded(tmp_path: Path, text: str) -> Located:
    path = tmp_path / "file.yml"
    path.write_bytes(text.encode())
    return load_yaml(path)[1]


def test_lines_and_texts(tmp_path: Path) -> None:
    document = loaded(tmp_path, "a: 3.10\r\nb:\r\n- yes\r\n- c: ~\r\na: 2026-11-01\r\n")
    (a, first), (_, listed), (again, second) = document.pairs
    assert (a, first, again, second.text) == ("a", Located("3.10", 1), "a", "2026-11-01")
    assert listed.line == 2
    assert [one.line for one in listed.items] == [3, 4]
    assert listed.items[1].pairs == (("c", Located(None, 4)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [1\nb: 2\n", "line 2: not valid YAML", id="no YAML"),
        pytest.param("{% if x %}\n", "line 1: not valid YAML", id="jinja"),
        pytest.param("a: {{ b }}\n", "line 1: a key that is no text", id="jinja value"),
        pytest.param("a: 1\n---\nb: 2\n", "line 2: not valid YAML", id="two documents"),
        pytest.param("a: *b\n", "line 1: not valid YAML", id="no anchor"),
        pytest.param("a: \0\n", "not valid YAML", id="NUL"),
        pytest.param("&a [*a]\n", "nested too deeply", id="itself"),
        pytest.param("[" * 5000, "nested too deeply", id="deep"),
        pytest.param(BOMB, "grows beyond measure by its aliases", id="bomb"),
        pytest.param("a: " + "x" * (5 << 20), "larger than 4 MB", id="large"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        loaded(tmp_path, text)
    assert said in caught.value.message


def test_python_objects_are_texts(tmp_path: Path) -> None:
    assert loaded(tmp_path, "!!python/object/apply:os.system ['false']\n").items[0].text == "false"


@pytest.mark.parametrize(
    ("expression", "platforms"),
    [
        ("linux", "linux-64 linux-aarch64"),
        ("linux64", "linux-64"),
        ("unix and not osx", "linux-64 linux-aarch64"),
        ("osx and arm64 or win", "osx-arm64 win-64"),
        ("not (linux or osx)", "win-64"),
        ("ppc64le", ""),
        ("osx-64", "osx-64"),
        ("True", " ".join(Platform)),
    ],
)
def test_selectors(expression: str, platforms: str) -> None:
    assert selected_platforms(expression) == set(map(Platform, platforms.split()))


@pytest.mark.parametrize("expression", ["py == 312", "cuda", "linux and", "f()", "(" * 999])
def test_selectors_that_say_something_else(expression: str) -> None:
    with pytest.raises(ValueError, match=r"names of platforms|not a selector"):
        selected_platforms(expression)


def test_where_selectors_stand() -> None:
    text = "- a  # [linux]\n- b # because\n- c #[ osx ] \n- 'd [linux]'\n"
    assert selectors_of(text) == {1: "linux", 3: "osx"}
