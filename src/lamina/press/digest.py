"""What stands for the content of a package in its build string."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from lamina.core import fs


def content_digest(stage: Path, about: Any = None) -> str:
    """Return seven characters that stand for a tree and what is said about it."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for directory, directories, files in os.walk(stage):
        directories.sort()
        for name in sorted(files):
            path = Path(directory) / name
            link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115
            content = "" if link else fs.sha256_of(path)
            mode = 0 if link else path.stat().st_mode & 0o111
            line = f"{path.relative_to(stage)}\0{link}\0{content}\0{bool(mode)}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:7]
