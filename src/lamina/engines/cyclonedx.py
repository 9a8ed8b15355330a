"""Software bills of materials in CycloneDX's JSON: the same facts give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.exception.model import InvalidUriException
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import (
    Component,
    ComponentType,
    Diff,
    Patch,
    PatchClassification,
    Pedigree,
)
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from lamina.model.artifacts import Artifact
    from lamina.model.conda import CondaRecord
    from lamina.model.names import PackageName


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One package of a bill of materials."""

    artifact: Artifact
    """The file that it is installed from."""
    licence: str | None
    home_page: str | None
    asked: bool
    """Whether the whole needs it by itself, not for another part."""
    needs: tuple[PackageName, ...]
    repository: tuple[str, str] | None = None
    """The address of the git repository and the commit that it is built from."""
    path: str | None = None
    """Where it was, for what its author has beside the stack."""
    patches: tuple[tuple[str, str | None], ...] = ()
    """What it was patched with before it was built: names, and digests where they are known."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What else makes it another one than its file, as properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPart:
    """One conda package of a bill of materials."""

    record: CondaRecord
    channel: str
    """As the stack says it."""
    licence: str | None
    asked: bool
    needs: tuple[str, ...]
    """Names of conda packages."""
    provides: tuple[PackageName, ...]
    """The distributions of an index inside, which other parts may need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What something consists of."""

    name: str
    version: str | None
    serial: UUID
    created: datetime
    python: str
    """The version of its interpreter, or as much as is known of it."""
    parts: tuple[Part, ...]
    conda: tuple[CondaPart, ...] = ()
    tools: Mapping[str, str]
    """What made it, by version."""
    properties: Mapping[str, str]


def dump_bill(bill: Bill) -> str:
    """Return the text in version 1.6 of the format."""
    whole = Component(
        name=bill.name,
        version=bill.version,
        type=ComponentType.APPLICATION,
        bom_ref="/".join(word for word in (bill.name, bill.version) if word),
        properties=_properties(bill.properties),
    )
    python = _interpreter(bill.python)
    packages = {one.artifact.package: _component(one) for one in bill.parts}
    channels = {one.record.name: _conda_component(one) for one in bill.conda}
    provided = {name: channels[one.record.name] for one in bill.conda for name in one.provides}
    asked = [packages[one.artifact.package] for one in bill.parts if one.asked]
    asked += [channels[one.record.name] for one in bill.conda if one.asked]
    found = {**provided, **packages}
    edges = [
        (packages[one.artifact.package], [found[name] for name in one.needs if name in found])
        for one in bill.parts
    ]
    edges += [
        (channels[one.record.name], [channels[name] for name in one.needs if name in channels])
        for one in bill.conda
    ]
    bom = Bom(
        serial_number=bill.serial,
        metadata=BomMetaData(
            timestamp=bill.created.replace(microsecond=0),
            component=whole,
            tools=ToolRepository(components=[_tool(*one) for one in bill.tools.items()]),
        ),
        components=[python, *packages.values(), *channels.values()],
        dependencies=[
            _needs(whole, [python, *asked]),
            _needs(python, []),
            *(_needs(one, needed) for one, needed in edges),
        ],
    )
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(part: Part) -> Component:
    artifact = part.artifact
    address = _address(part)
    declared = LicenseAcknowledgement.DECLARED
    licences = LicenseFactory()
    told = {"lamina:file": artifact.filename}
    if part.path is not None:
        told["lamina:path"] = part.path
    if artifact.index not in {PUBLIC_INDEX, *OF_NO_INDEX}:
        # Its name there may mean something else on the public index.
        told["lamina:index"] = artifact.index
    return Component(
        name=artifact.package,
        version=artifact.version,
        type=ComponentType.LIBRARY,
        bom_ref=address.to_string(),
        purl=address,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact.sha256)],
        licenses=[licences.make_from_string(part.licence, license_acknowledgement=declared)]
        if part.licence
        else [],
        external_references=[*_website(part.home_page), *_vcs(part.repository)],
        pedigree=_pedigree(part),
        properties=[*_properties({**told, **part.told}), *_patch_properties(part)],
    )


def _address(part: Part) -> PackageURL:
    """Return the package URL.

    As the specification has it: one from git says from which commit it is, and what its author has
    beside the stack is no package of PyPI, where its name may mean something else.
    """
    return PackageURL(
        type="pypi" if part.path is None else "generic",
        name=part.artifact.package,
        version=part.artifact.version,
        qualifiers={"vcs_url": f"git+{'@'.join(part.repository)}"} if part.repository else None,
    )


def _pedigree(part: Part) -> Pedigree | None:
    """Return how a package came to differ from what is published; None: it does not."""
    if not part.patches and not part.told:
        return None
    patches = [
        Patch(type=PatchClassification.UNOFFICIAL, diff=Diff(url=XsUri(quote(name))))
        for name, _ in part.patches
    ]
    return Pedigree(patches=patches, notes="its hash is that of the file it was made from")


def _patch_properties(part: Part) -> list[Property]:
    """Return the digests of patches, which the format has no place for with the patches."""
    return [
        Property(name="lamina:patch", value=f"{name} sha256:{digest}" if digest else name)
        for name, digest in part.patches
    ]


def _conda_component(part: CondaPart) -> Component:
    one = part.record
    told = {"build": one.build, "channel": part.channel, "subdir": one.subdir}
    kind = "conda" if one.file_name.endswith(".conda") else "tar.bz2"
    address = PackageURL(
        type="conda", name=one.name, version=one.version, qualifiers={**told, "type": kind}
    )
    declared = LicenseAcknowledgement.DECLARED
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=one.sha256)]
    hashes += [HashType(alg=HashAlgorithm.MD5, content=one.md5)] if one.md5 else []
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=address.to_string(),
        purl=address,
        hashes=hashes,
        licenses=[LicenseFactory().make_from_string(part.licence, license_acknowledgement=declared)]
        if part.licence
        else [],
        properties=_properties({"lamina:file": one.file_name, "lamina:channel": part.channel}),
    )


_OF_ADDRESSES = "%:/?#[]@!$&'()*+,;="
"""What stands for itself in an address, beside letters and digits (RFC 3986)."""


def _website(address: str | None) -> list[ExternalReference]:
    """Return the reference to a home page; what somebody wrote there need not be an address."""
    if address is None:
        return []
    try:
        url = XsUri(quote(address, safe=_OF_ADDRESSES))
        return [ExternalReference(type=ExternalReferenceType.WEBSITE, url=url)]
    except InvalidUriException:
        return []


def _vcs(repository: tuple[str, str] | None) -> list[ExternalReference]:
    """Return the reference to a git repository, with the commit in its comment."""
    if repository is None:
        return []
    url = XsUri(quote(repository[0], safe=_OF_ADDRESSES))
    said = f"commit {repository[1]}"
    return [ExternalReference(type=ExternalReferenceType.VCS, url=url, comment=said)]


def _interpreter(version: str) -> Component:
    address = PackageURL(type="generic", name="cpython", version=version)
    return Component(
        name="cpython",
        version=version,
        type=ComponentType.PLATFORM,
        bom_ref=address.to_string(),
        purl=address,
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    )


def _tool(name: str, version: str) -> Component:
    return Component(name=name, version=version, type=ComponentType.APPLICATION)


def _properties(told: Mapping[str, str]) -> list[Property]:
    return [Property(name=name, value=value) for name, value in told.items()]


def _needs(one: Component, needed: Iterable[Component]) -> Dependency:
    return Dependency(one.bom_ref, [Dependency(other.bom_ref) for other in needed])
