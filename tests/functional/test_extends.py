"""A stack gets the packages of those it extends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.families import HERE, Family
from support.index_server import LINUX, IndexServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    """Return an index with two versions of most things."""
    for version in ("1.0", "2.0"):
        index_server.wheel("core", version)
        index_server.wheel("app", version, ["core"])
        index_server.wheel("ours", version, ["app", "extra"])
    index_server.wheel("needs-two", "1.0", ["core>=2"])
    index_server.wheel("extra", "1.0")
    return index_server


@pytest.fixture
def ours() -> Iterator[IndexServer]:
    """Return an index of the experiment; the public one gets a higher version of its package."""
    with IndexServer() as server:
        server.wheel("tool", "1.0", note="ours")
        yield server


@pytest.fixture
def family(index: IndexServer, command_line: CommandLine) -> Family:
    """Return a family whose base has old versions, published."""
    assert index.url
    found = Family(lamina=command_line)
    found.release("base", 'app = "==1.0"\ncore = "==1.0"')
    return found


def test_packages_of_a_parent_come_at_its_versions(family: Family) -> None:
    family.write("top", 'ours = "*"', extends='"base"')
    answer = family.lock("top", "--json", "-q").json
    assert (answer["packages"], answer["parents"]) == (4, ["base/1.0"])
    assert family.versions("top") == {"app": "1.0", "core": "1.0", "ours": "2.0", "extra": "1.0"}
    found = family.packages("top")
    assert found["app"]["requested-by"] == ["ours", "stack:base/1.0"]
    assert found["core"]["requested-by"] == ["app", "stack:base/1.0"]
    assert found["extra"]["requested-by"] == ["ours"]
    [parent] = family.lock_of("top")["parent"]
    assert (parent["stack"], parent["version"], parent["found"]) == ("base", "1.0", "release")


def test_the_same_inputs_give_the_same_bytes(family: Family) -> None:
    family.write("top", 'ours = "*"', extends='"base"')
    lock = family.lamina.directory / "top" / "lamina.lock"
    family.lock("top")
    first = lock.read_bytes()
    lock.unlink()
    family.lock("top")
    assert lock.read_bytes() == first
    assert "unchanged" in family.lock("top").stdout
    assert b"://" not in first
    assert str(family.root).encode() not in first


def test_the_files_are_those_of_the_parent(family: Family, index: IndexServer) -> None:
    """A better wheel of the same version has appeared since."""
    index.wheel("core", "1.0", tag=LINUX)
    family.write("top", extends='"base"')
    family.lock("top")
    assert family.packages("top")["core"]["artifacts"] == [
        {key: value for key, value in one.items() if key != "targets"}
        for one in family.packages("base")["core"]["artifacts"]
    ]
    family.publish("top")


def test_a_file_that_was_replaced_on_the_index_is_refused(
    family: Family, index: IndexServer
) -> None:
    index.offers["core"] = []
    index.wheel("core", "1.0", note="another")
    family.write("top", extends='"base"')
    answer = family.lock("top", expect=6)
    assert "core-1.0-py3-none-any.whl on the index is not the file that the parent has" in (
        answer.stderr
    )


def test_what_the_stack_lists_itself_wins(family: Family) -> None:
    family.write("top", 'core = ">=2"\nneeds-two = "*"', extends='"base"')
    family.lock("top")
    assert family.versions("top") == {"app": "1.0", "core": "2.0", "needs-two": "1.0"}
    assert family.packages("top")["core"]["requested-by"] == ["app", "needs-two", "stack"]


def test_what_a_group_lists_wins(family: Family) -> None:
    family.write("top", extends='"base"', more='[groups]\nmore = ["core>=2"]')
    family.lock("top")
    assert family.versions("top") == {"app": "1.0", "core": "2.0"}


def test_extras_and_markers_of_the_stack_win(family: Family, index: IndexServer) -> None:
    index.wheel("rich", "1.0", ["extra ; extra == 'more'"], extras=["more"])
    family.release("wide", 'rich = "==1.0"\ncore = "*"')
    lines = """
rich = { version = "==1.0", extras = ["more"] }
core = { version = "*", marker = "python_version < '3'" }
"""
    family.write("top", lines, extends='"wide"')
    family.lock("top")
    assert family.versions("top") == {"rich": "1.0", "extra": "1.0"}


def test_what_cannot_live_with_a_parent_is_told_with_both_sides(family: Family) -> None:
    family.write("top", 'needs-two = "*"', extends='"base"')
    error = family.lock("top", expect=4).stderr
    assert "needs-two needs core>=2" in error
    assert "core==1.0 of base/1.0 and packages.needs-two = '*'" in error
    assert "hint: to have another than core==1.0 of base/1.0, list it: lamina add core\n" in error


def test_what_the_stack_lists_may_not_suit_a_parent(family: Family, index: IndexServer) -> None:
    index.wheel("strict", "1.0", ["core<2"])
    family.release("narrow", 'strict = "*"\ncore = "*"')
    family.write("top", 'core = ">=2"', extends='"narrow"')
    error = family.lock("top", expect=4).stderr
    assert "strict needs core<2" in error
    assert "packages.core = '>=2'" in error
    assert "strict==1.0 of narrow/1.0" in error
    assert "list it: lamina add strict" in error


def test_parents_that_exclude_each_other_are_told(family: Family) -> None:
    family.release("two", 'needs-two = "*"')
    family.write("top", extends='"base", "two"')
    said = family.lock("top", expect=4).stderr
    assert "base/1.0 has core 1.0 and two/1.0 has 2.0; taken is that of base/1.0" in said
    assert "core==1.0 of base/1.0" in said
    assert "needs-two==1.0 of two/1.0" in said
    family.write("top", 'core = "==2.0"', extends='"base", "two"')
    family.lock("top")
    assert family.versions("top") == {"app": "1.0", "core": "2.0", "needs-two": "1.0"}


def test_a_pre_release_of_a_parent_comes_along(family: Family, index: IndexServer) -> None:
    index.wheel("early", "1.0")
    index.wheel("early", "2.0a1")
    index.wheel("late", "1.0", ["early>1"])
    family.release("bold", 'early = { version = "*", prerelease = true }')
    family.write("top", 'late = "*"', extends='"bold"')
    family.lock("top")
    assert family.versions("top") == {"early": "2.0a1", "late": "1.0"}


def test_a_closed_stack_lists_what_its_parents_have(family: Family) -> None:
    family.write("top", 'ours = "*"', extends='"base"', resolve="closed = true")
    error = family.lock("top", expect=4).stderr
    assert "extra is not listed" in error
    assert "app is not listed" not in error
    family.write("top", 'ours = "*"\nextra = "*"', extends='"base"', resolve="closed = true")
    family.lock("top")
    checked = family.lamina("check", "--stack", "top", "--root", family.root)
    assert "top is in order: documents, lock, closed set" in checked.stdout


def test_what_a_parent_goes_without_stays_away(family: Family) -> None:
    family.release("shut", 'app = { version = "*", waive = ["core"] }', resolve="closed = true")
    family.release("top", 'extra = "*"', extends='"shut"')
    assert family.versions("top") == {"app": "2.0", "extra": "1.0"}
    family.release("higher", extends='"top"', resolve="closed = true")
    assert family.versions("higher") == {"app": "2.0", "extra": "1.0"}


def test_times_of_parent_and_stack_do_not_bind_each_other(
    family: Family, index: IndexServer
) -> None:
    index.wheel("late", "1.0", uploaded="2026-05-01T00:00:00Z")
    index.wheel("late", "2.0", uploaded="2026-07-01T00:00:00Z")
    index.wheel("other", "1.0", uploaded="2026-02-01T00:00:00Z")
    index.wheel("other", "2.0", uploaded="2026-09-01T00:00:00Z")
    family.release("timed", 'late = "*"', resolve="exclude-newer = 2026-06-01")
    family.write("after", 'other = "*"', extends='"timed"')
    family.write("before", 'other = "*"', extends='"timed"', resolve="exclude-newer = 2026-03-01")
    family.lock("after")
    family.lock("before")
    assert family.versions("after") == {"late": "1.0", "other": "2.0"}
    assert family.versions("before") == {"late": "1.0", "other": "1.0"}


def test_a_package_stays_with_the_index_of_the_parent(
    family: Family, index: IndexServer, ours: IndexServer
) -> None:
    index.wheel("tool", "99.0", note="foreign")
    index.wheel("user", "1.0", ["tool"])
    private = 'tool = { version = "*", index = "ours" }'
    family.release("private", private, resolve=f'indexes = {{ ours = "{ours.url}" }}')
    for name, lines in (
        ("brought", 'user = "*"'),
        ("listed", 'tool = "*"\nuser = "*"'),
        ("grouped", 'user = "*"'),
    ):
        more = '[groups]\nsome = ["tool"]' if name == "grouped" else ""
        family.release(name, lines, extends='"private"', more=more)
        tool = family.packages(name)["tool"]
        assert (tool["version"], tool["index"]) == ("1.0", "ours"), name
    family.release("higher", 'extra = "*"', extends='"brought"')
    assert family.packages("higher")["tool"]["index"] == "ours"
    manifest = (family.prefix("higher") / ".lamina" / "release.toml").read_text()
    assert f'[indexes]\n"ours" = "{ours.url}"\n' in manifest
    for name in ("higher", "grouped", "listed"):
        family.lamina("layer", "create", f"on-{name}", "--on", name, "--root", family.root)
        family.lamina("layer", "add", f"on-{name}", "tool>1", "--dry-run", expect=4)
    assert "files/tool-1.0" in family.lamina("export", "higher", *_as_pylock(family)).stdout
    assert "files/tool-1.0" in family.lamina("export", "brought/1.0", *_as_pylock(family)).stdout


def _as_pylock(family: Family) -> tuple[str, ...]:
    return ("--as", "pylock", "--root", str(family.root))


def test_an_index_of_one_name_at_two_addresses_is_refused(
    family: Family, index: IndexServer, ours: IndexServer
) -> None:
    private = 'tool = { version = "*", index = "ours" }'
    family.release("private", private, resolve=f'indexes = {{ ours = "{ours.url}" }}')
    family.write("top", extends='"private"', resolve=f'indexes = {{ ours = "{index.url}" }}')
    error = family.lock("top", expect=3).stderr
    assert "resolve.indexes.ours: 'ours' is another index in private/1.0" in error


def test_a_parent_has_to_be_locked_for_every_target(family: Family) -> None:
    stack = 'platforms = ["linux-64", "osx-arm64"]\npython = ["3.11", "3.12"]'
    family.write("top", extends='"base"', stack=stack)
    error = family.lock("top", expect=3).stderr
    assert (
        "stack.extends[0]: base/1.0 is not locked for linux-64/3.11, osx-arm64/3.11, "
        f"osx-arm64/3.12; it is for {HERE}/3.12"
    ) in error


def test_wheels_for_newer_systems_than_the_stack_allows_are_refused(
    family: Family, index: IndexServer
) -> None:
    index.wheel("new", "1.0", tag="cp312-cp312-manylinux_2_34_x86_64")
    family.release("modern", 'new = "*"', resolve='glibc = "2.34"')
    family.write("top", extends='"modern"')
    error = family.lock("top", expect=3).stderr
    assert "new-1.0-cp312-cp312-manylinux_2_34_x86_64.whl of modern/1.0 is for newer systems" in (
        error
    )
    family.write("top", extends='"modern"', resolve='glibc = "2.35"')
    family.lock("top")


def test_versions_that_differ_by_target_come_along(family: Family, index: IndexServer) -> None:
    index.wheel("split", "1.0")
    index.wheel("split", "2.0", tag=LINUX)
    both = 'platforms = ["linux-64", "osx-arm64"]'
    lines = """
split = "*"
core = { version = "==1.0", platforms = ["osx-arm64"] }
"""
    family.write("wide", lines, stack=both)
    family.lock("wide")
    family.write("top", 'extra = "*"', extends='{ lock = "../wide" }', stack=both)
    family.lock("top")

    def shape(name: str) -> set[tuple[str, str, tuple[str, ...]]]:
        many = family.lock_of(name)["package"]
        return {(one["name"], one["version"], tuple(one.get("targets", ()))) for one in many}

    assert len(shape("wide")) == 3
    assert shape("top") == shape("wide") | {("extra", "1.0", ())}
