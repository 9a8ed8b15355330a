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
from lamina.engines.uv_program import UvProgram, translate


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
        pytest.param(
            "error: Failed to download and build `x==1`", BuildFailedError, id="build of an index"
        ),
        pytest.param(
            "error: Failed to download and build `x==1`\n  cause: Request failed after 3 retries",
            UpstreamUnavailableError,
            id="download before a build",
        ),
        pytest.param("error: Failed to install: a-1-py3-none-any.whl", BuildFailedError, id="bad"),
        pytest.param("cause: Failed to extract archive: a.whl", BuildFailedError, id="bad archive"),
        pytest.param("cause: `RECORD` file is invalid", BuildFailedError, id="bad record"),
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
    assert translate(error).hints == ("less /logs/a.log",)


def test_a_refusal_says_where_credentials_go() -> None:
    meant = translate(failure("error: Failed to fetch: `x`\ncause: (401 Unauthorized)"))
    assert "UV_INDEX_<NAME>_PASSWORD" in meant.hints[0]


def test_what_came_first_counts_not_what_followed() -> None:
    output = "error: Failed to fetch: `x`\ncause: No space left on device"
    assert type(translate(failure(output))) is StorageError


def test_only_the_error_and_its_causes_are_passed_on() -> None:
    output = "warning: old\nerror: Failed to fetch: `x`\n  cause: dns error\nhint: try again"
    assert translate(failure(output)).message == "Failed to fetch: `x`\ncause: dns error"


INDEX, OTHER = "https://index.example.org/simple", "https://other.example.org/simple"


@pytest.mark.parametrize(
    ("environ", "default", "index"),
    [
        pytest.param({"UV_DEFAULT_INDEX": INDEX}, None, INDEX, id="the machine's"),
        pytest.param({"UV_INDEX_URL": INDEX}, None, INDEX, id="by its older name"),
        pytest.param({"PIP_INDEX_URL": INDEX}, None, INDEX, id="of pip"),
        pytest.param({"UV_DEFAULT_INDEX": OTHER}, INDEX, INDEX, id="of the stack"),
        pytest.param({"UV_INDEX_URL": OTHER}, INDEX, INDEX, id="of the stack, not the older name"),
    ],
)
def test_uv_gets_one_index(environ: dict[str, str], default: str | None, index: str) -> None:
    alone = {"XDG_CONFIG_HOME": "/none", "XDG_CONFIG_DIRS": "/none"} | environ
    found = UvProgram(environ=alone, default_index=default).variables()
    assert found["UV_DEFAULT_INDEX"] == index
    assert "UV_INDEX_URL" not in found


@pytest.mark.parametrize(
    ("given", "found"), [({}, "never"), ({"UV_PYTHON_DOWNLOADS": "manual"}, "manual")]
)
def test_no_python_is_downloaded_unasked(given: dict[str, str], found: str) -> None:
    program = UvProgram(environ={"UV_DEFAULT_INDEX": INDEX, **given})
    assert program.variables()["UV_PYTHON_DOWNLOADS"] == found


def test_offline_nothing_is_said_to_be_impossible() -> None:
    output = """error: No solution found when resolving dependencies
  cause: Because tool was not found in the cache and your project depends on tool, we can conclude
hint: Packages were unavailable because the network was disabled."""
    meant = translate(failure(output))
    assert type(meant) is UpstreamUnavailableError
    assert meant.message.startswith("tool: not in uv's cache")
    assert meant.hints == ("unset UV_OFFLINE",)
