"""Markers, extras and Pythons in the words of conda."""

from __future__ import annotations

from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lamina.model.platforms import PythonSeries, Target
from lamina.press.distribution import Distribution
from lamina.press.markers import series_of
from lamina.press.needs import Needs, Reckoner
from lamina.press.pythons import NOT_FREE_THREADED
from support.wheels import metadata

LINUX = Target.parse("linux-64/3.12")
PURE = "py3-none-any"
EXACT = "cp312-cp312-manylinux_2_17_x86_64"


def distribution(*requires: str, python: str = ">=3.9", tag: str = PURE, name: str = "one",
                 extras: tuple[str, ...] = ()) -> Distribution:  # fmt: skip
    about = metadata(name, "1.0", requires, requires_python=python, extras=extras)
    return Distribution(
        info=Path(f"{name}-1.0.dist-info"),
        environment=Path(),
        metadata=HeaderParser().parsestr(about),
        tags=(tag,),
        programs={},
        files=(),
        requirements=tuple(map(Requirement, requires)),
    )


def needs(one: Distribution, *others: Distribution, target: Target = LINUX) -> Needs:
    known = {other.name: other for other in others}
    return Reckoner(one=one, target=target, names={}, known=known, with_extras=True).needs()


@pytest.mark.parametrize(
    ("requirement", "depends", "warning"),
    [
        ("a>=1; python_version < '3.9'", ("python >=3.9",), ""),
        ("a>=1; python_version >= '3'", ("python >=3.9", "a >=1"), ""),
        ("a; platform_python_implementation == 'PyPy'", ("python >=3.9",), ""),
        (
            "a; python_version < '3.11'",
            ("python >=3.9", "python >=3.12,<3.13.0a0"),
            "not needed with Python 3.12, so",
        ),
        (
            "a; python_full_version >= '3.11.4'",
            ("python >=3.9", "python >=3.12,<3.13.0a0", "a"),
            "needed with Python 3.12, so",
        ),
        ("a; sys_platform == 'win32'", ("python >=3.9", "__linux"), "not needed with linux"),
        ("a; os_name == 'posix'", ("python >=3.9", "__linux", "a"), "needed with linux"),
        (
            "a; sys_platform == 'win32' and python_version < '3.11'",
            ("python >=3.9", "__linux"),
            "not needed with linux",
        ),
        (
            "a; sys_platform == 'linux' and python_version < '3.11'",
            ("python >=3.9", "python >=3.12,<3.13.0a0", "__linux"),
            "not needed with Python 3.12 on linux",
        ),
        (
            "a; platform_machine == 'x86_64'",
            ("python >=3.9", "__linux", "a"),
            "decided for linux-64",
        ),
        ("a @ https://example.org/a.whl", ("python >=3.9", "a"), "any version"),
        ("a[b]>2", ("python >=3.9", "a >2"), "what its extra needs is not known"),
    ],
)
def test_markers(requirement: str, depends: tuple[str, ...], warning: str) -> None:
    found = needs(distribution(requirement))
    assert found.depends == depends
    assert bool(found.warnings) == bool(warning)
    assert warning in " ".join(found.warnings)


def test_a_compiled_wheel_has_its_markers_decided_and_says_nothing() -> None:
    one = distribution("a; python_version < '3.13' and sys_platform == 'linux'", tag=EXACT)
    found = needs(one)
    assert found.depends[1:] == (
        "python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312", "__glibc >=2.17", "a"
    )  # fmt: skip
    assert found.warnings == ()


def test_builds() -> None:
    stable = distribution(tag="cp310-abi3-manylinux_2_28_aarch64")
    target = Target.parse("linux-aarch64/3.12")
    assert needs(stable, target=target).depends == (
        "python >=3.9,>=3.10", NOT_FREE_THREADED, "__glibc >=2.28"
    )  # fmt: skip
    program = distribution(tag="py3-none-macosx_11_0_arm64", python="")
    target = Target.parse("osx-arm64/3.12")
    assert needs(program, target=target).depends == ("python", "__osx >=11.0")


def test_extras_limit_what_is_there() -> None:
    one = distribution(
        "a>=2; extra == 'x'", "b; extra == 'x'", "one[x]; extra == 'all'", "c>=1",
        "d<3; extra == 'x' and sys_platform == 'linux'", "c<9; extra == 'all'",
        extras=("x", "all"),
    )  # fmt: skip
    found = needs(one)
    assert found.depends == ("python >=3.9", "c >=1")
    assert found.constrains == ("a >=2", "c <9a0")
    assert len(found.warnings) == 1
    assert "not everywhere, and so no constraint" in found.warnings[0]


def test_extras_of_wheels_that_are_here_are_put_in() -> None:
    other = distribution("deep>=1; extra == 'x'", "no; extra == 'y'", name="a", extras=("x", "y"))
    found = needs(distribution("a[x]"), other)
    assert found.depends == ("python >=3.9", "a", "deep >=1")
    assert found.warnings == ()


def test_series() -> None:
    assert series_of(SpecifierSet(">=3.9,<3.12")) == tuple(
        PythonSeries(3, minor) for minor in (9, 10, 11)
    )
    assert PythonSeries(3, 9) in series_of(SpecifierSet("!=3.9.0,>=3.9"))
    assert series_of(SpecifierSet("<3")) == ()
