"""Installed distributions as conda packages: for every Python where they can be, or for one."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.archive.members import unsafe_name
from lamina.archive.package import PLACEHOLDER, Package
from lamina.archive.writing import write_conda
from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.press.digest import content_digest
from lamina.press.names import conda_name
from lamina.press.needs import Reckoner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from email.message import Message
    from pathlib import Path

    from lamina.model.platforms import Target
    from lamina.press.distribution import Distribution

_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Of .dist-info: what tells of the machine that it was installed on."""
_FUNCTION = re.compile(r"[\w.]+ *: *[\w.]+")
_LICENCE = re.compile(r"(?i)(?:licen[cs]e|copying|notice|authors)\b.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaging:
    """What all packages that are made of one environment have in common."""

    target: Target
    moment: datetime
    names: Mapping[str, str]
    """Distribution -> conda package, where the usual name is not wanted."""
    known: Mapping[str, Distribution]
    """Whose extras can be looked into."""
    with_extras: bool = False
    """Let the requirements of extras constrain what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """What became of a distribution."""

    archive: Path
    subdir: str
    depends: tuple[str, ...]
    constrains: tuple[str, ...]
    warnings: tuple[str, ...]


def package_distribution(
    one: Distribution, directory: Path, work: Path, packaging: Packaging
) -> Packaged:
    """Write a distribution as a ``.conda`` into ``directory``.

    Raises IntegrityError for files outside of the environment and for names that conda has not.
    """
    _check_programs(one)
    stage = work / one.name
    target = packaging.target
    site = "site-packages" if one.any_python else f"lib/python{target.python}/site-packages"
    _stage_files(one, stage, site, packaging)
    needs = Reckoner(
        one=one,
        target=target,
        names=packaging.names,
        known=packaging.known,
        with_extras=packaging.with_extras,
    ).needs()
    about = [*needs.depends, *needs.constrains, *sorted(one.programs.items())]
    digest = content_digest(stage, about)
    head = "py" if one.any_python else f"py{target.python.major}{target.python.minor}"
    try:
        package = Package(
            name=conda_name(one.name, packaging.names),
            version=one.metadata["Version"],
            build=f"{head}h{digest}_0",
            subdir="noarch" if one.build.pure else str(target.platform),
            noarch="python" if one.any_python else "",
            depends=needs.depends,
            constrains=needs.constrains,
            entry_points=_entry_points(one) if one.any_python else (),
            info_files=_licences(one),
            moment=packaging.moment,
            **_about(one.metadata),
        )
    except ValueError as error:
        raise IntegrityError(f"{one.info.name}: {error}") from error
    return Packaged(
        archive=write_conda(package, stage, directory),
        subdir=package.subdir,
        depends=needs.depends,
        constrains=needs.constrains,
        warnings=needs.warnings,
    )


def _check_programs(one: Distribution) -> None:
    """Raise IntegrityError for a program that would be written elsewhere, or calls nothing."""
    for name, function in one.programs.items():
        if "/" in name or unsafe_name(name) or not _FUNCTION.fullmatch(function):
            raise IntegrityError(f"{one.info.name}: {name} = {function} is no entry point")


def _about(metadata: Message) -> dict[str, Any]:
    """Return what a package says of itself for people."""
    addresses: dict[str, str] = {}
    for line in metadata.get_all("Project-URL", []):
        label, _, address = line.partition(",")
        addresses.setdefault(re.sub(r"[^a-z]", "", label.lower()), address.strip())
    places = {
        "dev_url": ("source", "sourcecode", "repository", "github", "code"),
        "doc_url": ("documentation", "docs"),
    }
    further = {
        key: next((addresses[label] for label in labels if label in addresses), "")
        for key, labels in places.items()
    }
    licence = metadata.get("License") or ""
    return {
        "license": metadata.get("License-Expression") or ("" if "\n" in licence else licence),
        "summary": metadata.get("Summary") or "",
        "home": metadata.get("Home-page") or addresses.get("homepage", ""),
        "about_further": {key: address for key, address in further.items() if address},
    }


def _licences(one: Distribution) -> dict[str, bytes]:
    """Return the files of licences, by their places in info/ (PEP 639, and before it by name)."""
    own = one.info / "licenses"
    named = {one.info / name for name in one.metadata.get_all("License-File", [])}
    found = {}
    for path in sorted(one.info.rglob("*")):
        inside = path.is_relative_to(own) or path in named or _LICENCE.fullmatch(path.name)
        if inside and path.is_file():
            name = path.relative_to(own if path.is_relative_to(own) else one.info).as_posix()
            found[f"licenses/{name}"] = path.read_bytes()
    return found


def _entry_points(one: Distribution) -> tuple[str, ...]:
    return tuple(f"{name} = {target}" for name, target in sorted(one.programs.items()))


def _stage_files(one: Distribution, stage: Path, site: str, packaging: Packaging) -> None:
    """Lay out a distribution's files as its conda package has them, with a RECORD of them."""
    top = one.info.parent
    staged: dict[str, Path] = {}
    for name in one.files:
        source = (top / name).resolve()
        if not source.is_relative_to(one.environment.resolve()):
            raise IntegrityError(f"{one.info.name}: {name} is outside of its environment")
        if not source.is_file() or source.suffix == ".pyc" or _is_left_out(source, one.info):
            continue
        place = _place(source, one, site)
        if place is None:
            continue
        if unsafe_name(place):
            raise IntegrityError(f"{one.info.name}: {name} is {unsafe_name(place)}")
        target = stage / place
        fs.make_directory(target.parent)
        if source.parent == one.environment / "bin":
            _write_script(source, target, one, packaging)
        else:
            fs.copy_file(source, target)
        staged[_in_record(place, site)] = target
    installer = stage / site / one.info.name / "INSTALLER"
    fs.make_directory(installer.parent)
    fs.write_text(installer, "conda\n", durable=False)
    staged[f"{one.info.name}/INSTALLER"] = installer
    if not one.any_python:
        for name, function in sorted(one.programs.items()):
            script = stage / "bin" / name
            fs.make_directory(script.parent)
            text = _program_text(function, packaging)
            fs.write_text(script, text, mode=0o755, durable=False)
    fs.write_text(installer.with_name("RECORD"), _record(staged, one), durable=False)


def _is_left_out(source: Path, info: Path) -> bool:
    return source.parent == info.resolve() and source.name in _LEFT_OUT


def _place(source: Path, one: Distribution, site: str) -> str | None:
    """Return where a file goes below the prefix; None for programs that installing makes."""
    if source.is_relative_to(one.info.parent.resolve()):
        return f"{site}/{source.relative_to(one.info.parent.resolve()).as_posix()}"
    below = source.relative_to(one.environment.resolve()).as_posix()
    directory, _, name = below.rpartition("/")
    if directory != "bin":
        return below
    if name in one.programs:
        return None
    return f"python-scripts/{name}" if one.any_python else below


def _in_record(place: str, site: str) -> str:
    if place.startswith(f"{site}/"):
        return place.removeprefix(f"{site}/")
    return "../../../" + re.sub(r"^python-scripts/", "bin/", place)


def _write_script(source: Path, target: Path, one: Distribution, packaging: Packaging) -> None:
    """Copy a script with the prefix that installing replaces in place of the environment."""
    data = source.read_bytes()
    head, separator, rest = data.partition(b"\n")
    if head.startswith(b"#!") and str(one.environment).encode() in head:
        series = "" if one.any_python else packaging.target.python
        head = f"#!{PLACEHOLDER}/bin/python{series}".encode()
    fs.write_bytes(target, head + separator + rest, mode=0o755, durable=False)


def _program_text(target: str, packaging: Packaging) -> str:
    module, _, function = (part.strip() for part in target.partition(":"))
    first = function.partition(".")[0]
    return (
        f"#!{PLACEHOLDER}/bin/python{packaging.target.python}\n"
        "import sys\n"
        f"from {module} import {first}\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit({function}())\n"
    )


def _record(staged: Mapping[str, Path], one: Distribution) -> str:
    """Return RECORD, as the specification of recording installed projects has it."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for name, path in sorted(staged.items()):
        data = path.read_bytes()
        # What names the prefix is another file once it is installed.
        if PLACEHOLDER.encode() in data:
            writer.writerow((name, "", ""))
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow((name, f"sha256={digest}", len(data)))
    for name in sorted(one.programs):
        writer.writerow((f"../../../bin/{name}", "", ""))
    writer.writerow((f"{one.info.name}/RECORD", "", ""))
    return buffer.getvalue()
