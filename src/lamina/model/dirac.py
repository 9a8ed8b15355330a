"""DIRAC's version numbers, ``vXrYpZ[-preN]``, as PEP 440 versions and back.

Source: how DIRAC numbered its releases until version 7.3 and its packages since: v7r3p2-pre6 is
7.3.2a6, v7r1 is 7.1.0.
"""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

_DIRAC = re.compile(r"v(0|[1-9]\d*)r(0|[1-9]\d*)(?:p([1-9]\d*))?(?:-pre([1-9]\d*))?")


def from_dirac(text: str) -> str:
    """Return ``7.3.2a6`` for ``v7r3p2-pre6``; raises ValueError on what DIRAC does not write."""
    found = _DIRAC.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version such as 'v7r3p2' or 'v7r3p2-pre6'")
    major, minor, patch, pre = found.groups()
    return f"{major}.{minor}.{patch or 0}" + (f"a{pre}" if pre else "")


def to_dirac(text: str) -> str:
    """Return ``v7r3p2-pre6`` for ``7.3.2a6``; raises ValueError on what DIRAC cannot write."""
    try:
        version = Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is not a PEP 440 version") from None
    plain = version.epoch == 0 and version.post is None and version.dev is None
    kind, number = version.pre or ("a", 1)
    if not plain or version.local or len(version.release) > 3 or kind != "a" or number < 1:
        raise ValueError(f"{text!r} cannot be written as DIRAC's vXrYpZ[-preN]")
    major, minor, patch = (*version.release, 0, 0)[:3]
    return (
        f"v{major}r{minor}"
        + (f"p{patch}" if patch else "")
        + (f"-pre{number}" if version.pre else "")
    )


def is_dirac(text: str) -> bool:
    """Tell whether a version is written in DIRAC's way."""
    return _DIRAC.fullmatch(text) is not None
