"""What a layer is called where releases have a name and a version."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import UsageError
from lamina.model.document import load_toml
from lamina.model.layer_files import INSTALLED_NAME, LAYER_LOCK_NAME
from lamina.model.names import SIMPLE_RULE, parse_stack_name
from lamina.model.versions import parse_release_version

if TYPE_CHECKING:
    from lamina.model.names import StackName
    from lamina.model.versions import ReleaseVersion

_LONGEST = 64
_DIGITS = 8


def layer_name(layer: Path) -> StackName:
    """Return the name of a layer: that of its directory, in the letters that stacks have.

    A hidden directory, such as ``.venv``, is called by the one that it is in. Raises UsageError
    where no letter or digit is left. What an installer has put there is called as it was.
    """
    if told := _as_installed(layer):
        return parse_stack_name(told["layer"])
    # Links are kept: who cannot have a directory of that name can have a link to it.
    path = Path(os.path.abspath(layer))  # noqa: PTH100
    shown = next((one.name for one in (path, *path.parents) if not one.name.startswith(".")), "")
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._]+", "-", plain).strip("._-")[:_LONGEST].strip("._-")
    if not name:
        raise UsageError(
            f"{layer}: its directory gives no name for what is made of it ({SIMPLE_RULE})",
            hints=[f"ln -s {shlex.quote(str(path))} NAME, and the export of NAME"],
        )
    return parse_stack_name(name)


def layer_version(layer: Path, base: ReleaseVersion) -> ReleaseVersion:
    """Return the version of a layer: that of its base's release, and what its own lock is.

    Such as ``2026.11.0+1a2b3c4d``: the local part has the first digits of the digest of
    ``lamina-layer.lock``, so that the same layer has the same version everywhere. One to which
    nothing was ever added is what its base is. What an installer has put there has the version of
    that. Raises UsageError for one that is too long.
    """
    if told := _as_installed(layer):
        return parse_release_version(told["version"])
    lock = layer / LAYER_LOCK_NAME
    if not lock.exists():
        return base
    digits = fs.sha256_of(lock)[:_DIGITS]
    # PEP 440 drops the zeros before a number, and names of wheels are compared as texts.
    local = str(int(digits)) if digits.isdecimal() else digits
    text = f"{base}{'.' if '+' in base else '+'}{local}"
    try:
        return parse_release_version(text)
    except ValueError as error:
        raise UsageError(f"{layer}: {error}") from error


def _as_installed(layer: Path) -> dict[str, str]:
    """Return what an installer said of a layer, nothing where its packages were changed since."""
    if not (layer / INSTALLED_NAME).is_file():
        return {}
    told = {key: str(one) for key, one in load_toml(layer / INSTALLED_NAME).items()}
    lock = layer / LAYER_LOCK_NAME
    digest = fs.sha256_of(lock) if lock.exists() else ""
    whole = told.keys() >= {"layer", "version", "lock"}
    return told if whole and told["lock"] == digest else {}
