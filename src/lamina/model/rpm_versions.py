"""Versions as RPM orders them: ``[EPOCH:]VERSION``, where ``~`` sorts before the end.

https://rpm-software-management.github.io/rpm/man/rpm-version.7
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

_ALLOWED = re.compile(r"[A-Za-z0-9._+~^]+")
_SIMPLE = re.compile(r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?")
_EPOCH = re.compile(r"(?:(?P<epoch>[0-9]+)!)?(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class RpmVersion:
    """A version without its release."""

    epoch: int
    version: str

    def __str__(self) -> str:
        return f"{self.epoch}:{self.version}" if self.epoch else self.version


def rpm_version(text: str) -> RpmVersion:
    """Return a PEP 440 version as RPM has it: 1.0rc1 is ``1.0~rc1``; raises ValueError.

    The order is that of PEP 440, but for local versions, which RPM takes for one part more.
    """
    try:
        one = Version(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
    version = ".".join(map(str, one.release))
    if one.pre:
        version += "~" + "".join(map(str, one.pre))
    if one.post is not None:
        version += f".post{one.post}"
    if one.dev is not None:
        # Before a1, b1 and rc1, which are behind one tilde; behind one of them a tilde will do.
        version += f"{'~' if one.pre or one.post is not None else '~~'}dev{one.dev}"
    if one.local:
        version += f"+{one.local}"
    return RpmVersion(one.epoch, version)


def rpm_version_of_conda(text: str) -> RpmVersion:
    """Return a conda version as RPM has it; raises ValueError for what RPM cannot have."""
    if _SIMPLE.fullmatch(text):
        # Not parsed where it could mean something else: 1.1.1c is no candidate in conda.
        found = re.fullmatch(r"([0-9.]+)(.*)", text)
        assert found is not None  # noqa: S101 (a part of the pattern above)
        return RpmVersion(0, f"{found[1]}~{found[2]}" if found[2] else text)
    found = _EPOCH.fullmatch(text)
    version = found["rest"].replace("-", "_") if found else ""
    if found is None or not _ALLOWED.fullmatch(version):
        raise ValueError(f"{text!r} cannot be the version of an RPM")
    return RpmVersion(int(found["epoch"] or 0), version)
