"""The paper lock: what ``lamina layer lock`` writes and ``lamina layer restore`` reads.

The docstrings of the fields are the reference: the documentation and the JSON Schema are made from
them. There is no address in it, but of a conda channel that was named by one, and the one path, of
the base, is only where to look first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import AfterValidator, Field

from lamina.core.errors import Problem
from lamina.engines.probe import content_digest
from lamina.layer.base import BaseKind
from lamina.layer.document import Channels, LayerBound, RequirementText, Specs
from lamina.lock.conda import LockedConda
from lamina.lock.document import LockedOrigin
from lamina.model.artifacts import Artifact
from lamina.model.document import Document, parse_toml, validate
from lamina.model.fields import DigestField, PackageField
from lamina.model.names import IndexName, PackageName, parse_index_name
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def _series(text: str) -> str:
    return str(PythonSeries.parse(text))


def _distribution_file(text: str) -> str:
    if "/" in text or "\\" in text or text.startswith(".") or not text.isprintable():
        raise ValueError(f"{text!r} is not a file name")
    if not text.endswith((".whl", ".tar.gz", ".zip")):
        raise ValueError(f"{text!r} is neither a wheel nor a source distribution")
    return text


FileField = Annotated[str, AfterValidator(_distribution_file)]
IndexText = Annotated[IndexName, AfterValidator(parse_index_name)]
SeriesText = Annotated[str, AfterValidator(_series)]


class PaperPlace(Document):
    """Where the base was: looked at first, and of no other meaning."""

    given: str
    """As the user named it."""
    prefix: str
    """Its directory."""
    python: str
    """Its interpreter."""
    search: str | None = None
    """The PYTHONPATH that was part of it."""
    variables: dict[str, str] = {}
    """What else of the environment the layer keeps, such as LD_LIBRARY_PATH: name -> value."""


class PaperBasePackage(Document):
    """One distribution of the base."""

    name: str
    """Normalised name."""
    version: str
    """As its metadata say."""
    index: IndexText | None = None
    """The index that its file is on, where that is known; ``git`` or ``path`` for one with an
    origin."""
    file: FileField | None = None
    """Its file name there, where that is known."""
    sha256: DigestField | None = None
    """Digest of that file, where that is known; of a tree from git or a directory, that of its
    files packed up."""
    origin: LockedOrigin | None = None
    """Where its sources were, for one that is of no index."""
    build: DigestField | None = None
    """Where it was built from that file: the digest of all that went into the build."""
    altered: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What the base has done to it that is not in the file: patches, hooks, variables of its build.
    ``--flat`` refuses to go without these."""

    def artifact(self) -> Artifact | None:
        """Return the file to take it from without any base, None where nobody recorded one."""
        if self.index is None or self.file is None or self.sha256 is None:
            return None
        return Artifact(
            package=canonicalize_name(self.name),
            version=self.version,
            index=self.index,
            filename=self.file,
            sha256=self.sha256,
        )


class PaperBelow(Document):
    """What a base that is a layer stands on itself."""

    prefix: str
    """Its directory."""
    release: str | None = None
    """The release, as ``stack/version``."""


class PaperBase(Document):
    """What the layer stands on."""

    kind: BaseKind
    """What it is."""
    release: str | None = None
    """The release, as ``stack/version``."""
    python: str
    """Version of its Python."""
    series: SeriesText
    """Series of its Python, such as ``3.12``."""
    platform: str
    """As sysconfig spells it."""
    digest: DigestField
    """Digest of series, platform and the version of each distribution: the same content elsewhere
    is as good."""
    place: PaperPlace
    """Where it was."""
    below: Annotated[tuple[PaperBelow, ...], Field(strict=False)] = ()
    """Of a base that is a layer: what that stands on, and so on, the nearest first."""
    packages: Annotated[tuple[PaperBasePackage, ...], Field(strict=False)] = ()
    """Its distributions, by name."""


class PaperPackage(Document):
    """One package of the layer's own."""

    name: PackageField
    """Normalised name."""
    version: str
    """PEP 440 version."""
    over: str | None = None
    """The version of the base that it hides."""
    index: IndexText
    """The index it is taken from, and no other."""
    file: FileField
    """Its file name there."""
    sha256: DigestField
    """Digest of that file."""
    because: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Why it is there."""

    def artifact(self) -> Artifact:
        """Return the file to install."""
        return Artifact(
            package=self.name,
            version=self.version,
            index=self.index,
            filename=self.file,
            sha256=self.sha256,
        )


class PaperTools(Document):
    """What wrote the lock."""

    lamina: str
    """Version of lamina."""
    uv: str
    """Version of uv."""


class PaperLock(Document):
    """A layer, whole: what was asked, what it stands on, what it became."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    requests: Annotated[tuple[RequirementText, ...], Field(strict=False)] = ()
    """Requirements (PEP 508), as they were asked for."""
    exclude_newer: str | None = None
    """The last change ignored files uploaded after this day or time."""
    left_out: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What others than lamina installed into the layer, as ``name==version``: not restored."""
    base: PaperBase
    """What it stands on."""
    tools: PaperTools
    """What wrote this."""
    bounds: Annotated[tuple[LayerBound, ...], Field(strict=False)] = Field(
        default=(), alias="bound"
    )
    """Requirements that compiled code made necessary."""
    packages: Annotated[tuple[PaperPackage, ...], Field(strict=False)] = Field(
        default=(), alias="package"
    )
    """The layer's own packages."""
    conda_requests: Specs = ()
    """Conda packages, as MatchSpecs, as they were asked for."""
    conda_channels: Channels = ()
    """Where they were looked for, the first before the others."""
    conda: Annotated[tuple[LockedConda, ...], Field(strict=False)] = ()
    """The layer's own conda packages: those that the base does not have."""

    @property
    def own(self) -> dict[PackageName, PaperPackage]:
        """The layer's own packages by name."""
        return {one.name: one for one in self.packages}


def parse_paper(text: str, path: Path | str) -> PaperLock:
    """Read a paper lock from a text that belongs to ``path``; raises DocumentError."""
    return validate(PaperLock, parse_toml(text, path), path, check=_check)


def _check(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what no single field shows: an edited list, a package that is there twice."""
    try:
        base = data["base"]
        pins = [(one["name"], one["version"]) for one in base["packages"]]
        digest = content_digest(base["series"], base["platform"], pins)
        names = [one["name"] for one in data.get("package", ())]
        recorded = base["digest"]
    except (KeyError, TypeError):
        return  # The fields have said so.
    if recorded != digest:
        found = "not the digest of series, platform and packages: the list was edited"
        yield Problem(where="base.digest", found=found)
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield Problem(where="package", found=f"{name!r} is there twice")
