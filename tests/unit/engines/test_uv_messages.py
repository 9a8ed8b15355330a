"""What is kept of uv's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import CommandFailedError
from lamina.engines.uv_program import translate

BUILD = """\
Using Python 3.12.1 environment at: /p
error: Failed to build `x==1`
  cause: The build backend returned an error
  cause: Call to `build_wheel` failed (exit status: 1)

[stderr]
Traceback (most recent call last):
  File "<string>", line 1

hint: This usually indicates a problem with the package.
"""


def said(output: str, log: Path | None = None) -> tuple[str, tuple[str, ...]]:
    error = translate(CommandFailedError(program="uv", returncode=2, output=output, log=log))
    return error.message, error.hints


def test_the_error_and_its_causes_without_what_the_build_wrote() -> None:
    message, hints = said(BUILD)
    assert message.splitlines() == [
        "Failed to build `x==1`",
        "cause: The build backend returned an error",
        "cause: Call to `build_wheel` failed (exit status: 1)",
    ]
    assert hints == ()


def test_a_long_chain_of_causes_is_cut() -> None:
    causes = "".join(f"  cause: reason {n}\n" for n in range(9))
    message, _ = said(f"error: Failed to build `x==1`\n{causes}", Path("/logs/a.log"))
    assert len(message.splitlines()) == 5
    assert message.endswith("reason 3")


def test_words_in_no_form_that_is_known_are_kept() -> None:
    assert said("  Hash mismatch, and that is all.\n")[0] == "Hash mismatch, and that is all."


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_refusal_leads_to_the_credentials(status: str) -> None:
    output = f"error: Failed to fetch: `https://index.example.org/a`\n  cause: HTTP status {status}"
    _, hints = said(output)
    assert hints[0].startswith("check UV_INDEX_<NAME>_USERNAME")


def test_a_missing_page_does_not() -> None:
    assert said("error: Failed to fetch: `https://index.example.org/404`\n  cause: 404")[1] == ()
