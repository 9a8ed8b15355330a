"""The same job with conda packages, from a channel that is made of what this machine has."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs, report
from lamina.core.errors import IntegrityError
from lamina.demo.story import Stage, Told
from lamina.model.layer_files import LAYER_NAME

if TYPE_CHECKING:
    from lamina.demo.story import Setting

_STACK = """\
[stack]
name = "hep-mixed"
version = "2026.11.0"
python = "{series}"              # one of the conda packages
platforms = ["{platform}"]

[resolve]
channels = ["../demo-channel"]
glibc = "{glibc}"                # the channel's Python is of this machine

[conda]                          # from the channel
numpy = ">=2"

[packages]                       # from the index, on top of that
uproot = "*"

[test]
imports = ["numpy", "uproot"]
"""
_NAME = "hep-mixed"
_WHAT_IS_IMPORTED = """
import json, iminuit, numpy, uproot
print(json.dumps({one.__name__: one.__file__ for one in (iminuit, numpy, uproot)}))
"""


def tell_of_conda(setting: Setting) -> Told:
    """Run the demonstration in ``setting.directory``; what an earlier one left there is reused.

    Raises LaminaError when a step fails, IntegrityError when a wrong package was imported.
    """
    stage = Stage(setting)
    _make_channel(stage)
    directory = setting.directory / "demo-mixed"
    _write_stack(stage, directory)
    _lock(stage, directory)
    prefix = _publish(stage, directory)
    layer = setting.directory / "demo-mixed-layer"
    _make_layer(stage, layer)
    _check_import(stage, layer, prefix)
    return Told(scenes=tuple(stage.scenes), plot=None, next_commands=_next(stage, layer))


def _make_channel(stage: Stage) -> None:
    start = time.monotonic()
    channel = stage.setting.directory / "demo-channel"
    words = ("channel", "bootstrap", channel, "numpy", "iminuit")
    with report.step("make a channel"):
        answer = stage.lamina(*words, "--python", stage.setting.python)
    stage.remember(
        "make a conda channel",
        f"{stage.setting.spelling} channel bootstrap {stage.show(channel)} numpy iminuit",
        f"{len(answer['packages'])} packages, Python among them",
        place=channel,
        since=start,
    )


def _write_stack(stage: Stage, directory: Path) -> None:
    start = time.monotonic()
    setting = stage.setting
    text = _STACK.format(series=setting.series, platform=setting.platform, glibc=_glibc())
    fs.make_directory(directory)
    place = directory / "lamina.toml"
    fs.write_text(place, text)
    stage.remember(
        "describe the stack",
        f"cat {stage.show(place)}",
        "numpy from the channel, uproot from the index",
        place=place,
        since=start,
    )


def _glibc() -> str:
    """Return the version of this machine's C library, as major and minor."""
    name = "CS_GNU_LIBC_VERSION"
    told = os.confstr(name) if name in os.confstr_names else None
    return (told or "glibc 2.28").split()[-1]


def _lock(stage: Stage, directory: Path) -> None:
    start = time.monotonic()
    with report.step("lock"):
        answer = stage.lamina("lock", "--stack", directory)
    stage.remember(
        "lock both sides together",
        f"{stage.setting.spelling} lock --stack {stage.show(directory)}",
        f"{answer['packages']} packages of the index, {answer['conda']} of the channel",
        place=directory / "lamina.lock",
        since=start,
    )


def _publish(stage: Stage, directory: Path) -> Path:
    start = time.monotonic()
    root = stage.setting.root
    with report.step("publish (install, compile, test, seal)"):
        answer = stage.lamina("publish", "--stack", directory, "--root", root)
    said = "published" if answer["status"] == "published" else "was published already"
    stage.remember(
        "publish a release",
        f"{stage.setting.spelling} publish --stack {stage.show(directory)} "
        f"--root {stage.show(root)}",
        f"{answer['release']} {said}, with a Python of its own",
        place=Path(answer["prefix"]),
        since=start,
    )
    return Path(answer["prefix"])


def _make_layer(stage: Stage, layer: Path) -> None:
    setting = stage.setting
    if (layer / LAYER_NAME).is_file():
        fs.remove_tree(layer)
    start = time.monotonic()
    with report.step("add a conda package in a layer"):
        stage.lamina("layer", "create", layer, "--on", _NAME, "--root", setting.root)
        stage.lamina("layer", "add", layer, "--conda", "iminuit")
    lamina = setting.spelling
    stage.remember(
        "add a conda package in a layer",
        f"{lamina} layer create {stage.show(layer)} --on {_NAME} --root {stage.show(setting.root)}"
        f" && {lamina} layer add {stage.show(layer)} --conda iminuit",
        "iminuit is new, nothing of the release is copied",
        place=layer,
        since=start,
    )


def _check_import(stage: Stage, layer: Path, prefix: Path) -> None:
    start = time.monotonic()
    found = stage.ask(layer / "bin" / "python", "-c", _WHAT_IS_IMPORTED)
    for module, place in (("iminuit", layer), ("numpy", prefix), ("uproot", prefix)):
        if not Path(found[module]).is_relative_to(place):
            raise IntegrityError(f"{module} was imported from {found[module]}, not from {place}")
    stage.remember(
        "import all three",
        f"{stage.show(layer)}/bin/python -c 'import iminuit, numpy, uproot'",
        "iminuit of the layer, numpy and uproot of the release",
        place=Path(found["iminuit"]).parent,
        since=start,
    )


def _next(stage: Stage, layer: Path) -> tuple[str, ...]:
    lamina, root = stage.setting.spelling, stage.show(stage.setting.root)
    return (
        f"{lamina} layer list {stage.show(layer)}",
        f"{lamina} release show {_NAME} --root {root}",
        f"{lamina} export {_NAME} --root {root} --as explicit",
    )
