"""A layer and its base as one file system, mounted where the layer was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.containers import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.packs import Shipped

pytestmark = pytest.mark.containers


@pytest.mark.fuse
def test_a_layer_takes_its_base_along_to_its_own_path(
    shipped: Shipped, command_line: CommandLine
) -> None:
    layer = command_line.directory / "layer"
    command_line("layer", "create", layer, "--on", shipped.release.prefix)
    [site] = layer.glob("lib/python*/site-packages")
    (site / "mine.py").write_text("import greeter\nprint(greeter.__file__)\n")
    words: list[str | Path] = ["export", layer, "--as", "squashfs", "-o", "layer.sqfs"]
    told = command_line(*words, "--json").json
    assert told["name"] == "layer on small/1.0"
    script = command_line.directory / "layer.run"
    assert run(script, "python", "-c", "import mine").startswith(str(shipped.release.prefix))
    fs.rename(layer, layer.with_name("gone"))
    names = "lib/python3.12/site-packages"
    assert (
        run(script, "python", "-c", "import mine") == f"{layer}/.base/{names}/greeter/__init__.py\n"
    )
    asked = "import sys; print(sys.prefix, sys.base_prefix)"
    assert run(script, "python", "-c", asked) == f"{layer} {layer}/.base/python\n"
    assert not layer.exists()
    release = str(shipped.release.prefix)
    search = ["sh", "-c", f"grep -rlF {release} {layer} | sort", "sh"]
    assert run(script, *search) == ""
    command_line(*words, expect=7)
    assert sorted(one.name for one in command_line.directory.glob("layer*")) == [
        "layer.run", "layer.sqfs",
    ]  # fmt: skip
