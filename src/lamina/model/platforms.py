"""Platforms and targets: for which machines and Pythons a lock is made."""

from __future__ import annotations

import platform as machine
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging import tags

if TYPE_CHECKING:
    from collections.abc import Iterator


class Platform(StrEnum):
    """An operating system and processor, in conda's spelling."""

    LINUX_64 = "linux-64"
    LINUX_AARCH64 = "linux-aarch64"
    OSX_64 = "osx-64"
    OSX_ARM64 = "osx-arm64"
    WIN_64 = "win-64"

    @property
    def marker(self) -> str:
        """The PEP 508 marker that holds on this platform and on no other of ours."""
        values = _MARKER_VALUES[self]
        return (
            f"sys_platform == '{values['sys_platform']}'"
            f" and platform_machine == '{values['platform_machine']}'"
        )


_MARKER_VALUES: dict[Platform, dict[str, str]] = {
    Platform.LINUX_64: {
        "os_name": "posix", "sys_platform": "linux",
        "platform_system": "Linux", "platform_machine": "x86_64",
    },
    Platform.LINUX_AARCH64: {
        "os_name": "posix", "sys_platform": "linux",
        "platform_system": "Linux", "platform_machine": "aarch64",
    },
    Platform.OSX_64: {
        "os_name": "posix", "sys_platform": "darwin",
        "platform_system": "Darwin", "platform_machine": "x86_64",
    },
    Platform.OSX_ARM64: {
        "os_name": "posix", "sys_platform": "darwin",
        "platform_system": "Darwin", "platform_machine": "arm64",
    },
    Platform.WIN_64: {
        "os_name": "nt", "sys_platform": "win32",
        "platform_system": "Windows", "platform_machine": "AMD64",
    },
}  # fmt: skip


def current_platform() -> Platform:
    """Return the platform of this machine; raises ValueError when it is none of ours."""
    here = (sys.platform, machine.machine())
    for candidate, values in _MARKER_VALUES.items():
        if (values["sys_platform"], values["platform_machine"]) == here:
            return candidate
    raise ValueError(f"lamina does not know the platform {here[0]} on {here[1]}")


@dataclass(frozen=True, slots=True, order=True)
class PythonSeries:
    """A minor series of CPython, such as 3.12."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> PythonSeries:
        """Read ``3.12``; raises ValueError on anything else."""
        found = re.fullmatch(r"([1-9][0-9]*)\.(0|[1-9][0-9]*)", text)
        if found is None:
            raise ValueError(f"{text!r} is not a Python series such as '3.12'")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFloor:
    """The oldest systems that binary wheels may need."""

    glibc: tuple[int, int] = (2, 28)
    macos: tuple[int, int] = (14, 0)


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One platform with one Python series: what a release is made for."""

    platform: Platform
    python: PythonSeries

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``linux-64/3.12``; raises ValueError on anything else."""
        platform, _, python = text.partition("/")
        return cls(Platform(platform), PythonSeries.parse(python))

    def __str__(self) -> str:
        return f"{self.platform}/{self.python}"

    @property
    def soabi(self) -> str:
        """What CPython of this target calls its ABI in the names of compiled modules."""
        series = f"{self.python.major}{self.python.minor}"
        if self.platform is Platform.WIN_64:
            return f"cp{series}-win_amd64"
        machine = _MARKER_VALUES[self.platform]["platform_machine"]
        system = "darwin" if self.platform.startswith("osx") else f"{machine}-linux-gnu"
        return f"cpython-{series}-{system}"

    def marker_environment(self) -> dict[str, str]:
        """Return the values of the PEP 508 markers; patch level and kernel are taken as newest."""
        return {
            **_MARKER_VALUES[self.platform],
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "implementation_version": f"{self.python}.99",
            "python_version": str(self.python),
            "python_full_version": f"{self.python}.99",
            "platform_release": "",
            "platform_version": "",
            "extra": "",
        }

    def wheel_tags(self, floor: SystemFloor) -> Iterator[tags.Tag]:
        """Yield the wheel tags that install here, best first."""
        platforms = list(_platform_tags(self.platform, floor))
        version = (self.python.major, self.python.minor)
        yield from tags.cpython_tags(version, platforms=platforms)
        yield from tags.compatible_tags(version, f"cp{version[0]}{version[1]}", platforms)


def _platform_tags(platform: Platform, floor: SystemFloor) -> Iterator[str]:
    match platform:
        case Platform.LINUX_64 | Platform.LINUX_AARCH64:
            arch = _MARKER_VALUES[platform]["platform_machine"]
            yield from _manylinux_tags(arch, floor.glibc)
        case Platform.OSX_64 | Platform.OSX_ARM64:
            yield from tags.mac_platforms(floor.macos, _MARKER_VALUES[platform]["platform_machine"])
        case Platform.WIN_64:
            yield "win_amd64"


def _manylinux_tags(arch: str, glibc: tuple[int, int]) -> Iterator[str]:
    """Yield the tags of PEP 600 and its aliases, newest first, then the bare platform."""
    aliases = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
    oldest = 5 if arch == "x86_64" else 17
    for minor in range(glibc[1], oldest - 1, -1):
        yield f"manylinux_2_{minor}_{arch}"
        if alias := aliases.get((2, minor)):
            yield f"{alias}_{arch}"
    yield f"linux_{arch}"
