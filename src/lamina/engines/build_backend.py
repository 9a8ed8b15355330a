"""Build back ends (PEP 517), each called in the Python that the wheel is for.

Through pyproject_hooks, which pip and build use too: it asks a back end what it needs, as nothing
on uv's command line does, and lets the caller choose where the back end runs.
"""

from __future__ import annotations

import tomllib
import warnings
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from lamina.core.errors import BuildFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyproject_hooks import BuildBackendHookCaller

    from lamina.engines.build_room import BuildRoom

_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ("setuptools",)
"""Of sources without a [build-system], as PEP 517 says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSystem:
    """What sources say of their build."""

    backend: str
    requires: tuple[str, ...]
    """PEP 508."""
    path: tuple[str, ...] = ()
    """Where in the sources the back end is, for one that they bring."""


def read_build_system(source: Path, name: str) -> BuildSystem:
    """Read [build-system] of pyproject.toml; raises BuildFailedError where it makes no sense."""
    path = source / "pyproject.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BuildFailedError(f"{name}: its pyproject.toml cannot be read: {error}") from error
    table: dict[str, Any] = document.get("build-system") or {}
    if wrong := _wrong(table):
        raise BuildFailedError(f"{name}: [build-system] of its pyproject.toml {wrong}")
    requires = table.get("requires", list(_LEGACY_REQUIRES))
    if not table and not path.is_file() and not (source / "setup.py").is_file():
        raise BuildFailedError(f"{name}: neither pyproject.toml nor setup.py in its sources")
    try:
        for one in requires:
            Requirement(one)
    except InvalidRequirement as error:
        raise BuildFailedError(f"{name}: [build-system] requires: {error}") from error
    return BuildSystem(
        backend=table.get("build-backend", _LEGACY_BACKEND),
        requires=tuple(requires),
        path=tuple(table.get("backend-path", ())),
    )


def _wrong(table: object) -> str:
    """Return what a [build-system] may not be (PEP 517, 518), empty where it may."""
    if not isinstance(table, dict):
        return "is no table"
    for key in ("requires", "backend-path"):
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return f"has a {key} that is no array of texts"
    if not isinstance(table.get("build-backend", ""), str):
        return "has a build-backend that is no text"
    for one in map(PurePosixPath, table.get("backend-path", [])):
        if one.is_absolute() or ".." in one.parts:
            return f"has a backend-path outside of the sources: {one}"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The back end of some sources, in a room."""

    system: BuildSystem
    source: Path
    python: Path
    room: BuildRoom
    config: Mapping[str, str | list[str]] = field(default_factory=dict)
    """Settings of its own, as whoever calls it may give them (``config_settings``)."""

    def further_requirements(self) -> tuple[str, ...]:
        """Return what the back end itself asks for."""
        return tuple(self._caller().get_requires_for_build_wheel(self.config or None))

    def build_wheel(self, directory: Path) -> Path:
        """Build the wheel into a directory; raises CommandFailedError, BuildFailedError."""
        name: object = self._caller().build_wheel(str(directory), self.config or None)
        if not isinstance(name, str) or not name.endswith(".whl") or "/" in name:
            said = f"its build back end {self.system.backend} says that it made {name!r}"
            raise BuildFailedError(f"{said}, which is no wheel")
        return directory / name

    def _caller(self) -> BuildBackendHookCaller:
        from pyproject_hooks import BuildBackendHookCaller, BuildBackendWarning

        # What back ends deprecate is not for those who build what others have written.
        warnings.filterwarnings("ignore", category=BuildBackendWarning)

        def runner(
            cmd: Sequence[str],
            cwd: str | None = None,
            extra_environ: Mapping[str, str] | None = None,
        ) -> None:
            # Its last word is the directory of what goes in and comes out.
            where = Path(cwd or self.source)
            self.room.run(*cmd, cwd=where, also=Path(cmd[-1]), **(extra_environ or {}))

        return BuildBackendHookCaller(
            str(self.source), self.system.backend, self.system.path or None,
            runner=runner, python_executable=str(self.python),
        )  # fmt: skip
