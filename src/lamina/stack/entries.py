"""How a requirement (PEP 508) and an entry of [packages] are written, one as the other."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lamina.model.toml import toml_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

ANY_VERSION = "*"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# Lower bounds are read first.
_ORDER = ("===", "==", "~=", ">=", ">", "!=", "<", "<=")


def write_range(specifiers: SpecifierSet) -> str:
    """Return a range as people write it, ``>=2,<3``, and ``*`` for any version."""
    many = sorted(specifiers, key=lambda one: (_ORDER.index(one.operator), one.version))
    return ",".join(str(one) for one in many) or ANY_VERSION


def write_requirement(requirement: Requirement) -> str:
    """Return a requirement with its range in the order of ``write_range``."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    bounds = write_range(requirement.specifier) if requirement.specifier else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{bounds}{marker}"


def entry_of(requirement: Requirement) -> dict[str, Any]:
    """Return the fields of [packages] that say what a requirement says."""
    fields: dict[str, Any] = {"version": write_range(requirement.specifier)}
    if requirement.extras:
        fields["extras"] = sorted(requirement.extras)
    if requirement.marker:
        fields["marker"] = str(requirement.marker)
    return fields


def short_entry(fields: Mapping[str, Any]) -> str | dict[str, Any]:
    """Return a mere range where there is nothing else to say."""
    return str(fields["version"]) if set(fields) == {"version"} else dict(fields)


def write_value(value: Any) -> str:
    """Return a value in TOML on one line: text, number, truth, array or inline table."""
    match value:
        case dict():
            pairs = [f"{write_key(key)} = {write_value(one)}" for key, one in value.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case list() | tuple():
            return f"[{', '.join(map(write_value, value))}]"
        case bool() | int():
            return json.dumps(value)
        case _:
            return toml_text(value)


def write_key(key: str) -> str:
    """Return a key, in quotes where TOML wants them."""
    return key if _BARE_KEY.fullmatch(key) else write_value(key)
