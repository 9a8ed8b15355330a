"""The documents of a layer: what was asked of it, and what it became.

lamina-layer.toml and lamina-layer.lock. The docstrings of the fields are the reference.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, Field

from lamina.layer.base import BaseKind, Place
from lamina.lock.conda import LockedConda
from lamina.model.conda_fields import ChannelField, parse_conda_name
from lamina.model.document import Document, load_toml, validate
from lamina.model.fields import DigestField, IndexField, PackageField, VersionField
from lamina.model.layer_files import LAYER_LOCK_NAME, LAYER_NAME


def _requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement:
        raise ValueError(f"{text!r} is not a requirement such as 'numpy>=2'") from None
    return text


RequirementText = Annotated[str, AfterValidator(_requirement)]


class LayerBase(Document):
    """What the layer stands on."""

    given: str
    """As the user named it."""
    kind: BaseKind
    """What it is."""
    release: str | None = None
    """The release, as ``stack/version``."""
    prefix: str
    """Where it is."""
    python: str
    """Its interpreter."""
    search: str | None = None
    """The PYTHONPATH that was part of it."""
    variables: dict[str, str] = {}
    """What else of the environment the layer keeps, such as LD_LIBRARY_PATH: name -> value."""
    version: str
    """Version of its Python."""
    platform: str
    """As sysconfig spells it."""
    digest: DigestField
    """Digest of its Python series, platform and the version of each distribution."""

    @property
    def place(self) -> Place:
        """Where it was when the layer was last changed."""
        return Place(
            given=self.given,
            kind=self.kind,
            python=Path(self.python),
            prefix=Path(self.prefix),
            release=self.release,
            search=self.search,
            variables=self.variables,
        )

    @property
    def named(self) -> str:
        """What to call it in a command: a name may mean another place by now."""
        return self.prefix if self.kind != "env" else self.given


def _spec(text: str) -> str:
    parse_conda_name(re.split(r"[\s=<>!~\[]", text.strip(), maxsplit=1)[0])
    return text


SpecText = Annotated[str, AfterValidator(_spec)]
Specs = Annotated[tuple[SpecText, ...], Field(strict=False)]
Channels = Annotated[tuple[ChannelField, ...], Field(strict=False)]


class LayerConda(Document):
    """What was asked of the conda side."""

    requests: Specs = ()
    """Conda packages, as MatchSpecs."""
    channels: Channels = ()
    """Where they are taken from, the first before the others."""


class LayerDocument(Document):
    """What was asked of a layer: lamina-layer.toml."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    requests: Annotated[tuple[RequirementText, ...], Field(strict=False)] = ()
    """Requirements (PEP 508), as they were asked for."""
    base: LayerBase
    """What it stands on."""
    conda: LayerConda = LayerConda()
    """What was asked of the conda side."""


class LayerPackage(Document):
    """One package of the layer's own."""

    name: PackageField
    """Normalised name."""
    version: VersionField
    """PEP 440 version."""
    over: str | None = None
    """The version of the base that it hides."""
    index: IndexField
    """The index it is taken from, and no other."""
    file: str
    """Its file name on the index."""
    sha256: DigestField
    """Digest of that file."""
    because: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Why it is there."""


class LayerBound(Document):
    """A requirement that a package has without its metadata saying so."""

    package: PackageField
    """Normalised name."""
    version: str
    """The version that has it."""
    requirement: RequirementText
    """Of another package; of the package itself where this version must not be used."""
    reason: str
    """How it is known."""


class LayerLock(Document):
    """What the requests became: lamina-layer.lock."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    base_digest: DigestField
    """Digest of the base that it was resolved against."""
    exclude_newer: str | None = None
    """The last change ignored files uploaded after this day or time."""
    packages: Annotated[tuple[LayerPackage, ...], Field(strict=False)] = Field(
        default=(), alias="package"
    )
    """The layer's own packages."""
    bounds: Annotated[tuple[LayerBound, ...], Field(strict=False)] = Field(
        default=(), alias="bound"
    )
    """What was taken into account beyond the metadata."""
    conda: Annotated[tuple[LockedConda, ...], Field(strict=False)] = ()
    """The layer's own conda packages: those that the base does not have."""


def load_layer(directory: Path) -> LayerDocument:
    """Read what was asked of a layer; raises DocumentError."""
    path = directory / LAYER_NAME
    return validate(LayerDocument, load_toml(path), path)


def load_layer_lock(directory: Path) -> LayerLock | None:
    """Read what a layer became, None before anything was added; raises DocumentError."""
    path = directory / LAYER_LOCK_NAME
    return validate(LayerLock, load_toml(path), path) if path.exists() else None
