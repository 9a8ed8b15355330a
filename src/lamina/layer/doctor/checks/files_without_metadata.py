"""Modules in site-packages that no distribution says are its own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind, listed
from lamina.layer.doctor.mending import move_away
from lamina.layer.doctor.places import inside
from lamina.layer.ownership import HOOK, INDEX_HOOK
from lamina.release.start_index import MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.installed import Directory
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="files-without-metadata",
    why="No program knows their version, replaces or removes them, so they stay, and are imported "
    "in the place of what is installed later.",
)
_OURS = (f"{HOOK}.py", f"{INDEX_HOOK}.py", *MODULES)
_KNOWN = {"sitecustomize", "usercustomize", "_distutils_hack", *(Path(one).stem for one in _OURS)}
_IMPORTS = re.compile(r"^import\s+(\w+)", re.MULTILINE)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield one finding for each site-packages directory of the environment's own."""
    for directory in patient.directories:
        own = directory.path in patient.sites and inside(directory.path, patient.prefix)
        if not own or not directory.path.endswith("/site-packages"):
            continue
        owned = _owned(directory)
        stray = [one for one in directory.names if _is_stray(one, directory, owned)]
        if stray and patient.is_conda:
            owned = {Path(path).name for path in _of_conda(patient, directory)}
            stray = [one for one in stray if one not in owned]
        if stray:
            what = f"{directory.path} has modules of no distribution: {listed(stray)}"
            paths = [f"{directory.path}/{one}" for one in stray]
            yield KIND.found(what, move_away(*paths), *paths)


def _is_stray(name: str, directory: Directory, owned: set[str]) -> bool:
    module = name.partition(".")[0]
    if module not in directory.modules or module in _KNOWN or module.startswith("__editable__"):
        return False
    if name != module and not name.endswith((".py", ".so", ".pyd")):
        return False
    return not owned & {name, module}


def _owned(directory: Directory) -> set[str]:
    """Return the names at the top of a directory that are accounted for."""
    owned = {top for copy in directory.copies for top in copy.tops}
    for copy in directory.copies:
        if not copy.tops:  # It does not say: what is called like it may be its own.
            owned |= {copy.name, copy.key.replace("-", "_")}
    owned |= {one.partition("-")[0] for one in (*directory.broken, *directory.names) if "-" in one}
    for name in directory.names:
        if name.endswith(".pth"):
            owned |= set(_IMPORTS.findall(_text(Path(directory.path, name))))
    return owned


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _of_conda(patient: Patient, directory: Directory) -> Iterator[str]:
    """Yield the files and directories at the top of a directory that conda has put there."""
    site = os.path.relpath(directory.path, patient.prefix) + "/"
    for package in patient.conda:
        for path in package.files:
            if path.startswith(site):
                yield site + path.removeprefix(site).partition("/")[0]


CHECK = Check(kind=KIND, find=find)
