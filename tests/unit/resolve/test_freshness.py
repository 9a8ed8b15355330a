from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.lock.conda import LockedConda
from lamina.lock.document import LockedOrigin
from lamina.lock.files import save_lock
from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.resolve.assembly import assemble_lock, choose_files
from lamina.resolve.demands import stack_demands, stack_targets
from lamina.resolve.freshness import compare_locks, is_fresh, load_fresh_lock
from lamina.resolve.graph import reach_all
from lamina.stack.document import Stack
from lamina.stack.files import digest_of_resolution
from support.conda_locks import conda_entry, conda_lock
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


def test_a_package_that_now_comes_from_git_or_no_longer() -> None:
    indexed, commit = lock_of(a="1.0"), "12ab" * 10
    origin = LockedOrigin(git="https://git.example.org/a.git", commit=commit)
    of_git = indexed.packages[0].model_copy(update={"index": "git", "origin": origin})
    given = indexed.model_copy(update={"packages": (of_git,)})
    assert compare_locks(indexed, given).lines() == [f"~ a 1.0 -> 1.0 {commit[:12]}"]
    assert compare_locks(given, indexed).lines() == [f"~ a 1.0 {commit[:12]} -> 1.0"]


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


def conda(version: str, name: str = "gfal2", channel: str = "ours") -> LockedConda:
    return LockedConda.model_validate(
        {
            "name": name,
            "version": version,
            "build": "0",
            "channel": channel,
            "subdir": "linux-64",
            "file": f"{name}-{version}-0.conda",
            "sha256": "0" * 64,
            "requested-by": ["stack"],
        }
    )


@pytest.mark.parametrize(
    ("old", "new", "up"),
    [
        pytest.param("2.9", "2.10", True, id="up"),
        pytest.param("2.10", "2.9", False, id="down"),
        pytest.param("1.1.1w_x", "1.1.2a_y", True, id="no version of PEP 440"),
    ],
)
def test_conda_packages_are_compared_by_their_own_names(old: str, new: str, *, up: bool) -> None:
    before, after = (
        lock_of(gfal2="1.0").model_copy(update={"conda": (conda(one),)}) for one in (old, new)
    )
    changes = compare_locks(before, after)
    assert changes.lines() == [f"~ conda:gfal2 {old} -> {new}"]
    assert bool(changes.up) is up
    assert compare_locks(None, after).added[0][0] == "conda:gfal2"


@pytest.mark.parametrize(
    ("listed", "packages", "found"),
    [
        pytest.param({"gfal2": "*"}, (conda("1"),), None, id="fine"),
        pytest.param({"gfal2": "*"}, (), "gfal2 is missing for linux-64/3.12", id="missing"),
        pytest.param({"gfal2": "*"}, (conda("1", channel="x"),), "gfal2 from 'x'", id="channel"),
        pytest.param(
            {"gfal2": {"channel": "theirs"}}, (conda("1"),), "it from 'theirs'", id="own channel"
        ),
    ],
)
def test_a_lock_has_what_conda_lists(
    listed: dict[str, object], packages: tuple[LockedConda, ...], found: str | None, tmp_path: Path
) -> None:
    stack = stack_of("a", channels=["ours", "theirs"])
    stack = Stack.model_validate(
        stack.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"conda": listed}
    )
    python = (conda("3.12.1", "python"),) if packages else ()
    digest = digest_of_resolution(stack)
    update = {"conda": (*packages, *python), "stack_digest": digest}
    path = tmp_path / "lamina.lock"
    save_lock(lock_of(a="1.0").model_copy(update=update), path)
    if found is None:
        load_fresh_lock(stack, path, tmp_path)
        return
    with pytest.raises(DocumentError, match=found):
        load_fresh_lock(stack, path, tmp_path)


def test_another_build_of_the_same_version_is_told() -> None:
    before = conda_lock([conda_entry("gfal2", "2.23", "h1_0"), conda_entry("other")])
    after = conda_lock([conda_entry("gfal2", "2.23", "h2_0"), conda_entry("other")])
    assert compare_locks(before, after).lines() == ["~ conda:gfal2 2.23 h1_0 -> 2.23 h2_0"]


def test_other_sources_of_the_same_version_are_told() -> None:
    indexed = lock_of(same="1.0", stays="2.0")
    cloned = with_origin(indexed, "same", git="https://a.example/x.git", commit="ab" * 20)
    later = with_origin(indexed, "same", git="https://a.example/x.git", commit="cd" * 20)
    beside = with_origin(indexed, "same", path="vendor/same")
    edited = with_origin(indexed, "same", path="vendor/same", sha256="12" * 32)
    digest = beside.packages[0].artifacts[0].sha256[:12]
    assert compare_locks(cloned, cloned).lines() == []
    for before, after, line in (
        (cloned, later, "~ same 1.0 abababababab -> 1.0 cdcdcdcdcdcd"),
        (beside, edited, f"~ same 1.0 {digest} -> 1.0 121212121212"),
        (cloned, beside, f"~ same 1.0 abababababab -> 1.0 {digest}"),
        (indexed, cloned, "~ same 1.0 -> 1.0 abababababab"),
        (edited, indexed, "~ same 1.0 121212121212 -> 1.0"),
    ):
        assert compare_locks(before, after).lines() == [line]


def with_origin(lock: Lock, name: str, *, sha256: str = "", **origin: str) -> Lock:
    """Return a lock in which a package is of a repository or path, perhaps of another digest."""
    packages = []
    for one in lock.packages:
        files = one.artifacts
        if sha256:
            files = tuple(file.model_copy(update={"sha256": sha256}) for file in files)
        place = {"origin": LockedOrigin.model_validate(origin), "artifacts": files}
        packages.append(one.model_copy(update=place) if one.name == name else one)
    return lock.model_copy(update={"packages": tuple(packages)})
