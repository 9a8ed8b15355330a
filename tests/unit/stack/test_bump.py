"""The next version, and what makes it a large step or a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from lamina.core.errors import UsageError
from lamina.model.document import validate
from lamina.model.versions import parse_release_version
from lamina.stack.bump import PARTS, bump, reasons_for
from lamina.stack.document import Stack

if TYPE_CHECKING:
    from lamina.stack.bump import Part


@pytest.mark.parametrize(
    ("before", "part", "after"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "build", "1.2.3.post0"),
        ("1.2.3.post0", "build", "1.2.3.post1"),
        ("1.2.3.post4", "patch", "1.2.4"),
        ("1.2.3", "pre", "1.2.4a1"),
        ("1.2.4a1", "pre", "1.2.4a2"),
        ("1.2.4rc3", "pre", "1.2.4rc4"),
        ("1.2.4rc3", "final", "1.2.4"),
        ("1.2.4rc3", "patch", "1.2.4"),
        ("2.0.0a1", "major", "2.0.0"),
        ("2.0.1a1", "major", "3.0.0"),
        ("2.1.0a1", "minor", "2.1.0"),
        ("2.1.1a1", "minor", "2.2.0"),
        ("1.2.4a1", "build", "1.2.4a1.post0"),
        ("2026.07.9", "patch", "2026.07.10"),
        ("2026.07.1", "minor", "2026.08.0"),
        ("2026.09.1", "minor", "2026.10.0"),
        ("7", "patch", "7.0.1"),
        ("7.1", "minor", "7.2"),
        ("7.1", "pre", "7.1.1a1"),
        ("1!2.0", "major", "1!3.0"),
    ],
)
def test_bump(before: str, part: Part, after: str) -> None:
    version = parse_release_version(before)
    assert bump(version, part) == after
    assert Version(after) > Version(before)


@pytest.mark.parametrize("version", ["1.0.dev3", "1.0.1.dev3+gabc123456", "1.0+local"])
@pytest.mark.parametrize("part", PARTS)
def test_what_has_no_successor(version: str, part: Part) -> None:
    with pytest.raises(UsageError, match="no successor"):
        bump(parse_release_version(version), part)


def test_what_is_final_already() -> None:
    with pytest.raises(UsageError, match="is no pre-release"):
        bump(parse_release_version("1.0"), "final")


def stack(packages: dict[str, Any], **table: Any) -> Stack:
    about = {"name": "hep", "version": "1.0", "python": "3.12", "platforms": ["linux-64"]}
    return validate(Stack, {"stack": about | table, "packages": packages}, "lamina.toml")


@pytest.mark.parametrize(
    ("was", "now", "part"),
    [
        pytest.param("*", "*", None, id="the-same"),
        pytest.param(">=1", ">=1,<3", "build", id="upper-pin-new"),
        pytest.param("<3", "<4", "build", id="upper-pin-raised"),
        pytest.param("<3", "*", "build", id="upper-pin-gone"),
        pytest.param(">=1,<3", ">=1,<3,!=2.1", "build", id="one-excluded"),
        pytest.param("*", ">=1", "patch", id="lower-pin-new"),
        pytest.param(">=1,<3", ">=2,<3", "patch", id="lower-pin-raised"),
        pytest.param(">=1,<3", ">=2,<4", "patch", id="both-raised"),
        pytest.param(">=2", ">=1", "patch", id="lower-pin-lowered"),
        pytest.param(">=1,<3", ">=3", "major", id="where-the-old-one-ends"),
        pytest.param(">=1,<=3", ">=3.1,<4", "major", id="beyond-the-old-one"),
        pytest.param("==1.26.4", "==1.26.5", "patch", id="pin-raised"),
        pytest.param("==1.26.4", "==2.0.0", "major", id="pin-of-another-major"),
        pytest.param("==1.26.4", ">=1.26,<2", "patch", id="pin-loosened"),
        pytest.param("==1.26.*", "==1.27.*", "patch", id="pin-of-a-series"),
        pytest.param("~=1.2", "~=1.3", "patch", id="compatible"),
        pytest.param("~=1.26", "~=2.0", "major", id="compatible-with-another"),
        pytest.param(">=2,<3", ">=1.20,<2", "major", id="below-the-old-one"),
        pytest.param(">=2,!=2.1", "<1", "major", id="down-to-where-it-began"),
        pytest.param("<=2", ">=2", "patch", id="one-version-in-common"),
        pytest.param("<2", ">=2", "major", id="no-version-in-common"),
        pytest.param("===foo", "===bar", "build", id="arbitrary"),
    ],
)
def test_what_a_range_means(was: str, now: str, part: Part | None) -> None:
    found = reasons_for(stack({"numpy": was}), stack({"numpy": now}))
    assert [one.part for one in found] == ([] if part is None else [part])
    if part is not None:
        assert found[0].text == f"numpy {was} is now {now}"


def test_the_weightiest_comes_first() -> None:
    before = stack({"a": "*", "gone": "*", "b": "<2"})
    after = stack({"a": ">=1", "new": "*", "b": "<3"})
    assert [(one.part, one.text) for one in reasons_for(before, after)] == [
        ("major", "gone is gone"),
        ("minor", "new is new"),
        ("patch", "a * is now >=1"),
        ("build", "b <2 is now <3"),
    ]


def test_pythons_and_platforms() -> None:
    before = stack({"a": "*"}, python=["3.11", "3.12"], platforms=["linux-64", "osx-64"])
    after = stack({"a": "*"}, python=["3.12", "3.13"], platforms=["linux-64", "linux-aarch64"])
    assert [(one.part, one.text) for one in reasons_for(before, after)] == [
        ("major", "no longer for osx-64"),
        ("major", "no longer for 3.11"),
        ("minor", "also for linux-aarch64"),
        ("minor", "also for 3.13"),
    ]


def test_what_else_is_said_of_a_package() -> None:
    found = reasons_for(stack({"a": "*"}), stack({"a": {"extras": ["x"]}}))
    assert [(one.part, one.text) for one in found] == [("build", "a is asked for in another way")]
