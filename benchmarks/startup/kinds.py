"""What the files of a start are: where its calls and requests go."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.startup.calls import Call

KINDS = (
    "directories",
    "modules of the standard library",
    "modules of packages",
    "shared objects",
    "packages tried as shared objects",
    "libraries looked for in vain",
    "metadata of distributions",
    "data files",
    "the interpreter",
    "names that are not there",
)
SHARED = re.compile(r"\.so(\.[\d.]+)?$")
CODE = re.compile(r"\.(py|pyc)$")


def kind_of(path: Path) -> str:
    """Return the kind of what a path names, or would name."""
    text = str(path)
    if path.name.startswith("__init__.") and SHARED.search(text):
        return "packages tried as shared objects"
    if "glibc-hwcaps" in text or (SHARED.search(text) and not path.exists()):
        return "libraries looked for in vain"
    if ".dist-info" in text:
        return "metadata of distributions"
    if SHARED.search(text):
        return "shared objects"
    if CODE.search(text):
        packages = "site-packages" in text
        return "modules of packages" if packages else "modules of the standard library"
    if path.is_dir():
        return "directories"
    if not path.exists():
        return "names that are not there"
    start = path.parent.name == "bin" or path.name == "pyvenv.cfg"
    return "the interpreter" if start else "data files"


def of_calls(calls: Iterable[Call]) -> Counter[str]:
    """Count calls by kind of file."""
    return _counted(call.path for call in calls)


def of_requests(prefix: Path, log: Path) -> Counter[str]:
    """Count the requests in a log of a mounted prefix; those that do not wait are left out."""
    with log.open(encoding="utf-8", errors="surrogateescape") as lines:
        words = (line.rstrip("\n").split(" ", 1) for line in lines)
        return _counted(f"{prefix}/{path}" for request, path in words if request != "IOCTL")


def _counted(paths: Iterable[str]) -> Counter[str]:
    remembered: dict[str, str] = {}
    found: Counter[str] = Counter()
    for path in paths:
        if path not in remembered:
            remembered[path] = kind_of(Path(path))
        found[remembered[path]] += 1
    return found
