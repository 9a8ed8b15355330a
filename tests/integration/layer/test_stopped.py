"""What stops a change to a layer on its way: failures, kills, interrupts, other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, DocumentError, StorageError
from lamina.layer.change import Request, change_layer
from lamina.layer.opened import open_layer
from lamina.layer.transaction import holding
from support.changes import change, tree, versions
from support.faults import InjectedError, failing_at
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


def fail_at(layer: Path, environ: dict[str, str], n: int, request: Request) -> bool:
    """Carry out a change that fails at the n-th change of the file system; tell if it got there."""
    try:
        with failing_at(n):
            change_layer(request, environ)
    except InjectedError:
        return True
    return False


def test_a_failure_at_any_point_changes_nothing(workshop: Workshop, layer: Path) -> None:
    """Each operation of the file system fails once, when adding and when taking back."""
    empty = tree(layer)
    adding = Request(layer=layer, add=("alpha>=2",))
    change_layer(adding, workshop.environ)
    full = tree(layer)
    change_layer(Request(layer=layer, remove=("alpha",)), workshop.environ)
    empty |= {"lamina-layer.lock": tree(layer)["lamina-layer.lock"]}
    for request, before, after in (
        (adding, empty, full),
        (Request(layer=layer, remove=("alpha",)), full, empty),
    ):
        n = 1
        while fail_at(layer, workshop.environ, n, request):
            state = tree(layer)
            assert state in (before, after), f"operation {n}"
            if state == after:
                break  # The change stands; what failed was clearing up.
            n += 1
        assert n > 15
        change_layer(Request(layer=layer), workshop.environ)
        assert tree(layer) == after
        assert not list((layer / ".lamina").glob("stage-*"))


KILLER = """
import os, signal, sys
from pathlib import Path
from lamina.core import fs
from lamina.layer.change import Request, change_layer
from lamina.layer.opened import open_layer

count, fatal = 0, int(sys.argv[2])

def observer(operation, path):
    global count
    count += operation == "rename"
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

with fs.observe(observer):
    change_layer(Request(layer=Path(sys.argv[1]), add=("alpha>=2",)), dict(os.environ))
"""


def test_killed_between_any_two_renames(workshop: Workshop, layer: Path) -> None:
    script = workshop.path / "killer.py"
    script.write_text(KILLER, encoding="utf-8")
    change(workshop, layer)  # writes the lock file of a layer without packages
    before = tree(layer)
    n = 0
    while True:
        n += 1
        argv = [sys.executable, str(script), str(layer), str(n)]
        code = subprocess.run(argv, env=workshop.environ, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        with holding(layer):
            assert tree(layer) == before
    assert n > 5
    assert versions(workshop, layer, "alpha") == ["2.0"]


def rename_that_takes_the_document(layer: Path, environ: dict[str, str]) -> int:
    """Return after how many renames of a change lamina-layer.toml is away."""
    names: list[str] = []

    def observer(operation: str, path: Path) -> None:
        if operation == "rename":
            names.append(path.name)

    with fs.observe(observer):
        change_layer(Request(layer=layer, add=("alpha>=2",)), environ)
    change_layer(Request(layer=layer, remove=("alpha",)), environ)
    return names.index("lamina-layer.toml") + 2


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["layer", "list", "LAYER"], id="list"),
        pytest.param(["layer", "show", "LAYER"], id="show"),
        pytest.param(["layer", "add", "-q", "LAYER", "gamma"], id="add"),
        pytest.param(["run", "LAYER", "--", "alpha"], id="run"),
        pytest.param(["layer", "create", "NEW", "--on", "LAYER"], id="create-on"),
    ],
)
def test_the_next_command_finds_the_layer_as_it_was(
    workshop: Workshop, layer: Path, words: list[str]
) -> None:
    """Killed while lamina-layer.toml is being replaced, it is a layer all the same."""
    script = workshop.path / "killer.py"
    script.write_text(KILLER, encoding="utf-8")
    fatal = rename_that_takes_the_document(layer, workshop.environ)
    before = tree(layer)
    argv = [sys.executable, str(script), str(layer), str(fatal)]
    code = subprocess.run(argv, env=workshop.environ, check=False).returncode
    assert code == -signal.SIGKILL
    assert not (layer / "lamina-layer.toml").exists()
    places = {"LAYER": str(layer), "NEW": str(workshop.path / "new")}
    program = [sys.executable, "-m", "lamina"]
    run([*program, *(places.get(word, word) for word in words)], workshop.environ)
    after = tree(layer)
    assert "add" in words or after == before
    assert versions(workshop, layer, "alpha", "beta") == ["1.0", "1.0"]


def test_a_change_under_way_is_not_undone_by_a_reader(workshop: Workshop, layer: Path) -> None:
    journal = layer / ".lamina" / "journal.json"
    with holding(layer):
        journal.write_text("[]", encoding="utf-8")
        open_layer(layer, workshop.environ)
        assert journal.exists()
    open_layer(layer, workshop.environ)
    assert not journal.exists()


def test_a_disk_that_is_full(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)

    def observer(operation: str, path: Path) -> None:
        if operation == "rename" and path.name == "alpha":
            raise StorageError(f"{path}: no space left")

    with pytest.raises(StorageError), fs.observe(observer):
        change(workshop, layer, "alpha>=2")
    assert tree(layer) == before


def test_one_change_at_a_time(workshop: Workshop, layer: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with holding(layer):
            inside.set()
            leave.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert inside.wait(60)
        with pytest.raises(ConflictError, match=f"process {os.getpid()}"):
            change(workshop, layer, "gamma")
    finally:
        leave.set()
        other.join()
    change(workshop, layer, "gamma")


def test_two_programs_that_add_at_once(workshop: Workshop, layer: Path) -> None:
    """One of them adds; the other does so after it, or is told who is at work."""
    words = [sys.executable, "-m", "lamina", "layer", "add", "-q", str(layer)]
    requests = ("alpha>=2", "gamma")
    processes = [
        subprocess.Popen([*words, one], env=workshop.environ, stderr=subprocess.PIPE, text=True)
        for one in requests
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) in ([0, 0], [0, ConflictError.exit_code]), errors
    for code, error, process in zip(codes, errors, reversed(processes), strict=True):
        assert code == 0 or f"process {process.pid}" in error
    added = {one for one, code in zip(requests, codes, strict=True) if code == 0}
    opened = open_layer(layer, workshop.environ)
    assert set(opened.document.requests) == added
    assert ("alpha" in opened.managed, "gamma" in opened.managed) == (
        "alpha>=2" in added, "gamma" in added,
    )  # fmt: skip
    change(workshop, layer, *requests)
    assert versions(workshop, layer, "alpha", "gamma") == ["2.0", "1.0"]


@pytest.mark.parametrize("undone", [0, 1, 3], ids=["first", "second", "fourth"])
def test_a_second_interrupt_while_undoing(workshop: Workshop, layer: Path, undone: int) -> None:
    """Whoever presses Ctrl-C twice loses nothing: the next operation undoes the rest."""
    change(workshop, layer)
    before = tree(layer)
    seen = 0

    def observer(operation: str, path: Path) -> None:
        nonlocal seen
        if operation != "rename" or (seen == 0 and path.name != "lamina-layer.lock"):
            return
        seen += 1
        if seen in {1, undone + 2}:
            raise InjectedError

    with pytest.raises(InjectedError), fs.observe(observer):
        change(workshop, layer, "alpha>=2")
    assert seen == undone + 2
    with holding(layer):
        assert tree(layer) == before
    assert not list((layer / ".lamina").glob("stage-*"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[["../../victim", "lamina-layer.toml"]]', id="out of the layer"),
        pytest.param('[["bin/python", "../victim"]]', id="into the layer"),
        pytest.param('[["/victim", "bin/python"]]', id="absolute"),
        pytest.param('[["", "bin"]]', id="the layer itself"),
        pytest.param("", id="empty"),
        pytest.param('{"a": 3}', id="no list"),
        pytest.param("[[1, 2]]", id="no paths"),
    ],
)
def test_a_journal_that_is_not_ours_moves_nothing(
    workshop: Workshop, layer: Path, text: str
) -> None:
    before = tree(layer)
    (layer / ".lamina").mkdir(exist_ok=True)
    (layer / ".lamina" / "journal.json").write_text(text)
    with pytest.raises(DocumentError, match=r"journal\.json: 1 problem"):
        change(workshop, layer, "alpha>=2")
    assert tree(layer) == before
    assert not (layer.parent / "victim").exists()
