"""What lamina.toml says to the build back end of a package."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.sources import offer_source, stack_of

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


def test_settings_reach_the_back_end_and_count(
    index_server: IndexServer, command_line: CommandLine
) -> None:
    offer_source(
        index_server,
        "alpha",
        step="Path('alpha_saw.py').write_text('saw = %r' % (config_settings,))",
        files={"more.txt": ""},
    )

    def build(config: str) -> tuple[str, Path]:
        entry = f'{{ version = "*", source = true{config} }}'
        command_line.write("lamina.toml", stack_of({"alpha": entry}))
        fate = command_line("build", "--dry-run").stdout
        [told] = command_line("build", "--json").json["packages"]
        wheel = Path(told["wheel"])
        with zipfile.ZipFile(wheel) as archive:
            assert "in the cache" not in fate
            return archive.read("alpha_saw.py").decode() + fate, wheel

    assert "saw = None" in build("")[0]
    said, wheel = build(', config = { "setup-args" = ["-Da=b", "-O2"], editable = "no" }')
    assert "saw = {'setup-args': ['-Da=b', '-O2'], 'editable': 'no'}" in said
    assert "alpha 1.0: built: its config changed" in said
    told = json.loads(wheel.with_name("provenance.json").read_text())["inputs"]
    assert told["config"] == {"editable": "no", "setup-args": ["-Da=b", "-O2"]}


def test_settings_are_for_sources_only(command_line: CommandLine) -> None:
    command_line.write(
        "lamina.toml", stack_of({"alpha": '{ version = "*", config = { a = "b" } }'})
    )
    said = command_line("lock", expect=3).stderr
    assert "packages.alpha.config: is about a build from source" in said
    entry = '{ version = "*", source = true, config = { a = 1 } }'
    command_line.write("lamina.toml", stack_of({"alpha": entry}))
    assert "packages.alpha.config" in command_line("lock", expect=3).stderr
