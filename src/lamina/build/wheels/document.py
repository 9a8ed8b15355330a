"""lamina-build.lock: with what the source packages of a stack are built, beside the stack itself.

The docstrings of the fields are the reference: the JSON Schema is made from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lamina.core import fs
from lamina.lock.conda import FileField, TargetText
from lamina.model.document import Document, load_toml, validate
from lamina.model.fields import DigestField, IndexField, PackageField, VersionField
from lamina.model.toml import toml_text, toml_texts

BUILD_LOCK_NAME = "lamina-build.lock"
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class LockedFile(Document):
    """One file of the environment of a build."""

    name: PackageField
    """Normalised name of its package."""
    version: VersionField
    """PEP 440 version."""
    index: IndexField
    """The index it is taken from."""
    file: FileField
    """Its name there."""
    sha256: DigestField
    """The digest of its content."""


class LockedBuild(Document):
    """What one package is built with on one target, beside the packages of the stack."""

    package: PackageField
    """The package that is built."""
    target: TargetText
    """As ``platform/python``."""
    requires: Texts = ()
    """What the stack has nothing for: of the sources and of lamina.toml."""
    further: Texts = ()
    """What the build back end asked for when it was running."""
    stack: Texts = ()
    """The packages of the stack that the files need, each at its version."""
    files: Annotated[tuple[LockedFile, ...], Field(strict=False)] = ()
    """What is installed for the build."""


class BuildLock(Document):
    """With what the source packages of a stack are built: lamina-build.lock."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    builds: Annotated[tuple[LockedBuild, ...], Field(strict=False)] = Field(
        default=(), alias="build"
    )
    """One for each package and target."""

    def with_builds(self, found: list[LockedBuild]) -> BuildLock:
        """Return it with some builds in place of those of the same package and target."""
        named = {(one.package, str(one.target)): one for one in (*self.builds, *found)}
        return self.model_copy(update={"builds": tuple(one for _, one in sorted(named.items()))})


def load_build_lock(path: Path) -> BuildLock:
    """Read it, an empty one where there is none; raises DocumentError."""
    return validate(BuildLock, load_toml(path), path) if path.exists() else BuildLock()


def save_build_lock(lock: BuildLock, path: Path) -> None:
    """Write it in one step, if it is another one than is there."""
    text = dump_build_lock(lock)
    if lock.builds and not (path.is_file() and path.read_text(encoding="utf-8") == text):
        fs.write_text(path, text)


def dump_build_lock(lock: BuildLock) -> str:
    """Return the canonical TOML text."""
    lines = [f"schema = {lock.schema_}"]
    for one in sorted(lock.builds, key=lambda one: (one.package, str(one.target))):
        lines += ["", "[[build]]", f"package = {toml_text(one.package)}"]
        lines.append(f"target = {toml_text(str(one.target))}")
        for key in ("requires", "further", "stack"):
            if texts := getattr(one, key):
                lines.append(f"{key} = {toml_texts(sorted(texts))}")
        files = [
            ", ".join(f"{key} = {toml_text(text)}" for key, text in file.model_dump().items())
            for file in sorted(one.files, key=lambda file: file.name)
        ]
        lines += ["files = [", *(f"    {{ {text} }}," for text in files), "]"] if files else []
    return "\n".join(lines) + "\n"
