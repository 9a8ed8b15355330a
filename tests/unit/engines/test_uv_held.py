from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from lamina.engines.uv_held import HeldPackage, held_requirements, held_sources, write_stand_ins
from lamina.model.names import parse_index_name, parse_package_name

if TYPE_CHECKING:
    from pathlib import Path

LINUX, MACOS = "sys_platform == 'linux'", "sys_platform == 'darwin'"
BOX = parse_package_name("tool-box")
EVERYWHERE = HeldPackage(name=BOX, version="1.2")
ON_LINUX = HeldPackage(name=BOX, version="1.2", markers=(LINUX,))
PATH = "held/tool_box-1.2-py3-none-any.whl"


def test_a_stand_in_says_its_name_and_needs_nothing(tmp_path: Path) -> None:
    write_stand_ins([EVERYWHERE], tmp_path)
    with zipfile.ZipFile(tmp_path / PATH) as wheel:
        about = wheel.read("tool_box-1.2.dist-info/METADATA").decode()
    assert about.splitlines()[1:] == ["Name: tool-box", "Version: 1.2"]


def test_uv_is_told_where_it_is_there() -> None:
    assert held_requirements([EVERYWHERE]) == ["tool-box"]
    assert held_requirements([ON_LINUX]) == [f"tool-box ; ({LINUX})"]
    assert held_sources([EVERYWHERE], [LINUX, MACOS], {}) == {BOX: f'[{{ path = "{PATH}" }}]'}


def test_elsewhere_a_package_keeps_its_index() -> None:
    ours = {BOX: parse_index_name("ours")}
    source = held_sources([ON_LINUX], [LINUX, MACOS], ours)[BOX]
    assert f'{{ index = "ours", marker = "({MACOS})" }}' in source
    assert "index" not in held_sources([EVERYWHERE], [LINUX, MACOS], ours)[BOX]
