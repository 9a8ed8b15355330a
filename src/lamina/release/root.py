"""A root: the directory that holds releases, and how a release is found in it.

Reads directory entries only, so that ``lamina run`` and ``lamina layer create`` start quickly.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import ConflictError, DocumentError, Problem, StorageError, UsageError
from lamina.model.names import StackName, parse_stack_name, parse_tier_name
from lamina.model.platforms import Platform, current_platform
from lamina.model.versions import ReleaseVersion, parse_release_version, version_key
from lamina.release.backend import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import TypeVar

    from lamina.model.references import ReleaseReference
    from lamina.release.backend import Backend
    from lamina.release.manifest import Manifest

    Parsed = TypeVar("Parsed")

ROOT_MARKER = "lamina-root.toml"
ROOT_SCHEMA = 1
INTERNAL = ".lamina"
MANIFEST_NAME = "release.toml"
KEPT_STACK_NAME = "stack.toml"
"""The stack as it was published."""
BUILDS_NAME = "build"
"""Below the internal directory: the files of the stack that builds from source read."""
SIGNATURE_NAME = f"{MANIFEST_NAME}.sig"

CATALOG_NAME = ".cvmfscatalog"
"""Tells CVMFS to keep a directory in a catalog of its own; never part of a release."""

_NOT_CONTENT = frozenset({"lost+found", CATALOG_NAME, ".cvmfsdirtab", "new_repository"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A published release."""

    stack: StackName
    version: ReleaseVersion
    platform: Platform
    prefix: Path

    @property
    def name(self) -> str:
        """As people write it: ``stack/version``."""
        return f"{self.stack}/{self.version}"

    @property
    def interpreter(self) -> Path:
        """The Python of the release."""
        return self.prefix / "bin" / "python"

    @property
    def internal(self) -> Path:
        """Where lamina keeps what it knows of the release."""
        return self.prefix / INTERNAL

    def manifest(self) -> Manifest:
        """Read the manifest; raises DocumentError, also for that of another release."""
        from lamina.release.manifest import load_manifest

        path = self.internal / MANIFEST_NAME
        manifest = load_manifest(path)
        problems = [
            Problem(where=where, found=f"{says!r}", allowed=f"this is the release {is_!r}")
            for where, says, is_ in (
                ("stack", manifest.stack, self.stack),
                ("version", manifest.version, self.version),
                ("platform", str(manifest.platform), str(self.platform)),
            )
            if says != is_
        ]
        if problems:
            raise DocumentError(path, problems)
        return manifest


@dataclass(frozen=True, slots=True)
class Root:
    """A directory that holds releases."""

    path: Path
    backend: Backend = field(default=DIRECTORY, compare=False, repr=False)
    """How it is changed."""

    @property
    def scratch(self) -> Path:
        """The directory for releases in the making and for who makes them."""
        return self.backend.scratch(self.path)

    @property
    def staging(self) -> Path:
        """Where releases are built before they are put into place."""
        return self.scratch / ".staging"

    def prefix_of(self, stack: StackName, version: ReleaseVersion, platform: Platform) -> Path:
        """Return where a release is, or would be."""
        return self.path / "releases" / stack / version / platform

    def release(
        self, stack: StackName, version: ReleaseVersion, platform: Platform
    ) -> Release | None:
        """Return a release by its exact name; None where it has not been published."""
        prefix = self.prefix_of(stack, version, platform)
        if not (prefix / INTERNAL / MANIFEST_NAME).is_file():
            return None
        return Release(stack=stack, version=version, platform=platform, prefix=prefix)

    def hint(self, *words: str) -> str:
        """Return a ``lamina release`` command about this root, as it can be pasted."""
        return shlex.join(["lamina", "release", *words, "--root", str(self.path)])

    def stacks(self) -> list[StackName]:
        """Return the stacks that have a directory, by name."""
        return sorted(_parsed(_entries(self.path / "releases"), parse_stack_name))

    def releases(self, stack: StackName | None = None) -> list[Release]:
        """Return what is published, by stack, then oldest version first, then platform."""
        return [
            release
            for one in (self.stacks() if stack is None else [stack])
            for version in self._versions(one)
            for platform in self._platforms(one, version)
            if (release := self.release(one, version, platform))
        ]

    def without_manifest(self, stack: StackName | None = None) -> list[Release]:
        """Return what is in the place of releases, has content and lacks the manifest.

        Nothing else sees these: without a manifest there is no release. No publisher leaves such a
        directory, so that somebody has damaged a release.
        """
        return [
            Release(stack=one, version=version, platform=platform, prefix=prefix)
            for one in (self.stacks() if stack is None else [stack])
            for version in self._versions(one)
            for platform in self._platforms(one, version)
            if self.release(one, version, platform) is None
            and _entries(prefix := self.prefix_of(one, version, platform))
        ]

    def tiers(self, stack: StackName) -> dict[str, ReleaseVersion]:
        """Return tier -> version."""
        directory = self.path / "tiers" / stack
        names = sorted(_parsed(_entries(directory), parse_tier_name))
        links = [link for name in names if (link := directory / name).is_symlink()]
        return {
            link.name: version
            for link in links
            for version in _parsed([link.readlink().name], parse_release_version)
        }

    def find(self, reference: ReleaseReference, platform: Platform | None = None) -> Release:
        """Return the release that a reference names, the newest when it gives no version.

        Pre-releases and development versions count as newest only where there is nothing else,
        and so do releases that were retired.

        ``platform`` is this machine's when None. Raises UsageError, saying what there is.
        """
        wanted = platform or current_platform()
        stack = reference.stack
        releases = self.releases(stack)
        if not releases:
            known = sorted({release.stack for release in self.releases()})
            raise self._unknown(f"no release of the stack {stack!r}", stack, known)
        here = {one.version: one for one in releases if one.platform is wanted}
        version = reference.version
        if reference.tier is not None:
            tiers = self.tiers(stack)
            if reference.tier not in tiers:
                raise self.no_tier(stack, reference.tier)
            version = tiers[reference.tier]
        if version is None and here:
            return here[self.newest(stack, here)]
        if version in here:
            return here[version]
        others = sorted({one.platform for one in releases if version in {None, one.version}})
        if others:
            what = f"{reference}: published for {', '.join(others)}, not for {wanted}"
            raise UsageError(f"{self.path}: {what}", hints=[self.hint("list", stack)])
        versions = [one.version for one in releases]
        what = f"{stack}: no release {version}"
        raise self._unknown(what, str(version), versions, prefix=f"{stack}/")

    def no_tier(self, stack: StackName, tier: str) -> UsageError:
        """Return what to say of a tier that no release was ever promoted to."""
        what = f"{stack}: no tier {tier!r}"
        error = self._unknown(what, tier, self.tiers(stack), prefix=f"{stack}@")
        to_make = self.hint("promote", f"{stack}/VERSION", "--tier", tier)
        return UsageError(error.message, hints=[*error.hints, to_make])

    def newest(self, stack: StackName, versions: Collection[ReleaseVersion]) -> ReleaseVersion:
        """Return the newest version, of what is in service and final where there is any."""
        from lamina.release.history import retired

        out = retired(self.path, stack)
        serving = [one for one in versions if one not in out] or versions
        final = [one for one in serving if not version_key(one).is_prerelease]
        return max(final or serving, key=version_key)

    def _unknown(
        self, what: str, wanted: str, known: Iterable[str], *, prefix: str = ""
    ) -> UsageError:
        names = list(dict.fromkeys(known))
        near = difflib.get_close_matches(wanted, names, n=1)
        there = ", ".join(prefix + name for name in names) or "nothing"
        suggestion = f" (did you mean {prefix + near[0]!r}?)" if near else ""
        return UsageError(
            f"{self.path}: {what}{suggestion}; there is: {there}",
            hints=[self.hint("list")],
        )

    def _platforms(self, stack: StackName, version: ReleaseVersion) -> list[Platform]:
        names = _entries(self.path / "releases" / stack / version)
        return sorted(_parsed(names, Platform))

    def _versions(self, stack: StackName) -> list[ReleaseVersion]:
        names = _entries(self.path / "releases" / stack)
        return sorted(_parsed(names, parse_release_version), key=version_key)


def open_root(path: Path, *, create: bool = False, backend: Backend = DIRECTORY) -> Root:
    """Return the root at ``path``; with ``create``, make it where there is none.

    Where it is not changed in place, it is made with its first release. Raises ConflictError for a
    directory with other content, StorageError when it cannot be made, DocumentError when it was
    made by a newer lamina, UsageError when it is missing or its path cannot be that of releases.
    """
    root, there = look_for_root(path, backend=backend)
    if there:
        return root
    if not create:
        why = "" if root.path.is_dir() else ": no such directory"
        raise UsageError(
            f"{root.path}: no releases there{why}",
            hints=[
                f"lamina publish --root {shlex.quote(str(root.path))}",
                "name another root with --root",
            ],
        )
    _check_path(root.path)
    if backend.in_place:
        make_root(root)
    return root


def release_at(prefix: Path) -> Release | None:
    """Return the release that a directory is, in a root or not; None for any other.

    Raises DocumentError for a manifest that is not valid.
    """
    from lamina.release.manifest import load_manifest

    path = prefix / INTERNAL / MANIFEST_NAME
    if not path.is_file():
        return None
    told = load_manifest(path)
    absolute = Path(os.path.abspath(prefix))  # noqa: PTH100 (links are kept: the path is for people)
    return Release(stack=told.stack, version=told.version, platform=told.platform, prefix=absolute)


def root_around(release: Release) -> Path | None:
    """Return the root that a release stands in, through links too; None for one on its own."""
    for prefix in (release.prefix, release.prefix.resolve()):
        top = Path(*prefix.parts[:-4])
        place = Root(top).prefix_of(release.stack, release.version, release.platform)
        if place == prefix and (top / ROOT_MARKER).is_file():
            return top
    return None


def make_root(root: Root) -> None:
    """Make a root where there is none."""
    if (root.path / ROOT_MARKER).is_file():
        return
    fs.make_directory(root.path.parent)
    fs.make_directory(root.path, readable=True)
    fs.write_text(root.path / ROOT_MARKER, f'schema = {ROOT_SCHEMA}\ncreated-by = "lamina"\n')


def look_for_root(path: Path, *, backend: Backend = DIRECTORY) -> tuple[Root, bool]:
    """Return the root that is, or could be made, at ``path``, and whether it is there.

    Raises ConflictError for a directory with other content, DocumentError for a newer schema.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (links are kept: the path is for people)
    if (absolute / ROOT_MARKER).is_file():
        _check_schema(absolute / ROOT_MARKER)
        return Root(absolute, backend), True
    if absolute.is_symlink() and not absolute.exists():
        raise ConflictError(
            f"{absolute}: a link to what is not there: {absolute.readlink()}",
            hints=["make that directory or choose another --root"],
        )
    if absolute.exists() and not absolute.is_dir():
        raise ConflictError(f"{absolute}: not a directory", hints=["choose another --root"])
    strange = [name for name in _entries(absolute) if not _may_be_there(name)]
    if strange:
        raise ConflictError(
            f"{absolute}: holds {min(strange)!r} and is no root of lamina",
            hints=["choose an empty or new directory with --root"],
        )
    return Root(absolute, backend), False


def _check_path(path: Path) -> None:
    """Raise UsageError for a path that cannot be on PATH or in a document."""
    text = str(path)
    if os.pathsep in text:
        reason = f"a {os.pathsep!r} in it would end the path in the middle of PATH"
    elif wrong := re.search(r"[\x00-\x1f\x7f]", text):
        reason = f"a {wrong[0]!r} in it would end the first line of a script"
    elif not text.isascii() and text != text.encode("utf-8", "replace").decode():
        reason = "it is not UTF-8"
    else:
        return
    raise UsageError(f"{text!r} cannot hold releases: {reason}", hints=["choose another --root"])


def _may_be_there(name: str) -> bool:
    """Tell what a new file system, or our own killed attempt, leaves in an empty directory."""
    return name in _NOT_CONTENT or name.startswith(f".{ROOT_MARKER}.")


def _check_schema(marker: Path) -> None:
    try:
        schema = tomllib.loads(marker.read_text(encoding="utf-8")).get("schema")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DocumentError(marker, [Problem(where="", found=str(error))]) from error
    if schema != ROOT_SCHEMA:
        problem = Problem(
            where="schema", found=f"found {schema!r}", allowed=f"this lamina knows {ROOT_SCHEMA}"
        )
        raise DocumentError(marker, [problem], hints=["update lamina"])


def _entries(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 (names are wanted, not paths)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"{directory}: {error.strerror}") from error


def _parsed(names: Iterable[str], parse: Callable[[str], Parsed]) -> Iterator[Parsed]:
    """Yield the names that are ours; whatever else lies there is passed over."""
    for name in names:
        try:
            yield parse(name)
        except ValueError:
            continue
