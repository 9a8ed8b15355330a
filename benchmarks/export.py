"""Packing and unpacking a release against conda-pack and against tar and zstd.

conda-pack wants a conda prefix: the release is one, with an interpreter of its own, once it has a
``conda-meta``. It reads the same files, looks for the prefix in them as we do, and compares none
with a digest; of zstd it takes level 9 with one thread, of gzip level 4. Next to the times, the
bytes that each side has made, its processor time, and the most memory that it had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from benchmarks.export_forms import forms, needs
from benchmarks.operations import LAMINA
from benchmarks.operations import publish as published
from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.stack.files import STACK_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMISE = 1 / 3
"""Of the time of conda-pack, for an archive that is no larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """Both comparisons, and what each way of packing has made and needed."""

    packing: Comparison
    unpacking: Comparison
    forms: Sequence[Comparison] = ()
    """What else a release leaves as."""
    made: Sequence[str] = ()
    """What each way of packing has made and needed, as text."""

    def lines(self) -> list[str]:
        """Return it as text."""
        return [
            *self.packing.lines(),
            *self.made,
            *self.unpacking.lines(),
            *(line for one in self.forms for line in one.lines()),
        ]


def run(stack: Path, work: Path, rounds: int) -> Shipping:
    """Measure for the stack in a directory, published with its interpreter inside."""
    prefix = _published(stack, work)
    conda = _conda_pack(work)
    packs = _packing(prefix, conda, work)
    title = f"pack {stack.name}, {_size(prefix) / 1e6:.0f} MB"
    packing = compare(title, packs, rounds=rounds, reference="conda-pack tar.zst", promise=PROMISE)
    return Shipping(
        packing=packing,
        made=[needs(one, _archive(one, work)) for one in packs],
        unpacking=compare(
            f"unpack {stack.name}", _unpacking(work), rounds=rounds, reference="conda-pack tar.zst"
        ),
        forms=forms(prefix, work, rounds),
    )


def _published(stack: Path, work: Path) -> Path:
    """Publish with the interpreter inside; return the prefix."""
    directory = work / "stack"
    fs.make_directory(directory)
    text = (stack / STACK_NAME).read_text(encoding="utf-8")
    if "bundle = true" not in text:
        text = text.replace("[stack]\n", "[stack]\nbundle = true\n", 1)
    fs.write_text(directory / STACK_NAME, text)
    if (lock := stack / "lamina.lock").is_file():
        shutil.copy(lock, directory)
    subprocess.run([*LAMINA, "lock", "--stack", directory, "--quiet"], check=True)
    return published(directory, work / "root")


def _conda_pack(work: Path) -> Path:
    """Return conda-pack in an environment of its own."""
    venv = work / "conda-pack"
    environ = os.environ | {"VIRTUAL_ENV": str(venv)}
    for words in (
        ["venv", "--quiet", str(venv)],
        ["pip", "install", "--quiet", "conda-pack", "zstandard"],
    ):
        subprocess.run([uv.find_uv_bin(), *words], check=True, env=environ)
    return venv / "bin" / "conda-pack"


def _size(top: Path) -> int:
    return sum((one.lstat().st_size for one in top.rglob("*") if one.is_file()), 0)


def _packing(prefix: Path, conda: Path, work: Path) -> list[Side]:
    looks = work / "as-conda"
    subprocess.run(["cp", "-a", prefix, looks], check=True)
    fs.set_mode(looks, 0o755)
    fs.make_directory(looks / "conda-meta")
    fs.write_text(looks / "conda-meta" / "history", "")
    found = []
    for form in ("tar.zst", "tar.gz", "zip"):
        ours, theirs = work / f"ours.{form}", work / f"theirs.{form}"
        found += [
            _side(
                f"lamina {form}",
                [*LAMINA, "export", prefix, "--as", "pack", "-o", ours, "--quiet"],
                ours,
            ),
            _side(
                f"conda-pack {form}",
                [conda, "--quiet", "--zip-symlinks", "-p", looks, "-o", theirs],
                theirs,
            ),
        ]
    plain = work / "plain.tar.zst"
    words: list[str | Path] = ["tar", "-C", prefix, "-I", "zstd -9 -T2", "-cf", plain, "."]
    return [*found, _side("tar | zstd -9 -T2", words, plain)]


def _side(name: str, words: Sequence[str | Path], made: Path) -> Side:
    return Side(name=name, commands=[words], prepare=lambda: fs.remove_file(made))


def _archive(side: Side, work: Path) -> Path:
    """Return the archive that a side writes."""
    [words] = side.commands
    [archive] = [one for one in words if str(one).startswith(str(work)) and _is_archive(one)]
    return Path(archive)


def _is_archive(word: str | Path) -> bool:
    return str(word).endswith((".tar.zst", ".tar.gz", ".zip"))


def _unpacking(work: Path) -> list[Side]:
    sides = []
    for name, archive, program in (
        ("lamina tar.zst", "ours.tar.zst", "bin/lamina-unpack"),
        ("conda-pack tar.zst", "theirs.tar.zst", "bin/conda-unpack"),
        ("tar alone", "plain.tar.zst", None),
    ):
        top = work / "there" / name.replace(" ", "-")

        def prepare(top: Path = top) -> None:
            fs.remove_tree(top)
            fs.make_directory(top)

        command: list[str | Path] = ["tar", "-C", top, "-xf", work / archive]
        after: list[list[str | Path]] = []
        if program == "bin/conda-unpack":
            # Its first line names a Python on PATH, as an activated environment has one.
            after = [[next((work / "as-conda").glob("python/bin/python3")), top / program]]
        elif program:
            after = [[top / program]]
        sides.append(Side(name=name, commands=[command, *after], prepare=prepare))
    return sides
