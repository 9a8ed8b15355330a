"""The manifest of a release, release.toml: what it is, what made it, what was tested.

The docstrings of the fields are the reference: the documentation and the JSON Schema are made
from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from lamina.lock.document import LockedParent
from lamina.lock.files import parent_lines
from lamina.model.conda_fields import ChannelField, CondaNameField
from lamina.model.document import Document, load_toml, validate
from lamina.model.fields import (
    DigestField,
    IndexField,
    PackageField,
    PlatformField,
    StackField,
    TimeField,
)
from lamina.model.platforms import PythonSeries
from lamina.model.toml import toml_text
from lamina.model.versions import ReleaseVersion, parse_release_version

if TYPE_CHECKING:
    from pathlib import Path


def _as_series(value: Any) -> Any:
    return PythonSeries.parse(value) if isinstance(value, str) else value


class ManifestPython(Document):
    """The interpreter of the release."""

    series: Annotated[
        PythonSeries,
        BeforeValidator(_as_series, json_schema_input_type=str),
        PlainSerializer(str, return_type=str),
    ]
    """Such as ``3.12``."""
    version: str
    """With the patch level."""
    implementation: str
    """``cpython``."""
    soabi: str = ""
    """Its ABI, as in the names of compiled modules; empty in releases that do not tell."""
    interpreter: str
    """The program that the release was made with; when bundled, a copy of it is inside."""
    bundled: bool
    """The release has a copy of its interpreter and needs no other."""


class ManifestTools(Document):
    """What made the release."""

    lamina: str
    """Version of lamina."""
    uv: str
    """Version of uv."""


class ManifestPackage(Document):
    """One package in the release."""

    name: PackageField
    """Normalised name."""
    version: str
    """PEP 440 version."""
    sha256: DigestField
    """Digest of the file it was installed from."""
    licence: str | None = None
    """What its metadata say: an SPDX expression where it gives one, ``unknown`` where it says
    nothing; missing: the release is older than this field."""


class ManifestConda(Document):
    """One conda package in the release."""

    name: CondaNameField
    """Its name."""
    version: str
    """Its version, as conda orders versions."""
    build: str
    """Its build string."""
    channel: ChannelField
    """The channel it is from, a key of ``channels``."""
    subdir: str
    """The part of the channel."""
    file: str
    """Its file name there."""
    sha256: DigestField
    """Digest of that file."""
    licence: str
    """What its metadata say; ``unknown`` where they say nothing."""


class ManifestParent(LockedParent):
    """A stack that this one extends, as in the lock."""

    root: str | None = None
    """The root that its release was found in, where that is another one."""


class ManifestTest(Document):
    """One test that the release passed before it was published."""

    kind: Literal["import", "command"]
    """A module that was imported, or a shell command."""
    subject: str
    """The module or the command."""


TestPlace = Literal["none", "skipped", "namespace", "staging"]


class Manifest(Document):
    """What a release is."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    stack: StackField
    """The stack's name."""
    version: Annotated[ReleaseVersion, AfterValidator(parse_release_version)]
    """The version."""
    tested_as: Annotated[ReleaseVersion, AfterValidator(parse_release_version)] | None = None
    """What it was published and tested as, where an installer of it was promoted afterwards."""
    platform: PlatformField
    """What it runs on."""
    micro_architecture: str | None = None
    """What its packages are compiled for, such as ``x86-64-v3``; missing: what runs everywhere."""
    prefix: str
    """Where it was published; scripts name this path."""
    created: TimeField
    """When it was published, or SOURCE_DATE_EPOCH."""
    lock_digest: DigestField
    """Digest of lamina.lock."""
    stack_digest: DigestField
    """Digest of what in lamina.toml decided the resolution."""
    files_digest: DigestField
    """Digest of files.mtree, which holds a digest of every file."""
    tested: TestPlace
    """Where the tests ran: ``namespace`` (at the final path), ``staging`` (beside it, because this
    machine has no mount namespaces), ``skipped`` (on request), ``none`` (the stack has none)."""
    python: ManifestPython
    """The interpreter."""
    tools: ManifestTools
    """What made it."""
    licences: dict[str, int] = Field(default_factory=dict)
    """How many packages are under each licence."""
    indexes: dict[IndexField, str] = Field(default_factory=dict)
    """Where indexes of the parents' packages are that the stack does not name."""
    channels: dict[ChannelField, str] = Field(default_factory=dict)
    """Where the channels of the conda packages are."""
    parents: Annotated[tuple[ManifestParent, ...], Field(strict=False)] = Field(
        default=(), alias="parent"
    )
    """What the stack extends, in the order that counts."""
    tests: Annotated[tuple[ManifestTest, ...], Field(strict=False)] = Field(
        default=(), alias="test"
    )
    """What it passed."""
    packages: Annotated[tuple[ManifestPackage, ...], Field(strict=False)] = Field(
        default=(), alias="package"
    )
    """What is in it, by name."""
    conda: Annotated[tuple[ManifestConda, ...], Field(strict=False)] = ()
    """The conda packages in it, by name; Python is one of them then."""

    @property
    def files(self) -> tuple[ManifestPackage | ManifestConda, ...]:
        """What it was installed from, whichever side it is of."""
        return (*self.packages, *self.conda)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; raises DocumentError with every problem found."""
    return validate(Manifest, load_toml(path), path)


def dump_manifest(manifest: Manifest) -> str:
    """Return the canonical TOML text: keys in a fixed order, packages by name."""
    python, tools, march = manifest.python, manifest.tools, manifest.micro_architecture
    lines = [
        f"schema = {manifest.schema_}",
        f"stack = {toml_text(manifest.stack)}",
        f"version = {toml_text(manifest.version)}",
        *([f"tested-as = {toml_text(manifest.tested_as)}"] if manifest.tested_as else []),
        f"platform = {toml_text(manifest.platform)}",
        *([f"micro-architecture = {toml_text(march)}"] if march else []),
        f"prefix = {toml_text(manifest.prefix)}",
        f"created = {manifest.created.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        f"lock-digest = {toml_text(manifest.lock_digest)}",
        f"stack-digest = {toml_text(manifest.stack_digest)}",
        f"files-digest = {toml_text(manifest.files_digest)}",
        f"tested = {toml_text(manifest.tested)}",
        "",
        "[python]",
        f"series = {toml_text(python.series)}",
        f"version = {toml_text(python.version)}",
        f"implementation = {toml_text(python.implementation)}",
        *([f"soabi = {toml_text(python.soabi)}"] if python.soabi else []),
        f"interpreter = {toml_text(python.interpreter)}",
        f"bundled = {str(python.bundled).lower()}",
        "",
        "[tools]",
        f"lamina = {toml_text(tools.lamina)}",
        f"uv = {toml_text(tools.uv)}",
    ]
    if manifest.licences:
        counts = sorted(manifest.licences.items())
        lines += ["", "[licences]", *(f"{toml_text(name)} = {count}" for name, count in counts)]
    lines += _lineage_lines(manifest)
    lines += [*_test_lines(manifest), *_package_lines(manifest)]
    return "\n".join(lines) + "\n"


def _test_lines(manifest: Manifest) -> list[str]:
    lines: list[str] = []
    for test in manifest.tests:
        lines += [
            "",
            "[[test]]",
            f"kind = {toml_text(test.kind)}",
            f"subject = {toml_text(test.subject)}",
        ]
    return lines


def _package_lines(manifest: Manifest) -> list[str]:
    """Return the tables of what is in it."""
    lines: list[str] = []
    for package in sorted(manifest.packages, key=lambda one: (one.name, one.version)):
        lines += [
            "",
            "[[package]]",
            f"name = {toml_text(package.name)}",
            f"version = {toml_text(package.version)}",
            f"sha256 = {toml_text(package.sha256)}",
        ]
        if package.licence is not None:
            lines.append(f"licence = {toml_text(package.licence)}")
    for one in sorted(manifest.conda, key=lambda one: one.name):
        fields = one.model_dump()
        lines += ["", "[[conda]]", *(f"{key} = {toml_text(fields[key])}" for key in fields)]
    return lines


def _lineage_lines(manifest: Manifest) -> list[str]:
    """Return the tables about what the stack extends."""
    lines: list[str] = []
    if manifest.indexes:
        named = sorted(manifest.indexes.items())
        lines += ["", "[indexes]", *(f"{toml_text(key)} = {toml_text(one)}" for key, one in named)]
    if manifest.channels:
        found = sorted(manifest.channels.items())
        lines += ["", "[channels]", *(f"{toml_text(key)} = {toml_text(one)}" for key, one in found)]
    for parent in manifest.parents:
        place = [f"root = {toml_text(parent.root)}"] if parent.root else []
        lines += parent_lines(parent, *place)
    return lines
