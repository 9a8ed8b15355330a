from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import Target
from lamina.resolve.demands import stack_demands
from lamina.resolve.graph import reach
from lamina.stack.document import Stack
from support.resolutions import needs, package, resolution

if TYPE_CHECKING:
    from lamina.engines.uv_lock import UvLock
    from lamina.resolve.graph import Reached

LINUX = Target.parse("linux-64/3.12")
MACOS = Target.parse("osx-arm64/3.11")


def stack_of(packages: dict[str, object]) -> Stack:
    return Stack.model_validate(
        {
            "stack": {
                "name": "small",
                "version": "1",
                "python": ["3.11", "3.12"],
                "platforms": ["linux-64", "osx-arm64"],
            },
            "packages": packages,
        }
    )


def walk(lock: UvLock, packages: dict[str, object], target: Target = LINUX) -> Reached:
    return reach(lock, stack_demands(stack_of(packages)), target)


def names(reached: Reached) -> set[str]:
    return {name for name, _ in reached.packages}


def test_what_nobody_needs_is_left_out() -> None:
    lock = resolution([needs("a")], package("a", "1.0", needs("b")), package("b"), package("c"))
    assert names(walk(lock, {"a": "*"})) == {"a", "b"}


def test_what_the_stack_did_not_ask_for_is_no_start() -> None:
    lock = resolution([needs("a"), needs("widened")], package("a"), package("widened"))
    assert names(walk(lock, {"a": "*"})) == {"a"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(LINUX, {"a", "linux", "new"}, id="linux 3.12"),
        pytest.param(MACOS, {"a"}, id="macos 3.11"),
    ],
)
def test_markers_decide(target: Target, expected: set[str]) -> None:
    app = package(
        "a",
        "1.0",
        needs("linux", "sys_platform == 'linux'"),
        needs("new", "python_full_version >= '3.12'"),
    )
    lock = resolution([needs("a")], app, package("linux"), package("new"))
    assert names(walk(lock, {"a": "*"}, target)) == expected


def test_the_markers_of_the_stack_decide() -> None:
    lock = resolution([needs("a", "sys_platform == 'linux'")], package("a"))
    asked: dict[str, object] = {"a": {"platforms": ["linux-64"]}}
    assert names(walk(lock, asked, LINUX)) == {"a"}
    assert names(walk(lock, asked, MACOS)) == set()


def test_extras_that_come_late_are_followed() -> None:
    lock = resolution(
        [needs("a"), needs("b")],
        package("a", "1.0", optional={"x": (needs("c"),)}),
        package("b", "1.0", needs("a", extras=["x"])),
        package("c"),
    )
    reached = walk(lock, {"a": "*", "b": "*"})
    assert names(reached) == {"a", "b", "c"}
    [edge] = reached.edges["a", "1.0"]  # type: ignore[index]
    assert (edge.to, edge.extra) == (("c", "1.0"), "x")


def test_the_version_of_the_edge_is_taken() -> None:
    lock = resolution(
        [needs("a")],
        package("a", "1.0", needs("b", "sys_platform == 'linux'", version="2.0")),
        package("b", "1.0"),
        package("b", "2.0"),
    )
    assert ("b", "2.0") in walk(lock, {"a": "*"}).packages


def test_circles_end() -> None:
    lock = resolution(
        [needs("a")], package("a", "1.0", needs("b")), package("b", "1.0", needs("a"))
    )
    reached = walk(lock, {"a": "*"})
    assert reached.requested_by["a", "1.0"] == {"stack", "b"}  # type: ignore[index]


@pytest.mark.parametrize(("target", "version"), [(LINUX, "2.0"), (MACOS, "1.0")], ids=str)
def test_each_target_gets_the_version_that_was_resolved_for_it(
    target: Target, version: str
) -> None:
    asked = [
        needs("a", "sys_platform != 'linux'", version="1.0"),
        needs("a", "sys_platform == 'linux'", version="2.0"),
    ]
    lock = resolution(asked, package("a", "1.0"), package("a", "2.0"))
    assert set(walk(lock, {"a": "*"}, target).packages) == {("a", version)}
