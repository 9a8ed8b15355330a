"""A layer with conda packages locked, checked, restored; and what has no part in them yet."""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError, NotSupportedError
from lamina.engines.conda_prefix import check_prefix
from lamina.layer.check.run import check_layer
from lamina.layer.document import load_layer, load_layer_lock
from lamina.layer.listing import describe_layer, list_packages, render_description, render_rows
from lamina.layer.migrate import MigrateRequest, migrate_layer
from lamina.layer.opened import open_layer
from lamina.layer.paper.document import parse_paper
from lamina.layer.paper.restore import RestoreRequest, plan_restore, restore
from lamina.layer.paper.text import dump_paper
from lamina.layer.paper.writing import paper_lock
from lamina.layer.why import explain_package, render_explanation
from support.conda_layers import install_prefix
from support.papers import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.paper.document import PaperLock
    from support.conda_layers import Ground


def paper_of(ground: Ground, layer: Path) -> PaperLock:
    """Return a layer's paper lock as it comes out of its text."""
    lock = paper_lock(open_layer(layer, ground.environ), TOOLS)
    text = dump_paper(lock)
    read = parse_paper(text, "paper.lock")
    assert dump_paper(read) == text
    return read


def asking(ground: Ground, lock: PaperLock, name: str = "again") -> RestoreRequest:
    return RestoreRequest(
        lock=lock,
        directory=ground.path / name,
        root=ground.path / "root",
        environ=ground.environ,
    )


def findings(ground: Ground, layer: Path) -> list[tuple[str, str]]:
    found = check_layer(layer, root=ground.path / "root", environ=ground.environ).findings
    return [(one.kind, one.what) for one in found]


def test_restored_on_the_same_base(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool 1.*", "native-ext", "with-scripts")
    lock = paper_of(ground, layer)
    tool = next(one for one in lock.conda if one.name == "tool")
    assert (tool.file, len(tool.sha256), tool.md5 is not None) == ("tool-1.0-h0_0.conda", 64, True)
    shutil.rmtree(layer)
    restore(plan_restore(asking(ground, lock)))
    again = ground.path / "again"
    assert ground.run(again, "conda/bin/native-script") == f"2 {again}\n"
    assert (again / "conda/share/tool/where").read_text() == str(again / "conda")
    assert load_layer(again).conda.requests == ("native-ext", "tool 1.*", "with-scripts")
    assert load_layer_lock(again).conda == lock.conda  # type: ignore[union-attr]
    assert f"{again}/conda/bin" in (again / "bin/activate").read_text()
    assert findings(ground, again) == []
    ground.remove(again, "with-scripts")
    assert check_prefix(again / "conda") == []


def test_restored_on_a_base_of_the_same_content_elsewhere(ground: Ground) -> None:
    """With its channel elsewhere too, or only the archives left."""
    layer = ground.layer()
    ground.add(layer, "tool")
    lock = paper_of(ground, layer)
    specs = ("python", "libinner 1.*", "tool-box")
    there = install_prefix(ground.channel, ground.path / "elsewhere", specs, ground.environ)
    gone = str(ground.path / "gone")
    lock = lock.model_copy(
        update={"conda": tuple(one.model_copy(update={"channel": gone}) for one in lock.conda)}
    )
    for name, more in (
        ("by-channel", {"channels": {gone: str(ground.channel)}}),
        ("by-links", {"links": (ground.channel,)}),
    ):
        request = dataclasses.replace(asking(ground, lock, name), on=str(there), **more)
        restore(plan_restore(request))
        assert ground.run(ground.path / name, "conda/bin/tool") == "1 2\n"
        search = f"{there}/lib".encode()
        assert search in (ground.path / name / "conda/bin/tool").read_bytes()


def test_a_base_without_what_is_needed_is_refused(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool")
    lock = paper_of(ground, layer)
    bare = install_prefix(
        ground.channel, ground.path / "bare", ("python", "tool-box"), ground.environ
    )
    with pytest.raises(IntegrityError, match=r"tool 1.0 needs libinner >=1,<2, which is not"):
        plan_restore(dataclasses.replace(asking(ground, lock), on=str(bare)))
    with pytest.raises(NotSupportedError, match="need its base: libouter, tool"):
        plan_restore(dataclasses.replace(asking(ground, lock), flat=True))


def test_another_base_is_refused_by_name(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool")
    request = MigrateRequest(
        layer=layer, to=str(ground.base), root=ground.path, environ=ground.environ
    )
    with pytest.raises(NotSupportedError, match=r"has conda packages \(tool\)") as refused:
        migrate_layer(request)
    assert f"{layer}-new --conda tool --channel" in refused.value.hints[1]


def test_check_finds_what_changed(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool", "pure-part")
    assert findings(ground, layer) == []
    (layer / "conda/bin/tool").write_bytes(b"other")
    (layer / "conda/lib/libouter.so.1").unlink()
    next((layer / "conda/conda-meta").glob("pure-part-*")).unlink()
    assert findings(ground, layer) == [
        ("package-missing", "conda's pure-part 1.0 py_0 is not in the layer any more"),
        ("file-missing", "conda/lib/libouter.so.1: missing (libouter 1.0 h0_0)"),
        ("file-changed", "conda/bin/tool: changed (tool 1.0 h0_0)"),
    ]


def test_check_of_a_layer_that_was_moved(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool")
    layer.rename(ground.path / "moved")
    report = check_layer(ground.path / "moved", root=ground.path, environ=ground.environ)
    assert [one.kind for one in report.findings] == ["layer-elsewhere"]
    assert "lamina layer restore" in report.findings[0].mend


def test_check_of_a_base_that_lost_a_library(ground: Ground) -> None:
    base = ground.path / "base"
    shutil.copytree(ground.base, base, symlinks=True)
    layer = ground.layer(on=base)
    ground.add(layer, "tool")
    next((base / "conda-meta").glob("libinner-*")).unlink()
    assert ("requirement-unmet", "tool 1.0 needs libinner >=1,<2, which is not there") in findings(
        ground, layer
    )


def test_shown_and_listed(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool")
    opened = open_layer(layer, ground.environ)
    value = describe_layer(opened)
    count = len(list((ground.base / "conda-meta").glob("*.json")))
    assert (value["conda"]["packages"], value["conda"]["base"]) == (2, count)
    assert f"conda     tool (2 of its own over {count} of the base)" in render_description(value)
    rows = render_rows(list_packages(opened, everything=False)).splitlines()
    assert rows == [
        "libouter  1.0  conda  tool needs it",
        "tool      1.0  conda  you asked for it",
    ]


def test_why_a_conda_package_is_there(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "pure-part")
    told = render_explanation(explain_package(open_layer(layer, ground.environ), "pure-part"))
    assert told.splitlines() == [
        "pure-part 1.0: a conda package of the layer",
        "  because you asked for it",
    ]


def test_trap_03_archives_in_a_cache_that_nobody_can_write(ground: Ground) -> None:
    """What is there already, with the right hash, is taken without any lock beside it."""
    layer = ground.layer()
    ground.add(layer, "tool")
    lock = paper_of(ground, layer)
    cache = ground.path / "read-only"
    cache.mkdir()
    for one in lock.conda:
        shutil.copy2(ground.channel / one.subdir / one.file, cache / one.file)
    kept = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    for path in (*cache.iterdir(), cache):
        path.chmod(path.stat().st_mode & ~0o222)
    moment = cache.stat().st_mtime_ns
    restore(plan_restore(dataclasses.replace(asking(ground, lock), links=(cache,))))
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == kept
    # For root no directory is read-only: that nothing was made there, its time tells.
    assert cache.stat().st_mtime_ns == moment
    assert os.access(ground.path / "again/conda/bin/tool", os.X_OK)
