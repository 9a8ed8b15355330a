"""Where packages come from that ``lamina add`` is given by address: what lamina.toml is to say."""

from __future__ import annotations

import os
import shlex
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from lamina.core import report
from lamina.core.errors import UsageError
from lamina.engines.origin_sources import OriginSources
from lamina.model.sources import REFERENCES, check_inside, is_commit
from lamina.resolve.working_tree import another_name, check_project, stated_name
from lamina.stack.places import PACKAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.engines.git_repositories import GitRepositories, Reference
    from lamina.stack.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Goes to places and says what is there."""

    top: Path
    """The directory of lamina.toml."""
    here: Path
    """Where relative paths begin."""
    environ: Mapping[str, str]

    def find(self, place: Place) -> tuple[Requirement, dict[str, str]]:
        """Return a package, and the fields of [packages] that say where it comes from.

        A revision is called tag or branch where it is one. Raises UsageError where the place is of
        no use, UnsatisfiableError (no such revision), UpstreamUnavailableError.
        """
        if place.repository is not None:
            return self._in_repository(place, place.repository)
        return self._at_path(place)

    def _in_repository(
        self, place: Place, fields: Mapping[str, str]
    ) -> tuple[Requirement, dict[str, str]]:
        url = fields["git"]
        reference: Reference | None = None
        repositories = OriginSources(environ=self.environ).repositories
        sure = "rev" not in fields or is_commit(fields["rev"])
        known = sure and place.requirement is not None
        with nullcontext() if known else report.step(f"look at {url}"):
            for kind in REFERENCES:
                if (revision := fields.get(kind)) is not None:
                    # What was written in an address may be any name; only the repository knows.
                    is_one = repositories.kind_of(url, revision) if kind == "rev" else kind
                    reference = (is_one, revision)
            found = {"git": url}
            if reference is not None:
                found[reference[0]] = reference[1]
            if "subdirectory" in fields:
                found["subdirectory"] = fields["subdirectory"]
            if place.requirement is not None:
                return place.requirement, found
            return self._checked_out(place, repositories, found, reference), found

    def _checked_out(
        self,
        place: Place,
        repositories: GitRepositories,
        found: Mapping[str, str],
        reference: Reference | None,
    ) -> Requirement:
        """Return the package that a revision has."""
        url, below = found["git"], found.get("subdirectory")
        commit = repositories.resolve(url, reference)
        with tempfile.TemporaryDirectory(prefix="lamina-place-") as name:
            tree = Path(name) / "tree"
            repositories.check_out(url, commit, tree, history=False)
            return _project_in(tree, place, url, below)

    def _at_path(self, place: Place) -> tuple[Requirement, dict[str, str]]:
        text = place.path
        if text.startswith("file:"):
            text = unquote(urlsplit(text).path)
        path = self.here / text
        if not path.exists():
            raise UsageError(
                f"{text}: no such file or directory",
                hints=["a package of an index has no / in its name"],
            )
        fields = {"path": self._below(path, place)}
        if path.is_dir():
            return _project_in(path, place, text), fields
        return _package_file(path, place), fields

    def _below(self, path: Path, place: Place) -> str:
        """Return a path from the directory of lamina.toml."""
        real, top = path.resolve(), self.top.resolve()
        if not real.is_relative_to(top):
            is_repository = (path / ".git").exists()
            copy = f"cp -r {shlex.quote(str(path))} {shlex.quote(str(top / path.name))}"
            raise UsageError(
                f"{place.text}: not below {top}, the directory of lamina.toml",
                hints=[f"lamina add git+{real.as_uri()}" if is_repository else copy],
            )
        as_written = os.path.relpath(path, self.top)
        try:
            return check_inside(
                as_written if ".." not in as_written else os.path.relpath(real, top)
            )
        except ValueError as error:
            raise UsageError(f"{place.text}: {error}") from error


def _project_in(
    source: Path, place: Place, where: str, subdirectory: str | None = None
) -> Requirement:
    """Return the package of a directory with sources, which is the one asked for."""
    directory = source / (subdirectory or "")
    said = stated_name(directory)
    asked = place.requirement
    name = canonicalize_name(asked.name if asked else said or "unnamed")
    problem = check_project(source, name, where, subdirectory)
    if problem is None and said is not None:
        problem = another_name(said, name, where)
    if problem is not None:
        raise UsageError(f"{place.text}: {problem.found}")
    if asked is not None:
        return asked
    if said is None:
        raise UsageError(
            f"{place.text}: only its build says what it is called",
            hints=[f"lamina add 'NAME @ {place.text}'"],
        )
    return _requirement(said, place)


def _package_file(path: Path, place: Place) -> Requirement:
    """Return the package of a wheel or a source distribution, by the name of its file."""
    if place.requirement is not None and path.name.endswith(PACKAGE_FILES):
        return place.requirement
    try:
        parse = parse_wheel_filename if path.suffix == ".whl" else parse_sdist_filename
        return Requirement(parse(path.name)[0])
    except ValueError as error:
        raise UsageError(
            f"{place.text}: not the name of a wheel or of a source distribution",
            hints=[f"such files are called NAME-VERSION and end with {', '.join(PACKAGE_FILES)}"],
        ) from error


def _requirement(name: str, place: Place) -> Requirement:
    try:
        return Requirement(name)
    except InvalidRequirement as error:
        raise UsageError(f"{place.text}: {name!r} is not the name of a package") from error
