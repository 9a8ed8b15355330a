"""What holds for every stack: what is written reads back, what is added can be removed."""

from __future__ import annotations

import string
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.model.references import ReleaseReference
from lamina.stack.edit import Addition, add_requirements, remove_packages
from lamina.stack.entries import write_range, write_requirement, write_value
from lamina.stack.files import parse_stack
from support.stack_files import SMALLEST

_EDGE = string.ascii_lowercase + string.digits
_names = st.builds(
    lambda head, middle, tail: head + middle + tail,
    st.sampled_from(string.ascii_letters),
    st.text(_EDGE + "-_.", max_size=6),
    st.sampled_from(_EDGE),
)
_versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda numbers: ".".join(map(str, numbers))
)
_bounds = st.builds(
    lambda operator, version: operator + version,
    st.sampled_from([">=", "<", "==", "!=", ">", "<="]),
    _versions,
)
_ranges = st.lists(_bounds, max_size=3).map(",".join)
_requirements = st.builds(
    lambda name, extras, bounds: Requirement(
        f"{name}[{','.join(extras)}]{bounds}" if extras else f"{name}{bounds}"
    ),
    _names,
    st.lists(st.sampled_from(["a", "b-c"]), max_size=2, unique=True),
    _ranges,
)
_comments = st.sampled_from(["", "  # why", "# ünï"])
_blank = st.sampled_from(["", "\n", "\n# about what follows\n"])
_after = st.sampled_from(["", "[test]\nimports = ['os']  # x\n", "[conda]\n# none\n"])

settings.register_profile("steady", deadline=None, max_examples=60)
settings.load_profile("steady")


def _stack(lines: list[tuple[str, str, str]], blank: str, after: str) -> str:
    """Return a stack with packages, each with a range and a comment."""
    packages = "".join(
        f'"{name}" = {write_value(bounds or "*")}{comment}\n' for name, bounds, comment in lines
    )
    return f"{SMALLEST}\n[packages]\n{packages}{blank}{after}"


_lines = st.lists(
    st.tuples(_names, _ranges, _comments),
    max_size=4,
    unique_by=lambda line: canonicalize_name(line[0]),
)
_stacks = st.builds(_stack, _lines, _blank, _after)


def _packages(text: str) -> dict[str, str]:
    return {str(name): one.version for name, one in parse_stack(text, "x").packages.items()}


@given(_stacks, _requirements)
def test_what_is_added_is_there_and_nothing_else_changes(
    text: str, requirement: Requirement
) -> None:
    before = _packages(text)
    after = _packages(add_requirements(text, Addition(requirements=(requirement,)), path="x").text)
    name = canonicalize_name(requirement.name)
    asked = write_range(requirement.specifier) if requirement.specifier else before.get(name, "*")
    assert after == before | {name: asked}


@given(_stacks, _requirements)
def test_what_is_added_and_removed_leaves_the_same_bytes(
    text: str, requirement: Requirement
) -> None:
    if canonicalize_name(requirement.name) in _packages(text):
        return
    added = add_requirements(text, Addition(requirements=(requirement,)), path="x").text
    assert added != text
    assert remove_packages(added, [requirement.name], path="x").text == text


@given(_stacks, _requirements, st.sampled_from(["notebook", "Fits"]))
def test_a_group_gives_its_members_back(text: str, requirement: Requirement, group: str) -> None:
    start = text + "[groups]\n"
    addition = Addition(requirements=(requirement,), group=group)
    added = add_requirements(start, addition, path="x")
    assert parse_stack(added.text, "x").groups == {group.lower(): (write_requirement(requirement),)}
    assert remove_packages(added.text, [requirement.name], group=group, path="x").text == start


@given(_stacks, _requirements)
def test_adding_twice_is_adding_once(text: str, requirement: Requirement) -> None:
    addition = Addition(requirements=(requirement,))
    once = add_requirements(text, addition, path="x").text
    twice = add_requirements(once, addition, path="x")
    assert twice.text == once
    assert [one.action for one in twice.changes] == ["unchanged"]


@given(_stacks, st.data())
def test_removal_keeps_every_other_line(text: str, data: st.DataObject) -> None:
    names = sorted(_packages(text))
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    after = remove_packages(text, [name], path="x").text
    lines = text.splitlines()
    (gone,) = [
        line
        for line in lines
        if line.startswith('"') and canonicalize_name(line.split('"')[1]) == name
    ]
    assert after.splitlines() == [line for line in lines if line is not gone]


@given(_ranges)
def test_a_range_keeps_its_meaning(text: str) -> None:
    written = write_range(SpecifierSet(text))
    assert SpecifierSet("" if written == "*" else written) == SpecifierSet(text)


@given(_requirements)
def test_a_requirement_keeps_its_meaning(requirement: Requirement) -> None:
    assert Requirement(write_requirement(requirement)) == requirement


@given(
    st.recursive(
        st.one_of(
            st.booleans(), st.integers(-(2**60), 2**60), st.text(st.characters(codec="utf-8"))
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3),
        ),
        max_leaves=6,
    )
)
def test_a_value_reads_back(value: object) -> None:
    assert tomllib.loads(f"x = {write_value(value)}") == {"x": value}


@given(st.sampled_from(Platform), st.integers(1, 9), st.integers(0, 99))
def test_a_target_reads_back(platform: Platform, major: int, minor: int) -> None:
    target = Target(platform, PythonSeries(major, minor))
    assert Target.parse(str(target)) == target


@given(_names.map(str.lower), _versions, st.sampled_from(["/", "@", ""]))
def test_a_reference_reads_back(stack: str, version: str, separator: str) -> None:
    text = f"{stack}{separator}{version if separator else ''}"
    assert str(ReleaseReference.parse(text)) == text
