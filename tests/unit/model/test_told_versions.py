from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.model.told_versions import all_told, variables_of_the_stack
from lamina.release.alterations import BUILD_NAME, release_alterations, render_alterations

if TYPE_CHECKING:
    from pathlib import Path

TOLD = all_told("my-tool", "1.2")
CASES = [
    pytest.param({}, [], id="none"),
    pytest.param(TOLD, [], id="told"),
    pytest.param({**TOLD, "CFLAGS": "-O2"}, ["CFLAGS"], id="told-and-more"),
    pytest.param({**TOLD, "PBR_VERSION": "9"}, ["PBR_VERSION"], id="another-value"),
    pytest.param({"PBR_VERSION": "1.2"}, ["PBR_VERSION"], id="not-told"),
    pytest.param(all_told("my-tool", "1.1"), sorted(TOLD), id="another-version"),
]


@pytest.mark.parametrize(("env", "names"), CASES)
def test_what_is_told_is_known_from_what_a_stack_gives(
    env: dict[str, str], names: list[str], tmp_path: Path
) -> None:
    inputs = {"name": "my-tool", "version": "1.2", "env": env}
    assert sorted(variables_of_the_stack(inputs)) == names
    information = tmp_path / "lib" / "python3.12" / "site-packages" / "my_tool-1.2.dist-info"
    information.mkdir(parents=True)
    (information / BUILD_NAME).write_text(json.dumps(inputs))
    (tmp_path / ".lamina").mkdir()
    stack = '[stack]\nname = "a"\nversion = "1"\npython = "3.12"\nplatforms = ["linux-64"]\n'
    (tmp_path / ".lamina" / "stack.toml").write_text(stack)
    found = release_alterations(tmp_path)
    [(name, one)] = found.items()
    assert (name, bool(one.build)) == ("my-tool", True)
    assert render_alterations(found) == (f"my-tool ({', '.join(names)})" if names else "")


def test_inputs_of_which_little_is_known() -> None:
    assert variables_of_the_stack({}) == {}
    assert variables_of_the_stack({"env": {"A": "1"}}) == {"A": "1"}
