"""Locks with faults that no resolution would make."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.lock.document import Lock
    from lamina.model.digests import Sha256


def with_file(lock: Lock, name: str, version: str, filename: str, sha256: Sha256) -> Lock:
    """Return a lock with another version of a package, or with one package more."""
    rest = [one for one in lock.packages if one.name != name]
    one = next((one for one in lock.packages if one.name == name), lock.packages[0])
    file = one.artifacts[0].model_copy(
        update={"file": filename, "sha256": sha256, "uploaded": None, "targets": ()}
    )
    changed = one.model_copy(
        update={
            "name": parse_package_name(name),
            "version": version,
            "artifacts": (file,),
            "requested_by": ("stack",),
            **({} if one.name == name else {"dependencies": (), "targets": ()}),
        }
    )
    packages = sorted([*rest, changed], key=lambda each: each.name)
    return lock.model_copy(update={"packages": tuple(packages)})


def unpack(wheel: bytes, site: Path) -> None:
    """Install a wheel as far as metadata goes: unpack it."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        archive.extractall(site)
