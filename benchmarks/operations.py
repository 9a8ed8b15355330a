"""What a librarian does with releases that are there: check one, point a tier at it, remove it.

Against the plainest programs that read or write the same files: ``sha256sum``, ``cp -a`` and
``rm -rf``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.sides import Comparison, Side, compare
from lamina.core import fs
from lamina.release.mtree import MTREE_NAME, parse_listing, read_listing
from lamina.stack.files import STACK_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

LAMINA: tuple[str | Path, ...] = (sys.executable, "-m", "lamina")
DAYS = ("2026-06-01", "2026-11-01")


def stack_of(stack: Path, work: Path, day: str) -> Path:
    """Return a directory with the stack as it would have been locked on a day."""
    year, month, _ = day.split("-")
    text = (stack / STACK_NAME).read_text(encoding="utf-8")
    for pattern, line in (
        (r"exclude-newer = \S+", f"exclude-newer = {day}"),
        (r"version = .*", f'version = "{year}.{int(month)}.0"'),
        (r"scikit-hep = .*", 'scikit-hep = "*"'),  # the metapackage has its year in its version
    ):
        text = re.sub(f"(?m)^{pattern}$", line, text)
    directory = work / day
    fs.make_directory(directory)
    fs.write_text(directory / STACK_NAME, text)
    subprocess.run([*LAMINA, "lock", "--stack", directory, "--quiet"], check=True)
    return directory


def publish(directory: Path, root: Path) -> Path:
    """Publish a locked stack and return its prefix."""
    words: list[str | Path] = [
        "publish",
        "--stack",
        directory,
        "--root",
        root,
        "--no-test",
        "--json",
        "--quiet",
    ]
    answer = subprocess.run([*LAMINA, *words], check=True, capture_output=True)
    return Path(json.loads(answer.stdout)["prefix"])


def two_releases(stack: Path, work: Path) -> list[Path]:
    """Publish a stack as of two days and return the prefixes, the older first."""
    return [publish(stack_of(stack, work, day), work / "root") for day in DAYS]


def _about(root: Path, *words: str) -> list[str | Path]:
    return [*LAMINA, "release", *words, "--root", root, "--quiet"]


def verify(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure ``release verify`` against ``sha256sum --check`` of the same files."""
    prefix = two_releases(stack, work)[1]
    listing = prefix / ".lamina" / MTREE_NAME
    entries = parse_listing(read_listing(listing), listing)
    sums = work / "sums"
    sums.write_text(
        "".join(f"{one.sha256}  {path}\n" for path, one in entries.items() if one.kind == "file"),
        encoding="utf-8",
    )
    sides = [
        Side(name="lamina release verify", commands=[_about(work / "root", "verify", stack.name)]),
        Side(
            name="sha256sum --check",
            commands=[["sha256sum", "--check", "--quiet", sums]],
            directory=prefix,
        ),
    ]
    title = f"verify {stack.name}, {len(entries)} entries"
    try:
        return compare(title, sides, rounds=rounds, reference="sha256sum --check")
    finally:
        fs.remove_tree(work / "root")


def tiers(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure ``promote`` and ``rollback`` against copying a release, as is done by hand."""
    older, newer = two_releases(stack, work)
    root, copy = work / "root", work / "copy"

    def promotion(prefix: Path) -> list[str | Path]:
        return _about(root, "promote", f"{stack.name}/{prefix.parent.name}", "--tier", "stable")

    def promoted(*prefixes: Path) -> None:
        for prefix in prefixes:
            subprocess.run(promotion(prefix), check=True, stdout=subprocess.DEVNULL)

    sides = [
        Side(
            name="lamina release promote",
            commands=[promotion(newer)],
            prepare=lambda: promoted(older),
        ),
        Side(
            name="lamina release rollback",
            commands=[_about(root, "rollback", f"{stack.name}@stable")],
            prepare=lambda: promoted(older, newer),
        ),
        Side(name="python -c pass", commands=[[sys.executable, "-c", "pass"]]),
        Side(
            name="cp -a",
            commands=[["cp", "-a", newer, copy]],
            prepare=lambda: fs.remove_tree(copy),
        ),
    ]
    try:
        return compare(f"move a tier of {stack.name}", sides, rounds=rounds, reference="cp -a")
    finally:
        fs.remove_tree(root)
        fs.remove_tree(copy)


def collect(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure ``release gc`` of one of two releases against ``rm -rf`` of the same."""
    older, _ = two_releases(stack, work)
    root, scratch = work / "root", work / "scratch"
    inside = scratch / older.relative_to(root)

    def again() -> None:
        fs.remove_tree(scratch)
        subprocess.run(["cp", "-a", root, scratch], check=True)

    sides = [
        Side(
            name="lamina release gc",
            commands=[_about(scratch, "gc", "--keep", "1")],
            prepare=again,
        ),
        Side(
            name="rm -rf",
            commands=[["chmod", "-R", "u+w", inside], ["rm", "-rf", inside]],
            prepare=again,
        ),
    ]
    try:
        return compare(
            f"remove a release of {stack.name}", sides, rounds=rounds, reference="rm -rf"
        )
    finally:
        fs.remove_tree(root)
        fs.remove_tree(scratch)


REQUESTS = Path(__file__).with_name("requests.txt")


def share_layers(asked: Sequence[Sequence[str]], on: Path, root: Path, shared: Path) -> None:
    """Make a layer over a release for each of some requests, and share it."""
    place = shared.with_name("layer")
    release = f"{on.parent.parent.name}/{on.parent.name}"
    for words in asked:
        commands: list[list[str | Path]] = [
            ["create", place, "--on", release, "--root", root],
            ["add", place, *words],
            ["share", place, "--to", shared],
        ]
        for command in commands:
            subprocess.run([*LAMINA, "layer", *command], check=True, capture_output=True)
        fs.remove_tree(place)


def impact(stack: Path, work: Path, rounds: int) -> Comparison:
    """Measure what a release means for fifty layers against one resolution by uv for each."""
    import uv

    older, newer = two_releases(stack, work)
    root, shared = work / "root", work / "shared"
    fs.make_directory(shared)
    asked = [line.split() for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    share_layers(asked, older, root, shared)
    python = newer / "bin" / "python"
    pins = work / "pins.txt"
    frozen: list[str | Path] = [
        uv.find_uv_bin(),
        "pip",
        "freeze",
        "--python",
        python,
        "--no-config",
    ]
    pins.write_bytes(subprocess.run(frozen, check=True, capture_output=True).stdout)
    alone: list[list[str | Path]] = []
    for number, words in enumerate(asked):
        question = work / f"question-{number}.in"
        question.write_text("\n".join([*words, f"-r {pins}"]) + "\n", encoding="utf-8")
        quiet: list[str | Path] = [
            "--quiet",
            "--no-config",
            "--no-header",
            "--output-file",
            work / "answer.txt",
        ]
        alone.append([uv.find_uv_bin(), "pip", "compile", question, "--python", python, *quiet])
    release = f"{stack.name}/{newer.parent.name}"
    ours = [*LAMINA, "release", "impact", release, "--layers", shared, "--root", root]
    sides = [
        Side(name="lamina release impact", commands=[ours], forgiven=frozenset({4})),
        Side(name="uv pip compile, one by one", commands=alone, forgiven=frozenset({1})),
    ]
    title = f"impact of {release} on {len(asked)} layers"
    try:
        return compare(title, sides, rounds=rounds, reference="uv pip compile, one by one")
    finally:
        shutil.rmtree(shared)
        fs.remove_tree(root)
