from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lock.files import dump_lock
from lamina.resolve.assembly import Missing, assemble_lock, choose_files
from lamina.resolve.demands import stack_demands, stack_targets
from lamina.resolve.graph import reach_all
from lamina.stack.document import Stack
from support.resolutions import needs, package, resolution

if TYPE_CHECKING:
    from lamina.engines.uv_lock import UvLock
    from lamina.lock.document import Lock

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
MACOS = "cp312-cp312-macosx_11_0_arm64"


def stack_of(packages: dict[str, object], **resolve: object) -> Stack:
    return Stack.model_validate(
        {
            "stack": {
                "name": "small",
                "version": "1",
                "python": "3.12",
                "platforms": ["linux-64", "osx-arm64"],
            },
            "resolve": resolve,
            "packages": packages,
        }
    )


def assembled(stack: Stack, found: UvLock) -> tuple[Lock, list[Missing]]:
    reached = reach_all(found, stack_demands(stack), stack_targets(stack))
    files, missing = choose_files(stack, found, reached)
    return assemble_lock(stack, found, reached, files), missing


def test_one_file_for_each_target() -> None:
    found = resolution([needs("a")], package("a", tags=[LINUX, MACOS, "cp39-cp39-win_amd64"]))
    lock, missing = assembled(stack_of({"a": "*"}), found)
    assert not missing
    [one] = lock.packages
    assert [(file.file, [str(t) for t in file.targets]) for file in one.artifacts] == [
        (f"a-1.0-{MACOS}.whl", ["osx-arm64/3.12"]),
        (f"a-1.0-{LINUX}.whl", ["linux-64/3.12"]),
    ]


def test_a_file_for_all_targets_names_none() -> None:
    lock, _ = assembled(stack_of({"a": "*"}), resolution([needs("a")], package("a")))
    assert lock.packages[0].targets == lock.packages[0].artifacts[0].targets == ()


def test_a_package_of_some_targets_names_them() -> None:
    app = package("a", "1.0", needs("b", "sys_platform == 'linux'"))
    lock, _ = assembled(stack_of({"a": "*"}), resolution([needs("a")], app, package("b")))
    a, b = lock.packages
    assert [str(one) for one in b.targets] == ["linux-64/3.12"]
    assert b.requested_by == ("a",)
    assert a.dependencies[0].marker == "sys_platform == 'linux'"


def test_a_marker_that_holds_on_all_targets_is_left_out() -> None:
    app = package("a", "1.0", needs("b", "python_full_version >= '3.8'"))
    lock, _ = assembled(stack_of({"a": "*"}), resolution([needs("a")], app, package("b")))
    assert lock.packages[0].dependencies[0].marker is None


def test_sources_where_the_stack_says_so() -> None:
    found = resolution([needs("a")], package("a", sdist=True))
    lock, _ = assembled(stack_of({"a": {"source": True}}), found)
    assert [one.file for one in lock.packages[0].artifacts] == ["a-1.0.tar.gz"]


def test_sources_only_where_wheels_are_not_asked_for() -> None:
    found = resolution([needs("a")], package("a", tags=[LINUX], sdist=True))
    stack = stack_of({"a": "*"})
    reached = reach_all(found, stack_demands(stack), stack_targets(stack))
    _, missing = choose_files(stack, found, reached)
    assert [(one.package.name, str(one.target)) for one in missing] == [("a", "osx-arm64/3.12")]
    lock, missing = assembled(stack_of({"a": "*"}, **{"only-binary": False}), found)
    assert not missing
    assert {one.file for one in lock.packages[0].artifacts} == {
        f"a-1.0-{LINUX}.whl",
        "a-1.0.tar.gz",
    }


def test_the_order_of_the_resolution_does_not_matter() -> None:
    packages = [package("a", "1.0", needs("b"), needs("c")), package("b"), package("c")]
    stack = stack_of({"a": "*"})
    first, _ = assembled(stack, resolution([needs("a")], *packages))
    second, _ = assembled(stack, resolution([needs("a")], *reversed(packages)))
    assert dump_lock(first) == dump_lock(second)
    assert "://" not in dump_lock(first)


def test_a_dependency_says_which_version_is_meant_where_the_lock_has_several() -> None:
    here, there = "sys_platform == 'linux'", "sys_platform == 'darwin'"
    app = package(
        "a", "1.0", needs("b", here, version="1.0"), needs("b", there, version="2.0"), needs("c")
    )
    found = resolution([needs("a")], app, package("b", "1.0"), package("b", "2.0"), package("c"))
    lock, _ = assembled(stack_of({"a": "*"}), found)
    assert {(one.name, one.version) for one in lock.packages[0].dependencies} == {
        ("b", "1.0"),
        ("b", "2.0"),
        ("c", None),
    }
