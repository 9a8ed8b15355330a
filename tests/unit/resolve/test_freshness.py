from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.lock.files import save_lock
from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.resolve.assembly import assemble_lock, choose_files
from lamina.resolve.demands import stack_demands, stack_targets
from lamina.resolve.freshness import compare_locks, is_fresh, load_fresh_lock
from lamina.resolve.graph import reach_all
from lamina.stack.document import Stack
from support.resolutions import needs, package, resolution

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.lock.document import Lock


def stack_of(*names: str, **resolve: object) -> Stack:
    return Stack.model_validate(
        {
            "stack": {
                "name": "small",
                "version": "1",
                "python": "3.12",
                "platforms": ["linux-64"],
            },
            "resolve": resolve,
            "packages": dict.fromkeys(names, "*"),
        }
    )


def lock_of(**versions: str) -> Lock:
    stack = stack_of(*versions)
    found = resolution(
        [needs(name) for name in versions],
        *(package(name, version) for name, version in versions.items()),
    )
    reached = reach_all(found, stack_demands(stack), stack_targets(stack))
    files, missing = choose_files(stack, found, reached)
    assert not missing
    return assemble_lock(stack, found, reached, files)


def test_a_lock_is_fresh_while_the_stack_says_the_same() -> None:
    lock = lock_of(a="1.0", b="1.0")
    assert is_fresh(stack_of("a", "b"), lock)
    assert not is_fresh(stack_of("a"), lock)
    assert not is_fresh(stack_of("a", "b", closed=True), lock)


def test_reading_a_lock_that_must_be_fresh(tmp_path: Path) -> None:
    path = tmp_path / "lamina.lock"
    with pytest.raises(DocumentError, match="there is no lock"):
        load_fresh_lock(stack_of("a"), path, tmp_path)
    save_lock(lock_of(a="1.0"), path)
    assert load_fresh_lock(stack_of("a"), path, tmp_path) == lock_of(a="1.0")
    with pytest.raises(DocumentError, match="has changed since") as caught:
        load_fresh_lock(stack_of("a", "b"), path, tmp_path)
    assert caught.value.hints == ("lamina lock",)


def test_changes() -> None:
    changes = compare_locks(
        lock_of(same="1.0", up="1.9", down="2.0", gone="1.0"),
        lock_of(same="1.0", up="1.10", down="1.0", new="3.0"),
    )
    assert changes.lines() == ["+ new 3.0", "- gone 1.0", "~ down 2.0 -> 1.0", "~ up 1.9 -> 1.10"]
    assert changes.as_json() == {
        "added": [{"name": "new", "version": "3.0"}],
        "removed": [{"name": "gone", "version": "1.0"}],
        "up": [{"name": "up", "from": "1.9", "to": "1.10"}],
        "down": [{"name": "down", "from": "2.0", "to": "1.0"}],
    }


def test_against_nothing_all_is_new() -> None:
    assert [name for name, _ in compare_locks(None, lock_of(a="1.0", b="2.0")).added] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"packages": ()},
            "packages.a = '*': a is missing for linux-64/3.12",
            id="a package was lost in a merge",
        ),
        pytest.param(
            {"targets": (Target(Platform.OSX_ARM64, PythonSeries(3, 12)),)},
            "targets: is for osx-arm64/3.12; the stack is for linux-64/3.12",
            id="another target",
        ),
        pytest.param(
            {"packages": (lock_of(a="1.0").packages[0].model_copy(update={"index": "ours"}),)},
            "package[0].index: a from 'ours'; the stack takes it from 'pypi'",
            id="another index",
        ),
    ],
)
def test_a_lock_edited_by_hand_is_refused_whatever_its_digest_says(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    path = tmp_path / "lamina.lock"
    save_lock(lock_of(a="1.0").model_copy(update=changes), path)
    with pytest.raises(DocumentError) as caught:
        load_fresh_lock(stack_of("a"), path, tmp_path)
    assert problem in caught.value.message
    assert caught.value.hints == ("lamina lock",)
