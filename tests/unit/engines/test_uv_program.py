from __future__ import annotations

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


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        pytest.param("error: Hash mismatch for `a==1`", IntegrityError, id="hash"),
        pytest.param("cause: Size mismatch for `a==1`: expected 8", IntegrityError, id="size"),
        pytest.param("cause: No space left on device (os error 28)", StorageError, id="full"),
        pytest.param(
            "error: Request failed after 3 retries\n  cause: Failed to fetch: http://x",
            UpstreamUnavailableError,
            id="network",
        ),
        pytest.param(
            "cause: Network connectivity is disabled", UpstreamUnavailableError, id="offline"
        ),
        pytest.param("error: Failed to build `a @ file:///a`", BuildFailedError, id="build"),
        pytest.param("error: No solution found when resolving", UnsatisfiableError, id="conflict"),
        pytest.param("error: something new", CommandFailedError, id="other"),
    ],
)
def test_what_uv_means(output: str, kind: type[LaminaError]) -> None:
    error = CommandFailedError(program="uv", returncode=1, output=output)
    assert type(translate(error)) is kind


def test_only_errors_and_causes_are_repeated() -> None:
    output = "Using Python\nerror: No solution found\n  cause: because\n\nhint: try\n"
    error = CommandFailedError(program="uv", returncode=1, output=output)
    assert translate(error).message == "error: No solution found\ncause: because"
