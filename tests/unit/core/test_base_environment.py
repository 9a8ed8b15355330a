from __future__ import annotations

import pytest

from lamina.core.run import base_environment


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LC_ALL", "UV_INDEX_OURS_USERNAME", "UV_INDEX_OURS_PASSWORD", "NETRC"]
)
def test_what_other_programs_may_see(name: str) -> None:
    assert base_environment({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "VIRTUAL_ENV", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY"]
)
def test_what_could_bend_a_result_is_left_out(name: str) -> None:
    assert base_environment({name: "x"}) == {}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("UV_CACHE_DIR", {}, id="uv refuses it"),
        pytest.param("NO_PROXY", {"NO_PROXY": ""}, id="means something"),
    ],
)
def test_an_empty_variable(name: str, kept: dict[str, str]) -> None:
    assert base_environment({name: ""}) == kept
