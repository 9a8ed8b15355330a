from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import (
    BuildFailedError,
    CommandFailedError,
    IntegrityError,
    LaminaError,
    StorageError,
    UnsatisfiableError,
    UpstreamUnavailableError,
)
from lamina.engines.uv_program import translate


def failure(output: str) -> CommandFailedError:
    return CommandFailedError(program="uv", returncode=1, output=output)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        pytest.param("error: Hash mismatch for `numpy==2.0`", IntegrityError, id="hash"),
        pytest.param("cause: Size mismatch for `a==1`: expected 8", IntegrityError, id="size"),
        pytest.param(
            "cause: Network connectivity is disabled", UpstreamUnavailableError, id="offline"
        ),
        pytest.param("error: No space left on device (os error 28)", StorageError, id="full"),
        pytest.param("error: Read-only file system", StorageError, id="read-only"),
        pytest.param("error: Failed to fetch: `x`", UpstreamUnavailableError, id="fetch"),
        pytest.param("error: dns error: no name", UpstreamUnavailableError, id="dns"),
        pytest.param("cause: Invalid zip file structure", IntegrityError, id="no-wheel"),
        pytest.param("error: Failed to build `x==1`", BuildFailedError, id="build"),
        pytest.param("No solution found when resolving", UnsatisfiableError, id="conflict"),
        pytest.param("error: something new", CommandFailedError, id="unknown"),
    ],
)
def test_what_uv_says_becomes_the_error_it_means(output: str, kind: type[LaminaError]) -> None:
    assert type(translate(failure(output))) is kind


def test_the_log_is_named_where_words_were_left_out() -> None:
    error = CommandFailedError(
        program="uv", returncode=1, output="error: Failed to build `x==1`", log=Path("/logs/a.log")
    )
    assert translate(error).hints == ("uv's whole output is in /logs/a.log",)


def test_a_refusal_says_where_credentials_go() -> None:
    meant = translate(failure("error: Failed to fetch: `x`\ncause: (401 Unauthorized)"))
    assert "UV_INDEX_<NAME>_PASSWORD" in meant.hints[0]


def test_what_came_first_counts_not_what_followed() -> None:
    output = "error: Failed to fetch: `x`\ncause: No space left on device"
    assert type(translate(failure(output))) is StorageError


def test_only_the_error_and_its_causes_are_passed_on() -> None:
    output = "warning: old\nerror: Failed to fetch: `x`\n  cause: dns error\nhint: try again"
    assert translate(failure(output)).message == "error: Failed to fetch: `x`\ncause: dns error"
