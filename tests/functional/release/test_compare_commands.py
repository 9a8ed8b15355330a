"""What differs between two real releases, and why a package is in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = """\
[stack]
name = "hep"
version = "{version}"
python = "3.12"
platforms = ["{platform}"]

[packages]
{packages}
"""

BSD = "Classifier: License :: OSI Approved :: BSD License"
WHEELS = (
    Wheel(
        name="app", version="1.0", requires=["lib", "plot; extra == 'gui'"],
        scripts={"app": "app:main", "app-old": "app:main"}, headers=["License-Expression: MIT"],
    ),
    Wheel(
        name="app", version="2.0", requires=["lib>=1", "fast"], scripts={"app": "app:main"},
        headers=["License: Apache 2.0\n        and a long text"], files={"app/big": "x" * 200_000},
    ),
    Wheel(name="lib", version="1.0", headers=[BSD]),
    Wheel(name="lib", version="2.0", headers=[BSD]),
    Wheel(name="plot", version="1.0", headers=["License: UNKNOWN"]),
    Wheel(name="fast", version="1.0", headers=["License-Expression: GPL-3.0-only"]),
    Wheel(name="same", version="1.0", headers=["License-Expression: MIT"]),
)  # fmt: skip


def publish(lamina: CommandLine, version: str, *packages: str) -> None:
    lines = "\n".join(packages)
    text = STACK.format(version=version, platform=current_platform(), packages=lines)
    lamina.write("lamina.toml", text)
    lamina("lock")
    lamina("publish", "--no-test")


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside two releases."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    gui = 'app = { version = "==1.0", extras = ["gui"] }'

    def make() -> None:
        index.add(*WHEELS)
        publish(command_line, "1.0", gui, 'lib = "==2.0"', 'same = "*"')
        publish(command_line, "1.1", 'app = "==2.0"', 'lib = "==1.0"', 'same = "*"')

    place.once("releases", make)
    return command_line


def test_diff(lamina: CommandLine) -> None:
    lines = lamina("release", "diff", "hep/1.0", "hep/1.1").stdout.splitlines()
    *body, last = lines
    assert body == [
        f"hep/1.0 -> hep/1.1 for {current_platform()}",
        "removed",
        "  plot 1.0",
        "older",
        "  lib 2.0 -> 1.0",
        "newer",
        "  app 1.0 -> 2.0  +0.2 MB",
        "added",
        "  fast 1.0  asked for by app",
        "no longer in bin/",
        "  app-old",
        "licences that are new",
        "  Apache 2.0: app",
        "  GPL-3.0-only: fast",
    ]
    assert last.startswith("4 packages differ, 1 are the same; ")


def test_diff_as_json(lamina: CommandLine) -> None:
    value = json.loads(lamina("release", "diff", "hep/1.0", "hep", "--json").stdout)
    packages = {one.pop("name"): one for one in value["packages"]}
    assert packages["app"]["licence"] == ["MIT", "Apache 2.0"]
    assert packages["lib"]["licence"] is None
    assert packages["fast"]["because"] == ["app"]
    assert packages["fast"]["growth"] > 0 > packages["plot"]["growth"]
    assert (value["same"], value["python"]) == (1, None)
    assert value["programs"] == {"gone": ["app-old"], "new": []}
    assert value["size"]["to"] - value["size"]["from"] > 190_000


def test_nothing_differs(lamina: CommandLine) -> None:
    answer = lamina("release", "diff", "hep/1.1", "hep").stdout.splitlines()
    assert len(answer) == 2
    assert answer[1].startswith("0 packages differ, 4 are the same")


def test_another_file_of_the_same_version(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = FileIndex(lamina.directory / "second")
    index.add(*WHEELS[:-1], Wheel(name="same", version="1.0", files={"same/more.py": "a = 1\n"}))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    (lamina.directory / "lamina.lock").unlink()
    publish(lamina, "1.2", 'app = "==2.0"', 'lib = "==1.0"', 'same = "*"')
    answer = lamina("release", "diff", "hep/1.1", "hep/1.2").stdout.splitlines()
    assert answer[1:3] == ["another file of the same version", "  same 1.0"]


def test_why(lamina: CommandLine) -> None:
    assert lamina("release", "why", "hep/1.1", "Fast").stdout.splitlines() == [
        "fast 1.0, from pypi",
        "  the stack asks for app -> fast",
        "  needed by app 2.0",
    ]
    assert lamina("release", "why", "hep/1.0", "plot").stdout.splitlines() == [
        "plot 1.0, from pypi",
        "  the stack asks for app -> plot",
        "  needed by app[gui] 1.0",
    ]
    assert lamina("release", "why", "hep/1.0", "app").stdout.splitlines() == [
        "app 1.0, from pypi",
        "  the stack asks for it",
        "  needs lib, plot",
    ]
    value = json.loads(lamina("release", "why", "hep/1.0", "lib", "--json").stdout)
    assert (value["asked"], value["chain"]) == (True, ["lib"])
    assert value["needed-by"] == [{"name": "app", "version": "1.0", "extra": None}]


def test_what_is_not_there(lamina: CommandLine) -> None:
    answer = lamina("release", "why", "hep/1.1", "fats", expect=2)
    assert "hep/1.1 has no package 'fats' (did you mean 'fast'?)" in answer.stderr
    lamina("release", "diff", "hep/1.1", "hep/3.0", expect=2)


def test_a_release_without_its_listing(lamina: CommandLine) -> None:
    place = lamina.directory / "root" / "releases" / "hep" / "1.0" / current_platform()
    (place / ".lamina").chmod(0o755)
    (place / ".lamina" / "files.mtree").unlink()
    answer = lamina("release", "diff", "hep/1.0", "hep/1.1", expect=3)
    assert "files.mtree: 1 problem\n  cannot be read" in answer.stderr
