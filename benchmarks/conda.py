"""Solving, installing and publishing conda packages, against py-rattler called bare.

About 20 packages of a channel that is made on the spot. The other side, where it has a cache of
unpacked packages, makes hard links to it; ours reads, hashes and unpacks every archive each time,
because no release may share a file with a cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import uv

from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.platforms import current_platform
from lamina.stack.files import STACK_NAME

if TYPE_CHECKING:
    from pathlib import Path

WANTED = ("uproot", "iminuit", "hist", "click", "awkward", "numpy")
SPECS = ("python", *WANTED)
CRASHES = frozenset({-6, -11})
"""How py-rattler may end when all is done, because its threads outlive the interpreter."""

_LAMINA = """
import sys
from pathlib import Path
from lamina.engines.conda_boundary import leave
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import SystemFloor, current_platform
channel, cache, prefix, *specs = sys.argv[1:]
platform = current_platform()
floor = SystemFloor(glibc=(2, 99))  # The packages are made on this machine and count on its own.
channels = CondaChannels(addresses=[channel], cache=Path(cache))
virtual = virtual_packages(platform, floor=floor)
found = solve(channels, SolveRequest(specs=specs, platform=platform, virtual=virtual))
if prefix:
    from lamina.core.http import HttpClient
    from lamina.engines.conda_fetch import fetch_archives
    from lamina.engines.conda_install import InstallRequest, install_new
    with HttpClient({}) as http:
        archives = fetch_archives(found, Path(cache), http)
    install_new(InstallRequest(archives=archives, prefix=Path(prefix), platform=platform))
leave(0)
"""
_BARE = """
import asyncio, sys
from pathlib import Path
import rattler
channel, cache, prefix, *specs = sys.argv[1:]
async def main():
    found = await rattler.solve(
        [rattler.Channel(Path(channel).as_uri())],
        [rattler.MatchSpec(one) for one in specs],
        gateway=rattler.Gateway(cache_dir=cache),
        platforms=[rattler.Subdir.current(), rattler.Subdir("noarch")],
        virtual_packages=rattler.VirtualPackage.detect(),
    )
    if prefix:
        await rattler.install(found, target_prefix=prefix, cache_dir=cache, show_progress=False)
asyncio.run(main())
"""


_STACK = """
[stack]
name = "hep-mixed"
version = "1.0"
python = "{series}"
platforms = ["{platform}"]
[resolve]
channels = ["{channel}"]
glibc = "2.99"
[conda]
numpy = "*"
iminuit = "*"
awkward = "*"
[packages]
uproot = "*"
coffea = "*"
"""


def make_channel(work: Path) -> Path:
    """Return a channel of this machine's Python and what a physicist reads data with."""
    channel = work / "channel"
    words: list[str | Path] = ["channel", "bootstrap", channel, *WANTED, "--quiet"]
    subprocess.run([sys.executable, "-m", "lamina", *words], check=True, capture_output=True)
    return channel


def solve(_stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure one solve, with the start of Python in it, on both sides."""
    channel = make_channel(work)

    def side(name: str, script: str) -> Side:
        words: list[str | Path] = [sys.executable, "-c", script, channel, work / name, "", *SPECS]
        return Side(name=name, commands=[words], forgiven=CRASHES)

    sides = [side("lamina", _LAMINA), side("py-rattler", _BARE)]
    return compare("conda solve", sides, rounds=rounds, reference="py-rattler")


def install(_stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure a solve and the installation of its packages into a new prefix."""
    channel = make_channel(work)
    size = sum(one.stat().st_size for one in channel.glob("*/*.conda"))
    packages = len(list(channel.glob("*/*.conda")))

    def side(name: str, script: str, *, anew: bool = False) -> Side:
        cache, prefix = work / f"cache of {name}", work / "prefix"

        def clear() -> None:
            for tree in (prefix, cache) if anew else (prefix,):
                fs.remove_tree(tree)

        words: list[str | Path] = [sys.executable, "-c", script, channel, cache, prefix, *SPECS]
        return Side(name=name, commands=[words], prepare=clear, made=prefix, forgiven=CRASHES)

    sides = [
        side("lamina", _LAMINA),
        side("py-rattler, nothing cached", _BARE, anew=True),
        side("py-rattler, cached", _BARE),
    ]
    title = f"conda install of {packages} packages, {size / 2**20:.0f} MiB packed"
    return compare(title, sides, rounds=rounds, reference="py-rattler, nothing cached")


def _stack_of(directory: Path, channel: Path) -> Path:
    """Write a stack of a channel and the index; return its directory."""
    series = f"{sys.version_info.major}.{sys.version_info.minor}"
    fs.make_directory(directory)
    text = _STACK.format(series=series, platform=current_platform(), channel=channel)
    fs.write_text(directory / STACK_NAME, text)
    return directory


def lock(_stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure locking the mixed stack, and its packages of the index without a channel."""
    channel = make_channel(work)
    mixed = _stack_of(work / "mixed", channel)
    alone = work / "alone"
    fs.make_directory(alone)
    text = (mixed / STACK_NAME).read_text(encoding="utf-8")
    start, end = text.index("[conda]"), text.index("[packages]")
    fs.write_text(alone / STACK_NAME, text[:start] + text[end:])
    command: list[str | Path] = [sys.executable, "-m", "lamina", "lock", "--upgrade", "--quiet"]
    sides = [
        Side(name="both sides", commands=[[*command, "--stack", mixed]]),
        Side(name="the index alone", commands=[[*command, "--stack", alone]]),
    ]
    return compare("lock a mixed stack", sides, rounds=rounds, reference="the index alone")


def realise(_stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure publishing a locked mixed stack against the engines one after the other, compiled."""
    channel, root, prefix = make_channel(work), work / "root", work / "prefix"
    stack = _stack_of(work / "stack", channel)
    lamina = [sys.executable, "-m", "lamina"]
    subprocess.run([*lamina, "lock", "--stack", stack, "--quiet"], check=True)
    lock = load_lock(stack / LOCK_NAME)
    specs = [f"{one.name} =={one.version} {one.build}" for one in lock.conda]
    pins = [f"{one.name}=={one.version}" for one in lock.packages]
    python = prefix / "bin" / "python"
    publish: list[str | Path] = [*lamina, "publish", "--stack", stack, "--root", root]
    publish += ["--no-test", "--quiet"]
    words = ["pip", "install", "--no-deps", "--break-system-packages"]
    bare: list[str | Path] = [sys.executable, "-c", _BARE, channel, work / "cache", prefix]
    sides = [
        Side(name="lamina publish", commands=[publish], prepare=lambda: fs.remove_tree(root)),
        Side(
            name="py-rattler, uv, compileall",
            commands=[
                [*bare, *specs],
                [uv.find_uv_bin(), *words, "--python", python, *pins],
                [python, "-m", "compileall", "-q", "-j", "0", prefix / "lib"],
            ],
            prepare=lambda: fs.remove_tree(prefix),
            environ=os.environ | {"UV_LINK_MODE": "copy"},
            forgiven=frozenset({1, *CRASHES}),
        ),
    ]
    title = f"publish {len(specs)} conda packages and {len(pins)} of the index"
    return compare(title, sides, rounds=rounds, reference="py-rattler, uv, compileall", promise=1.5)
