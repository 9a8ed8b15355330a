"""Where a layer lies: on a full disk, on one that cannot be written to, in another place."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import StorageError
from lamina.layer.opened import open_layer
from support.changes import change, tree, versions
from support.mounts import mounted, read_only, remount
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


@pytest.mark.namespaces
def test_a_full_disk(workshop: Workshop, layer: Path) -> None:
    """The disk is a little larger each time, until the change fits."""
    disk = workshop.path / "disk"
    disk.mkdir()
    base = str(workshop.path / "base")
    with mounted(disk, "size=1m"):
        small = workshop.layer(base, "disk/layer")
        change(workshop, small)  # writes the lock file of a layer without packages
        before = tree(small)
        used = shutil.disk_usage(disk).used
        failures = 0
        for size in range(used // 1024 + 4, used // 1024 + 1000, 8):
            remount(disk, f"size={size}k")
            try:
                change(workshop, small, "alpha>=2")
            except StorageError:
                failures += 1
                assert tree(small) == before
                assert not list((small / ".lamina").glob("stage-*"))
            else:
                break
        assert failures > 3
        assert versions(workshop, small, "alpha", "beta") == ["2.0", "2.0"]


@pytest.mark.namespaces
@pytest.mark.parametrize("room", [4, 8, 12])
def test_first_started_on_a_full_disk(workshop: Workshop, layer: Path, room: int) -> None:
    """Cut byte code of the start-up hook is no end of the layer once there is room again."""
    disk = workshop.path / "disk"
    disk.mkdir()
    with mounted(disk, "size=1m"):
        small = workshop.layer(str(workshop.path / "base"), "disk/layer")
        full = f"remount,size={shutil.disk_usage(disk).used // 1024 + room}k"
        for size in (full, full, "remount,size=1m"):
            subprocess.run(["mount", "-o", size, disk], check=True)
            code = "import alpha; print(alpha.__version__)"
            assert run([small / "bin" / "python", "-c", code], workshop.environ) == "1.0\n"


@pytest.mark.namespaces
def test_a_read_only_file_system(workshop: Workshop, layer: Path) -> None:
    """Nothing can be added, and all that is there can be used."""
    change(workshop, layer, "alpha>=2")
    before = tree(layer)
    with read_only(layer):
        with pytest.raises(StorageError, match="read-only") as caught:
            change(workshop, layer, "gamma")
        assert caught.value.hints
        assert versions(workshop, layer, "alpha", "beta") == ["2.0", "2.0"]
        assert {str(name) for name in open_layer(layer, workshop.environ).managed} == {
            "alpha", "beta",
        }  # fmt: skip
    assert tree(layer) == before


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_in_another_place(workshop: Workshop, layer: Path, how: str) -> None:
    """Whatever becomes of the one that is elsewhere, the former is not touched."""
    change(workshop, layer, "alpha>=2")
    before = tree(layer)
    elsewhere = layer.with_name("elsewhere")
    if how == "moved":
        layer.rename(elsewhere)
    else:
        shutil.copytree(layer, elsewhere, symlinks=True)
    change(workshop, elsewhere, "gamma")
    assert versions(workshop, elsewhere, "alpha", "beta", "gamma") == ["2.0", "2.0", "1.0"]
    code = "import gamma; print(gamma.__file__)"
    assert run([elsewhere / "bin" / "python", "-c", code], workshop.environ).startswith(
        str(elsewhere)
    )
    if how == "copied":
        assert tree(layer) == before
        assert versions(workshop, layer, "alpha", "beta") == ["2.0", "2.0"]
    else:
        assert not layer.exists()
