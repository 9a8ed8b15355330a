"""Which versions a target can use, and what is said where it can use none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from lamina.engines.index_pages import Offer
from lamina.model.document import validate
from lamina.model.names import parse_package_name
from lamina.model.platforms import Target
from lamina.resolve.wheels import is_usable, no_wheel, version_of
from lamina.stack.document import Stack

if TYPE_CHECKING:
    from lamina.core.errors import UnsatisfiableError

NATIVE = parse_package_name("native")
LINUX = "cp312-cp312-manylinux_2_17_x86_64"
MACOS = "cp312-cp312-macosx_11_0_arm64"
TARGET = Target.parse("linux-64/3.12")
SDIST = "native-1.0.tar.gz"


def stack_of(entry: Any = "*", **resolve: Any) -> Stack:
    return validate(
        Stack,
        {
            "stack": {
                "name": "small",
                "version": "1.0",
                "python": "3.12",
                "platforms": ["linux-64", "osx-arm64"],
            },
            "resolve": resolve,
            "packages": {"native": entry},
        },
        "lamina.toml",
    )


def offer(filename: str, requires_python: str = "") -> Offer:
    return Offer(
        filename=filename,
        address=f"https://index.example.org/{filename}",
        sha256=None,
        metadata_sha256=None,
        requires_python=requires_python,
        uploaded=None,
        yanked=False,
    )


def wheel(tag: str, version: str = "1.0", requires_python: str = "") -> Offer:
    return offer(f"native-{version}-{tag}.whl", requires_python)


@pytest.mark.parametrize(
    ("requires_python", "usable"),
    [
        ("", True),
        (">=3.9", True),
        (">=3.12.4", True),
        (">3.12", True),
        ("~=3.8", True),
        (">=3.13", False),
        ("~=3.13", False),
        (">3.13", False),
        (">=3.8,!=3.9.*,<3.11", True),
        ("==3.12.*", True),
        ("nonsense", True),
    ],
)
def test_the_python_that_a_file_is_for(requires_python: str, *, usable: bool) -> None:
    files = [wheel("py3-none-any", requires_python=requires_python)]
    assert is_usable(stack_of(), NATIVE, files, TARGET) is usable


def test_one_file_for_the_python_is_enough() -> None:
    files = [wheel("py3-none-any", requires_python=">=3.13"), wheel(LINUX, requires_python=">=3.8")]
    assert is_usable(stack_of(), NATIVE, files, TARGET)


@pytest.mark.parametrize(
    ("files", "entry", "resolve", "usable"),
    [
        pytest.param([wheel(LINUX)], "*", {}, True, id="a wheel"),
        pytest.param([wheel(MACOS)], "*", {}, False, id="a wheel for another platform"),
        pytest.param([offer(SDIST)], "*", {}, False, id="sources, wheels only"),
        pytest.param([offer(SDIST)], "*", {"only-binary": False}, True, id="sources"),
        pytest.param([offer(SDIST)], {"source": True}, {}, True, id="sources asked for"),
        pytest.param([wheel(LINUX)], {"source": True}, {}, False, id="sources asked for, a wheel"),
        pytest.param(
            [offer(SDIST, ">=3.13")], {"source": True}, {}, False, id="sources for a newer Python"
        ),
        pytest.param([], "*", {"only-binary": False}, False, id="nothing"),
    ],
)
def test_what_the_stack_lets_a_target_use(
    files: list[Offer], entry: Any, resolve: dict[str, Any], *, usable: bool
) -> None:
    assert is_usable(stack_of(entry, **resolve), NATIVE, files, TARGET) is usable


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        (f"native-1.0-{LINUX}.whl", "1.0"),
        ("native-1.0-2-py3-none-any.whl", "1.0"),
        ("native-1.0.tar.gz", "1.0"),
        ("native-1.0.zip", "1.0"),
        ("native-1.0.win32.exe", None),
        ("native-1.0-py2.7.egg", None),
        ("native.whl", None),
        ("native-latest.tar.gz", None),
    ],
)
def test_the_version_in_a_file_name(filename: str, version: str | None) -> None:
    assert version_of(filename) == (Version(version) if version else None)


def refusal(entry: Any, *versions: list[Offer], target: Target = TARGET) -> UnsatisfiableError:
    offered = {Version(str(9 - i)): files for i, files in enumerate(versions)}
    return no_wheel(stack_of(entry), NATIVE, target, offered)


def test_the_platforms_that_have_a_wheel() -> None:
    error = refusal("*", [wheel(MACOS), wheel("cp312-cp312-win_amd64")], [offer(SDIST)])
    assert error.message.splitlines() == [
        "no wheel of native (packages.native = '*') for linux-64/3.12; there are wheels for",
        "  native 9: osx-arm64, win-64",
        "  native 8: none, sources only",
    ]
    assert error.hints[0].startswith("leave it out there")
    assert '["osx-arm64"]' in error.hints[0]
    assert "source = true" in error.hints[1]


def test_a_few_versions_say_enough() -> None:
    error = refusal("*", *([wheel(MACOS)] for _ in range(5)))
    assert error.message.splitlines()[-2:] == [
        "  native 7: osx-arm64",
        "  and 2 older versions",
    ]


def test_only_versions_that_the_stack_allows_are_named() -> None:
    error = refusal("<9", [wheel(LINUX)], [wheel(MACOS)])
    assert "native 9" not in error.message
    assert "native 8: osx-arm64" in error.message


def test_no_version_that_the_stack_allows() -> None:
    error = refusal(">10", [wheel(LINUX)])
    assert error.message == "no wheel of native (packages.native = '>10') for linux-64/3.12"


def test_wheels_for_newer_systems_only() -> None:
    error = refusal("*", [wheel("cp312-cp312-manylinux_2_39_x86_64")])
    assert error.message.endswith(
        "\n  native 9: linux-64 (linux-64 for newer systems than resolve.glibc = '2.28')"
    )
    tags = ("cp312-cp312-macosx_15_0_arm64", "cp312-cp312-macosx_15_0_x86_64", MACOS)
    late = refusal("*", [wheel(tag) for tag in tags])
    assert late.message.endswith(
        "\n  native 9: osx-64, osx-arm64 (osx-64 for newer systems than resolve.macos = '14.0')"
    )


def test_wheels_for_other_pythons_only() -> None:
    error = refusal(
        "*", [wheel("cp39-cp39-manylinux_2_17_x86_64"), wheel("pp310-pypy310_pp73-any")]
    )
    assert "native 9: other Pythons only (cp39, pp310)" in error.message
