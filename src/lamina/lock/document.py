"""The lock document: every field of lamina.lock.

The docstrings of the fields are the reference: the documentation and the JSON Schema are made
from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lamina.lock.conda import FileField, LockedConda, Targets, TargetText
from lamina.model.artifacts import Artifact, ArtifactKind
from lamina.model.document import Document
from lamina.model.fields import (
    DigestField,
    IndexField,
    PackageField,
    StackField,
    TimeField,
    VersionField,
)
from lamina.model.names import TierName, parse_tier_name
from lamina.model.platforms import Target
from lamina.model.sources import CommitField, InsideField, RepositoryField
from lamina.model.versions import ReleaseVersion, parse_release_version

STACK = "stack"
"""The stack itself among those who asked for a package."""
PARENT = f"{STACK}:"
"""Before the name of a parent, such as ``hep-base/2026.11.0``, among those who asked."""

INDEXED = "pypi:"
"""Before the name of a package of an index, among those who asked for a conda package."""

CONDA = "conda:"
"""Before the name of a conda package, where others are those of an index."""


def is_stack(who: str) -> bool:
    """Tell whether it was a stack that asked, this one or a parent, and not a package."""
    return who == STACK or who.startswith(PARENT)


class LockedDependency(Document):
    """One edge: what a locked package needs."""

    name: PackageField
    """The package needed."""
    version: VersionField | None = None
    """Which version is meant, given only where the lock holds several of it."""
    extras: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The extras of it that are needed."""
    extra: str | None = None
    """The extra of the needing package that asks for it; none: always."""
    marker: str | None = None
    """The PEP 508 marker under which it is needed."""


class LockedArtifact(Document):
    """One file of a locked package."""

    file: FileField
    """Its file name on the index."""
    sha256: DigestField
    """The digest of its content; of a tree from git or a directory, that of its files packed up."""
    size: int | None = None
    """In bytes, of a file that always has it; a page of an index gives it in one of its forms only,
    and the lock may not depend on which of them was served."""
    uploaded: TimeField | None = None
    """When the index got it, where the index tells."""
    targets: Targets = ()
    """The targets that use it; empty: all of the package."""


class LockedOrigin(Document):
    """Where the sources of a package are that is of no index."""

    git: RepositoryField | None = None
    """The address of a git repository."""
    commit: CommitField | None = None
    """The commit of it, in full."""
    requested: str | None = None
    """What lamina.toml asked for: ``tag v1.4``, ``branch main`` or ``rev 1a2b3c``; none: the branch
    that the repository has as its own."""
    subdirectory: InsideField | None = None
    """Where in the repository the package is."""
    path: InsideField | None = None
    """A directory or a file, from the directory of lamina.toml."""

    @property
    def text(self) -> str:
        """As people write it: ``git URL at COMMIT (tag v1.4)``, or ``path vendor/x``."""
        if self.git is None:
            return f"path {self.path}"
        below = f", {self.subdirectory}" if self.subdirectory else ""
        asked = f" ({self.requested})" if self.requested else ""
        return f"git {self.git}{below} at {str(self.commit)[:12]}{asked}"

    @model_validator(mode="after")
    def _one_of_them(self) -> LockedOrigin:
        if (self.git is None) != (self.commit is None) or (self.git is None) == (self.path is None):
            raise ValueError("either git and commit, or path")
        return self


class LockedPackage(Document):
    """One package at one version."""

    name: PackageField
    """Normalised name."""
    version: VersionField
    """PEP 440 version."""
    index: IndexField
    """The index it is taken from, and no other; ``git`` or ``path`` for one with an origin."""
    origin: LockedOrigin | None = None
    """Where its sources are, for one that is of no index."""
    targets: Targets = ()
    """The targets it is part of; empty: all of the lock."""
    requested_by: Annotated[tuple[str, ...], Field(strict=False)]
    """Who asked: package names, ``stack`` for the stack itself, ``stack:NAME`` for a parent."""
    dependencies: Annotated[tuple[LockedDependency, ...], Field(strict=False)] = ()
    """What it needs."""
    waived: Annotated[tuple[PackageField, ...], Field(strict=False)] = ()
    """What it would need and goes without, because its stack is closed and says so."""
    artifacts: Annotated[tuple[LockedArtifact, ...], Field(strict=False, min_length=1)]
    """The file for each target: one a target."""


ParentPlace = Literal["release", "other-root", "lock"]


class LockedParent(Document):
    """Another stack whose packages came along."""

    stack: StackField
    """Its name."""
    version: Annotated[ReleaseVersion, AfterValidator(parse_release_version)] | None = None
    """The version of its release; a lock has none."""
    tier: Annotated[TierName, AfterValidator(parse_tier_name)] | None = None
    """The tier that it was asked for by."""
    found: ParentPlace
    """``release``: in the root of the command; ``other-root``: in one that lamina.toml names;
    ``lock``: by its lock alone."""
    priority: int = 0
    """As lamina.toml says."""
    lock_digest: DigestField
    """Digest of its lock."""
    below: Annotated[tuple[StackField, ...], Field(strict=False)] = ()
    """The stacks that it extends itself, and those that they do."""
    abi: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What compiled packages here were resolved against: the ABI of the Python of each target, and
    the compiled packages of this parent that other compiled packages need."""

    @property
    def name(self) -> str:
        """As people write it: ``stack/version``, or ``stack`` where there is only a lock."""
        return f"{self.stack}/{self.version}" if self.version else self.stack


class Lock(Document):
    """Exactly what a stack resolves to, for every target: lamina.lock."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    stack: StackField
    """The stack's name."""
    stack_digest: DigestField
    """Digest of what in lamina.toml decides the resolution."""
    exclude_newer: TimeField | None = None
    """Nothing uploaded later was considered."""
    targets: Annotated[tuple[TargetText, ...], Field(strict=False, min_length=1)]
    """What it was resolved for, as ``platform/python``."""
    parents: Annotated[tuple[LockedParent, ...], Field(strict=False)] = Field(
        default=(), alias="parent"
    )
    """What the stack extends, in the order that counts: the first wins."""
    packages: Annotated[tuple[LockedPackage, ...], Field(strict=False)] = Field(
        default=(), alias="package"
    )
    """Every package of an index, by name and version."""
    conda: Annotated[tuple[LockedConda, ...], Field(strict=False)] = ()
    """Every package of a conda channel, by name; Python is one of them then."""

    def conda_for(self, target: Target) -> list[LockedConda]:
        """Return the conda packages of one target, by name."""
        return [one for one in self.conda if not one.targets or target in one.targets]

    def packages_for(self, target: Target) -> list[LockedPackage]:
        """Return the packages of one target, by name."""
        return [one for one in self.packages if not one.targets or target in one.targets]

    def artifacts_for(self, target: Target) -> list[Artifact]:
        """Return the one file of each package of a target, by name."""
        return [
            Artifact(
                package=package.name,
                version=package.version,
                index=package.index,
                filename=file.file,
                sha256=file.sha256,
                size=file.size,
            )
            for package in self.packages_for(target)
            for file in package.artifacts
            if not file.targets or target in file.targets
        ]

    def source_builds(self, target: Target) -> list[Artifact]:
        """Return the files of a target that must be built first."""
        return [one for one in self.artifacts_for(target) if one.kind is ArtifactKind.SDIST]
