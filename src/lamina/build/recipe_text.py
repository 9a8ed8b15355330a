"""A recipe for rattler-build as text: the same package, the same bytes, and readable.

The format: https://rattler.build/latest/reference/recipe_file/
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.build.compiled import PROGRAMS
from lamina.build.recipe_needs import need_lines, python_spec
from lamina.press.names import conda_name, conda_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from lamina.build.project import Project

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ()/+'.,_-]*[A-Za-z0-9)']|[A-Za-z]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the sources of a recipe are."""

    url: str = ""
    path: str = ""
    """Relative to the recipe; one of the two is given."""
    sha256: str = ""
    """Empty for a directory."""


def render_recipe(project: Project, source: Source, names: Mapping[str, str]) -> str:
    """Return the text of recipe.yaml."""
    noarch = not project.compiled
    parts = [
        list(_head(project)),
        ["schema_version: 1"],
        ["context:", f"  version: {json.dumps(project.version)}"],
        [
            "package:",
            f"  name: {_scalar(conda_name(project.name, names))}",
            "  version: ${{ version }}",
        ],
        list(_source(source, project.version)),
        list(_build(project, noarch=noarch)),
        list(_requirements(project, names, noarch=noarch)),
        list(_tests(project)),
        list(_about(project)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(project: Project) -> Iterator[str]:
    yield f"# Of the sources of {project.name} {project.version}. Look at the lines with CHECK."
    yield from (f"# CHECK {one}" for one in project.unsure)


def _source(source: Source, version: str) -> Iterator[str]:
    yield "source:"
    if source.url:
        directory, _, name = source.url.rpartition("/")
        yield f"  url: {directory}/{name.replace(version, '${{ version }}')}"
    else:
        yield f"  path: {_scalar(source.path)}"
    if source.sha256:
        yield f"  sha256: {source.sha256}"


def _build(project: Project, *, noarch: bool) -> Iterator[str]:
    yield "build:"
    yield "  number: 0"
    if noarch:
        if project.compiled.doubt:
            yield f"  # CHECK: {project.compiled.doubt}"
        yield "  noarch: python"
    else:
        yield f"  # not noarch: {project.compiled.why}"
    yield "  script: ${{ PYTHON }} -m pip install . -vv --no-deps --no-build-isolation"
    if project.programs:
        yield "  python:"
        yield "    entry_points:"
        for name, target in project.programs.items():
            yield f"      - {_scalar(f'{name} = {target}')}"


def _requirements(project: Project, names: Mapping[str, str], *, noarch: bool) -> Iterator[str]:
    yield "requirements:"
    tools = _tools(project)
    if not noarch or tools:
        yield "  build:"
        for language in project.compiled.languages:
            yield f"    - ${{{{ compiler('{language}') }}}}"
        yield from (f"    - {one}" for one in tools)
    python = python_spec(project.requires_python)
    build = [
        one for one in project.build_requirements if conda_name(one.name, names) not in PROGRAMS
    ]
    yield "  host:"
    # A version here would keep the variants of Python out.
    yield f"    - {python if noarch else 'python'}"
    yield "    - pip"
    yield from _needs(build, project, names, noarch=noarch)
    yield "  run:"
    yield f"    - {python}"
    yield from _needs(project.requirements, project, names, noarch=noarch)
    yield from _extras(project, names)


def _tools(project: Project) -> list[str]:
    """Return the programs that a build calls, with the versions that it asks for."""
    found = {one: one for one in project.compiled.tools}
    for one in project.build_requirements:
        name = conda_name(one.name)
        if name in PROGRAMS:
            found[name] = conda_spec(name, one.specifier)
    return [found[name] for name in sorted(found)]


def _needs(
    requirements: Iterable[Requirement], project: Project, names: Mapping[str, str], *, noarch: bool
) -> Iterator[str]:
    lines = need_lines(
        requirements,
        requires_python=project.requires_python,
        noarch=noarch,
        names=names,
    )
    yield from (f"    {one}" for one in lines)


def _extras(project: Project, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what extras want, as remarks: conda has none."""
    for extra in project.extras:
        wanted = sorted(
            conda_spec(conda_name(one.name, names), one.specifier)
            for one in project.requirements
            if one.marker is not None
            and "extra" in str(one.marker)
            and one.marker.evaluate({"extra": extra})
            and not one.marker.evaluate({"extra": ""})
        )
        if wanted:
            yield f"  # extra {extra}: {', '.join(wanted)}"


def _tests(project: Project) -> Iterator[str]:
    yield "tests:"
    yield "  - python:"
    if project.imports:
        yield "      imports:"
        yield from (f"        - {one}" for one in project.imports)
    else:
        yield "      # CHECK: what can be imported"
        yield "      imports: []"
    yield "      pip_check: true"
    if project.programs:
        yield "  - script:"
        yield from (f"      - {_scalar(f'{name} --help')}" for name in project.programs)


def _about(project: Project) -> Iterator[str]:
    yield "about:"
    if project.summary:
        yield f"  summary: {_scalar(project.summary)}"
    if project.home:
        yield f"  homepage: {json.dumps(project.home)}"
    if project.licence:
        yield f"  license: {project.licence}"
    else:
        said = f", where the package says {project.licence_said!r}" if project.licence_said else ""
        yield f"  # CHECK: an SPDX expression{said}"
        yield "  # license:"
    if project.licence_files:
        yield "  license_file:"
        yield from (f"    - {_scalar(one)}" for one in project.licence_files)
    elif project.licence:
        yield "  # CHECK: there is no file of the licence in the sources"


def _scalar(text: str) -> str:
    """Return a string as YAML has it, quoted where it could be taken for something else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
