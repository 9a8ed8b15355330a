"""A case of each kind of finding that is about a layer itself, made of real layers."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

from lamina.layer.hook import START_LINES
from support.changes import ALPHA_1, ALPHA_2, BETA_1, BETA_2, change
from support.doctor import TOOL, Case
from support.workshop import site_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.doctor import Room


def small_layer(room: Room) -> Path:
    """Make a layer with one package over a base with another."""
    room.workshop.index.add(ALPHA_1, ALPHA_2, BETA_1)
    layer = room.workshop.layer(room.venv(ALPHA_1, TOOL, name="base"))
    change(room.workshop, layer, "alpha>=2")
    return layer


def layer_record_broken(room: Room) -> Case:
    layer = small_layer(room)
    lock = layer / "lamina-layer.lock"
    lock.write_text(lock.read_text(encoding="utf-8") + "?", encoding="utf-8")
    return Case(target=layer)


def layer_base_gone(room: Room) -> Case:
    layer = small_layer(room)
    (room.path / "base").rename(room.path / "elsewhere")
    return Case(target=layer)


def layer_base_changed(room: Room) -> Case:
    layer = small_layer(room)
    BETA_1.unpack(site_of(room.path / "base"))
    BETA_2.unpack(site_of(room.path / "base"))
    shutil.rmtree(site_of(room.path / "base") / "beta-1.0.dist-info")
    return Case(target=layer)


def layer_interpreter_changed(room: Room) -> Case:
    layer = small_layer(room)
    (layer / "bin" / "python").unlink()
    (layer / "bin" / "python").symlink_to(room.interpreter("3.11").resolve())
    return Case(target=layer)


def layer_interpreter_gone(room: Room) -> Case:
    layer = small_layer(room)
    (layer / "bin" / "python").unlink()
    (layer / "bin" / "python").symlink_to(room.path / "3.12.0" / "bin" / "python3.12")
    return Case(target=layer)


def layer_moved(room: Room) -> Case:
    layer = small_layer(room)
    return Case(target=layer.rename(layer.with_name("it's moved")))


def layer_copied(room: Room) -> Case:
    layer = small_layer(room)
    shutil.copytree(layer, layer.with_name("copy"), symlinks=True)
    return Case(target=layer.with_name("copy"))


def layer_hook_missing(room: Room) -> Case:
    layer = small_layer(room)
    (site_of(layer) / "~lamina.pth").unlink()
    return Case(target=layer)


def layer_hook_edited(room: Room) -> Case:
    layer = small_layer(room)
    hook = site_of(layer) / "_lamina_layer.py"
    hook.write_text("import this_is_mine_now\n" + hook.read_text(encoding="utf-8"), "utf-8")
    hook.write_text(hook.read_text(encoding="utf-8").replace("this_is_mine_now", "os"), "utf-8")
    return Case(target=layer)


def layer_hook_other_version(room: Room) -> Case:
    """As a lamina wrote it whose hook had another line."""
    return Case(target=with_older_hook(small_layer(room)))


def layer_hook_other_version_empty(room: Room) -> Case:
    return Case(target=with_older_hook(room.workshop.layer(room.venv(ALPHA_1, name="base"))))


def with_older_hook(layer: Path) -> Path:
    """Make the hook of a layer one of another version."""
    hook, start = site_of(layer) / "_lamina_layer.py", site_of(layer) / "~lamina.pth"
    mark = "# sha256 of all above and of the .pth files: "
    above = (
        hook.read_text(encoding="utf-8").partition(mark)[0].replace("import os\n", "import os \n")
    )
    older = start.read_text(encoding="utf-8") + "# of another time\n"
    first = next(one for one in START_LINES if one != start.name)
    lines = start.with_name(first).read_text(encoding="utf-8") + older
    digest = hashlib.sha256(f"{above}{lines}".encode()).hexdigest()
    hook.write_text(f"{above}{mark}{digest}\n", encoding="utf-8")
    start.write_text(older, encoding="utf-8")
    return layer


def layer_unfinished_change(room: Room) -> Case:
    """As when it is killed between two renames."""
    layer = small_layer(room)
    record = layer / "lamina-layer.toml"
    away = layer / ".lamina" / "stage-0123" / "old"
    away.mkdir(parents=True)
    shutil.copy(record, away / record.name)
    moves = [["lamina-layer.lock", ".lamina/stage-0123/old/lamina-layer.lock"]]
    (layer / ".lamina" / "journal.json").write_text(json.dumps(moves), encoding="utf-8")
    (layer / "lamina-layer.lock").rename(away / "lamina-layer.lock")
    return Case(target=layer)


def layer_files_changed(room: Room) -> Case:
    layer = small_layer(room)
    (site_of(layer) / "alpha" / "__init__.py").write_text("hacked = True\n", encoding="utf-8")
    return Case(target=layer)
