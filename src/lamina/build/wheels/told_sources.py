"""Sources without their history, that say their version by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core import fs

if TYPE_CHECKING:
    from pathlib import Path


def tell_sources(source: Path, name: str, version: str) -> None:
    """Leave a PKG-INFO in sources where there is none, as a source distribution has it."""
    path = source / "PKG-INFO"
    if not path.exists():
        text = f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n"
        fs.write_text(path, text, durable=False)
