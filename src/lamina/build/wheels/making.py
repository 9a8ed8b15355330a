"""One wheel from its source: unpacked, patched, built in an environment of its own, kept."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lamina.build.wheels.complaint import explain_failure, naming
from lamina.build.wheels.fetching import check_identity, unpack
from lamina.build.wheels.order import cores
from lamina.build.wheels.patching import apply_patches
from lamina.build.wheels.search_paths import find_beside
from lamina.build.wheels.told_sources import tell_sources
from lamina.build.wheels.wheel import finish_wheel
from lamina.core import fs
from lamina.core.errors import BuildFailedError, CommandFailedError, TookTooLongError
from lamina.core.run import base_environment
from lamina.engines.build_backend import Backend, read_build_system
from lamina.engines.build_room import BuildRoom
from lamina.engines.hooks import run_hook
from lamina.engines.uv_python import make_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lamina.build.wheels.conda_prefix import CondaPrefix
    from lamina.build.wheels.order import Order
    from lamina.engines.build_room import Walls
    from lamina.engines.interpreters import Interpreter
    from lamina.engines.uv_program import UvProgram
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target

_PASSED_ON = ("LANG", "LANGUAGE", "TZ", "TERM")
_EPOCH = "315532800"
"""1980-01-01, the first day that a zip archive knows: builds are to give the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every build has in common."""

    directory: Path
    """Where builds work, each in a directory of its own."""
    logs: Path
    interpreter: Interpreter
    target: Target
    uv: UvProgram
    environ: Mapping[str, str]
    flags: Mapping[str, str]
    jobs: int | None
    """How many programs one build may run at once; None: as many as there are cores."""
    walls: Walls
    seconds: float | None
    """How long a build may take."""
    hints: Mapping[str, str]
    """What to install for what is missing on the machine, as the stack says."""
    conda: CondaPrefix | None = None
    """The conda packages that builds see, and whose Python they use."""

    @property
    def seen(self) -> dict[str, str]:
        """The variables by which builds find compilers, headers and libraries."""
        return {**base_environment(self.environ), **(self.conda.variables if self.conda else {})}

    def log(self, name: PackageName) -> Path:
        """Return where all is written that the programs of a build say."""
        return self.logs / f"{name}.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One build: a package on a bench."""

    bench: Bench
    order: Order
    source: Path
    """Its source distribution."""
    work: Path
    """A directory that is empty, and taken away afterwards."""
    install: Callable[[Sequence[str] | None, Path], None]
    """Installs what the build needs into the environment of a Python; the first word is what the
    back end asks for in addition, None before it is asked."""

    @property
    def log(self) -> Path:
        """Where all is written that its programs say."""
        return self.bench.log(self.order.name)

    def build(self, inputs: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Return the wheel, below ``work``, and its provenance.

        ``inputs``: all that goes into it. Raises BuildFailedError, StorageError, and what the
        installer raises.
        """
        started = time.monotonic()
        with naming(self.log):
            built = self._built(room := self._room())
            fs.make_directory(room.work / "out")
            wheel = finish_wheel(
                built,
                room.work / "out",
                self.order.artifact,
                self.bench.target,
                inputs,
                settle=self._settle,
            )
        return wheel, self._provenance(wheel, inputs, time.monotonic() - started)

    def _built(self, room: BuildRoom) -> Path:
        """Return what the back end has made, after all hooks of the build."""
        try:
            source = self._prepare(room)
            backend = self._backend(source, room)
            self._hook(room, "pre-build", source)
            built = self._call(lambda: backend.build_wheel(room.work / "dist"))
            self._hook(room.but(WHEEL=str(built)), "post-build", source)
            return self._one_wheel(built)
        except TookTooLongError as error:
            raise BuildFailedError(
                f"{self.order.name}: not built after {self.bench.seconds:g} s",
                hints=["[build] timeout in lamina.toml", f"less {shlex.quote(str(self.log))}"],
            ) from error
        except CommandFailedError as error:
            raise explain_failure(
                self.order.name, error, self.log, self.bench.hints, self.work
            ) from error

    def _settle(self, tree: Path) -> None:
        """Make what is in a wheel ready for wherever it is installed."""
        bench = self.bench
        if bench.conda is not None:
            find_beside(tree, bench.conda.path, bench.target.python, bench.environ)

    def _room(self) -> BuildRoom:
        work = self.work
        for name in ("tmp", "home", "dist", "src"):
            fs.make_directory(work / name)
        fs.make_directory(self.log.parent)
        fs.write_text(self.log, "", durable=False)
        seconds = self.bench.seconds
        return BuildRoom(
            work=work, walls=self.bench.walls, log=self.log, variables=self._variables(work),
            until=None if seconds is None else time.monotonic() + seconds,
        )  # fmt: skip

    def _variables(self, work: Path) -> dict[str, str]:
        base = base_environment(self.bench.environ)
        kept = {name: base[name] for name in base if name in _PASSED_ON or name.startswith("LC_")}
        jobs, prefix = str(self.bench.jobs or cores()), str(work / "env")
        conda = self.bench.conda.variables if self.bench.conda is not None else {}
        flags = self.bench.flags
        search = conda.get("PATH") or base.get("PATH", os.defpath)
        return {
            **kept,
            **conda,
            "PATH": os.pathsep.join([f"{prefix}/bin", search]),
            "HOME": str(work / "home"),
            "TMPDIR": str(work / "tmp"),
            "VIRTUAL_ENV": prefix,
            "PYTHONNOUSERSITE": "1",
            "PYTHONHASHSEED": "0",
            "SOURCE_DATE_EPOCH": _EPOCH,
            "MAKEFLAGS": f"-j{jobs}",
            "CMAKE_BUILD_PARALLEL_LEVEL": jobs,
            "CARGO_BUILD_JOBS": jobs,
            **{name: f"{conda.get(name, '')} {text}".strip() for name, text in flags.items()},
            "NAME": self.order.name,
            "VERSION": self.order.artifact.version,
            "JOBS": jobs,
            "WORK": str(work),
            "SRC": str(work / "src" / self.order.subdirectory),
            "PREFIX": prefix,
            "STACK_PREFIX": prefix,
            "PYTHON": f"{prefix}/bin/python",
            **self.order.env,
        }

    def _prepare(self, room: BuildRoom) -> Path:
        """Return the sources, unpacked, patched, and what the hooks make of them."""
        self._hook(room, "pre-prepare", room.work)
        source = unpack(self.source, room.work / "unpacked")
        fs.remove_tree(room.work / "src")
        fs.rename(source, room.work / "src")
        source = room.work / "src"
        check_identity(source / self.order.subdirectory, self.order.artifact)
        apply_patches(self.order.patches, source, room, self.order.name)
        source /= self.order.subdirectory
        if self.order.origin is not None:
            tell_sources(source, self.order.name, self.order.artifact.version)
        self._hook(room, "post-prepare", source)
        return source

    def _backend(self, source: Path, room: BuildRoom) -> Backend:
        """Return the back end, in an environment with all that it needs."""
        prefix = room.work / "env"
        make_environment(
            self.bench.uv, prefix, python=self.bench.interpreter.path, prompt=self.order.name,
            over=self.bench.conda is not None and not self.order.isolated,
        )  # fmt: skip
        python = prefix / "bin" / "python"
        self.install(None, python)
        backend = Backend(
            system=read_build_system(source, self.order.name),
            source=source, python=python, room=room, config=self.order.config,
        )  # fmt: skip
        self.install(self._call(backend.further_requirements), python)
        return backend

    def _hook(self, room: BuildRoom, hook: str, cwd: Path) -> None:
        if text := self.order.hooks.get(hook):
            run_hook(room, self.order.name, hook, text, cwd=cwd)

    def _call(self, ask: Callable[[], Any]) -> Any:
        """Call a back end; what pyproject_hooks raises becomes an error of ours."""
        from pyproject_hooks import BackendUnavailable, HookMissing, UnsupportedOperation

        try:
            return ask()
        except BackendUnavailable as error:
            lines = (error.traceback or str(error)).strip().splitlines()
            said = lines[-1] if lines else error.backend_name
            raise BuildFailedError(
                f"{self.order.name}: its build back end {error.backend_name} cannot be "
                f"imported: {said}",
                hints=[f"name what has it in requires of packages.{self.order.name}"],
            ) from error
        except (HookMissing, UnsupportedOperation) as error:
            raise BuildFailedError(
                f"{self.order.name}: its build back end makes no wheels: {error}"
            ) from error

    def _one_wheel(self, built: Path) -> Path:
        """Return what the back end has made, or what the hook put into its place."""
        wheels = sorted(built.parent.glob("*.whl"))
        return wheels[0] if len(wheels) == 1 else built

    def _provenance(self, wheel: Path, inputs: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        kept_from = {"all": ["network", "writing elsewhere"], "writes": ["writing elsewhere"]}
        origin = self.order.origin
        return {
            **({"origin": origin.model_dump(exclude_none=True)} if origin else {}),
            "schema": 1,
            "lamina": version("lamina"),
            "inputs": dict(inputs),
            "interpreter": {
                "path": str(self.bench.interpreter.path),
                "version": self.bench.interpreter.version,
            },
            "kept-from": kept_from.get(self.bench.walls, []),
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "wheel": {
                "file": wheel.name,
                "sha256": fs.sha256_of(wheel),
                "size": wheel.stat().st_size,
            },
        }
