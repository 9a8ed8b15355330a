"""Tags of wheels in the words of conda: which subdirectory, which Pythons, which C library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.tags import parse_tag

from lamina.model.platforms import Platform, PythonSeries

if TYPE_CHECKING:
    from collections.abc import Iterable

Abi = Literal["none", "stable", "exact"]
"""No module is compiled, compiled for the stable ABI (abi3), for one series."""
_LINUX = re.compile(r"(?:linux|manylinux1|manylinux2010|manylinux2014|manylinux_2_\d+)_(\w+)")
_GLIBC = re.compile(r"manylinux_2_(\d+)_")
_ALIASES = {"manylinux1_": 5, "manylinux2010_": 12, "manylinux2014_": 17}
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
_MACHINES: dict[tuple[str, str], tuple[Platform, ...]] = {
    ("linux", "x86_64"): (Platform.LINUX_64,),
    ("linux", "aarch64"): (Platform.LINUX_AARCH64,),
    ("macosx", "x86_64"): (Platform.OSX_64,),
    ("macosx", "arm64"): (Platform.OSX_ARM64,),
    ("macosx", "universal2"): (Platform.OSX_64, Platform.OSX_ARM64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """For what a wheel was built."""

    abi: Abi
    series: PythonSeries | None
    """Of CPython: the one (exact), or the oldest (stable, and none where the tags say one)."""
    platforms: tuple[Platform, ...]
    """Empty: any."""
    system: tuple[str, ...] = ()
    """The oldest system that it runs on, as a MatchSpec."""

    @property
    def pure(self) -> bool:
        """Whether it is for every machine."""
        return not self.platforms


def build_of(tags: Iterable[str]) -> Build:
    """Return for what a wheel of some tags is; raises ValueError for what conda has not."""
    found = sorted({one for tag in tags for one in parse_tag(tag)}, key=str)
    if not found:
        raise ValueError("it has no tag")
    if not any(re.fullmatch(r"py3\d*|cp3\d+", one.interpreter) for one in found):
        raise ValueError(f"for {found[0].interpreter}, and only CPython 3 is known")
    names = {one.platform for one in found}
    platforms = tuple(dict.fromkeys(p for name in sorted(names) for p in platforms_of(name)))
    if "any" not in names and not platforms:
        raise ValueError(f"for {', '.join(sorted(names))}, which is no platform of ours")
    abi, series = _abi({(one.interpreter, one.abi) for one in found})
    return Build(abi=abi, series=series, platforms=platforms, system=_system(names))


def platforms_of(tag: str) -> tuple[Platform, ...]:
    """Return the platforms of a platform tag; empty for any, and for what is none of ours."""
    if tag == "win_amd64":
        return (Platform.WIN_64,)
    if found := _LINUX.fullmatch(tag):
        return _MACHINES.get(("linux", found[1]), ())
    if found := _MACOS.fullmatch(tag):
        return _MACHINES.get(("macosx", found[3]), ())
    return ()


def _abi(pairs: set[tuple[str, str]]) -> tuple[Abi, PythonSeries | None]:
    series = {_series(interpreter) for interpreter, _ in pairs if interpreter.startswith("cp3")}
    oldest = min((one for one in series if one is not None), default=None)
    abis = {abi for _, abi in pairs}
    if abis == {"none"}:
        return "none", oldest
    if "abi3" in abis:
        return "stable", oldest
    exact = {f"{one}" for one in series}
    if len(exact) != 1 or any(not re.fullmatch(r"cp3\d+", abi) for abi in abis):
        raise ValueError(f"for the ABI {', '.join(sorted(abis))}, which conda has no package for")
    return "exact", oldest


def _series(interpreter: str) -> PythonSeries | None:
    found = re.fullmatch(r"cp(3)(\d+)", interpreter)
    return PythonSeries(int(found[1]), int(found[2])) if found else None


def _system(names: Iterable[str]) -> tuple[str, ...]:
    """Return the oldest C library or macOS that any of the tags is for."""
    glibc, macos = [], []
    for name in names:
        glibc += [int(minor) for minor in _GLIBC.findall(name)]
        glibc += [minor for alias, minor in _ALIASES.items() if name.startswith(alias)]
        macos += [(int(a), int(b)) for a, b, _ in _MACOS.findall(name)]
    if glibc:
        return (f"__glibc >=2.{min(glibc)}",)
    return (f"__osx >={min(macos)[0]}.{min(macos)[1]}",) if macos else ()
