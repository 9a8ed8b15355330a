"""Read pixi.toml, and what pyproject.toml says to pixi.

https://pixi.sh/latest/reference/pixi_manifest/
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from lamina.core.errors import DocumentError, Problem
from lamina.model.document import parse_toml, read_document
from lamina.model.names import parse_package_name
from lamina.model.platforms import Platform
from lamina.model.sources import check_repository
from lamina.stack.conda_reading import EVERYWHERE, CondaReading, only_on
from lamina.stack.environment_yml import add_platform
from lamina.stack.git_references import without_address
from lamina.stack.python_range import series_of
from lamina.stack.selectors import selected_platforms
from lamina.stack.toml_lines import TomlLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.model.platforms import PythonSeries
    from lamina.stack.imported import Imported

KeyPath = tuple[str, ...]
_NOTHING = "lamina.toml has nothing for it"
_WHY = {
    "tasks": "a stack has no tasks",
    "environments": "a stack is one environment, with all its groups",
    "activation": "set variables in the shell or job that uses the release",
    "build-dependencies": "a stack builds no package",
    "host-dependencies": "a stack builds no package",
    "package": "a stack builds no package",
    "pypi-options": "packages come from the index of this machine; [resolve] indexes names others",
    "constraints": "put the version into [conda] of what is to be installed",
    "dev": "a stack builds no package",
}
_OF_GIT = ("git", "rev", "tag", "branch", "subdirectory")
_ELSEWHERE = ("git", "path", "url", "editable")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A part of the manifest: for which platforms and group its dependencies are."""

    path: KeyPath
    platforms: frozenset[Platform] = EVERYWHERE
    group: str | None = None


def read_pixi(path: Path, default_python: PythonSeries) -> Imported:
    """Read a manifest: dependencies of both kinds, target tables; features become groups.

    Raises DocumentError for what is no manifest.
    """
    text = read_document(path).removeprefix("\ufeff")
    document = parse_toml(text, path)
    reading = _Manifest(CondaReading(path=path, default_python=default_python), TomlLines(text))
    if path.name == "pyproject.toml":
        pixi = _table(_table(document.get("tool")).get("pixi"))
        reading.project(document)
        top: KeyPath = ("tool", "pixi")
    else:
        pixi, top = document, ()
    if not any(isinstance(pixi.get(key), dict) for key in ("workspace", "project")):
        where = ".".join((*top, "workspace"))
        raise DocumentError(path, [Problem(where=where, found="no such table")])
    reading.part(pixi, _Place(path=top))
    imported = reading.conda.imported()
    return replace(imported, python=imported.python or reading.python)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class _Manifest:
    """What walks through a manifest."""

    def __init__(self, conda: CondaReading, lines: TomlLines) -> None:
        self.conda = conda
        self.python: PythonSeries | None = None
        self._lines = lines

    def project(self, document: Mapping[str, Any]) -> None:
        """Take what pyproject.toml says in the words of PEP 621 and PEP 735."""
        project = _table(document.get("project"))
        if isinstance(name := project.get("name"), str):
            self.conda.name = name
        if isinstance(asked := project.get("requires-python"), str):
            self.python = series_of(asked.replace(" ", ""), self.conda.default_python)
        for text in _texts(project.get("dependencies")):
            self._requirement(text, _Place(path=("project", "dependencies")))
        groups = {"dependency-groups": _table(document.get("dependency-groups"))}
        extras = {"project.optional-dependencies": _table(project.get("optional-dependencies"))}
        for where, tables in (groups | extras).items():
            for group, texts in tables.items():
                place = _Place(path=(*where.split("."), group), group=group)
                for text in texts if isinstance(texts, list) else []:
                    self._requirement(text, place)

    def part(self, table: Mapping[str, Any], place: _Place) -> None:
        """Take the whole manifest, a feature or a target."""
        named = {
            "dependencies": self._conda,
            "pypi-dependencies": self._pypi,
            "feature": self._feature,
            "target": self._target,
        }
        whole = {
            "workspace": self._workspace,
            "project": self._workspace,
            "system-requirements": self._system,
        }
        for key, value in table.items():
            here = replace(place, path=(*place.path, key))
            if key in whole:
                whole[key](_table(value), here)
            elif key in named:
                for name, one in _table(value).items():
                    named[key](name, one, here)
            elif key in {"channels", "platforms"}:
                self._list(key, value, here)
            else:
                self._leave(here.path, ".".join(here.path), _WHY.get(key, _NOTHING))

    def _leave(self, path: KeyPath, what: str, why: str) -> None:
        self.conda.leave(self._lines.line(*path), what, why)

    def _workspace(self, table: Mapping[str, Any], place: _Place) -> None:
        for key, value in table.items():
            here = replace(place, path=(*place.path, key))
            if key == "name" and isinstance(value, str):
                self.conda.name = value
            elif key in {"channels", "platforms"}:
                self._list(key, value, here)
            else:
                self._leave(here.path, ".".join(here.path), _NOTHING)

    def _list(self, key: str, value: Any, place: _Place) -> None:
        line = self._lines.line(*place.path)
        for one in value if isinstance(value, list) else []:
            text = one.get("channel") if isinstance(one, dict) else one
            if not isinstance(text, str):
                self.conda.wrong(line, f"{key}: {one!r} is no text")
            elif key == "channels":
                self.conda.add_channel(text, line)
                if isinstance(one, dict) and "priority" in one:
                    self._leave(place.path, f"priority of {text}", "the order of channels decides")
            elif place.group is None:
                add_platform(self.conda, text, line)

    def _feature(self, name: str, value: Any, place: _Place) -> None:
        """Take a feature; its conda packages are not of the group, which names no such."""
        path, table = (*place.path, name), _table(value)
        asked = table.get("platforms")
        ours = [str(one) for one in _texts(asked) if one in set(Platform)]
        platforms = frozenset(map(Platform, ours))
        if asked and not platforms:
            self._leave(path, f"feature {name}", "for no platform of lamina")
            return
        if table.get("dependencies"):
            why = "groups name packages of the index only; these are in [conda] for everybody"
            self._leave((*path, "dependencies"), f"feature {name}: its membership", why)
        self.part(table, _Place(path=path, platforms=platforms, group=name))

    def _target(self, name: str, value: Any, place: _Place) -> None:
        path = (*place.path, name)
        try:
            platforms = selected_platforms(name)
        except ValueError:
            platforms = frozenset()
        platforms = platforms & place.platforms if place.platforms else platforms
        if platforms:
            self.part(_table(value), replace(place, path=path, platforms=platforms))
        else:
            self._leave(path, f"target {name}", "no platform of lamina")

    def _conda(self, name: str, value: Any, place: _Place) -> None:
        path = (*place.path, name)
        if not isinstance(value, str | dict):
            self._leave(path, f"{name} = {value!r}", "neither a version nor a table")
            return
        fields: dict[str, Any] = {"version": value} if isinstance(value, str) else {**_table(value)}
        version, build = fields.pop("version", "*"), fields.pop("build", None)
        channel = fields.pop("channel", None)
        if fields or not all(isinstance(one, str | None) for one in (version, build, channel)):
            said = ", ".join(fields) or repr(value)
            self._leave(path, f"{name}: {said}", "[conda] has version, build and channel")
            return
        text = f"{name} {version}" + (f" {build}" if build else "")
        shown = f"{channel}::{text}" if channel else text
        self.conda.add_spec(shown, self._lines.line(*path), place.platforms)

    def _pypi(self, name: str, value: Any, place: _Place) -> None:
        path = (*place.path, name)
        if not isinstance(value, str | dict):
            self._leave(path, f"{name} = {value!r}", "neither a version nor a table")
            return
        fields: dict[str, Any] = {"version": value} if isinstance(value, str) else {**_table(value)}
        if "git" in fields and place.group is None and self._repository(name, fields):
            fields = {key: one for key, one in fields.items() if key not in _OF_GIT}
        if elsewhere := [one for one in _ELSEWHERE if one in fields]:
            said = f"{name}: {elsewhere[0]} {fields[elsewhere[0]]}"
            self._leave(path, said, "not a package of an index")
            return
        version = fields.pop("version", "*")
        extras = fields.pop("extras", [])
        marker = fields.pop("env-markers", None)
        for key in fields:
            self._leave(path, f"{name}: {key}", "[packages] can say it in another way")
        asked = "" if version == "*" else str(version)
        if asked[:1].isdigit():
            asked = f"=={asked}"
        wanted = f"[{','.join(map(str, extras))}]" if extras else ""
        text = f"{name}{wanted}{asked}" + (f"; {marker}" if marker else "")
        self._requirement(text, replace(place, path=path))

    def _repository(self, name: str, fields: Mapping[str, Any]) -> bool:
        """Take the repository of a package; tell whether it can be one of a stack."""
        given = {key: fields[key] for key in _OF_GIT if key in fields}
        try:
            check_repository(str(given["git"]))
            key = parse_package_name(name)
        except ValueError:
            return False
        if not all(isinstance(one, str) for one in given.values()):
            return False
        self.conda.repositories[key] = given
        return True

    def _requirement(self, text: Any, place: _Place) -> None:
        line = self._lines.line(*place.path)
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, TypeError):
            shown = text if isinstance(text, str) else repr(text)
            self._leave(place.path, shown, "not a requirement (PEP 508)")
            return
        try:
            name, repository = without_address(requirement)
        except ValueError:
            repository = None
        if requirement.url or (repository and place.group is not None):
            self.conda.leave(line, text, "not a package of an index")
            return
        if repository:
            self.conda.repositories[name] = repository
        limited = only_on(requirement, place.platforms)
        if place.group is None:
            self.conda.requirements.append(limited)
            return
        try:
            group = parse_package_name(place.group)
        except ValueError:
            self._leave(place.path, f"{place.group}: {text}", "not a name of a group")
            return
        self.conda.groups.setdefault(group, []).append(str(limited))

    def _system(self, table: Mapping[str, Any], place: _Place) -> None:
        for key, value in table.items():
            version = value.get("version") if isinstance(value, dict) else value
            found = list(_virtual(key)) if isinstance(version, str) else []
            for name, platforms in found:
                self.conda.add_virtual(name, str(version), platforms)
            if not found:
                self._leave((*place.path, key), f"system-requirements.{key}", _NOTHING)


def _virtual(key: str) -> Iterator[tuple[str, list[Platform]]]:
    linux = [Platform.LINUX_64, Platform.LINUX_AARCH64]
    names = {
        "libc": ("__glibc", linux),
        "macos": ("__osx", [Platform.OSX_64, Platform.OSX_ARM64]),
        "linux": ("__linux", linux),
        "cuda": ("__cuda", [*linux, Platform.WIN_64]),
    }
    if key in names:
        yield names[key]
