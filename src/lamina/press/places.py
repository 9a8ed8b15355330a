"""Where the files of a conda package go in a wheel."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import IntegrityError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from lamina.archive.package import PathEntry
    from lamina.press.conda_package import CondaPackage

_OF_INSTALLERS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json"})
_LIBRARY = re.compile(r"lib/[^/]+\.so(?:\.[\d.]+)?")
_HOOK = re.compile(r"bin/\.[^/]+-(?:post-link|pre-link|pre-unlink)\.(?:sh|bat)")
_PYTHON = re.compile(rb"\A#!\S*/python[\d.]*w?(?=\s|$)")


@dataclass(slots=True, kw_only=True)
class Staged:
    """The tree of a wheel before its metadata is written."""

    top: Path
    data: str
    """The name of its .data directory."""
    files: list[str] = field(default_factory=list)
    """Everything in it, by its place."""
    libraries: list[str] = field(default_factory=list)
    """Shared libraries in lib/ of the package: for those that need them, or for nobody."""
    info: str = ""
    """The .dist-info in the package, as it is called there."""
    warnings: list[str] = field(default_factory=list)


def stage_files(package: CondaPackage, top: Path, data: str, programs: Collection[str]) -> Staged:
    """Copy the files of a package to their places in a wheel; those that installers make stay.

    ``programs`` are the names of entry points. Raises NotSupportedError for what no wheel can have,
    IntegrityError for modules of more than one distribution.
    """
    staged = Staged(top=top, data=data, info=info_of(package))
    prefixed: list[str] = []
    for entry in package.contents.paths:
        place = None if entry.kind == "directory" else _place(entry.path, package, staged, programs)
        if place is None:
            continue
        source = package.top / entry.path
        if not source.is_file():
            staged.warnings.append(f"{entry.path}: a link to no file of the package, left out")
            continue
        if not _copy(source, top / place, entry):
            prefixed.append(entry.path)
        staged.files.append(place)
    if prefixed:
        refuse_prefix(package, prefixed)
    return staged


def refuse_prefix(package: CondaPackage, files: list[str]) -> None:
    """Raise NotSupportedError for files that name the prefix, which no wheel knows."""
    shown = ", ".join(files[:5]) + (" ..." if len(files) > 5 else "")
    raise NotSupportedError(
        f"{package.contents.file}: {shown}: names the prefix it is installed into, and a wheel has "
        "none; only the first lines of scripts and the search paths of libraries are rewritten"
    )


def info_of(package: CondaPackage) -> str:
    """Return the one .dist-info of a package, empty where it has none."""
    found = set()
    for entry in package.contents.paths:
        top, _, rest = entry.path.removeprefix(package.site).partition("/")
        if entry.path.startswith(package.site) and top.endswith(".dist-info") and rest:
            found.add(top)
    if len(found) > 1:
        listed = ", ".join(sorted(found))
        raise IntegrityError(f"{package.contents.file}: has {listed}, and a wheel has one of them")
    return found.pop() if found else ""


def _place(
    path: str, package: CondaPackage, staged: Staged, programs: Collection[str]
) -> str | None:
    if path.startswith(package.site):
        return _in_site(path.removeprefix(package.site), staged)
    if re.match(r"lib/python3\.\d+/", path):
        raise NotSupportedError(f"{package.contents.file}: {path} is a part of Python itself")
    directory, _, name = path.rpartition("/")
    if directory in {"bin", "python-scripts"}:
        if _HOOK.fullmatch(path):
            staged.warnings.append(f"{path}: pip runs nothing when it installs; left out")
            return None
        return None if name in programs else f"{staged.data}/scripts/{name}"
    if _LIBRARY.fullmatch(path):
        staged.libraries.append(path)
        return None
    if path.startswith(("etc/conda/", "conda-meta/", "Menu/")):
        staged.warnings.append(f"{path}: only conda uses it; left out")
        return None
    return f"{staged.data}/data/{path}"


def _in_site(path: str, staged: Staged) -> str | None:
    top, _, rest = path.partition("/")
    if path.endswith((".pyc", ".pyo")) or ".egg-info" in top:
        return None
    if top == staged.info:
        return None if rest in _OF_INSTALLERS else path
    if top == staged.data or top.endswith(".data"):
        raise NotSupportedError(f"{path}: an installer would take that for files of the wheel")
    return path


def _copy(source: Path, target: Path, entry: PathEntry) -> bool:
    """Copy a file, with a first line that installers fill in; False where it names the prefix."""
    data = source.read_bytes()
    mode = 0o755 if source.stat().st_mode & 0o111 else 0o644
    if target.parent.name == "scripts" and target.parent.parent.name.endswith(".data"):
        data, mode = _PYTHON.sub(b"#!python", data, count=1) if data[:2] == b"#!" else data, 0o755
    fs.make_directory(target.parent)
    fs.write_bytes(target, data, mode=mode, durable=False)
    elf = data[:4] == b"\x7fELF"  # looked at again when its search path is rewritten
    return elf or not entry.placeholder or entry.placeholder.encode() not in data
