"""Installed distributions as conda packages: pure ones for every Python, compiled ones for one."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from lamina.archive.members import unsafe_name
from lamina.archive.package import PLACEHOLDER, Package
from lamina.archive.writing import write_conda
from lamina.channel.interpreter import abi_spec, content_digest, series_spec
from lamina.channel.names import conda_name, conda_spec
from lamina.core import fs
from lamina.core.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from email.message import Message
    from pathlib import Path

    from lamina.model.platforms import Target

_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Of .dist-info: what tells of the machine that it was installed on."""
_MANYLINUX = re.compile(r"manylinux_2_(\d+)_")
_ALIASES = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
_OF_PYTHON = re.compile(r"\bpython_(?:full_)?version\b|\bimplementation_version\b")
_OF_SYSTEM = re.compile(r"\b(?:sys_platform|platform_system|os_name|platform_machine)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A distribution as it lies in an environment."""

    info: Path
    """Its .dist-info."""
    environment: Path
    metadata: Message
    tags: tuple[str, ...]
    pure: bool
    programs: Mapping[str, str]
    """Console and gui scripts: name -> ``module:function``."""
    files: tuple[str, ...]
    """Relative to site-packages, as in RECORD."""
    requirements: tuple[Requirement, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its normalised name."""
        return canonicalize_name(self.metadata["Name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaging:
    """What all packages that are made of one environment have in common."""

    target: Target
    moment: datetime
    names: Mapping[str, str]
    """Distribution -> conda package, where the usual name is not wanted."""
    known: Mapping[str, Distribution]


def read_distributions(site: Path, environment: Path) -> dict[str, Distribution]:
    """Return what is installed in a site-packages directory, by normalised name.

    Raises IntegrityError for metadata that cannot be read.
    """
    found = {}
    for info in sorted(site.glob("*.dist-info")):
        try:
            one = _read(info, environment)
        except (OSError, ValueError, KeyError, TypeError, csv.Error, Error) as error:
            raise IntegrityError(f"{info.name}: cannot be read: {error}") from error
        found[one.name] = one
    return found


def _read(info: Path, environment: Path) -> Distribution:
    metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    wheel = HeaderParser().parsestr((info / "WHEEL").read_text(encoding="utf-8"))
    tags = tuple(wheel.get_all("Tag", []))
    with (info / "RECORD").open(encoding="utf-8", newline="") as stream:
        files = tuple(row[0] for row in csv.reader(stream) if row)
    return Distribution(
        info=info,
        environment=environment,
        metadata=metadata,
        tags=tags,
        pure=all(tag.endswith("-none-any") for tag in tags),
        programs=dict(_programs(info / "entry_points.txt")),
        files=files,
        requirements=tuple(Requirement(one) for one in metadata.get_all("Requires-Dist", [])),
    )


def _programs(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        return
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    for section in ("console_scripts", "gui_scripts"):
        if parser.has_section(section):
            yield from (
                (name, value.split("[")[0].strip()) for name, value in parser[section].items()
            )


def package_distribution(
    one: Distribution, directory: Path, work: Path, packaging: Packaging
) -> Path:
    """Write a distribution as a ``.conda`` into ``directory``; return the archive.

    Raises IntegrityError for files outside of the environment and for names that conda has not.
    """
    stage = work / one.name
    series = packaging.target.python
    site = "site-packages" if one.pure else f"lib/python{series}/site-packages"
    _stage_files(one, stage, site, packaging)
    needs = _needs(one, packaging)
    digest = content_digest(stage, [*needs, *sorted(one.programs.items())])
    head = "py" if one.pure else f"py{series.major}{series.minor}"
    try:
        package = Package(
            name=conda_name(one.name, packaging.names),
            version=one.metadata["Version"],
            build=f"{head}h{digest}_0",
            subdir="noarch" if one.pure else str(packaging.target.platform),
            noarch="python" if one.pure else "",
            depends=needs,
            entry_points=_entry_points(one) if one.pure else (),
            license=one.metadata.get("License-Expression") or "",
            summary=one.metadata.get("Summary") or "",
            home=one.metadata.get("Home-page") or "",
            moment=packaging.moment,
        )
    except ValueError as error:
        raise IntegrityError(f"{one.info.name}: {error}") from error
    return write_conda(package, stage, directory)


def _entry_points(one: Distribution) -> tuple[str, ...]:
    return tuple(f"{name} = {target}" for name, target in sorted(one.programs.items()))


def _needs(one: Distribution, packaging: Packaging) -> tuple[str, ...]:
    """Return the dependencies as MatchSpecs, Python first."""
    marked = " ".join(str(requirement.marker or "") for requirement in one.requirements)
    needs = [_python_spec(one)]
    if not one.pure:
        needs += [series_spec(packaging.target.python), abi_spec(packaging.target.python)]
        needs += [f"__glibc >=2.{minor}" for minor in _glibc(one.tags)]
    elif _OF_PYTHON.search(marked):
        needs.append(series_spec(packaging.target.python))
    if one.pure and _OF_SYSTEM.search(marked):
        needs.append(f"__{packaging.target.platform.partition('-')[0]}")
    needs += sorted(set(_specs(one, frozenset(), packaging, set())))
    return tuple(dict.fromkeys(spec for spec in needs if spec != "python" or len(needs) == 1)) or (
        "python",
    )


def _python_spec(one: Distribution) -> str:
    try:
        return conda_spec("python", SpecifierSet(one.metadata.get("Requires-Python") or ""))
    except InvalidSpecifier:
        return "python"


def _specs(
    one: Distribution, extras: frozenset[str], packaging: Packaging, seen: set[tuple[str, str]]
) -> Iterator[str]:
    """Yield what a distribution needs with some extras; conda has none, so theirs are put in."""
    environment = packaging.target.marker_environment()
    for requirement in one.requirements:
        chosen = [environment | {"extra": extra} for extra in extras or {""}]
        marker = requirement.marker
        if marker is not None and not any(marker.evaluate(values) for values in chosen):
            continue
        yield conda_spec(conda_name(requirement.name, packaging.names), requirement.specifier)
        other = packaging.known.get(canonicalize_name(requirement.name))
        wanted = {extra for extra in requirement.extras if (requirement.name, extra) not in seen}
        if other is not None and wanted:
            seen.update((requirement.name, extra) for extra in wanted)
            yield from _specs(other, frozenset(wanted), packaging, seen)


def _glibc(tags: Iterable[str]) -> list[int]:
    """Return the oldest C library (minor version of glibc 2) that any of the tags has."""
    found = []
    for tag in tags:
        found += [int(minor) for minor in _MANYLINUX.findall(tag)]
        found += [minor for alias, minor in _ALIASES.items() if f"-{alias}_" in tag]
    return [min(found)] if found else []


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
    if not one.pure:
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
    return f"python-scripts/{name}" if one.pure else below


def _in_record(place: str, site: str) -> str:
    if place.startswith(f"{site}/"):
        return place.removeprefix(f"{site}/")
    return "../../../" + re.sub(r"^python-scripts/", "bin/", place)


def _write_script(source: Path, target: Path, one: Distribution, packaging: Packaging) -> None:
    """Copy a script with the prefix that installing replaces in place of the environment."""
    data = source.read_bytes()
    head, separator, rest = data.partition(b"\n")
    if head.startswith(b"#!") and str(one.environment).encode() in head:
        head = f"#!{PLACEHOLDER}/bin/python{packaging.target.python}".encode()
    fs.write_bytes(target, head + separator + rest, mode=0o755, durable=False)


def _program_text(target: str, packaging: Packaging) -> str:
    module, _, function = target.partition(":")
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
