"""The sources of a package that is installed, for the tests in them."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import Version

from lamina.build.sources import content_of
from lamina.build.wheels.fetching import unpack
from lamina.core import fs
from lamina.core.errors import LaminaError
from lamina.engines.index_pages import project_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lamina.core.http import HttpClient
    from lamina.engines.index_pages import Offer
    from lamina.model.names import PackageName

_NAMES = ("test", "tests", "testing")
"""What extras and groups with the requirements of tests are called, and directories of tests."""
_FILES = ("test_*.py", "*_test.py", "tests.py")
"""What files of tests at the top of the sources are called: pytest's names, and unittest's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Unpacked sources."""

    file: str
    directory: Path
    """The one directory that was in the archive."""
    requirements: tuple[str, ...]
    """What their tests need, as far as the sources say."""

    def hide(self, modules: Iterable[str]) -> None:
        """Take away the modules that are installed, so that the installed ones are tested."""
        tops = {module.partition(".")[0] for module in modules} - set(_NAMES)
        for above in (self.directory, self.directory / "src", self.directory / "lib"):
            for top in tops:
                fs.remove_tree(above / top)
                fs.remove_file(above / f"{top}.py")

    def tests(self) -> list[Path]:
        """Return directories and files of tests beside the package, none where they are in it."""
        directories = [path for name in _NAMES if (path := self.directory / name).is_dir()]
        files = {path for one in _FILES for path in self.directory.glob(one) if path.is_file()}
        return [*directories, *sorted(files)]


def find_sources(http: HttpClient, index: str, package: PackageName, version: str) -> Offer:
    """Return the source distribution of a version on an index.

    Raises LaminaError when there is none, UpstreamUnavailableError.
    """
    for name, offers in project_files(http, index, package).items():
        try:
            found = parse_sdist_filename(name)
        except InvalidSdistFilename:
            continue
        if found == (canonicalize_name(package), Version(version)) and offers[0].sha256:
            return offers[0]
    raise LaminaError(f"the index has no sources of {package} {version}")


def fetch_sources(http: HttpClient, offer: Offer, directory: Path) -> Sources:
    """Unpack the sources of a package into a directory.

    Raises IntegrityError for bytes that are not those that the index tells of, or that would be
    written elsewhere, UpstreamUnavailableError.
    """
    return unpack_sources(content_of(http, offer), offer.filename, directory)


def unpack_sources(content: bytes, file: str, directory: Path) -> Sources:
    """Unpack a source distribution; raises IntegrityError."""
    with tempfile.TemporaryDirectory(prefix="lamina-sources-") as name:
        path = Path(name) / file
        fs.write_bytes(path, content, durable=False)
        top = unpack(path, directory)
    return Sources(file=file, directory=top, requirements=_requirements(top))


def _requirements(top: Path) -> tuple[str, ...]:
    """Return what the first extra, or group, for tests asks for."""
    name, extras = _extras(top / "PKG-INFO")
    for extra in _NAMES:
        if extra in extras:
            return (f"{name}[{extra}]",)
    groups = _groups(top / "pyproject.toml")
    for group in _NAMES:
        if group in groups:
            return tuple(_expanded(group, groups, ()))
    return ()


def _extras(path: Path) -> tuple[str, set[str]]:
    try:
        message = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return "", set()
    return message.get("Name", ""), set(message.get_all("Provides-Extra", []))


def _groups(path: Path) -> dict[str, Any]:
    try:
        groups = tomllib.loads(path.read_text(encoding="utf-8")).get("dependency-groups", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return groups if isinstance(groups, dict) else {}


def _expanded(group: str, groups: dict[str, Any], above: Sequence[str]) -> Iterable[str]:
    """Yield the requirements of a group (PEP 735); what is none of it is passed over."""
    entries = groups.get(group)
    for entry in entries if isinstance(entries, list) and group not in above else ():
        if isinstance(entry, dict):
            yield from _expanded(str(entry.get("include-group")), groups, (*above, group))
            continue
        try:
            yield str(Requirement(entry))
        except (InvalidRequirement, TypeError):
            continue
