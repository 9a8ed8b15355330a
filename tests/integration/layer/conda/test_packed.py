"""A layer with conda packages is packed: unpacked, they are as conda would have them there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.engines.conda_prefix import check_prefix
from lamina.export.layer_cargo import layer_cargo
from lamina.export.pack import write_pack
from support.packs import make_shipped, run, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_layers import Ground


def test_unpacked_at_a_longer_path_they_are_as_installed(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    base = make_shipped(tmp_path / "shipped").release.prefix
    layer = ground.layer(on=base)
    ground.add(layer, "names-it", channels=(str(ground.channel),))
    assert check_prefix(layer / "conda") == []
    archive = tmp_path / "layer.tar"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    cargo = layer_cargo(layer, base, ground.environ, scratch, with_base=False)
    write_pack(cargo, archive, "tar")

    there = tmp_path / ("longer-than-it-was-" * 4)
    assert len(str(layer)) < len(str(there))
    top = unpacked(archive, there)
    run(top / "bin" / "lamina-unpack", "--base", base)
    named = (top / "conda" / "lib" / "names-it").read_bytes()
    assert named.startswith(b"\0" + os.fsencode(top) + b"/conda/share\0")
    assert named.endswith(b"\0the end")
    assert len(named) == len((layer / "conda" / "lib" / "names-it").read_bytes())
    assert (top / "conda" / "share" / "names-it").read_text() == f"{top}/conda"
    assert check_prefix(top / "conda") == []
    fs.remove_tree(top)
