"""The stack document: every field of lamina.toml.

The docstrings of the fields are the reference: the documentation and the JSON Schema are made
from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from lamina.model.conda_fields import ChannelField, VirtualField
from lamina.model.document import Document
from lamina.model.fields import IndexField, PackageField, PlatformField, StackField
from lamina.model.names import (
    GIT_INDEX,
    PATH_INDEX,
    PUBLIC_INDEX,
    IndexName,
    PackageName,
    parse_package_name,
)
from lamina.model.platforms import PythonSeries
from lamina.model.sources import (
    REFERENCES,
    InsideField,
    ReferenceKind,
    RepositoryField,
    RevisionField,
)
from lamina.model.versions import ReleaseVersion, parse_release_version
from lamina.stack.builds import BuildTable, ConfigField, HookTable, NeededField, VariableField
from lamina.stack.conda import CondaTable
from lamina.stack.parents import ParentField, check_range
from lamina.stack.texts import (
    Address,
    AdvisoryId,
    ModuleName,
    Moment,
    Reason,
    ShellCommand,
    SystemVersion,
    check_reason,
)

ANY_VERSION = "*"


def _check_specifier(text: str) -> str:
    return check_range(text, what="version range", example="'>=2,<3' or '==1.4.2'")


def _check_marker(text: str) -> str:
    try:
        Marker(text)
    except InvalidMarker:
        raise ValueError(f"{text!r} is not an environment marker (PEP 508)") from None
    return text


def _check_requirement(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError(f"{text!r} is not a requirement such as 'jupyterlab>=4'") from None
    if requirement.url:
        raise ValueError(f"{text!r} names an address; [packages] says where one comes from")
    return text


def _check_extra(text: str) -> str:
    return _normalised(text, "an extra")


def _check_group(text: str) -> str:
    return _normalised(text, "a group")


def _normalised(text: str, what: str) -> str:
    """Return a name that PyPA's rule for packages covers too (PEP 685, PEP 735)."""
    try:
        return parse_package_name(text)
    except ValueError:
        raise ValueError(f"{text!r} is not the name of {what}") from None


def _waiver_table(value: Any) -> Any:
    """Read names without reasons as the table of them; ``{ name = "reason" }`` has them."""
    if isinstance(value, dict):
        for name, reason in value.items():
            if isinstance(reason, str):
                try:
                    check_reason(reason)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(
            f"found {value!r}; expected names, ['libclang'], or {{ libclang = 'reason' }}"
        )
    return dict.fromkeys(value, "")


def _version_table(value: Any) -> Any:
    if isinstance(value, str):
        return {"literal": value}
    if not isinstance(value, dict | StackVersion):
        raise ValueError(  # noqa: TRY004
            f"found {value!r}; expected a version such as '2026.11.0' (in quotes), or"
            " { from = 'git' }"
        )
    return value


def _package_table(value: Any) -> Any:
    if isinstance(value, str):
        return {"version": value}
    if not isinstance(value, dict | PackageEntry):
        raise ValueError(f"found {value!r}; expected a range such as '>=2,<3', or a table")  # noqa: TRY004
    return value


def _series_list(value: Any) -> Any:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError("expected a Python series such as '3.12' (in quotes), or several")
    return tuple(sorted({PythonSeries.parse(one) for one in values}))


GroupKey = Annotated[str, AfterValidator(_check_group)]
Specifier = Annotated[str, AfterValidator(_check_specifier)]
RequirementText = Annotated[str, AfterValidator(_check_requirement)]
WaiverTable = Annotated[
    dict[PackageField, str],
    BeforeValidator(_waiver_table, json_schema_input_type=list[str] | dict[str, str]),
    PlainSerializer(list, return_type=list[str]),
]
"""Written as the names alone: reasons decide nothing, so that they make no lock stale."""


class StackVersion(Document):
    """The version of the releases that this stack makes."""

    literal: Annotated[ReleaseVersion, AfterValidator(parse_release_version)] | None = None
    """A PEP 440 version, written out."""
    source: Literal["git"] | None = Field(default=None, alias="from")
    """``git``: from the tags of the repository, counted as setuptools-scm does."""

    @model_validator(mode="after")
    def _one_of_them(self) -> StackVersion:
        if (self.literal is None) == (self.source is None):
            raise ValueError("give a version such as '2026.11.0', or { from = 'git' }")
        return self


class StackTable(Document):
    """What the stack is."""

    name: StackField
    """Lower-case letters, digits and ``._-``; names the directory of the releases."""
    version: Annotated[
        StackVersion,
        BeforeValidator(_version_table, json_schema_input_type=str | StackVersion),
    ]
    """A PEP 440 version, or ``{ from = "git" }``."""
    python: Annotated[
        tuple[PythonSeries, ...],
        BeforeValidator(_series_list, json_schema_input_type=str | list[str]),
        PlainSerializer(lambda many: [str(one) for one in many]),
    ] = Field(min_length=1)
    """The Python series, such as ``"3.12"``, or several."""
    bundle: bool = False
    """Put a copy of the interpreter into the release, which is then self-contained."""
    allow_clobber: bool = False
    """Publish although two packages have a file of the same name and other content, one of them
    a conda package; which of them is there is said when it is published."""
    platforms: Annotated[tuple[PlatformField, ...], Field(strict=False, min_length=1)]
    """What to lock for: ``linux-64``, ``linux-aarch64``, ``osx-64``, ``osx-arm64``, ``win-64``."""
    extends: Annotated[tuple[ParentField, ...], Field(strict=False)] = ()
    """Other stacks whose packages come along: ``"hep-base >=2026.10"``, ``"hep-base@stable"`` or a
    table; what this stack lists itself wins."""


class ResolveTable(Document):
    """How versions are chosen."""

    closed: bool = False
    """Nothing enters that is not listed; ``lamina check`` names each missing dependency."""
    index: IndexField = PUBLIC_INDEX
    """The index of packages that name none: ``pypi`` or a key of ``indexes``."""
    indexes: dict[IndexField, Address] = {}
    """Further indexes by name: http, https or file URLs (PEP 503 or 691), without credentials."""
    channels: Annotated[tuple[ChannelField, ...], Field(strict=False)] = ()
    """Conda channels, the first before the others: names, addresses, or paths from the directory
    of lamina.toml. ``LAMINA_CHANNEL_<NAME>`` says where a name is on this machine."""
    virtual: dict[PlatformField, dict[VirtualField, str]] = {}
    """Virtual packages that machines of a platform have, such as ``__cuda = "12.4"``; an empty
    version takes one away. ``glibc`` and ``macos`` are there without."""
    strategy: Literal["highest", "lowest", "lowest-direct"] = "highest"
    """Which versions are preferred, on both sides."""
    exclude_newer: Moment | None = None
    """Ignore what was uploaded after this day (its end in UTC) or this time."""
    only_binary: bool = True
    """Take wheels only, but for packages that say ``source = true``."""
    source: bool = False
    """Build every package from its source distribution, but for those that say ``source = false``;
    packages of parents stay as they are."""
    glibc: SystemVersion = Field(default=(2, 28), json_schema_extra={"default": "2.28"})
    """The oldest GNU C library that the wheels for Linux may need."""
    macos: SystemVersion = Field(default=(14, 0), json_schema_extra={"default": "14.0"})
    """The oldest macOS that the wheels for it may need."""


class Hold(Document):
    """Why a package stays where it is."""

    reason: str
    """Why, for the people who read the stack."""
    together: Annotated[tuple[PackageField, ...], Field(strict=False)] = Field(
        default=(), alias="with"
    )
    """Packages that may move only together with this one."""


class PackageEntry(Document):
    """One package of the stack."""

    version: Specifier = ANY_VERSION
    """A PEP 440 range, or ``*``."""
    extras: Annotated[
        tuple[Annotated[str, AfterValidator(_check_extra)], ...], Field(strict=False)
    ] = ()
    """Extras of the package to install."""
    prerelease: bool = False
    """Allow pre-releases of this package."""
    platforms: Annotated[tuple[PlatformField, ...], Field(strict=False)] = ()
    """Only on these platforms of the stack; empty: on all."""
    marker: Annotated[str, AfterValidator(_check_marker)] | None = None
    """Only where this PEP 508 marker holds."""
    index: IndexField | None = None
    """The only index the package is ever taken from."""
    git: RepositoryField | None = None
    """The git repository that it is built from: an https, ssh or file URL, without credentials."""
    rev: RevisionField | None = None
    """The commit to take, or whatever name git has for it. Without this, ``tag`` and ``branch``:
    the branch that the repository has as its own."""
    tag: RevisionField | None = None
    """The tag to take. It stays at the commit that was locked, should somebody move it."""
    branch: RevisionField | None = None
    """The branch to take; locked is its commit, and ``lamina lock --upgrade`` moves it."""
    subdirectory: InsideField | None = None
    """Where in the repository the package is."""
    path: InsideField | None = None
    """A directory with sources to build it from, or a source distribution or wheel: a path from
    the directory of lamina.toml, and below it."""
    source: bool | None = None
    """Build it from its source distribution, or not; not given: as ``resolve.source`` says."""
    requires: Annotated[tuple[RequirementText, ...], Field(strict=False)] = ()
    """What its build needs, where its own metadata does not say so."""
    env: dict[VariableField, str] = {}
    """Environment variables of its build."""
    config: ConfigField = {}
    """Settings for its build back end (PEP 517), each a text or an array of texts:
    ``{ setup-args = "-Dallow-noblas=true" }``."""
    patches: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Patches to apply before its build, in this order, as paths beside lamina.toml."""
    system: Annotated[tuple[NeededField, ...], Field(strict=False)] = ()
    """What its build needs of the machine: ``cmake``, ``zlib.h``, ``libz`` or ``zlib.pc``."""
    isolated: bool = False
    """Build it with requirements of its own instead of the packages of the stack."""
    bootstrap: Literal["wheel"] | None = None
    """``wheel``: other packages are built with its wheel of the index, which breaks a cycle."""
    waive: WaiverTable = {}
    """Dependencies that a closed stack goes without: names, or a table of names with reasons.
    ``python`` waives the range of Pythons that the package says it is for."""
    hold: Hold | None = None
    """Keep it where it is when updating. Without effect as yet: give an exact ``version``."""

    @property
    def no_index(self) -> IndexName | None:
        """What stands in place of an index: ``git`` or ``path``; None for a package of an index."""
        if self.git is not None:
            return GIT_INDEX
        return PATH_INDEX if self.path is not None else None

    @property
    def reference(self) -> tuple[ReferenceKind, str] | None:
        """Which revision of the repository is asked for; None: what it has as its own."""
        given = ((kind, getattr(self, kind)) for kind in REFERENCES)
        return next(((kind, text) for kind, text in given if text), None)


PackageTable = dict[
    PackageField,
    Annotated[
        PackageEntry,
        BeforeValidator(_package_table, json_schema_input_type=str | PackageEntry),
    ],
]


class TestTable(Document):
    """What must work before a release is published."""

    __test__ = False

    imports: Annotated[tuple[ModuleName, ...], Field(strict=False)] = ()
    """Modules to import, each in a process of its own."""
    commands: Annotated[tuple[ShellCommand, ...], Field(strict=False)] = ()
    """Shell commands that must exit with 0, run with the release first on PATH."""
    accept: dict[str, Reason] = {}
    """What ``lamina test`` may find failing, and why: ``"import gui"``, ``"program tool"`` or
    ``"suite numpy"``."""


class LayersTable(Document):
    """What holds for every layer over a release of the stack."""

    protected: Annotated[tuple[PackageField, ...], Field(strict=False)] = ()
    """Packages that no layer may have in another version, such as a framework's own."""


class AuditTable(Document):
    """What is known of vulnerabilities and accepted."""

    accept: dict[AdvisoryId, Reason] = {}
    """Why a vulnerability is lived with, by the id of its advisory or one of its aliases."""


class Stack(Document):
    """An experiment's Python: lamina.toml."""

    stack: StackTable
    """What the stack is."""
    resolve: ResolveTable = ResolveTable()
    """How versions are chosen."""
    packages: PackageTable = {}
    """Packages of the package index."""
    conda: CondaTable = {}
    """Packages of conda channels, as MatchSpec. Python comes from there too, then."""
    hooks: dict[PackageField, HookTable] = {}
    """Hooks by package."""
    build: BuildTable = BuildTable()
    """What holds for every build from source."""
    groups: dict[GroupKey, Annotated[tuple[RequirementText, ...], Field(strict=False)]] = {}
    """Named groups of requirements; they are part of the stack."""
    layers: LayersTable = LayersTable()
    """What holds for layers over a release."""
    audit: AuditTable = AuditTable()
    """What ``lamina check --audit`` is not to report any more."""
    test: TestTable = TestTable()
    """What must work before a release is published."""

    def is_source(self, name: PackageName) -> bool:
        """Tell whether a package of the index is to be built from source."""
        entry = self.packages.get(name)
        if entry is not None and entry.no_index is not None:
            return not (entry.path or "").endswith(".whl")
        said = entry.source if entry is not None else None
        return self.resolve.source if said is None else said
