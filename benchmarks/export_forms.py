"""Installers, file systems and images of a release against the plain tools that make such files.

Those look for no prefix, compare nothing with a digest, and make what works at its own place only.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.memory import measured
from benchmarks.operations import LAMINA
from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Words = list["str | Path"]


def forms(prefix: Path, work: Path, rounds: int) -> list[Comparison]:
    """Measure every form whose plain tools are there."""
    release: Words = [prefix.parents[1].name, "--root", prefix.parents[3], "--quiet"]

    def export(form: str, made: Path, *options: str) -> Side:
        words: Words = [*LAMINA, "export", *release, "--as", form, "-o", made, *options]
        return Side(name=f"lamina {made.name}", commands=[words], prepare=_removing(made))

    found = [_installer(export, work, rounds)]
    if shutil.which("mksquashfs"):
        plain = work / "plain.sqfs"
        words: Words = ["mksquashfs", prefix, plain, "-quiet", "-no-progress", "-no-xattrs"]
        words += ["-comp", "zstd", "-Xcompression-level", "9", "-mem", "128M"]
        sides = [
            export("squashfs", work / "ours.sqfs"),
            Side(name="mksquashfs", commands=[words], prepare=_removing(plain)),
        ]
        found.append(compare("squashfs", sides, rounds=rounds, reference="mksquashfs"))
    if shutil.which("umoci"):
        plain = work / "plain-image"
        image = f"{plain}:it"
        inserted: list[Words] = [
            ["umoci", "init", "--layout", plain],
            ["umoci", "new", "--image", image],
            ["umoci", "insert", "--rootless", "--image", image, prefix, "/release"],
        ]
        sides = [
            export("oci", work / "ours-image", "--compression", "gzip"),
            export("oci", work / "ours-image-zstd", "--compression", "zstd"),
            Side(name="umoci insert", commands=inserted, prepare=_removing(plain)),
        ]
        found.append(compare("image", sides, rounds=rounds, reference="umoci insert"))
    return found


def _installer(export: Callable[..., Side], work: Path, rounds: int) -> Comparison:
    """Compare making an installer and installing it with packing and unpacking by hand."""
    script, archive = work / "ours.sh", work / "by-hand.tar.gz"
    there, other = work / "installed", work / "unpacked"
    installing: Words = ["sh", script, "-b", "-s", "-p", there]
    pack = export("pack", archive)
    unpacking: list[Words] = [["tar", "-C", other, "-xf", archive], [other / "bin/lamina-unpack"]]

    def fresh() -> None:
        fs.remove_tree(other)
        fs.make_directory(other)

    sides = [
        export("installer", script),
        pack,
        Side(name="install", commands=[installing], prepare=_removing(there)),
        Side(name="unpack by hand", commands=unpacking, prepare=fresh),
    ]
    return compare("installer", sides, rounds=rounds, reference=pack.name)


def _removing(path: Path) -> Callable[[], None]:
    def remove() -> None:
        if path.is_dir():
            fs.remove_tree(path)
        fs.remove_file(path)
        fs.remove_file(path.with_suffix(".run"))

    return remove


def needs(side: Side, made: Path) -> str:
    """Run a side twice more: bytes, processor time, memory, and whether its bytes are the same."""
    kept = made.with_name(f"{made.name}.kept")
    _removing(kept)()
    for turn in range(2):
        side.prepare()
        used = [measured(*words, environ=os.environ) for words in side.commands]
        if any(one.code for one in used):
            return f"{side.name} failed: {used[-1].said[-200:]}"
        if not turn:
            made.rename(kept)
    again = "the same bytes" if same(made, kept) else "other bytes"
    seconds, peak = sum(one.seconds for one in used), max(one.peak for one in used)
    size = bytes_of(made)
    _removing(kept)()
    return (
        f"  {side.name:28} {size / 1e6:8.1f} MB  processor {seconds:6.1f} s"
        f"  memory {peak / 1e6:5.0f} MB  again: {again}"
    )


def bytes_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory."""
    files: Sequence[Path] = [path] if path.is_file() else list(path.rglob("*"))
    return sum(one.lstat().st_size for one in files if one.is_file())


def same(one: Path, other: Path) -> bool:
    """Tell whether two files, or all files of two directories, have the same bytes."""
    if one.is_file():
        return filecmp.cmp(one, other, shallow=False)
    names = [
        sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file())
        for top in (one, other)
    ]
    return names[0] == names[1] and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in names[0]
    )
