"""A recipe of a package on the index, of a source distribution or of a directory of sources."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, parse_sdist_filename

from lamina.build.project import read_project
from lamina.build.recipe_files import NAME
from lamina.build.recipe_text import Source, render_recipe
from lamina.build.sources import SUFFIXES, content_of, sources_in, sources_of
from lamina.core import fs
from lamina.core.errors import (
    ConflictError,
    LaminaError,
    UsageError,
)
from lamina.core.http import HttpClient
from lamina.engines.index_addresses import without_credentials
from lamina.engines.index_pages import project_files
from lamina.engines.index_settings import public_index
from lamina.model.digests import digest_of_bytes
from lamina.model.names import parse_package_name
from lamina.press.names import conda_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.version import Version

    from lamina.engines.index_pages import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe, and the directory that it is for."""

    directory: Path
    text: str

    @property
    def path(self) -> Path:
        """Where it goes."""
        return self.directory / NAME

    def checks(self) -> list[str]:
        """Return the lines that a person has to look at."""
        lines = (line.strip().lstrip("# ") for line in self.text.splitlines())
        return [line for line in lines if line.startswith("CHECK")]


def make_recipe(
    wanted: str, directory: Path, *, names: Mapping[str, str], environ: Mapping[str, str]
) -> Recipe:
    """Return the recipe of ``PACKAGE[==VERSION]``, a directory or a source distribution.

    It is for a directory of the package's name in ``directory``. Nothing is built. Raises
    UsageError, LaminaError for a package without sources, IntegrityError, DocumentError,
    UpstreamUnavailableError.
    """
    path = Path(wanted)
    if wanted.endswith(SUFFIXES) or path.is_dir():
        return _of_path(path, directory, names)
    with HttpClient(environ) as client:
        return _of_index(client, wanted, directory, names=names, environ=environ)


def write_recipe(recipe: Recipe, *, force: bool) -> bool:
    """Write a recipe; return whether it is new. Raises ConflictError where another one is."""
    if recipe.path.is_file():
        if recipe.path.read_text(encoding="utf-8") == recipe.text:
            return False
        if not force:
            raise ConflictError(
                f"{recipe.path}: there already, and different",
                hints=["--force writes over it", "-o DIR writes elsewhere"],
            )
    fs.make_directory(recipe.directory)
    fs.write_text(recipe.path, recipe.text)
    return True


def _of_path(path: Path, directory: Path, names: Mapping[str, str]) -> Recipe:
    if path.is_dir():
        tree, sha256 = sources_in(path), ""
        if not {"pyproject.toml", "setup.py"} & set(tree.names):
            raise UsageError(f"{path}: neither pyproject.toml nor setup.py in it")
    else:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        tree, sha256 = sources_of(content, path.name), digest_of_bytes(content)
    project = read_project(tree)
    goal = directory / conda_name(project.name, names)
    below = os.path.relpath(path.resolve(), goal.resolve())
    return Recipe(
        directory=goal,
        text=render_recipe(project, Source(path=below, sha256=sha256), names),
    )


def _of_index(
    client: HttpClient,
    wanted: str,
    directory: Path,
    *,
    names: Mapping[str, str],
    environ: Mapping[str, str],
) -> Recipe:
    requirement = _requirement(wanted)
    package = parse_package_name(requirement.name)
    files = project_files(client, public_index(environ), package)
    if not files:
        raise LaminaError(f"the index has no package {package}")
    offers = [one for many in files.values() for one in many]
    version, sdist = _newest(offers, requirement)
    content = content_of(client, sdist)
    wheel = _metadata_of_wheel(client, offers, version)
    project = read_project(sources_of(content, sdist.filename), wheel=wheel)
    source = Source(url=without_credentials(sdist.address), sha256=digest_of_bytes(content))
    goal = directory / conda_name(project.name, names)
    return Recipe(directory=goal, text=render_recipe(project, source, names))


def _requirement(wanted: str) -> Requirement:
    try:
        found = Requirement(wanted)
    except InvalidRequirement as error:
        raise UsageError(
            f"{wanted!r}: neither a package nor a file or directory of sources",
            hints=["lamina recipe iminuit==2.31.1", "lamina recipe ./sources"],
        ) from error
    if found.marker or found.url:
        raise UsageError(f"{wanted!r}: a name, with a version at most")
    return found


def _newest(offers: list[Offer], requirement: Requirement) -> tuple[Version, Offer]:
    """Return the newest source distribution that meets a requirement, and its version."""
    found = list(_sdists(offers))
    allowed = set(requirement.specifier.filter([version for version, _ in found]))
    fitting = [one for one in found if one[0] in allowed]
    exact = any(one.operator in {"==", "==="} for one in requirement.specifier)
    chosen = [one for one in fitting if exact or not one[1].yanked]
    if not chosen:
        there = ", ".join(str(version) for version in sorted({one[0] for one in found})[-5:])
        raise LaminaError(
            f"the index has no sources of {requirement}"
            + (f"; it has those of {there}" if there else ", only wheels"),
            hints=[f"lamina channel bootstrap DIR {requirement.name}"] if not there else (),
        )
    return max(chosen, key=lambda one: (one[0], one[1].filename.endswith(".tar.gz")))


def _sdists(offers: list[Offer]) -> Iterator[tuple[Version, Offer]]:
    for one in offers:
        try:
            yield parse_sdist_filename(one.filename)[1], one
        except InvalidSdistFilename:
            continue


def _metadata_of_wheel(client: HttpClient, offers: list[Offer], version: Version) -> str:
    """Return the metadata of a wheel of a version, where the index has them beside it."""
    for one in sorted(offers, key=lambda one: one.filename):
        same = one.filename.split("-")[1:2] == [str(version)]
        if one.filename.endswith(".whl") and one.metadata_sha256 and same:
            page = client.get(f"{one.address}.metadata")
            if page.status == 200 and digest_of_bytes(page.content) == one.metadata_sha256:
                return page.content.decode("utf-8", "replace")
    return ""
