"""A layer with conda packages is packed: unpacked, they are as conda would have them there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.engines.conda_prefix import check_prefix
from lamina.export.installer import write_installer
from lamina.export.installer_cargo import Extras, Identity, with_extras
from lamina.export.layer_cargo import layer_cargo
from lamina.export.pack import write_pack
from support.installers import install
from support.packs import make_shipped, run, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_layers import Ground


def test_unpacked_at_a_longer_path_they_are_as_installed(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    base = make_shipped(tmp_path / "shipped").release
    layer = ground.layer(on=base.prefix)
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
    run(top / "bin" / "lamina-unpack", "--base", base.prefix)
    named = (top / "conda" / "lib" / "names-it").read_bytes()
    assert named.startswith(b"\0" + os.fsencode(top) + b"/conda/share\0")
    assert named.endswith(b"\0the end")
    assert len(named) == len((layer / "conda" / "lib" / "names-it").read_bytes())
    assert (top / "conda" / "share" / "names-it").read_text() == f"{top}/conda"
    assert check_prefix(top / "conda") == []
    fs.remove_tree(top)


def test_an_installer_takes_any_path_that_its_programs_have_room_for(
    ground: Ground, tmp_path: Path
) -> None:
    for name in ("shipped", "scratch"):
        (tmp_path / name).mkdir()
    base = make_shipped(tmp_path / "shipped").release
    layer = ground.layer(on=base.prefix)
    ground.add(layer, "names-it", channels=(str(ground.channel),))
    manifest = base.manifest()
    identity = Identity.of_layer(layer, manifest)
    cargo = layer_cargo(layer, base, ground.environ, tmp_path / "scratch", with_base=True)
    cargo = with_extras(cargo, identity, manifest.tests, Extras(), tmp_path / "scratch")
    installer = write_installer(cargo, identity, tmp_path / "layer.sh")
    longest = installer.header.longest_prefix
    assert longest > len(str(tmp_path)) + 10

    longest_path = tmp_path / ("l" * (longest - len(f"{tmp_path}/")))
    assert len(str(longest_path)) == longest
    refused = install(installer.path, "-b", "-p", f"{longest_path}l")
    assert (refused.code, f"there is room for {longest} in the programs" in refused.text) == (
        2,
        True,
    )
    answer = install(installer.path, "-bt", "-p", longest_path)
    assert answer.code == 0, answer.text
    named = (longest_path / "conda" / "lib" / "names-it").read_bytes()
    assert named.startswith(b"\0" + os.fsencode(longest_path) + b"/conda/share\0")
    assert named.endswith(b"\0the end")
    assert check_prefix(longest_path / "conda") == []
    fs.remove_tree(longest_path)
