"""Conda packages in a layer: only what the base does not have, and it finds the base's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, NotSupportedError, UnsatisfiableError, UsageError
from lamina.engines.conda_prefix import check_prefix, read_prefix
from lamina.layer.document import load_layer, load_layer_lock
from support.conda_layers import SITE
from support.interpreters import find_interpreter
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_layers import Ground


def names(prefix: Path) -> list[str]:
    return [one.record.name for one in read_prefix(prefix)]


def test_a_program_finds_a_library_in_the_base_and_one_in_the_layer(ground: Ground) -> None:
    layer = ground.layer()
    plan = ground.add(layer, "tool")
    assert [one.name for one in plan.new] == ["libouter", "tool"]
    assert [one.name for one in plan.kept] == ["libinner"]
    assert names(layer / "conda") == ["libouter", "tool"]
    assert ground.run(layer, "conda/bin/tool") == "1 2\n"
    assert check_prefix(layer / "conda") == []
    assert (layer / "conda/share/tool/where").read_text() == str(layer / "conda")
    lock = load_layer_lock(layer)
    assert lock is not None
    assert [(one.name, one.requested_by) for one in lock.conda] == [
        ("libouter", ("tool",)),
        ("tool", ("layer",)),
    ]
    assert load_layer(layer).conda.requests == ("tool",)


def test_the_loader_takes_the_bases_library_whatever_is_set(ground: Ground) -> None:
    """A library of the same name on LD_LIBRARY_PATH belongs to something else."""
    layer = ground.layer()
    ground.add(layer, "tool")
    other = ground.path / "other"
    other.mkdir()
    (other / "libinner.so.1").write_bytes((ground.base / "lib/libinner.so.1").read_bytes()[:99])
    answer = run([layer / "conda/bin/tool"], ground.environ | {"LD_LIBRARY_PATH": str(other)})
    assert answer == "1 2\n"


def test_python_packages(ground: Ground) -> None:
    """Compiled and noarch: imported by the layer's Python, after its own and before the base."""
    layer = ground.layer()
    ground.add(layer, "native-ext", "pure-part")
    assert ground.run(layer, "conda/bin/native-script") == f"2 {layer}\n"
    assert ground.run(layer, "conda/bin/pure-part") == "pure-part 1.0\n"
    code = "import importlib.metadata as m, sys, tool_box; print(m.version('pure-part'), "
    code += "sys.pure_part)"
    assert ground.run(layer, "bin/python", "-I", "-c", code) == "1.0 True\n"
    path = ground.run(layer, "bin/python", "-I", "-c", "import sys; print(*sys.path)").split()
    sites = [one for one in path if one.endswith("site-packages")]
    assert sites == [f"{top}/{SITE}" for top in (layer, layer / "conda", ground.base)]
    assert not (layer / "conda/bin/python").exists()


def test_what_the_base_has_is_not_installed_again(ground: Ground) -> None:
    layer = ground.layer()
    plan = ground.add(layer, "libinner")
    assert (plan.new, [one.name for one in plan.kept]) == ((), ["libinner"])
    assert not (layer / "conda").exists()
    assert load_layer(layer).conda.requests == ("libinner",)


def test_more_and_less(ground: Ground) -> None:
    layer = ground.layer()
    ground.add(layer, "tool")
    plan = ground.add(layer, "alone")
    assert [one.name for one in plan.new] == ["alone"]
    assert names(layer / "conda") == ["alone", "libouter", "tool"]
    plan = ground.remove(layer, "tool")
    assert [one.name for one in plan.removed] == ["libouter", "tool"]
    assert names(layer / "conda") == ["alone"]
    ground.remove(layer, "alone")
    assert not (layer / "conda").exists()
    assert load_layer(layer).conda.requests == ()
    with pytest.raises(UsageError, match="alone: not among the conda requests"):
        ground.remove(layer, "alone")


def test_the_base_stays(ground: Ground) -> None:
    """An older build is taken where the newest would want another library of the base."""
    layer = ground.layer()
    assert next(one.version for one in ground.add(layer, "tool").own if one.name == "tool") == "1.0"
    with pytest.raises(ConflictError) as refused:
        ground.add(ground.layer("other"), "new-tool")
    assert "libinner 1.0 of the base would have to become 2.0" in refused.value.message
    assert "new-tool 2.0 needs libinner >=2,<3" in refused.value.message
    assert "--flat PREFIX" in refused.value.hints[0]
    with pytest.raises(ConflictError, match=r"libinner 1.0 .* become 2.0: you asked for libinner"):
        ground.add(ground.layer("third"), "libinner >=2")
    assert names(layer / "conda") == ["libouter", "tool"]


def test_no_solution_at_all(ground: Ground) -> None:
    layer = ground.layer()
    with pytest.raises(UnsatisfiableError, match="no channel has it"):
        ground.add(layer, "nothing-like-it")
    with pytest.raises(UnsatisfiableError, match="libinner") as refused:
        ground.add(layer, "libinner >=3")
    assert "libinner 1.0 h0_0 is the base's, and stays" in refused.value.message


def test_a_base_of_another_kind(ground: Ground) -> None:
    """Programs and libraries work on any base; what needs conda's Python does not."""
    venv = ground.path / "venv"
    run([find_interpreter("3.12"), "-m", "venv", "--without-pip", venv], ground.environ)
    layer = ground.layer(on=venv)
    with pytest.raises(UsageError, match="no channel is known"):
        ground.add(layer, "tool")
    channels = (str(ground.channel),)
    ground.add(layer, "tool", channels=channels)
    assert names(layer / "conda") == ["libinner", "tool"]
    ground.add(layer, "tool 1.*")
    assert names(layer / "conda") == ["libinner", "libouter", "tool"]
    assert ground.run(layer, "conda/bin/tool") == "1 2\n"
    with pytest.raises(NotSupportedError, match="pure-part needs the channels' Python"):
        ground.add(layer, "pure-part")
    assert load_layer(layer).conda.channels == channels


def test_a_dry_run_changes_nothing(ground: Ground) -> None:
    layer = ground.layer()
    before = {one for one in layer.rglob("*") if ".lamina" not in one.parts}
    plan = ground.add(layer, "tool", dry_run=True)
    assert plan.size
    assert {one for one in layer.rglob("*") if ".lamina" not in one.parts} == before


def test_a_layer_on_a_layer(ground: Ground) -> None:
    """The library of the layer below is found too, and not installed again."""
    lower = ground.layer("lower")
    ground.add(lower, "libouter", "pure-part")
    upper = ground.layer("upper", on=lower)
    ground.add(upper, "tool", "native-ext")
    assert names(upper / "conda") == ["native-ext", "tool"]
    assert ground.run(upper, "conda/bin/tool") == "1 2\n"
    assert ground.run(upper, "conda/bin/native-script") == f"2 {upper}\n"
    code = "import pure_part, tool_box; print(pure_part.__file__)"
    where = lower / "conda" / SITE / "pure_part/__init__.py"
    assert ground.run(upper, "bin/python", "-I", "-c", code) == f"{where}\n"
    line = f". '{upper}/bin/activate' && echo $PATH"
    found = run(["sh", "-c", line], ground.environ).split(":")
    assert found[0] == str(upper / "bin")
    assert str(upper / "conda/bin") in found


def test_records_as_conda_writes_them(ground: Ground) -> None:
    """The subdirectory is part of the channel there."""
    layer = ground.layer()
    ground.add(layer, "alone")
    record = next((ground.base / "conda-meta").glob("libinner-*.json"))
    kept = record.read_text(encoding="utf-8")
    document = json.loads(kept)
    record.write_text(json.dumps(document | {"channel": f"{document['channel']}linux-64"}))
    try:
        assert len(load_layer(layer).conda.channels) == 1
        other = ground.layer("other")
        ground.add(other, "alone")
        assert load_layer(other).conda.channels == load_layer(layer).conda.channels
    finally:
        record.write_text(kept)
