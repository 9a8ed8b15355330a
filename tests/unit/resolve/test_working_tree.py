from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.resolve.working_tree import stated_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "name"),
    [
        pytest.param({"pyproject.toml": '[project]\nname = "My.Pkg"\n'}, "My.Pkg", id="project"),
        pytest.param({"pyproject.toml": '[tool.poetry]\nname = "old"\n'}, "old", id="poetry"),
        pytest.param({"setup.cfg": "[metadata]\nname = mine\nversion = %x\n"}, "mine", id="setup"),
        pytest.param({"PKG-INFO": "Metadata-Version: 2.1\nName: told\n"}, "told", id="sdist"),
        pytest.param(
            {"pyproject.toml": '[project]\nname = "one"\n', "PKG-INFO": "Name: two\n"},
            "one", id="the first of them",
        ),
        pytest.param({"setup.py": "setup(name='mine')"}, None, id="only when it runs"),
        pytest.param(
            {"pyproject.toml": "name = [", "setup.cfg": "name", "PKG-INFO": "\xff"}, None, id="bad"
        ),
        pytest.param({}, None, id="nothing"),
    ],
)  # fmt: skip
def test_the_name_that_sources_state(
    files: dict[str, str], name: str | None, tmp_path: Path
) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert stated_name(tmp_path) == name
