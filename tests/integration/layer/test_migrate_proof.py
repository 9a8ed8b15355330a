"""A layer on another base is tried out first: compiled modules, and what only an import shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError
from lamina.layer.document import load_layer_lock
from lamina.layer.migrate import render_migration
from support.changes import tree, versions
from support.compiled import C_FOR_NUMPY_1, C_FOR_NUMPY_2, SUFFIX
from support.papers import Bench, offer
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

NUMPY_1 = Wheel(name="numpy", version="1.26.4")
NUMPY_2 = Wheel(name="numpy", version="2.1.0")
CORE_1 = Wheel(name="core", version="1.0", files={"core/__init__.py": "old = 1\n"})
CORE_2 = Wheel(name="core", version="2.0", files={"core/__init__.py": "new = 2\n"})


def fast(version: str, compiled: str) -> Wheel:
    return Wheel(name="fast", version=version, requires=["numpy"],
                 files={f"fast/_c.{SUFFIX}": compiled})  # fmt: skip


def user(version: str, code: str) -> Wheel:
    text = f"{code}\n__version__ = {version!r}\n"
    return Wheel(name="user", version=version, requires=["core"],
                 files={"user/__init__.py": text})  # fmt: skip


FAST_1, FAST_2 = fast("1.0", C_FOR_NUMPY_1), fast("2.0", C_FOR_NUMPY_2)
USER_1, USER_2 = user("1.0", "from core import old"), user("2.0", "from core import new")


def moved(bench: Bench, layer: Path) -> list[tuple[str, str, str | None]]:
    """Return what is in a layer, by its lock."""
    lock = load_layer_lock(layer)
    assert lock is not None
    return [(one.name, one.version, one.over) for one in lock.packages]


@pytest.mark.parametrize("probe", [True, False], ids=["probe", "no-probe"])
def test_compiled_modules_of_the_new_base(bench: Bench, *, probe: bool) -> None:
    """They bound what may hide the numpy that they are compiled for, without any import."""
    offer(bench.server, NUMPY_1, NUMPY_2, FAST_1, FAST_2)
    bench.base("two", NUMPY_2)
    bench.base("one", NUMPY_1, FAST_1)
    layer = bench.layer("numpy>=2", base="two")
    planned = bench.migrate(layer, bench.path / "one", dry_run=True)
    done = bench.migrate(layer, bench.path / "one", probe=probe)
    for one in planned, done:
        text = "  ^ fast 2.0 over 1.0 of the base: fast 1.0 is compiled for numpy 1"
        assert text in render_migration(one)
    assert moved(bench, layer) == [("fast", "2.0", "1.0"), ("numpy", "2.1.0", "1.26.4")]
    lock = load_layer_lock(layer)
    assert lock is not None
    assert [(one.package, one.requirement) for one in lock.bounds] == [("fast", "numpy<2")]
    assert ("imports tried" in render_migration(done)) == probe


def test_compiled_modules_of_the_layer(bench: Bench) -> None:
    """What came along fits the numpy of the old base, not that of the new one."""
    offer(bench.server, NUMPY_1, NUMPY_2, FAST_1)
    bench.base("one", NUMPY_1)
    bench.base("two", NUMPY_2)
    layer = bench.layer("fast", base="one")
    before = tree(layer)
    with pytest.raises(IntegrityError, match=r"not possible on .*two.*\n  fast 1.0 is compiled"):
        bench.migrate(layer, bench.path / "two")
    assert tree(layer) == before
    offer(bench.server, FAST_2)
    bench.migrate(layer, bench.path / "two")
    assert moved(bench, layer) == [("fast", "2.0", None)]


def test_what_only_an_import_shows(bench: Bench) -> None:
    """A package of the new base that cannot use what the layer puts over its core."""
    offer(bench.server, CORE_1, CORE_2, USER_1, USER_2)
    bench.base("two", CORE_2)
    bench.base("one", CORE_1, USER_1)
    layer = bench.layer("core>=2", base="two")
    done = bench.migrate(layer, bench.path / "one")
    assert moved(bench, layer) == [("core", "2.0", "1.0"), ("user", "2.0", "1.0")]
    assert "user 1.0 does not import with core 2.0" in render_migration(done)
    assert versions(bench.workshop, layer, "user") == ["2.0"]
    assert bench.hidden() == []


def test_what_came_along_and_does_not_import_there(bench: Bench) -> None:
    offer(bench.server, CORE_1, CORE_2, USER_1)
    bench.base("one", CORE_1)
    bench.base("two", CORE_2)
    layer = bench.layer("user", base="one")
    before = tree(layer)
    with pytest.raises(IntegrityError, match=r"user 1\.0 does not import") as caught:
        bench.migrate(layer, bench.path / "two")
    assert "--no-probe" in caught.value.hints[0]
    assert tree(layer) == before
    assert bench.hidden() == []
    offer(bench.server, USER_2)
    bench.migrate(layer, bench.path / "two")
    assert versions(bench.workshop, layer, "user") == ["2.0"]


@pytest.mark.parametrize("gone", [False, True], ids=["broken before", "the old base is gone"])
def test_what_did_not_import_before_stands_in_nobodys_way(bench: Bench, *, gone: bool) -> None:
    broken = user("1.0", "import nothing_of_that_name" if not gone else "from core import old")
    offer(bench.server, CORE_1, CORE_2, broken)
    bench.base("one", CORE_1)
    bench.base("two", CORE_2)
    layer = bench.layer("user", base="one")
    if gone:
        (bench.path / "one").rename(bench.path / "elsewhere")
        (layer / "bin" / "python").unlink()
    done = bench.migrate(layer, bench.path / "two")
    assert done.plan.imports is not None
    assert [one.module for one in done.plan.imports.new_broken] == ["user"]


def test_a_base_that_is_the_same_is_not_tried(bench: Bench) -> None:
    """Nothing moves, so nothing can break; the bounds stay in the lock."""
    offer(bench.server, NUMPY_1, NUMPY_2, FAST_1, FAST_2)
    bench.base("one", NUMPY_1, FAST_1)
    layer = bench.layer("numpy>=2", base="one")
    lock = (layer / "lamina-layer.lock").read_text(encoding="utf-8")
    assert "numpy<2" in lock
    (bench.path / "one").rename(bench.path / "moved")
    assert bench.migrate(layer, bench.path / "moved").plan.imports is None
    assert (layer / "lamina-layer.lock").read_text(encoding="utf-8") == lock
