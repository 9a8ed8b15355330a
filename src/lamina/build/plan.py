"""What becomes of each output of some recipes: built, up to date, skipped, or not to be had."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lamina.archive.reading import members_of
from lamina.build.graph import order
from lamina.build.recipe_files import digest_of
from lamina.core.errors import ConflictError, UnsatisfiableError
from lamina.engines.conda_build import render, required_name
from lamina.engines.conda_solve import query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.build.graph import Graph
    from lamina.engines.conda_build import Output, Rendering
    from lamina.engines.conda_solve import CondaChannels
    from lamina.model.digests import Sha256

Fate = Literal["build", "up to date", "skipped", "conflict"]
DIGEST = "lamina-recipe-digest"
"""In ``extra`` of info/about.json: what the package was made of."""
_SECTIONS = ("build", "host", "run")
_COMPILER = re.compile(r"^\S+_(?:linux|osx|win)-\S+ \(", re.MULTILINE)
_NO_COMPILER = "--system-compilers takes the compilers of this machine"
_NOT_THERE = (
    "what the index has as wheels becomes packages: lamina channel bootstrap CHANNEL NAME..."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An output and what becomes of it."""

    output: Output
    fate: Fate
    digest: Sha256
    missing: tuple[str, ...] = ()
    """``NAME (SECTION)`` of what it needs, and no channel has and no recipe makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All outputs in the order in which they are built."""

    planned: Sequence[Planned]
    graph: Graph

    def check(self) -> None:
        """Raise for what cannot be built: ConflictError, UnsatisfiableError that names who asks."""
        if taken := [one.output for one in self.planned if one.fate == "conflict"]:
            lines = [f"{one.subdir}/{one.stem}.conda ({one.recipe})" for one in taken]
            raise ConflictError(
                "in the channel already, and made of something else:\n  " + "\n  ".join(lines),
                hints=["raise build.number in the recipe"],
            )
        if lacking := [one for one in self.planned if one.missing]:
            text = "\n".join(lack_of(one) for one in lacking)
            hints = [_NO_COMPILER] if _COMPILER.search(text) else [_NOT_THERE]
            raise UnsatisfiableError(text, hints=hints)


def lack_of(planned: Planned) -> str:
    """Return what an output needs that nobody has, in words."""
    who = f"asked by {planned.output.stem} in {planned.output.recipe}"
    return "\n".join(f"{one}: no channel and no recipe has it; {who}" for one in planned.missing)


def plan(
    recipes: Iterable[Path],
    rendering: Rendering,
    *,
    channel: Path,
    channels: CondaChannels,
    tested: bool,
    environ: Mapping[str, str],
) -> Plan:
    """Render recipes and find what there is to do; nothing is built.

    ``channel`` gets the packages, ``channels`` are where requirements come from. Raises
    DocumentError, UnsatisfiableError for a cycle, UpstreamUnavailableError.
    """
    rendered = render(recipes, rendering, environ)
    graph = order([one for one in rendered if not one.skipped], tested=tested)
    skipped = [one for one in rendered if one.skipped]
    missing = _missing(graph.outputs, channels, rendering)
    planned = [
        _planned(one, channel, missing.get(one.stem, ())) for one in (*graph.outputs, *skipped)
    ]
    return Plan(planned=planned, graph=graph)


def _planned(output: Output, channel: Path, missing: Sequence[str]) -> Planned:
    digest = digest_of(output)
    fate = "skipped" if output.skipped else _fate(output, channel, digest)
    lacking = tuple(missing) if fate == "build" else ()
    return Planned(output=output, fate=fate, digest=digest, missing=lacking)


def _fate(output: Output, channel: Path, digest: Sha256) -> Fate:
    archive = channel / output.subdir / f"{output.stem}.conda"
    if not archive.is_file():
        return "build"
    return "up to date" if _made_of(archive) == digest else "conflict"


def _made_of(archive: Path) -> str:
    """Return the digest of what a package was made of; empty where it does not say."""
    for name, _, stream in members_of(archive, ("info",)):
        if name == "info/about.json" and stream is not None:
            about = json.loads(stream.read())
            return str((about.get("extra") or {}).get(DIGEST, ""))
    return ""


def _missing(
    outputs: Sequence[Output], channels: CondaChannels, rendering: Rendering
) -> dict[str, list[str]]:
    """Return by stem what an output needs and nobody has."""
    made = {one.name for one in outputs}
    asked: dict[str, list[tuple[str, str]]] = {}
    for one in outputs:
        for section in _SECTIONS:
            for spec in one.requirements(section):
                name = required_name(spec)
                if name and name not in made and not name.startswith("__"):
                    asked.setdefault(name, []).append((one.stem, section))
    if not asked:
        return {}
    there = {one.name for one in query(channels, sorted(asked), rendering.build_platform)}
    if rendering.platform != rendering.build_platform:
        there |= {one.name for one in query(channels, sorted(asked), rendering.platform)}
    found: dict[str, list[str]] = {}
    for name in sorted(set(asked) - there):
        for stem, section in asked[name]:
            found.setdefault(stem, []).append(f"{name} ({section})")
    return found
