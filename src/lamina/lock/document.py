"""The lock document: every field of lamina.lock.

The docstrings of the fields are the reference: the documentation and the JSON Schema are made
from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

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
from lamina.model.platforms import Target

STACK = "stack"
"""The stack itself among those who asked for a package."""


def _as_target(value: Any) -> Any:
    return Target.parse(value) if isinstance(value, str) else value


def _safe_filename(text: str) -> str:
    if "/" in text or "\\" in text or text.startswith(".") or not text.isprintable():
        raise ValueError(f"{text!r} is not a file name")
    return text


TargetText = Annotated[
    Target,
    BeforeValidator(_as_target, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
Targets = Annotated[tuple[TargetText, ...], Field(strict=False)]


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

    file: Annotated[str, AfterValidator(_safe_filename)]
    """Its file name on the index."""
    sha256: DigestField
    """The digest of its content."""
    size: int | None = None
    """In bytes, of a file that always has it; a page of an index gives it in one of its forms only,
    and the lock may not depend on which of them was served."""
    uploaded: TimeField | None = None
    """When the index got it, where the index tells."""
    targets: Targets = ()
    """The targets that use it; empty: all of the package."""


class LockedPackage(Document):
    """One package at one version."""

    name: PackageField
    """Normalised name."""
    version: VersionField
    """PEP 440 version."""
    index: IndexField
    """The index it is taken from, and no other."""
    targets: Targets = ()
    """The targets it is part of; empty: all of the lock."""
    requested_by: Annotated[tuple[str, ...], Field(strict=False)]
    """Who asked: package names, and ``stack`` for the stack itself."""
    dependencies: Annotated[tuple[LockedDependency, ...], Field(strict=False)] = ()
    """What it needs."""
    artifacts: Annotated[tuple[LockedArtifact, ...], Field(strict=False, min_length=1)]
    """The file for each target: one a target."""


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
    packages: Annotated[tuple[LockedPackage, ...], Field(strict=False)] = Field(
        default=(), alias="package"
    )
    """Every package, by name and version."""

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
