"""What is to be published, and a release in the making."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lamina.release.backend import DIRECTORY
from lamina.release.manifest import Manifest, ManifestParent, ManifestPython

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from lamina.engines.api import ArtifactInstaller, ArtifactLocator
    from lamina.engines.interpreters import Interpreter
    from lamina.engines.uv_program import UvProgram
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock
    from lamina.model.artifacts import Artifact
    from lamina.model.names import IndexName, PackageName
    from lamina.model.platforms import Target
    from lamina.model.versions import ReleaseVersion
    from lamina.release.backend import Backend
    from lamina.release.conda_supply import CondaSupply
    from lamina.release.earlier import Earlier
    from lamina.release.place import Place
    from lamina.release.root import Release
    from lamina.stack.document import Stack


class Builds(Protocol):
    """The packages of a stack that are built from source, as they would be built now."""

    def keep(self, directory: Path) -> None:
        """Write the files of the stack that builds read into a directory of the release."""

    def differences(self, prefix: Path) -> list[str]:
        """Return what was built otherwise for the release at a prefix; nothing: all is equal."""


def hooked_in(stack: Stack) -> frozenset[PackageName]:
    """Return the packages of a stack that have hooks around their installation."""
    tables = stack.hooks.items()
    return frozenset(name for name, one in tables if one.of("pre-install", "post-install"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What to publish, where, with what."""

    root: Path
    stack: Stack
    stack_text: str
    version: ReleaseVersion
    lock: Lock
    target: Target
    interpreter: Interpreter | None
    """None: Python is one of the conda packages."""
    installer: ArtifactInstaller
    locator: ArtifactLocator
    uv: UvProgram
    environ: Mapping[str, str]
    now: datetime
    log: Path
    run_tests: bool = True
    key: Path | None = None
    """Signs the manifest."""
    parents: tuple[ManifestParent, ...] = ()
    """What the stack extends."""
    indexes: Mapping[IndexName, str] = field(default_factory=dict)
    """Where indexes of the parents' packages are that the stack does not name."""
    known: Callable[[Path], Mapping[str, str]] | None = None
    """Returns, for the prefix, the files by name in which layers find what they want to know."""
    backend: Backend = DIRECTORY
    """How the root is changed."""
    conda: CondaSupply | None = None
    """Where the conda packages are; None where there are none."""
    builds: Builds | None = None
    """None where nothing is built from source."""

    @property
    def bundle(self) -> bool:
        """Whether the release has its interpreter inside."""
        return self.conda is not None or self.stack.stack.bundle

    @property
    def python_version(self) -> str:
        """The version of the interpreter, with its patch level."""
        if self.interpreter is not None:
            return self.interpreter.version
        return next(one.version for one in self.conda_packages if one.name == "python")

    @property
    def conda_packages(self) -> list[LockedConda]:
        """The conda packages to install, by name."""
        return self.lock.conda_for(self.target)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files to install, one a package."""
        return tuple(self.lock.artifacts_for(self.target))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A release in the making: what was asked for, what it becomes, where it is built."""

    request: PublishRequest
    release: Release
    stage: Path
    interpreter: Interpreter
    """Where it is one of the conda packages, that of the stage."""
    earlier: tuple[Earlier, ...] = ()
    """Releases that it may share files with."""
    place: Place | None = None
    """Where its tests run as if it were published; None where this machine has no namespaces."""
    made: Manifest | None = None
    """What it was when it was published, where it is only made once more."""

    @property
    def python(self) -> ManifestPython:
        """The interpreter as the manifest describes it."""
        return python_of(self.request, self.interpreter, self.final)

    @property
    def is_tested(self) -> bool:
        """Whether there are tests, and they are run."""
        table = self.request.stack.test
        return self.request.run_tests and bool(table.imports or table.commands)

    @property
    def is_tested_in_stage(self) -> bool:
        """Whether tests run where they can write to it: no file may be another release's then."""
        return self.is_tested and self.place is None

    @property
    def hooked(self) -> frozenset[PackageName]:
        """Packages with hooks around their installation, which may change any file."""
        return hooked_in(self.request.stack)

    @property
    def is_written_to(self) -> bool:
        """Whether others write to the stage: no file may be another release's then."""
        return self.is_tested_in_stage or bool(self.hooked)

    @property
    def final(self) -> Path:
        """The prefix that it will have."""
        return self.release.prefix


def python_of(request: PublishRequest, interpreter: Interpreter, final: Path) -> ManifestPython:
    """Return an interpreter as the manifest describes it; one of conda packages as it will be."""
    path = interpreter.path
    if request.conda is not None:
        path = final / "bin" / interpreter.path.name
    return ManifestPython(
        series=interpreter.series,
        version=interpreter.version,
        implementation="cpython",
        soabi=interpreter.soabi,
        interpreter=str(path),
        bundled=request.bundle,
    )
