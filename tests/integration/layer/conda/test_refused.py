"""What stops conda packages on their way into a layer: it stays as it was."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import (
    ConflictError,
    IntegrityError,
    LaminaError,
    UpstreamUnavailableError,
    UsageError,
)
from lamina.engines.conda_prefix import read_prefix
from lamina.layer.change import Request, change_layer
from lamina.layer.conda.change import CondaRequest
from lamina.layer.conda.flat import make_flat
from lamina.layer.opened import open_layer
from support.changes import tree
from support.faults import InjectedError
from support.wheels import FileIndex, Wheel
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_layers import Ground


@pytest.fixture
def index(ground: Ground) -> FileIndex:
    """Return an index that the layers of a test take wheels from."""
    found = FileIndex(ground.path / "index")
    found.path.mkdir()
    ground.environ["UV_DEFAULT_INDEX"] = found.address
    return found


def channel_with(ground: Ground, **changed: str) -> Path:
    """Return a copy of the channel whose repodata say something else of ``tool``."""
    channel = ground.path / "channel"
    shutil.copytree(ground.channel, channel)
    for path in (channel / "linux-64").glob("repodata*"):
        path.unlink() if path.suffix != ".json" else None
    for path in (channel / "linux-64").glob("*shard*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    path = channel / "linux-64" / "repodata.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for record in document["packages.conda"].values():
        if record["name"] == "tool":
            record.update(changed)
    path.write_text(json.dumps(document), encoding="utf-8")
    return channel


def test_another_archive_than_the_channel_says(ground: Ground) -> None:
    layer = ground.layer()
    before = tree(layer)
    channel = channel_with(ground, sha256="0" * 64)
    with pytest.raises(IntegrityError, match="0000"):
        ground.add(layer, "tool 1.*", channels=(str(channel),))
    assert tree(layer) == before


def test_a_channel_that_is_not_there(ground: Ground) -> None:
    layer = ground.layer()
    before = tree(layer)
    with pytest.raises(UsageError, match="not a directory"):
        ground.add(layer, "tool", channels=("./nowhere",))
    with pytest.raises(UpstreamUnavailableError, match=r"127\.0\.0\.1:9"):
        ground.add(layer, "tool", channels=("http://127.0.0.1:9/gone",))
    with pytest.raises(UsageError, match="credentials"):
        ground.add(layer, "tool", channels=("https://user:word@example.org/channel",))
    assert tree(layer) == before


def test_stopped_anywhere_the_layer_is_as_it_was_or_as_it_will_be(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "libouter")
    before = tree(layer)
    ground.add(layer, "tool", "with-scripts")
    after = tree(layer)
    ground.remove(layer, "tool", "with-scripts")
    assert tree(layer) == before
    outcomes: list[bool] = []
    at = 0
    while len(outcomes) == at:
        at += 1
        seen = 0

        def observer(operation: str, _path: Path) -> None:
            nonlocal seen
            seen += operation == "rename"
            if seen == at:  # noqa: B023
                raise InjectedError

        try:
            with fs.observe(observer):
                ground.add(layer, "tool", "with-scripts")
        except InjectedError:
            open_layer(layer, ground.environ)
            assert tree(layer) in (before, after), at
            outcomes.append(tree(layer) == after)
    assert tree(layer) == after
    assert outcomes.count(False) > 5


KILLER = """
import os, signal, sys
from pathlib import Path
from lamina.core import fs
from lamina.layer.conda.change import CondaRequest, change_conda

layer, count, fatal = Path(sys.argv[1]), 0, int(sys.argv[2])

def observer(operation, path):
    global count
    count += operation == "rename" and (layer / ".lamina" / "journal.json").exists()
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

with fs.observe(observer):
    change_conda(CondaRequest(layer=layer, add=("tool", "with-scripts")), dict(os.environ))
"""


@pytest.mark.heavy
def test_killed_between_any_two_renames(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "libouter")
    before = tree(layer)
    script = ground.path / "killer.py"
    script.write_text(KILLER, encoding="utf-8")
    at = 0
    while True:
        at += 1
        words = [sys.executable, str(script), str(layer), str(at)]
        code = subprocess.run(words, env=ground.environ, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        open_layer(layer, ground.environ)
        assert tree(layer) == before
    assert at > 8
    assert ground.run(layer, "conda/bin/tool") == "1 2\n"


def test_a_wheel_that_would_hide_it(ground: Ground, index: FileIndex) -> None:
    layer = ground.layer()
    index.add(Wheel(name="pure-part", version="3.0"))
    change_layer(Request(layer=layer, add=("pure-part",)), ground.environ)
    before = tree(layer)
    with pytest.raises(
        ConflictError, match=r"pure-part 1.0 of conda would be hidden by pure-part 3"
    ):
        ground.add(layer, "pure-part")
    assert tree(layer) == before


def test_a_wheel_over_it_and_one_that_needs_it(ground: Ground, index: FileIndex) -> None:
    """What conda has brought is kept or shadowed as what the base has."""
    layer = ground.layer()
    ground.add(layer, "pure-part")
    index.add(Wheel(name="user-part", version="1.0", requires=["pure-part<2"]))
    plan = change_layer(Request(layer=layer, add=("user-part",)), ground.environ)
    assert [one.name for one in plan.placed] == ["user-part"]
    with pytest.raises(ConflictError, match=r"user-part 1.0 needs pure-part<2, which would be"):
        ground.remove(layer, "pure-part")
    change_layer(Request(layer=layer, remove=("user-part",)), ground.environ)
    index.add(Wheel(name="pure-part", version="2.0"))
    plan = change_layer(Request(layer=layer, add=("pure-part>=2",)), ground.environ)
    assert [(one.name, one.over) for one in plan.placed] == [("pure-part", "1.0")]
    code = "import pure_part; print(pure_part.__version__)"
    assert ground.run(layer, "bin/python", "-c", code) == "2.0\n"


def test_what_the_base_has_from_the_index_is_not_hidden(ground: Ground) -> None:
    base = ground.path / "base"
    shutil.copytree(ground.base, base, symlinks=True)
    Wheel(name="pure-part", version="0.9").unpack(base / "lib/python3.12/site-packages")
    layer = ground.layer(on=base)
    with pytest.raises(ConflictError, match=r"would hide pure-part 0.9, which the base has"):
        ground.add(layer, "pure-part")


def test_the_flat_copy(ground: Ground) -> None:
    """Where the base would have to change: all of it again, as new as is needed."""
    layer = ground.layer()
    prefix = ground.path / "flat"
    request = CondaRequest(layer=layer, add=("new-tool",))
    plan = make_flat(request, prefix, ground.environ)
    versions = {one.record.name: one.record.version for one in read_prefix(prefix)}
    base = {one.record.name: one.record.version for one in read_prefix(ground.base)}
    assert versions == base | {"libinner": "2.0", "new-tool": "2.0"}
    assert {one.name for one in plan.own} == set(versions)
    assert run([prefix / "bin/new-tool"], ground.environ) == "2 2\n"
    other = ground.layer("other", on=prefix)
    ground.add(other, "alone")
    assert ground.run(other, "conda/bin/alone") == "alone\n"
    with pytest.raises(LaminaError, match="is there already"):
        make_flat(request, prefix, ground.environ)
