from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, Field

from lamina.core.errors import DocumentError, Problem
from lamina.model.document import Document, dotted, load_toml, near_match, read_document, validate
from lamina.model.schema import dump_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


class _Inner(Document):
    """A table inside."""

    two_words: int = 0
    """With a hyphen in the file."""
    kind: Literal["sand", "clay"] | None = None


def _short(value: Any) -> Any:
    return {"two-words": value} if isinstance(value, int) else value


class _Outer(Document):
    """The whole document."""

    name: str
    inner: _Inner = _Inner()
    many: dict[str, Annotated[_Inner, BeforeValidator(_short)]] = {}  # noqa: RUF012
    rows: Annotated[tuple[_Inner, ...], Field(strict=False)] = ()
    title: str | None = None


def _problems(data: Mapping[str, Any]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        validate(_Outer, data, "x.toml")
    return [str(one) for one in caught.value.problems]


def test_a_good_document() -> None:
    data = {"name": "a", "inner": {"two-words": 2}, "many": {"x": 3}, "rows": [{"kind": "clay"}]}
    found = validate(_Outer, data, "x.toml")
    assert (found.inner.two_words, found.many["x"].two_words, found.rows[0].kind) == (2, 3, "clay")


def test_every_problem_is_reported_with_its_path() -> None:
    data = {
        "nmae": "a",
        "inner": {"two-word": 1, "kind": "sandy"},
        "many": {"a.b": {"two-words": "1"}},
        "rows": [{}, {"kind": 3}],
    }
    assert _problems(data) == [
        "name: missing",
        "inner.kind: 'sandy' is not allowed; allowed: sand, clay (did you mean 'sand'?)",
        "inner.two-word: unknown key; allowed: kind, two-words (did you mean 'two-words'?)",
        "many.\"a.b\".two-words: found '1'; expected a whole number",
        "rows[1].kind: 3 is not allowed; allowed: sand, clay",
        "nmae: unknown key; allowed: inner, many, name, rows, title (did you mean 'name'?)",
    ]


def test_a_key_is_spelt_with_a_hyphen_in_a_file_and_without_in_code() -> None:
    assert _Inner(two_words=1).two_words == 1
    assert _problems({"name": "a", "inner": {"two_words": 1}}) == [
        "inner.two_words: unknown key; allowed: kind, two-words (did you mean 'two-words'?)"
    ]


def test_nothing_is_converted() -> None:
    assert _problems({"name": 1, "title": True}) == [
        "name: found 1; expected a string (in quotes)",
        "title: found True; expected a string (in quotes)",
    ]


def test_a_check_speaks_together_with_the_fields() -> None:
    def check(data: Mapping[str, Any]) -> Iterable[Problem]:
        yield Problem(where="inner", found=f"{data['inner']} is odd")

    for name, count in (("a", 1), (1, 2)):
        with pytest.raises(DocumentError) as caught:
            validate(_Outer, {"name": name, "inner": {}}, "x.toml", check=check)
        assert len(caught.value.problems) == count
        assert str(caught.value.problems[-1]) == "inner: {} is odd"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        pytest.param((), "", id="nothing"),
        pytest.param(("a", "b", 1, "c"), "a.b[1].c", id="table and array"),
        pytest.param(("a", "zope.interface"), 'a."zope.interface"', id="dot in a key"),
        pytest.param(("a b",), '"a b"', id="space in a key"),
        pytest.param((0,), "[0]", id="array alone"),
    ],
)
def test_dotted(location: tuple[int | str, ...], text: str) -> None:
    assert dotted(location) == text


def test_near_match() -> None:
    assert near_match("nunpy", {"numpy", "scipy"}) == "numpy"
    assert near_match("tensorflow", {"numpy", "scipy"}) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"a = 1\xff", "byte 5 is not UTF-8", id="encoding"),
        pytest.param(b"a = 1\na = 2", "not valid TOML: Cannot overwrite a value", id="twice"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "ä b.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        load_toml(path)
    assert caught.value.message.startswith(f"{path}: 1 problem\n  {said}")


def test_a_directory_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        read_document(tmp_path)


def test_line_ends_are_kept(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = 1\r\n")
    assert read_document(tmp_path / "x.toml") == "a = 1\r\n"


def test_the_schema_speaks_of_files() -> None:
    text = dump_schema(_Outer, title="x.toml")
    assert '"title": "x.toml"' in text
    assert '"two-words"' in text
    assert "two_words" not in text
    assert "null" not in text
    assert "Two-Words" not in text
    assert text.endswith("}\n")


class _Filled(Document):
    numbers: Annotated[tuple[int, ...], Field(strict=False, min_length=1)]


def _problems_of_numbers(numbers: list[Any]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        validate(_Filled, {"numbers": numbers}, "x.toml")
    return [str(one) for one in caught.value.problems]


def test_an_array_whose_items_are_all_wrong_is_not_empty() -> None:
    assert _problems_of_numbers([]) == ["numbers: empty; give at least one"]
    assert _problems_of_numbers(["a"]) == ["numbers[0]: found 'a'; expected a whole number"]


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_would_be_read_for_ever_is_not(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "x.toml"
    make(path)
    with pytest.raises(DocumentError, match="not a regular file"):
        read_document(path)


def test_a_byte_order_mark_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a b.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "a"\n')
    with pytest.raises(DocumentError, match="begins with a byte order mark") as caught:
        load_toml(path)
    [hint] = caught.value.hints
    subprocess.run(["/bin/sh", "-c", hint], check=True)
    assert load_toml(path) == {"name": "a"}


def test_deep_nesting_is_no_internal_error(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f"x = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(DocumentError, match="nested too deeply"):
        load_toml(path)
