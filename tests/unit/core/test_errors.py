from __future__ import annotations

import pytest

from lamina.core import errors
from lamina.core.errors import CommandFailedError, DocumentError, Problem


def test_exit_codes_cover_every_class() -> None:
    known = errors.exit_codes()
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.LaminaError)
    ]
    assert len(classes) > 10
    assert {cls.exit_code for cls in classes} <= set(known)
    assert sorted(known) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        pytest.param(Problem(where="a.b", found="missing"), "a.b: missing", id="place"),
        pytest.param(Problem(where="", found="no such file"), "no such file", id="document"),
        pytest.param(
            Problem(where="a", found="unknown key", allowed="allowed: b, c", suggestion="b"),
            "a: unknown key; allowed: b, c (did you mean 'b'?)",
            id="suggestion",
        ),
    ],
)
def test_problem_text(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_document_error_lists_every_problem() -> None:
    error = DocumentError("lamina.toml", [Problem(where=w, found="missing") for w in ("a", "b")])
    assert error.message == "lamina.toml: 2 problems\n  a: missing\n  b: missing"
    assert error.exit_code == 3


def test_a_failed_command_keeps_the_last_lines_only() -> None:
    error = CommandFailedError(
        program="uv", returncode=2, output="\n".join(f"line {n}" for n in range(100))
    )
    assert error.message.splitlines()[0] == "uv failed with exit code 2"
    assert error.message.splitlines()[1] == "line 80"
    assert error.message.endswith("line 99")
