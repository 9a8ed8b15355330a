"""Which release or lock a stack extends, and when its lock is stale for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.families import Family

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
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
    """Return a family whose base has three releases, the newest of them retired."""
    found = Family(lamina=command_line)
    place.once("family", lambda: make(index_server, found))
    return found


def make(index_server: IndexServer, found: Family) -> None:
    for version in ("1.0", "1.1", "1.2", "1.3"):
        index_server.wheel("core", version)
    index_server.wheel("mine", "1.0")
    for version in ("1.0", "1.1", "1.2"):
        found.release("base", f'core = "=={version}"', version=version)
    found.lamina("release", "retire", "base/1.2", "--root", found.root)
    found.lamina("release", "promote", "base/1.0", "--tier", "stable", "--root", found.root)


def core(family: Family, name: str = "top") -> str:
    return family.versions(name)["core"]


FOUND = {
    '"base"': "1.1",
    '"base >=1.0"': "1.1",
    '"base <1.1"': "1.0",
    '"base==1.0"': "1.0",
    '"base@stable"': "1.0",
    '{ stack = "base", version = ">1.0" }': "1.1",
    '{ stack = "base", root = "../root" }': "1.1",
    '{ lock = "../base" }': "1.2",
    '{ lock = "../base/lamina.lock", stack = "base" }': "1.2",
}


def test_what_is_extended(family: Family) -> None:
    found = {}
    for number, extends in enumerate(FOUND):
        name = f"top{number}"
        family.write(name, extends=extends)
        family.lock(name)
        family.lock(name, "--check")
        found[extends] = core(family, name)
    assert found == FOUND


def test_a_lock_tells_how_a_parent_was_found_without_any_path(family: Family) -> None:
    for name, extends, found in (
        ("one", '"base@stable"', {"found": "release", "version": "1.0", "tier": "stable"}),
        ("two", '{ stack = "base", root = "../root" }', {"found": "other-root", "version": "1.1"}),
        ("three", '{ lock = "../base" }', {"found": "lock"}),
    ):
        family.write(name, extends=extends)
        family.lock(name)
        [parent] = family.lock_of(name)["parent"]
        assert {key: parent[key] for key in found} == found
        assert ("version" in parent) == ("version" in found)
        asked = family.packages(name)["core"]["requested-by"]
        assert asked == ["stack:base" + (f"/{found['version']}" if "version" in found else "")]
        text = (family.lamina.directory / name / "lamina.lock").read_text()
        assert str(family.lamina.directory) not in text
        assert "../" not in text


REFUSED = {
    '"bsae"': "no release of the stack 'bsae' (did you mean 'base'?)",
    '"base >=2"': "no release of base is in '>=2'; there is: base/1.0, base/1.1, base/1.2",
    '"base ==1.2"': "base/1.2: retired; there is: base/1.0, base/1.1",
    '"base@stabel"': "no tier 'stabel'; there is: base@stable (did you mean 'stable'?)",
    '{ stack = "base", root = "../nowhere" }': "no releases there",
    '{ lock = "../nowhere" }': "no such file",
    '{ lock = "../base", stack = "bass" }': "../base is the lock of 'base', not of 'bass' (did you",
    '"base =1"': "'=1' is not a range of releases",
    '"top"': "'top' is this stack itself",
    '"base", "base@stable"': "stack.extends[0] is 'base' already",
    '"base", { lock = "../base" }': "stack.extends[0] is 'base' already",
    '{ version = ">1" }': "name the stack of its releases",
    '{ lock = "../base", tier = "pro" }': "a lock has no tier",
    "3": "found 3; expected a stack such as",
}


def test_what_cannot_be_extended(family: Family) -> None:
    for extends, problem in REFUSED.items():
        family.write("top", extends=extends)
        error = family.lock("top", expect=3).stderr
        assert problem in error, extends
        assert "stack.extends[" in error, extends


def test_all_parents_that_cannot_be_had_are_told_at_once(family: Family) -> None:
    family.write("top", extends='"bsae", "base@stabel"')
    error = family.lock("top", expect=3).stderr
    assert "2 problems" in error


def test_a_newer_release_does_not_make_a_lock_stale(family: Family) -> None:
    family.write("top", extends='"base <2"')
    family.lock("top")
    family.release("base", 'core = "==1.3"', version="1.3")
    family.lock("top", "--check")
    family.lock("top")
    assert core(family) == "1.1"
    family.lock("top", "--upgrade")
    assert core(family) == "1.3"


def test_a_tier_that_moved_is_followed_when_upgrading(family: Family) -> None:
    family.write("top", extends='"base@stable"')
    family.lock("top")
    promote = ("release", "promote", "base/1.1", "--tier", "stable", "--root", family.root)
    family.lamina(*promote)
    family.lock("top", "--check")
    family.lock("top")
    assert core(family) == "1.0"
    family.lock("top", "--upgrade")
    assert core(family) == "1.1"


def test_a_parent_that_was_retired_is_left_by_the_next_lock(family: Family) -> None:
    family.write("top", extends='"base"')
    family.lock("top")
    family.lamina("release", "retire", "base/1.1", "--root", family.root)
    family.lock("top", "--check")
    family.lock("top")
    assert core(family) == "1.0"


def test_another_range_makes_a_lock_stale(family: Family) -> None:
    family.write("top", extends='"base"')
    family.lock("top")
    family.write("top", extends='"base ==1.0"')
    assert "the stack has changed" in family.lock("top", "--check", expect=3).stderr
    family.lock("top")
    assert core(family) == "1.0"


def test_another_content_of_a_parent_makes_a_lock_stale(family: Family) -> None:
    family.write("top", extends='{ lock = "../base" }')
    family.lock("top")
    family.write("base", 'core = "==1.3"')
    family.lock("base")
    error = family.lock("top", "--check", expect=3).stderr
    assert "parent: base changed since the stack was locked" in error
    assert "lamina lock" in error
    family.lock("top")
    assert core(family) == "1.3"


def test_a_parent_whose_own_lock_is_stale_is_warned_of(family: Family) -> None:
    family.write("top", extends='{ lock = "../base" }')
    assert "is older than" not in family.lock("top").stderr
    family.write("base", 'core = "==1.3"')
    said = family.lock("top").stderr
    assert "stack.extends[0]: the lock of base is older than top/../base/lamina.toml" in said


def test_a_parent_that_is_not_there_any_more(family: Family) -> None:
    family.write("top", extends='"base"')
    family.lock("top")
    elsewhere = family.lamina.directory / "elsewhere"
    family.lamina(
        "publish", "--stack", "base", "--root", elsewhere, "--no-test"
    )  # only 1.2 is there
    command = ("lock", "--check", "--stack", "top", "--root", elsewhere)
    error = family.lamina(*command, expect=3).stderr
    assert f"stack.extends[0]: base/1.1 is not in {elsewhere}; there is: base/1.2" in error


def test_a_stack_that_extends_nothing_needs_no_root(family: Family) -> None:
    family.write("alone", 'mine = "*"')
    family.lamina("lock", "--stack", "alone", "--root", "nowhere")
    family.lamina("lock", "--check", "--stack", "alone", "--root", "nowhere")
