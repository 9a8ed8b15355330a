"""What stands on a release is shown, kept and warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.families import Family

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import Answer, CommandLine
    from support.index_server import IndexServer
    from support.places import Place


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def index_server(place: Place, environ: dict[str, str]) -> IndexServer:
    return place.index(environ)


@pytest.fixture
def family(place: Place, index_server: IndexServer, command_line: CommandLine) -> Family:
    """Return two releases of base, a middle on the older one, and top on middle and a lock."""
    found = Family(lamina=command_line)
    place.once("family", lambda: make(index_server, found))
    return found


def make(index_server: IndexServer, found: Family) -> None:
    index_server.wheel("deep", "1.0")
    index_server.wheel("core", "1.0", ["deep"])
    index_server.wheel("core", "2.0", ["deep"])
    index_server.wheel("mine", "1.0", ["core"])
    index_server.wheel("aside", "1.0")
    found.release("base", 'core = "==1.0"')
    release(found, "promote", "base/1.0", "--tier", "stable")
    found.release("middle", extends='"base@stable"')
    found.write("side", 'aside = "*"')
    found.lock("side")
    entries = '{ stack = "middle", priority = 5 }, { lock = "../side" }'
    found.release("top", 'mine = "*"', extends=entries)
    found.release("base", 'core = "==2.0"', version="2.0")
    release(found, "promote", "base/2.0", "--tier", "stable")


def release(family: Family, *words: str) -> Answer:
    return family.lamina("release", *words, "--root", family.root)


def test_a_release_is_shown_with_what_it_stands_on(family: Family) -> None:
    release(family, "promote", "base/1.0", "--tier", "pro", "--new")
    lines = release(family, "show", "top").stdout.splitlines()
    assert lines[lines.index("extends") :] == [
        "extends",
        "  middle/1.0  (priority 5)",
        "    base/1.0  (asked for as @stable; base@pro)",
        "  side  (by its lock)",
    ]
    middle, side = release(family, "show", "top", "--json").json["extends"]
    assert (middle["name"], middle["priority"], middle["there"]) == ("middle/1.0", 5, True)
    assert [one["name"] for one in middle["parents"]] == ["base/1.0"]
    assert (side["found"], side["version"], side["there"]) == ("lock", None, False)
    assert "extends" not in release(family, "show", "base/1.0").stdout


def test_parents_stay_while_a_release_extends_them(family: Family) -> None:
    for name in ("base/1.0", "middle/1.0"):
        release(family, "retire", name)
    staying = release(family, "gc").stdout
    assert "stays  base/1.0" in staying
    assert "middle/1.0 extends it" in staying
    assert "top/1.0 extends it" in staying
    assert family.prefix("base").is_dir()
    release(family, "retire", "top/1.0")
    for _ in range(3):
        release(family, "gc")
    assert not family.prefix("top").exists()
    assert not family.prefix("middle").exists()


def test_parents_of_releases_in_another_root_stay_when_it_is_named(family: Family) -> None:
    family.write("far", extends='{ stack = "base", version = "==2.0", root = "../root" }')
    there = family.lamina.directory / "there"
    for verb in ("lock", "publish"):
        family.lamina(verb, "--stack", "far", "--root", there)
    release(family, "drop", "base@stable")
    release(family, "retire", "base/2.0")
    plan = release(family, "gc", "base", "--dry-run", "--child-root", str(there)).stdout
    assert f"far/1.0 in {there} extends it" in plan
    assert "0 to remove" in plan
    assert "goes   base/2.0" in release(family, "gc", "base", "--dry-run").stdout
    shown = family.lamina("release", "show", "far", "--root", there).stdout
    assert f"  base/2.0  (in {family.root})" in shown


def test_retiring_and_dropping_warn_of_children(family: Family) -> None:
    said = release(family, "retire", "base/1.0").stderr
    assert "base/1.0: middle/1.0 extends it; that release stays as it is" in said
    assert "extends" not in release(family, "retire", "base/1.0", "--undo").stderr
    said = release(family, "drop", "base@stable").stderr
    assert "middle/1.0: locked with base@stable; the next lock needs another parent" in said
    assert "extends" not in release(family, "retire", "base/2.0").stderr


def test_why_goes_on_in_the_parents(family: Family) -> None:
    lines = release(family, "why", "top", "deep").stdout.splitlines()
    assert lines == [
        "deep 1.0, from pypi",
        "  needed by core 1.0",
        "  middle/1.0 brings it:",
        "      needed by core 1.0",
        "      base/1.0 brings it:",
        "          the stack asks for core -> deep",
        "          needed by core 1.0",
    ]
    value = release(family, "why", "top", "aside", "--json").json
    assert value["brought-by"] == [{"parent": "side", "reason": None}]
    assert value["asked"] is False
    assert "  the stack asks for it" in release(family, "why", "top", "mine").stdout


def test_a_parent_that_is_gone_is_said_to_be(family: Family) -> None:
    # Removed by hand: gc would have kept it.
    family.lamina("release", "list", "--root", family.root)
    family.prefix("base").rename(family.lamina.directory / "away")
    shown = release(family, "show", "middle").stdout
    assert "  base/1.0  (asked for as @stable; not there any more)" in shown
    assert "base/1.0 brings it" in release(family, "why", "middle", "core").stdout
