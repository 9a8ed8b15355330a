"""No false alarms: environments in which nothing is wrong, and settings that are meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from support.ailments import make_need, real_module
from support.changes import ALPHA_1, ALPHA_2, BETA_1, change
from support.doctor import TOOL, activated, findings
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.doctor import Room

SERIES = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def assert_sound(target: Path | None, environ: dict[str, str]) -> None:
    found = findings(target, environ)
    assert [(one.kind.name, one.what) for one in found] == []


@pytest.mark.parametrize("series", SERIES)
def test_an_interpreter_of_this_machine_and_an_environment_on_it(
    room: Room, interpreter: Callable[[str], Path], series: str
) -> None:
    python, environ = interpreter(series), room.workshop.environ
    assert_sound(python, environ)
    venv = room.workshop.base(python, ALPHA_1, BETA_1)
    assert_sound(venv, environ)
    assert_sound(None, environ | activated(venv, environ))


def test_the_system_s_python(room: Room) -> None:
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("no /usr/bin/python3 on this machine")
    assert_sound(python, room.workshop.environ)


def test_an_environment_with_pip_and_its_scripts(room: Room) -> None:
    venv = room.path / ("a long name " * 12).strip()
    run([room.python, "-m", "venv", venv], room.workshop.environ)
    assert (venv / "bin" / "pip").exists()
    assert_sound(venv, room.workshop.environ)


def test_spare_modules_of_other_systems(room: Room) -> None:
    """As debugpy brings them in its wheel for every platform."""
    venv = room.venv(TOOL)
    site = site_of(venv)
    room.file(site, TOOL, "tool/inject.cp39-win_amd64.pyd", b"for another")
    assert_sound(venv, room.workshop.environ)
    wheel = next(site.glob("*.dist-info")) / "WHEEL"
    wheel.write_text(wheel.read_text().replace("py3-none-any", "cp39-cp39-win_amd64"))
    found = findings(venv, room.workshop.environ)
    assert "extension-other-python" in [one.kind.name for one in found]


def test_an_environment_made_by_uv(room: Room) -> None:
    venv, program = room.path / "venv", uv.find_uv_bin()
    run([program, "venv", "--quiet", "--python", room.python, venv], room.workshop.environ)
    room.workshop.index.add(ALPHA_2)
    words = ["pip", "install", "--quiet", "--python", venv / "bin" / "python", "alpha"]
    run([program, *words], room.workshop.environ)
    assert (venv / "bin" / "alpha").exists()
    assert_sound(None, room.workshop.environ | activated(venv, room.workshop.environ))


def test_an_environment_that_sees_the_system_s_packages(room: Room) -> None:
    """Its own pip is meant to hide the one below."""
    venv = room.path / "venv"
    words = [room.python, "-m", "venv", "--system-site-packages", "--without-pip", venv]
    run(words, room.workshop.environ)
    Wheel(name="pip", version="99.0").unpack(site_of(venv))
    assert_sound(venv, room.workshop.environ)


def test_a_layer(room: Room) -> None:
    """Active, with a package that hides one of the base, and the base on PYTHONPATH as well."""
    room.workshop.index.add(ALPHA_1, ALPHA_2)
    base = room.venv(ALPHA_1, name="base")
    layer = room.workshop.layer(base)
    assert_sound(layer, room.workshop.environ)
    change(room.workshop, layer, "alpha>=2")
    assert_sound(layer, room.workshop.environ)
    environ = room.workshop.environ | activated(layer, room.workshop.environ)
    assert_sound(None, environ)
    assert_sound(None, environ | {"PYTHONPATH": str(site_of(base))})


def test_a_layer_over_a_layer(room: Room) -> None:
    room.workshop.index.add(ALPHA_1, ALPHA_2)
    below = room.workshop.layer(room.venv(ALPHA_1, name="base"), "below")
    change(room.workshop, below, "alpha>=2")
    layer = room.workshop.layer(below)
    assert_sound(layer, room.workshop.environ)
    room.workshop.add(layer, Wheel(name="alpha", version="3.0"))
    assert_sound(layer, room.workshop.environ)


def test_a_layer_over_a_view(room: Room) -> None:
    """The packages of the base are on PYTHONPATH, before activation and after it."""
    view = room.directory("view", ALPHA_1, Wheel(name="pip", version="99.0"))
    path = f"{room.python.parent}:{room.workshop.environ['PATH']}"
    environ = room.workshop.environ | {"PYTHONPATH": str(view), "PATH": path}
    layer = room.workshop.layer("env", PYTHONPATH=str(view), PATH=path)
    room.workshop.add(layer, ALPHA_2)
    assert_sound(layer, environ)
    assert_sound(None, environ | activated(layer, environ))
    assert_sound(None, room.workshop.environ | activated(layer, room.workshop.environ))


def test_a_view_with_nothing_activated(room: Room) -> None:
    view = room.directory("view", ALPHA_1, BETA_1, Wheel(name="pip", version="99.0"))
    path = f"{room.python.parent}:{room.workshop.environ['PATH']}"
    assert_sound(None, room.workshop.environ | {"PYTHONPATH": str(view), "PATH": path})


def test_the_user_s_own_sources_on_pythonpath(room: Room) -> None:
    sources = room.directory("sources")
    (sources / "analysis.py").write_text("", encoding="utf-8")
    (sources / "alpha.py").write_text("", encoding="utf-8")
    venv = room.venv(BETA_1, ALPHA_1)
    (sources / "alpha.py").unlink()
    assert_sound(venv, room.workshop.environ | {"PYTHONPATH": str(sources)})


def test_a_change_that_is_under_way(room: Room) -> None:
    layer = room.workshop.layer(room.venv(name="base"))
    (layer / ".lamina" / "stage-0123").mkdir(parents=True)
    (layer / ".lamina" / "lock").write_text(f"process {os.getpid()}", encoding="utf-8")
    assert_sound(layer, room.workshop.environ)


def test_a_directory_that_cannot_be_written_to(room: Room) -> None:
    venv = room.venv(ALPHA_1)
    for directory, _, _ in os.walk(venv):
        Path(directory).chmod(0o555)
    assert_sound(venv, room.workshop.environ)


def test_a_module_for_what_is_optional(room: Room) -> None:
    """One of three cannot be loaded, as that of numba for a library that few have."""
    venv = room.venv(TOOL)
    content = real_module(room).read_bytes()
    for name in ("_a", "_b", "_c"):
        module = room.file(site_of(venv), TOOL, f"tool/{name}.abi3.so", content)
    make_need(module, "libtbb.so.99")
    assert_sound(venv, room.workshop.environ)
