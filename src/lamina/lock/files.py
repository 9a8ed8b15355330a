"""Read and write lamina.lock; the same lock is always the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import DocumentError
from lamina.lock.consistency import check_conda, check_lock
from lamina.lock.document import (
    Lock,
    LockedArtifact,
    LockedDependency,
    LockedPackage,
    LockedParent,
)
from lamina.model.digests import Sha256, digest_of_bytes
from lamina.model.document import load_toml, validate
from lamina.model.toml import toml_text, toml_texts, toml_value

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lamina.lock.conda import LockedConda


LOCK_NAME = "lamina.lock"


def load_lock(path: Path) -> Lock:
    """Read a lock; raises DocumentError with every problem found."""
    lock = validate(Lock, load_toml(path), path)
    if problems := [*check_lock(lock), *check_conda(lock)]:
        raise DocumentError(path, problems, hints=["lamina lock"])
    return lock


def save_lock(lock: Lock, path: Path) -> None:
    """Write a lock in one step."""
    fs.write_text(path, dump_lock(lock))


def digest_of_lock(lock: Lock) -> Sha256:
    """Return the digest of the lock's canonical bytes."""
    return digest_of_bytes(dump_lock(lock).encode())


def dump_lock(lock: Lock) -> str:
    """Return the canonical TOML text: packages by name and version, keys in a fixed order."""
    lines = [
        f"schema = {lock.schema_}",
        f"stack = {toml_text(lock.stack)}",
        f"stack-digest = {toml_text(lock.stack_digest)}",
    ]
    if lock.exclude_newer is not None:
        lines.append(f"exclude-newer = {_time(lock.exclude_newer)}")
    lines.append(f"targets = {toml_texts(sorted(lock.targets))}")
    for parent in lock.parents:
        lines += parent_lines(parent)
    for package in sorted(lock.packages, key=lambda one: (one.name, one.version, one.targets)):
        lines += _package_lines(package)
    for one in sorted(lock.conda, key=lambda one: (one.name, one.targets, one.file)):
        lines += conda_lines(one)
    return "\n".join(lines) + "\n"


def parent_lines(parent: LockedParent, *more: str) -> list[str]:
    """Return the table of one parent, with further lines."""
    lines = ["", "[[parent]]", f"stack = {toml_text(parent.stack)}"]
    if parent.version is not None:
        lines.append(f"version = {toml_text(parent.version)}")
    if parent.tier is not None:
        lines.append(f"tier = {toml_text(parent.tier)}")
    lines.append(f"found = {toml_text(parent.found)}")
    lines += [f"priority = {parent.priority}"] if parent.priority else []
    lines.append(f"lock-digest = {toml_text(parent.lock_digest)}")
    if parent.below:
        lines.append(f"below = {toml_texts(parent.below)}")
    if parent.abi:
        lines.append(f"abi = {toml_texts(parent.abi)}")
    return [*lines, *more]


def _package_lines(package: LockedPackage) -> list[str]:
    lines = [
        "",
        "[[package]]",
        f"name = {toml_text(package.name)}",
        f"version = {toml_text(package.version)}",
        f"index = {toml_text(package.index)}",
    ]
    if package.origin is not None:
        told = package.origin.model_dump(by_alias=True, exclude_none=True)
        lines.append(f"origin = {toml_value(told)}")
    if package.targets:
        lines.append(f"targets = {toml_texts(sorted(package.targets))}")
    lines.append(f"requested-by = {toml_texts(sorted(package.requested_by))}")
    if package.dependencies:
        lines += ["dependencies = [", *sorted(map(_dependency, package.dependencies)), "]"]
    if package.waived:
        lines.append(f"waived = {toml_texts(sorted(package.waived))}")
    return [*lines, "artifacts = [", *sorted(map(_artifact, package.artifacts)), "]"]


def conda_lines(one: LockedConda) -> list[str]:
    """Return the table of one conda package."""
    fields = {
        "name": toml_text(one.name),
        "version": toml_text(one.version),
        "build": toml_text(one.build),
        "build-number": str(one.build_number),
        "channel": toml_text(one.channel),
        "subdir": toml_text(one.subdir),
        "file": toml_text(one.file),
        "sha256": toml_text(one.sha256),
        "md5": toml_text(one.md5) if one.md5 else "",
        "size": "" if one.size is None else str(one.size),
        "built": "" if one.built is None else _time(one.built),
        "noarch": toml_text(one.noarch) if one.noarch else "",
        "site-packages": toml_text(one.site_packages) if one.site_packages else "",
        "licence": toml_text(one.licence) if one.licence else "",
        "targets": toml_texts(sorted(one.targets)) if one.targets else "",
        "requested-by": toml_texts(sorted(one.requested_by)),
        "depends": toml_texts(one.depends) if one.depends else "",
        "constrains": toml_texts(one.constrains) if one.constrains else "",
    }
    lines = ["", "[[conda]]", *(f"{key} = {text}" for key, text in fields.items() if text)]
    if one.provides:
        pairs = [
            {"name": toml_text(each.name), "version": toml_text(each.version)}
            for each in sorted(one.provides, key=lambda each: each.name)
        ]
        lines += ["provides = [", *map(_inline, pairs), "]"]
    return lines


def _dependency(one: LockedDependency) -> str:
    fields = {"name": toml_text(one.name)}
    if one.version is not None:
        fields["version"] = toml_text(one.version)
    if one.extras:
        fields["extras"] = toml_texts(sorted(one.extras))
    if one.extra is not None:
        fields["extra"] = toml_text(one.extra)
    if one.marker is not None:
        fields["marker"] = toml_text(one.marker)
    return _inline(fields)


def _artifact(one: LockedArtifact) -> str:
    fields = {"file": toml_text(one.file), "sha256": toml_text(one.sha256)}
    if one.size is not None:
        fields["size"] = str(one.size)
    if one.uploaded is not None:
        fields["uploaded"] = _time(one.uploaded)
    if one.targets:
        fields["targets"] = toml_texts(sorted(one.targets))
    return _inline(fields)


def _inline(fields: dict[str, str]) -> str:
    return f"    {{ {', '.join(f'{key} = {value}' for key, value in fields.items())} }},"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").replace(".000Z", "Z")
