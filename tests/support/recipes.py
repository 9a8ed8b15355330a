"""Recipes for tests, that need neither a compiler nor Python, and sources to make recipes of."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def a_recipe(name: str, version: str = "1.0", **parts: Any) -> dict[str, Any]:
    """Return a recipe that writes one file, with other parts in place of those it has."""
    script = [f"mkdir -p $PREFIX/share && echo $PREFIX > $PREFIX/share/{name}.txt"]
    recipe = {
        "package": {"name": name, "version": version},
        "build": {"script": script},
        "about": {"license": "MIT"},
    }
    return recipe | parts


def write_recipe(top: Path, recipe: Mapping[str, Any] | str, *, name: str = "") -> Path:
    """Write a recipe into a directory of its own below ``top``; return the directory."""
    directory = top / (name or (recipe["package"]["name"] if not isinstance(recipe, str) else ""))
    directory.mkdir(parents=True, exist_ok=True)
    text = recipe if isinstance(recipe, str) else yaml.safe_dump(dict(recipe), sort_keys=False)
    (directory / "recipe.yaml").write_text(text, encoding="utf-8")
    return directory


def sdist_of(name: str, version: str, files: Mapping[str, str], about: str = "") -> bytes:
    """Return a source distribution with some files and headers of its PKG-INFO."""
    head = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n{about}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in {"PKG-INFO": head, **files}.items():
            member = tarfile.TarInfo(f"{name.replace('-', '_')}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
