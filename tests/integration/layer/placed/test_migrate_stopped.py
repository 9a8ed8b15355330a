"""What stops a layer on its way to another base: other processes, failures, names taken, kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, StorageError
from lamina.layer.change import Request, change_layer
from lamina.layer.migrate import migration_value
from lamina.layer.transaction import holding
from support.changes import GAMMA, tree, versions
from support.faults import InjectedError, failing_at
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from pathlib import Path

    from support.papers import Bench


def test_one_change_at_a_time(bench: Bench, layer: Path, newer: Path) -> None:
    with holding(layer), pytest.raises(ConflictError, match="another operation"):
        bench.migrate(layer, newer)


def test_a_failure_at_any_point_changes_nothing(bench: Bench, layer: Path, newer: Path) -> None:
    """Up to the last change, which leaves nothing to be done."""
    before, names = tree(layer), sorted(bench.path.iterdir())
    tried: list[str] = []
    n = 0
    while len(tried) >= n:
        n += 1
        try:
            with failing_at(n) as tried:
                bench.migrate(layer, newer)
        except InjectedError:
            assert tree(layer) == before, f"operation {n}: {tried[n - 1]}"
            assert sorted(bench.path.iterdir()) == names, f"operation {n}: {tried[n - 1]}"
    assert tried[tried.index("exchange") + 1 :] == ["rename", "unlink"]
    assert versions(bench.workshop, layer, "alpha", "unrelated") == ["2.0", "5.0"]


@pytest.mark.parametrize(
    ("operation", "discard"), [("rename", False), ("unlink", False), ("unlink", True)]
)
def test_a_failure_after_the_exchange_changes_nothing(
    bench: Bench, layer: Path, newer: Path, operation: str, discard: bool
) -> None:
    before, names = tree(layer), sorted(bench.path.iterdir())
    seen: list[str] = []

    def observer(now: str, path: Path) -> None:
        seen.append(now)
        if now == operation and seen.count("exchange") == 1 and seen.count("stop") == 0:
            seen.append("stop")
            raise StorageError(f"{path}: no more")

    with pytest.raises(StorageError, match="no more"), fs.observe(observer):
        bench.migrate(layer, newer, discard=discard)
    assert tree(layer) == before
    assert sorted(bench.path.iterdir()) == names


@pytest.mark.parametrize("what", ["directory", "file"])
def test_a_name_that_is_taken_meanwhile(bench: Bench, layer: Path, newer: Path, what: str) -> None:
    """Before it is chosen, and between that and its use."""
    before = tree(layer)

    def observer(operation: str, path: Path) -> None:
        if operation == "exchange":
            (bench.path / "layer.before-base").mkdir()
        if operation == "rename" and path.name == "layer.before-base-2":
            if what == "directory":
                (path / "mine").mkdir(parents=True)
            else:
                path.write_text("mine", encoding="utf-8")

    with fs.observe(observer):
        done = bench.migrate(layer, newer)
    assert done.kept == bench.path / "layer.before-base-3"
    assert tree(done.kept) == before
    assert migration_value(done)["before"] == str(done.kept)
    assert bench.hidden() == []


@pytest.mark.parametrize("put_away", [False, True])
def test_a_layer_that_cannot_be_put_back(
    bench: Bench, layer: Path, newer: Path, put_away: bool
) -> None:
    """It is said where it is, and it is whole."""
    before = tree(layer)
    exchanged = 0

    def observer(operation: str, path: Path) -> None:
        nonlocal exchanged
        exchanged += operation == "exchange"
        if exchanged == 2 or (exchanged and operation == ("unlink" if put_away else "rename")):
            raise StorageError(f"{path}: no more")

    failing = pytest.raises(StorageError, match="no more")
    with kept_warnings() as warned, failing, fs.observe(observer):
        bench.migrate(layer, newer)
    [name] = ["layer.before-base"] if put_away else bench.hidden()
    old = bench.path / name
    assert f"as it was before, it is {old} " in warned[-1]
    assert tree(old) == before


def test_an_old_layer_that_cannot_be_removed(bench: Bench, layer: Path, newer: Path) -> None:
    def observer(operation: str, path: Path) -> None:
        if operation == "rmtree" and path.parent == bench.path:
            raise StorageError(f"{path}: busy")

    with kept_warnings() as warned, fs.observe(observer):
        bench.migrate(layer, newer, discard=True)
    [left] = bench.hidden()
    assert f"(it is {bench.path / left})" in warned[-1]
    assert versions(bench.workshop, layer, "unrelated") == ["5.0"]


KILLER = """
import os, signal, sys
from pathlib import Path
from lamina.core import fs
from lamina.layer.migrate import MigrateRequest, migrate_layer

top, wanted = Path(sys.argv[1]), sys.argv[2]

def observer(operation, path):
    if operation == wanted and (operation != "rename" or path.name.startswith("layer.before")):
        os.kill(os.getpid(), signal.SIGKILL)

request = MigrateRequest(
    layer=top / "layer", to=str(top / "newer"), root=top / "root", environ=dict(os.environ)
)
with fs.observe(observer):
    migrate_layer(request)
"""


@pytest.mark.parametrize("when", ["exchange", "rename"])
def test_killed(bench: Bench, layer: Path, newer: Path, when: str) -> None:
    """At its last moment before the exchange, and between it and putting the old layer away."""
    before = tree(layer)
    script = bench.path / "killer.py"
    script.write_text(KILLER, encoding="utf-8")
    argv = [sys.executable, str(script), str(bench.path), when]
    answer = subprocess.run(argv, env=bench.environ, check=False)
    assert answer.returncode == -signal.SIGKILL
    [left] = bench.hidden()
    if when == "exchange":
        assert tree(layer) == before
    else:
        assert tree(bench.path / left) == before
        change_layer(Request(layer=layer, add=("documented",)), bench.environ)
    bench.migrate(layer, newer)
    assert bench.hidden() == ([] if when == "exchange" else [left])
    assert versions(bench.workshop, layer, "unrelated", "gamma") == ["5.0", GAMMA.version]
