from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from lamina.model.platforms import Target
from lamina.stack.imported import Imported, entries_of, one_per_package

_TARGETS = [Target.parse("linux-64/3.12"), Target.parse("osx-arm64/3.12")]
_SECOND = (
    'a>=2; sys_platform == "darwin": a package stands once in a stack, and'
    ' a<2; sys_platform == "linux" came first'
)


def _one_each(*texts: str) -> tuple[list[str], list[str]]:
    requirements = tuple(Requirement(one) for one in texts)
    found = one_per_package(Imported(requirements=requirements), _TARGETS)
    return [str(one) for one in found.requirements], list(found.left_behind)


@pytest.mark.parametrize(
    ("texts", "kept", "left"),
    [
        pytest.param(["a>=1", "b"], ["a>=1", "b"], [], id="different packages"),
        pytest.param(["a>=1", "A[x]<2"], ["a[x]<2,>=1"], [], id="same package"),
        pytest.param(
            ["a; sys_platform == 'win32'"],
            [],
            ['a; sys_platform == "win32": not for the platforms of this stack'],
            id="other platform",
        ),
        pytest.param(
            ["a<2; python_version < '3.12'", "a>=2; python_version >= '3.12'"],
            ['a>=2; python_version >= "3.12"'],
            ['a<2; python_version < "3.12": not for the platforms of this stack'],
            id="other Python",
        ),
        pytest.param(
            ["a<2; sys_platform == 'linux'", "a>=2; sys_platform == 'darwin'"],
            ['a<2; sys_platform == "linux"'],
            [_SECOND],
            id="two platforms of the stack",
        ),
    ],
)
def test_one_per_package(texts: list[str], kept: list[str], left: list[str]) -> None:
    assert _one_each(*texts) == (kept, left)


def test_entries_are_sorted_and_allow_the_prereleases_they_name() -> None:
    many = [Requirement(one) for one in ("root==0.1a12", "Foo_Bar>=1")]
    assert entries_of(Imported(requirements=tuple(many))) == {
        "foo-bar": {"version": ">=1"},
        "root": {"version": "==0.1a12", "prerelease": True},
    }
