"""Which packages of a parent make up its ABI."""

from __future__ import annotations

from typing import Any

from lamina.resolve.abi import abi_lines
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry

ORIGIN = "stack:base/1.0"


def compiled(name: str, version: str = "1.0", *needs: str, **more: Any) -> dict[str, Any]:
    """Return a package with a file for each platform."""
    files = [
        file_entry(f"{name}-{version}-cp312-cp312-manylinux_2_17_x86_64.whl", LINUX),
        file_entry(f"{name}-{version}-cp312-cp312-macosx_11_0_arm64.whl", MACOS),
    ]
    edges = [{"name": one} for one in needs]
    return package_entry(name, version, artifacts=files, dependencies=edges) | more


def of_parent(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"requested-by": [ORIGIN]}


PYTHONS = ("cpython-312-darwin", "cpython-312-x86_64-linux-gnu")


def test_only_what_is_compiled_and_needed_by_what_is_compiled_counts() -> None:
    theirs = make_lock(compiled("solid"), compiled("lonely"), package_entry("soft"))
    ours = make_lock(
        of_parent(compiled("solid")),
        of_parent(compiled("lonely")),
        of_parent(package_entry("soft")),
        compiled("mine", "1.0", "solid", "soft"),
        package_entry("plain", dependencies=[{"name": "lonely"}]),
    )
    assert abi_lines(theirs, ours, ORIGIN) == (*PYTHONS, "solid 1.0")


def test_what_the_stack_has_itself_is_no_matter_of_the_parent() -> None:
    ours = make_lock(compiled("solid", "2.0"), compiled("mine", "1.0", "solid"))
    assert abi_lines(make_lock(compiled("solid")), ours, ORIGIN) == PYTHONS


def test_sources_count_as_compiled_and_a_need_of_itself_does_not() -> None:
    sources = package_entry("made", artifacts=[file_entry("made-1.0.tar.gz")])
    ours = make_lock(
        of_parent(sources | {"dependencies": [{"name": "solid"}]}),
        of_parent(compiled("solid", "1.0", "solid")),
        of_parent(compiled("loop", "1.0", "loop")),
    )
    assert abi_lines(ours, ours, ORIGIN) == (*PYTHONS, "solid 1.0")


def test_the_versions_are_those_the_parent_has_now() -> None:
    ours = make_lock(of_parent(compiled("solid")), compiled("mine", "1.0", "solid"))
    assert abi_lines(make_lock(compiled("solid", "2.0")), ours, ORIGIN)[-1] == "solid 2.0"
    assert abi_lines(make_lock(), ours, ORIGIN) == PYTHONS
