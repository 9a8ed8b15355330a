"""``lamina test``: imports and programs of a release, the report, and where it is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from lamina.engines.build_room import walls_here
from lamina.model.platforms import current_platform
from support.survivors import wait_for
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = f"""\
[stack]
name = "hep"
version = "1.0"
python = "3.12"
platforms = ["{current_platform()}"]

[packages]
fine = "*"
broken = "*"
crashing = "*"

[test]
accept = {{ "import crashing" = "needs a detector" }}
"""
_HELPFUL = "import sys\ndef main():\n    print('usage')\n    sys.exit('--help' not in sys.argv)\n"


WHEELS = (
    Wheel(
        name="fine", version="1.0", files={"fine/cli.py": _HELPFUL},
        scripts={"fine": "fine.cli:main"},
    ),
    Wheel(
        name="broken", version="1.0", files={"broken_part/__init__.py": "import no_such\n"},
        scripts={"brk": "broken_part:main"},
    ),
    Wheel(
        name="crashing", version="1.0",
        files={"crashing/__init__.py": "import os\nos.kill(os.getpid(), 11)\n"},
    ),
)  # fmt: skip


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside a release of which a part does not work."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))

    def make() -> None:
        index.add(*WHEELS)
        command_line.write("lamina.toml", STACK)
        command_line("publish", "--no-test")

    place.once("release", make)
    return command_line


def test_all_that_does_not_work_is_told(lamina: CommandLine) -> None:
    answer = lamina("test", "hep", expect=5)
    first, *lines = answer.stdout.splitlines()
    assert first == "hep/1.0: 3 of 6 passed, 2 failed, 1 accepted"
    assert lines[0].startswith("  failed    broken: import broken_part: ModuleNotFoundError")
    assert lines[1].startswith("  failed    broken: program brk: exit code 1")
    assert "accepted  crashing: import crashing: needs a detector (the interpreter" in lines[2]


def test_packages_are_tested_alone(lamina: CommandLine) -> None:
    value = lamina("test", "hep", "-p", "Fine", "--no-suite", "--json").json
    assert value["sound"] is True
    assert [(one["kind"], one["subject"]) for one in value["outcomes"]] == [
        ("import", "fine"),
        ("program", "fine"),
    ]
    answer = lamina("test", "hep", "-p", "fin", expect=2)
    assert "hep/1.0 has no package 'fin' (did you mean 'fine'?)" in answer.stderr


def test_more_can_be_accepted_and_what_did_not_fail_is_told(lamina: CommandLine) -> None:
    words = ["--accept", "import broken_part=being rewritten", "--accept", "program brk=the same"]
    answer = lamina("test", "hep", *words, "--accept", "import fine=no reason at all")
    assert "3 accepted" in answer.stdout
    assert "warning: accepted, and did not fail: import fine" in answer.stderr
    for wrong in ("import broken_part", "broken_part=why", "import broken_part= "):
        assert "say what and why" in lamina("test", "hep", "--accept", wrong, expect=2).stderr
    answer = lamina("test", "hep", "--accept", "foo fine=none", expect=2)
    assert "'foo' is none of import, program, suite" in answer.stderr


def test_the_report_is_kept_and_shown(lamina: CommandLine) -> None:
    assert "tested" not in lamina("release", "show", "hep").stdout
    lamina("test", "hep", "--junit", "report.xml", "--record", expect=5)
    top = ET.parse(lamina.directory / "report.xml").getroot()
    assert [one.get("name") for one in top] == ["broken", "crashing", "fine"]
    told = lamina("release", "show", "hep").stdout
    assert "tested    20" in told
    assert "Z: 3 of 6 passed, 2 failed, 1 accepted" in told
    kept = lamina("release", "show", "hep", "--json").json["report"]
    assert kept["summary"] == "3 of 6 passed, 2 failed, 1 accepted"
    assert len(kept["outcomes"]) == 6
    lamina("release", "verify", "hep")


def test_a_report_about_a_release_that_is_gone_goes_too(lamina: CommandLine) -> None:
    lamina("test", "hep", "--record", expect=5)
    lamina("release", "retire", "hep/1.0")
    lamina("release", "gc")
    assert not list((lamina.directory / "root" / "reports").rglob("*.json"))


HOSTILE = {
    "asks": "input()",
    "crashes": "import os; os.kill(os.getpid(), 11)",
    "stays": "import subprocess as s; s.Popen(['sleep', '86399.25'], start_new_session=True)",
    "writes": "import pathlib; pathlib.Path(__file__).with_name('evil.py').write_text('x')",
    "screams": "import sys; sys.exit('\\x00\\x1b[31m]]>\\ufffe' + 'all is lost')",
}


def test_hostile_programs_are_findings_and_nothing_else(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = FileIndex(lamina.directory / "other")
    scripts = {name: f"hostile.{name}:main" for name in HOSTILE}
    files = {
        f"hostile/{name}.py": f"def main():\n    {text}\n" for name, text in HOSTILE.items()
    } | {"planter/__init__.py": "open(__file__[:-11] + 'evil.py', 'w')\n"}
    index.add(Wheel(name="hostile", version="1.0", files=files, scripts=scripts))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    text = STACK.partition("[packages]")[0].replace('"hep"', '"odd"')
    lamina.write("lamina.toml", f'{text}[packages]\nhostile = "*"\n')
    lamina("lock")
    lamina("publish", "--no-test")
    words = ["test", "odd", "--junit", "report.xml", "--record", "--json"]
    told = {one["subject"]: one["detail"] for one in lamina(*words, expect=5).json["outcomes"]}
    assert "EOFError" in told["asks"]
    assert told["crashes"] == "exit code -11"
    assert told["stays"] == ""
    assert "all is lost" in told["screams"]
    wait_for("sleep 86399.25", count=0, seconds=10)
    names = {one.get("name") for one in ET.parse(lamina.directory / "report.xml").iter("testcase")}
    assert {f"program {name}" for name in HOSTILE} <= names
    walls = walls_here(lamina.environ, network=True, directory=lamina.directory)
    if os.geteuid() != 0 or walls != "none":
        assert "Read-only file system" in told["writes"] or "Permission" in told["writes"]
        assert "planter" in told
        assert told["planter"] != ""
        lamina("release", "verify", "odd")
    before = lamina("release", "show", "odd", "--json").json["report"]
    lamina("test", "odd", "--record", expect=5)
    after = lamina("release", "show", "odd", "--json").json["report"]
    assert after["summary"] == before["summary"]
    assert after["tested"] >= before["tested"]
    assert len(list((lamina.directory / "root" / "reports").rglob("odd*/**/*.json"))) <= 1
