"""The bill of materials of a release, or of what a lock would become."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from lamina.engines.cyclonedx import Bill, CondaPart, Part, dump_bill
from lamina.lock.chains import exact_environment, in_force
from lamina.lock.document import STACK, is_stack
from lamina.lock.files import digest_of_lock
from lamina.release.licences import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from lamina.lock.conda import LockedConda
    from lamina.lock.document import Lock, LockedPackage
    from lamina.model.names import PackageName
    from lamina.model.platforms import Target
    from lamina.release.alterations import Alteration
    from lamina.release.contents import Content

SBOM_NAME = "sbom.cdx.json"
"""Beside the manifest of each release."""

_NAMESPACE = UUID("6c6b1c7e-0f1d-4f0e-9c53-2d0a5be6f0a4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a bill is about."""

    stack: str
    version: str | None
    """None: a lock that is no release yet."""
    target: Target
    python: str | None
    """The interpreter's version with its patch level; None: not known yet."""
    created: datetime
    tools: Mapping[str, str]
    """What made it, by version."""
    installed: Mapping[PackageName, Content] = field(default_factory=dict)
    """What the packages say of themselves, where they are there."""
    alterations: Mapping[PackageName, Alteration] = field(default_factory=dict)
    """What is done to them beside installing their files."""


def dump_sbom(subject: Subject, lock: Lock) -> str:
    """Return the bill as CycloneDX; its serial number follows from the lock and the release."""
    name = "/".join(word for word in (subject.stack, subject.version) if word)
    target = subject.target
    locked = {one.name: one for one in lock.packages_for(target)}
    environment = (
        exact_environment(target, subject.python) if subject.python else target.marker_environment()
    )
    needs = {name: _needs(one, environment) for name, one in locked.items()}
    altered = subject.alterations
    needed = {name for several in needs.values() for name in several}
    bill = Bill(
        name=subject.stack,
        version=subject.version,
        serial=uuid5(_NAMESPACE, f"{digest_of_lock(lock)} {name} {target}"),
        created=subject.created,
        python=subject.python or str(target.python),
        parts=tuple(
            Part(
                artifact=one,
                licence=_licence(subject.installed.get(one.package)),
                home_page=_home_page(subject.installed.get(one.package)),
                asked=_is_asked(locked[one.package], needed),
                needs=needs[one.package],
                repository=_repository(locked[one.package]),
                path=_path(locked[one.package]),
                patches=altered[one.package].patches if one.package in altered else (),
                told=_told(altered.get(one.package)),
            )
            for one in lock.artifacts_for(target)
        ),
        conda=tuple(_conda_part(one) for one in lock.conda_for(target)),
        tools=subject.tools,
        properties={
            "lamina:platform": str(target.platform),
            "lamina:lock-digest": digest_of_lock(lock),
        },
    )
    return dump_bill(bill)


def _told(altered: Alteration | None) -> dict[str, str]:
    """Return what a package was given beside patches: names, as the values may be anything."""
    if altered is None:
        return {}
    told = {
        "lamina:build": altered.build,
        "lamina:hooks": " ".join(altered.hooks),
        "lamina:build-variables": " ".join(altered.variables),
    }
    return {name: text for name, text in told.items() if text}


def _conda_part(one: LockedConda) -> CondaPart:
    return CondaPart(
        record=one.record(),
        channel=one.channel,
        licence=one.licence or None,
        asked=any(map(is_stack, one.requested_by)),
        needs=tuple(sorted({spec.split()[0] for spec in one.depends if spec.strip()})),
        provides=tuple(each.name for each in one.provides),
    )


def _repository(one: LockedPackage) -> tuple[str, str] | None:
    origin = one.origin
    return (origin.git, origin.commit) if origin and origin.git and origin.commit else None


def _path(one: LockedPackage) -> str | None:
    return one.origin.path if one.origin is not None else None


def _is_asked(one: LockedPackage, needed: AbstractSet[PackageName]) -> bool:
    """Tell whether the stack names a package, or has it from a parent and nothing else needs it."""
    inherited = any(map(is_stack, one.requested_by)) and one.name not in needed
    return inherited or STACK in one.requested_by


def _licence(content: Content | None) -> str | None:
    return content.licence if content is not None and content.licence != UNKNOWN else None


def _home_page(content: Content | None) -> str | None:
    return content.home_page if content is not None else None


def _needs(one: LockedPackage, environment: Mapping[str, str]) -> tuple[PackageName, ...]:
    return tuple(
        sorted({each.name for each in one.dependencies if in_force(each, environment)} - {one.name})
    )
