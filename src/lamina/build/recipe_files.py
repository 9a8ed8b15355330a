"""Recipes in directories, and the digest that stands for what one of their outputs is made of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import UsageError
from lamina.model.digests import digest_of_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lamina.engines.conda_build import Output
    from lamina.model.digests import Sha256

NAME = "recipe.yaml"
_ITSELF = frozenset({NAME, "variants.yaml"})
"""Of the recipe and its variants it counts what they come to, not how they are written."""
_NOT_SOURCES = frozenset({".git", "__pycache__"})
_SCHEMA = 1


def find_recipes(places: Iterable[Path]) -> list[Path]:
    """Return the recipes in directories: of each, its own or those of the directories in it.

    A feedstock, whose recipe is in ``recipe/``, counts as one. Raises UsageError where none is.
    """
    found: list[Path] = []
    for place in places:
        here = list(_recipes(place))
        if not here:
            raise UsageError(
                f"{place}: no {NAME} in it, and in no directory in it",
                hints=[f"lamina recipe PACKAGE -o {place}"],
            )
        found += here
    return list(dict.fromkeys(found))


def _recipes(place: Path) -> Iterator[Path]:
    if place.name == NAME and place.is_file():
        yield place.resolve()
    elif own := _own(place):
        yield own
    elif place.is_dir():
        yield from (own for one in sorted(place.iterdir()) if (own := _own(one)))


def _own(directory: Path) -> Path | None:
    for path in (directory / NAME, directory / "recipe" / NAME):
        if path.is_file():
            return path.resolve()
    return None


def digest_of(output: Output) -> Sha256:
    """Return what stands for an output: its recipe without templates, its variant, its files.

    Sources that are fetched count by the digests that the recipe has of them.
    """
    directory = output.recipe.parent
    paths = [directory / one["path"] for one in output.sources() if one.get("path")]
    return digest_of_value(
        {
            "schema": _SCHEMA,
            "recipe": dict(output.rendered),
            "variant": dict(output.variant),
            "files": [one for one in _files(directory) if one[0] not in _ITSELF],
            "sources": [list(_files(path.resolve())) for path in paths],
        }
    )


def _files(top: Path) -> Iterator[tuple[str, str]]:
    """Yield the files below a directory, or the one file, each with what stands for its content."""
    if not top.is_dir():
        yield "", fs.sha256_of(top) if top.is_file() else ""
        return
    for directory, directories, files in os.walk(top):
        directories[:] = sorted(set(directories) - _NOT_SOURCES)
        for name in sorted(files):
            path = top.__class__(directory, name)
            below = path.relative_to(top).as_posix()
            if path.is_symlink():
                yield below, f"-> {os.readlink(path)}"  # noqa: PTH115
            elif path.is_file():
                executable = "x" if os.access(path, os.X_OK) else "-"
                yield below, f"{executable}{fs.sha256_of(path)}"
