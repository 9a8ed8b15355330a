"""Several parents: which comes first, and what is said where they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.families import Family

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def family(index_server: IndexServer, command_line: CommandLine) -> Family:
    """Return a family of locks: base, and three stacks with other versions of lib."""
    for version in ("1.0", "2.0", "3.0"):
        index_server.wheel("lib", version)
        index_server.wheel("core", version)
    index_server.wheel("extra", "1.0")
    found = Family(lamina=command_line)
    for name, version in (("red", "1.0"), ("green", "2.0"), ("blue", "3.0")):
        found.write(name, f'lib = "=={version}"')
        found.lock(name)
    return found


def parents(family: Family, name: str = "top") -> list[str]:
    return [one["stack"] for one in family.lock_of(name)["parent"]]


def lock_entry(name: str, more: str = "") -> str:
    return f'{{ lock = "../{name}"{more} }}'


def test_the_name_decides_last_and_a_warning_says_so(family: Family) -> None:
    family.write("top", extends=f"{lock_entry('red')}, {lock_entry('blue')}")
    said = family.lock("top").stderr
    assert parents(family) == ["blue", "red"]
    assert family.versions("top") == {"lib": "3.0"}
    assert (
        "blue has lib 3.0 and red has 1.0; taken is that of blue, which comes first by its name: "
        "give them a priority"
    ) in said


def test_the_higher_priority_comes_first(family: Family) -> None:
    entries = [lock_entry("blue"), lock_entry("red", ", priority = 10"), lock_entry("green")]
    family.write("top", extends=", ".join(entries))
    said = family.lock("top").stderr
    assert parents(family) == ["red", "blue", "green"]
    assert family.versions("top") == {"lib": "1.0"}
    assert "red has lib 1.0 and blue has 3.0; taken is that of red, which has the higher" in said


def test_what_extends_another_comes_before_it_whatever_the_priority(family: Family) -> None:
    family.write("violet", 'lib = "==1.0"', extends=lock_entry("blue"))
    family.lock("violet")
    entries = [lock_entry("blue", ", priority = 99"), lock_entry("violet")]
    family.write("top", extends=", ".join(entries))
    said = family.lock("top").stderr
    assert parents(family) == ["violet", "blue"]
    assert family.versions("top") == {"lib": "1.0"}
    assert "taken is that of violet, which extends blue" in said


def test_no_warning_where_nothing_differs_or_the_stack_decides(family: Family) -> None:
    family.write("same", 'lib = "==3.0"')
    family.lock("same")
    family.write("top", extends=f"{lock_entry('same')}, {lock_entry('blue')}")
    assert "taken is" not in family.lock("top").stderr
    both = f"{lock_entry('red')}, {lock_entry('blue')}"
    family.write("top", 'lib = "==2.0"', extends=both)
    assert "taken is" not in family.lock("top").stderr
    assert family.versions("top") == {"lib": "2.0"}


def test_a_diamond(family: Family) -> None:
    family.write("base", 'core = "==1.0"')
    family.lock("base")
    for name in ("left", "right"):
        family.write(name, extends=lock_entry("base"))
        family.lock(name)
    extends = f"{lock_entry('base')}, {lock_entry('left')}, {lock_entry('right')}"
    family.write("top", 'extra = "*"', extends=extends)
    said = family.lock("top").stderr
    assert "taken is" not in said
    assert parents(family) == ["left", "right", "base"]
    assert family.versions("top") == {"core": "1.0", "extra": "1.0"}
    core = family.packages("top")["core"]
    assert core["requested-by"] == ["stack:left"]


def test_a_diamond_whose_sides_have_other_bases(family: Family) -> None:
    family.write("base", 'core = "==1.0"')
    family.lock("base")
    family.write("left", extends=lock_entry("base"))
    family.lock("left")
    family.write("base", 'core = "==2.0"')
    family.lock("base")
    family.write("right", extends=lock_entry("base"))
    family.lock("right")
    family.write("top", extends=f"{lock_entry('left')}, {lock_entry('right')}")
    assert "left has core 1.0 and right has 2.0" in family.lock("top").stderr
    assert family.versions("top") == {"core": "1.0"}


def test_a_circle_is_refused(family: Family) -> None:
    family.write("one", extends=lock_entry("red"))
    family.lock("one")
    family.write("red", 'lib = "==1.0"', extends=lock_entry("one"))
    error = family.lock("red", expect=3).stderr
    assert "stack.extends[0]: a circle: red extends one extends red" in error


def test_parents_in_a_circle_are_refused(family: Family) -> None:
    """Each was locked when the other did not extend it yet, or so their locks say."""
    for name, other in (("one", "red"), ("two", "blue")):
        family.write(name, extends=lock_entry(other))
        family.lock(name)
    directory = family.lamina.directory
    for name, other, now in (("one", "red", "two"), ("two", "blue", "one")):
        path = directory / name / "lamina.lock"
        path.write_text(
            path.read_text()
            .replace(f'"{other}"', f'"{now}"')
            .replace(f'"stack:{other}"', f'"stack:{now}"')
        )
    family.write("top", extends=f"{lock_entry('one')}, {lock_entry('two')}")
    error = family.lock("top", expect=3).stderr
    assert "a circle: " in error
    assert "one extends two" in error


def test_what_is_below_a_parent_is_recorded(family: Family) -> None:
    family.write("middle", extends=lock_entry("red"))
    family.lock("middle")
    family.write("top", extends=lock_entry("middle"))
    family.lock("top")
    [parent] = family.lock_of("top")["parent"]
    assert parent["below"] == ["red"]
