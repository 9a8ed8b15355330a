"""The runner of documentation pages notices what is wrong with a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.doc_pages import Block, blocks_of, run_page

if TYPE_CHECKING:
    from pathlib import Path

ENV = {"PATH": "/usr/bin:/bin"}


def page(*blocks: str) -> str:
    return "# A page\n\nWords.\n\n" + "\nMore words.\n\n".join(f"{one}\n" for one in blocks)


def console(body: str, how: str = "run") -> str:
    return f"```{{code-block}} console\n:class: {how}\n\n{body}\n```"


def file(body: str, how: str = "write", name: str = "a.toml") -> str:
    return f"```{{code-block}} toml\n:class: {how}\n:caption: {name}\n\n{body}\n```"


def test_only_marked_blocks_count() -> None:
    text = page("```console\n$ false\n```", "```toml\nx = 1\n```", console("$ true"))
    assert blocks_of(text) == [Block(action="run", body="$ true\n")]


def test_commands_and_what_they_print() -> None:
    (block,) = blocks_of(page(console("$ one\nprinted\nmore\n$ two", "run exit-4")))
    assert list(block.commands()) == [("one", "printed\nmore", 0), ("two", "", 4)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(page(console("$ echo hello world\nhello world")), id="output"),
        pytest.param(page(console("$ echo hello big world\nhello...world")), id="dots"),
        pytest.param(page(console("$ printf 'a\\nb\\nc\\n'\na...c")), id="dots-over-lines"),
        pytest.param(page(console("$ echo wrong >&2; false\nwrong", "run exit-1")), id="failure"),
        pytest.param(page(console("$ x=5\n$ echo $x\n5")), id="one-shell-a-block"),
        pytest.param(page(console("$ mkdir d; cd d"), console("$ basename $PWD\nd")), id="cd"),
        pytest.param(page(file("x = 1"), console("$ cat a.toml\nx = 1")), id="write"),
        pytest.param(
            page(file("a"), file("b", "append"), console("$ cat a.toml\na\n\nb")), id="append"
        ),
    ],
)
def test_a_true_page_passes(text: str, tmp_path: Path) -> None:
    run_page(text, directory=tmp_path, environ=ENV)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(page(console("$ echo hello\ngoodbye")), "expected:\ngoodbye", id="output"),
        pytest.param(page(console("$ false\n$ true")), "exit 1, not 0", id="failure"),
        pytest.param(page(console("$ true", "run exit-3")), "exit 0, not 3", id="no-failure"),
        pytest.param(page(console("$ no-such-program")), "exit 127", id="missing"),
        pytest.param(page(console("$ exit 0\n$ true")), "ended early", id="exit"),
        pytest.param(page(console("$ if")), "ended early", id="syntax"),
    ],
)
def test_a_false_page_fails(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=words):
        run_page(text, directory=tmp_path, environ=ENV)
