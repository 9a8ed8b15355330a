from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lamina.core.errors import LaminaError
from lamina.model.revisions import Revision
from lamina.stack.files import parse_stack
from lamina.stack.version import count_version, resolve_version
from support.stack_files import SMALLEST

_TODAY = datetime(2026, 11, 21, 10, tzinfo=UTC)
_COMMIT = "abc1234567890abc1234567890abc1234567890a"


def _revision(tag: str, distance: int = 0, *, dirty: bool = False) -> Revision:
    return Revision(tag=tag, distance=distance, commit=_COMMIT, dirty=dirty)


class _FakeHistory:
    def __init__(self) -> None:
        self.asked: list[Path] = []

    def revision(self, directory: Path) -> Revision:
        self.asked.append(directory)
        return _revision("v1.2.0", 3)


@pytest.mark.parametrize(
    ("revision", "version"),
    [
        pytest.param(_revision("v1.2.0"), "1.2.0", id="on the tag"),
        pytest.param(_revision("1.2.0", 3), "1.2.1.dev3+gabc123456", id="after it"),
        pytest.param(
            _revision("1.2.0", 3, dirty=True), "1.2.1.dev3+gabc123456.d20261121", id="changed"
        ),
        pytest.param(
            _revision("1.2.0", dirty=True), "1.2.1.dev0+gabc123456.d20261121", id="changed on it"
        ),
        pytest.param(_revision("2026.07.1"), "2026.07.1", id="zero kept"),
        pytest.param(_revision("2026.07.1", 1), "2026.7.2.dev1+gabc123456", id="calendar"),
        pytest.param(_revision("V2", 1), "3.dev1+gabc123456", id="one number"),
        pytest.param(_revision("hep-analysis-1.0"), "1.0", id="name in front"),
        pytest.param(_revision("1.0rc1", 2), "1.0rc2.dev2+gabc123456", id="candidate"),
        pytest.param(_revision("1.0.post1", 2), "1.0.post2.dev2+gabc123456", id="post"),
        pytest.param(_revision("1.0.dev0", 2), "1.0.dev2+gabc123456", id="dev0"),
        pytest.param(_revision("1!1.0", 1), "1!1.1.dev1+gabc123456", id="epoch"),
    ],
)
def test_count_version(revision: Revision, version: str) -> None:
    assert count_version(revision, today=_TODAY) == version


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        pytest.param("release-2-candidate", "has no PEP 440 version", id="words"),
        pytest.param("1.0.dev3", "cannot be counted from", id="numbered dev"),
    ],
)
def test_tags_that_do_not_count(tag: str, said: str) -> None:
    with pytest.raises(LaminaError, match=said) as caught:
        count_version(_revision(tag, 1), today=_TODAY)
    assert caught.value.hints


def test_a_version_written_out_needs_no_history() -> None:
    history = _FakeHistory()
    stack = parse_stack(SMALLEST, "x")
    version = resolve_version(stack, Path("/stack"), history=history, clock=lambda: _TODAY)
    assert (version, history.asked) == ("1.0", [])


def test_a_version_from_git_asks_the_stack_s_directory() -> None:
    history = _FakeHistory()
    stack = parse_stack(SMALLEST.replace('"1.0"', '{ from = "git" }'), "x")
    version = resolve_version(stack, Path("/stack"), history=history, clock=lambda: _TODAY)
    assert (version, history.asked) == ("1.2.1.dev3+gabc123456", [Path("/stack")])
