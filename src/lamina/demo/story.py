"""The main job, told in commands: each step is what a librarian or an analyst types."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core import fs, report
from lamina.core.errors import IntegrityError
from lamina.core.run import base_environment, run
from lamina.model.layer_files import LAYER_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLE = "hep-small"
NEWER = "numpy>=2.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where the demonstration happens, and with which Python."""

    directory: Path
    program: Sequence[str]
    """How ``lamina`` is started."""
    spelling: str
    """How a person types it here."""
    python: Path
    """The interpreter that the release stands on."""
    series: str
    platform: str
    environ: Mapping[str, str]

    @property
    def root(self) -> Path:
        """Where the release is published."""
        return self.directory / "demo-root"

    @property
    def stack(self) -> Path:
        """Where lamina.toml and lamina.lock are."""
        return self.directory / "demo-stack"

    @property
    def layer(self) -> Path:
        """Where the layer is."""
        return self.directory / "demo-layer"

    @property
    def analysis(self) -> Path:
        """Where the ROOT file and the plot are."""
        return self.directory / "demo-analysis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step of the demonstration, done."""

    title: str
    command: str
    outcome: str
    place: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The whole demonstration, done."""

    scenes: tuple[Scene, ...]
    plot: Path | None
    next_commands: tuple[str, ...]


class Stage:
    """Runs the commands of the demonstration and remembers what came out."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.scenes: list[Scene] = []
        self._environment = base_environment(setting.environ)

    def lamina(self, *words: str | Path) -> Any:
        """Run a lamina command and return the object that it prints with --json."""
        argv = [*self.setting.program, *words, "--json", "--quiet"]
        answer = run(argv, env=self._environment, cwd=self.setting.directory)
        return json.loads(answer.stdout)

    def python(self, *words: str | Path, variables: Mapping[str, str]) -> Any:
        """Run the layer's Python and return the object that it prints."""
        return self.ask(self.setting.layer / "bin" / "python", *words, variables=variables)

    def ask(
        self, program: Path, *words: str | Path, variables: Mapping[str, str] | None = None
    ) -> Any:
        """Run a program and return the object that it prints."""
        env = self._environment | dict(variables or {})
        return json.loads(run([program, *words], env=env, cwd=self.setting.directory).stdout)

    def show(self, path: Path) -> str:
        """Return a path as it is typed in the demonstration's directory."""
        try:
            return f".{os.sep}{path.relative_to(self.setting.directory)}"
        except ValueError:
            return str(path)

    def remember(
        self, title: str, command: str, outcome: str, *, place: Path, since: float
    ) -> None:
        """Add a finished step; ``command`` is how to do it by hand."""
        self.scenes.append(
            Scene(
                title=title,
                command=command,
                outcome=outcome,
                place=self.show(place),
                seconds=round(time.monotonic() - since, 1),
            )
        )


def tell(setting: Setting) -> Told:
    """Run the demonstration in ``setting.directory``; what an earlier one left there is reused.

    Raises LaminaError when a step fails, IntegrityError when a wrong package was imported.
    """
    stage = Stage(setting)
    _write_stack(stage)
    _lock(stage)
    prefix = _publish(stage)
    _make_layer(stage)
    _add_newer(stage)
    _check_import(stage, prefix)
    plot = _analyse(stage, prefix)
    return Told(scenes=tuple(stage.scenes), plot=plot, next_commands=_next(stage))


def _write_stack(stage: Stage) -> None:
    """Write the example for this machine's Python and platform only."""
    start = time.monotonic()
    setting = stage.setting
    text = files("lamina.demo").joinpath(f"{EXAMPLE}.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^python = .*$", f'python = "{setting.series}"', text)
    text = re.sub(r"(?m)^platforms = .*$", f'platforms = ["{setting.platform}"]', text)
    fs.make_directory(setting.stack)
    place = setting.stack / "lamina.toml"
    fs.write_text(place, text)
    stage.remember(
        "describe the stack",
        f"cat {stage.show(place)}",
        f"Python {setting.series}, {setting.platform}",
        place=place,
        since=start,
    )


def _lock(stage: Stage) -> None:
    start = time.monotonic()
    with report.step("lock"):
        answer = stage.lamina("lock", "--stack", stage.setting.stack)
    stage.remember(
        "lock it",
        f"{stage.setting.spelling} lock --stack {stage.show(stage.setting.stack)}",
        f"{answer['packages']} packages, each with its digest",
        place=stage.setting.stack / "lamina.lock",
        since=start,
    )


def _publish(stage: Stage) -> Path:
    start = time.monotonic()
    setting = stage.setting
    with report.step("publish (install, compile, test, seal)"):
        answer = stage.lamina(
            "publish",
            *("--stack", setting.stack, "--root", setting.root, "--python", setting.python),
        )
    prefix = Path(answer["prefix"])
    said = "published" if answer["status"] == "published" else "was published already"
    stage.remember(
        "publish a release",
        f"{setting.spelling} publish --stack {stage.show(setting.stack)} "
        f"--root {stage.show(setting.root)}",
        f"{answer['release']} {said}, read-only",
        place=prefix,
        since=start,
    )
    return prefix


def _make_layer(stage: Stage) -> None:
    setting = stage.setting
    if (setting.layer / LAYER_NAME).is_file():
        fs.remove_tree(setting.layer)
    start = time.monotonic()
    with report.step("make a layer"):
        stage.lamina("layer", "create", setting.layer, "--on", EXAMPLE, "--root", setting.root)
    stage.remember(
        "put a layer on it",
        f"{setting.spelling} layer create {stage.show(setting.layer)} --on {EXAMPLE} "
        f"--root {stage.show(setting.root)}",
        "an environment of your own, empty",
        place=setting.layer,
        since=start,
    )


def _add_newer(stage: Stage) -> None:
    start = time.monotonic()
    layer = stage.setting.layer
    with report.step(f"add {NEWER}"):
        plan = stage.lamina("layer", "add", layer, NEWER)
    changed = ", ".join(
        f"{one['name']} {one['version']} over {one['over']}" for one in plan["packages"]
    )
    stage.remember(
        "lift numpy",
        f"{stage.setting.spelling} layer add {stage.show(layer)} {shlex.quote(NEWER)}",
        f"{changed}; {plan['kept']} kept",
        place=layer,
        since=start,
    )


_WHAT_IS_IMPORTED = """
import json, numpy, uproot
found = {"version": numpy.__version__, "numpy": numpy.__file__, "uproot": uproot.__file__}
print(json.dumps(found))
"""


def _packages_of(prefix: Path) -> Path:
    return next(prefix.glob("lib/python*/site-packages"))


def _check_import(stage: Stage, prefix: Path) -> None:
    """Import with PYTHONPATH set to the release, as the set-up script of a view leaves it."""
    start = time.monotonic()
    below = _packages_of(prefix)
    found = stage.python("-c", _WHAT_IS_IMPORTED, variables={"PYTHONPATH": str(below)})
    for module, place in (("numpy", stage.setting.layer), ("uproot", prefix)):
        if not Path(found[module]).is_relative_to(place):
            raise IntegrityError(f"{module} was imported from {found[module]}, not from {place}")
    stage.remember(
        "import, PYTHONPATH set to the release",
        f"PYTHONPATH={stage.show(below)} {stage.show(stage.setting.layer)}/bin/python "
        "-c 'import numpy, uproot'",
        f"numpy {found['version']} of the layer, uproot of the release",
        place=Path(found["numpy"]).parent,
        since=start,
    )


def _analyse(stage: Stage, prefix: Path) -> Path:
    start = time.monotonic()
    setting = stage.setting
    fs.make_directory(setting.analysis)
    script = files("lamina.demo").joinpath("dimuon.py").read_text(encoding="utf-8")
    fs.write_text(setting.analysis / "dimuon.py", script)
    with report.step("analyse"):
        found = stage.python(
            setting.analysis / "dimuon.py",
            setting.analysis,
            variables={
                "PYTHONPATH": str(_packages_of(prefix)),
                "MPLCONFIGDIR": str(setting.analysis / "matplotlib"),
            },
        )
    stage.remember(
        "analyse",
        f"{stage.setting.spelling} run {stage.show(setting.layer)} -- python "
        f"{stage.show(setting.analysis)}/dimuon.py {stage.show(setting.analysis)}",
        f"{found['selected']} of {found['events']} events, peak at {found['peak_gev']:.1f} GeV",
        place=Path(found["plot"]),
        since=start,
    )
    return Path(found["plot"])


def _next(stage: Stage) -> tuple[str, ...]:
    setting, lamina = stage.setting, stage.setting.spelling
    return (
        f". {shlex.quote(stage.show(setting.layer) + '/bin/activate')}",
        f"{lamina} layer list {stage.show(setting.layer)} --all",
        f"{lamina} release verify {EXAMPLE} --root {stage.show(setting.root)}",
        f"{lamina} release show {EXAMPLE} --root {stage.show(setting.root)}",
        f"{lamina} init my-stack",
    )
