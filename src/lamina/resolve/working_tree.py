"""Trees of sources that uv is to look at: what they are, and copies of them with their history."""

from __future__ import annotations

import configparser
import tarfile
import tomllib
from contextlib import suppress
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core import fs
from lamina.core.errors import Problem
from lamina.engines.source_files import ask_git
from lamina.lock.files import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lamina.model.names import PackageName


def check_project(
    source: Path, name: PackageName, where: str, subdirectory: str | None = None
) -> Problem | None:
    """Return why a tree, or a directory in it, is not the project of a package of lamina.toml."""
    place = source / (subdirectory or "")
    if not any((place / one).is_file() for one in ("pyproject.toml", "setup.py")):
        what = "no such directory" if not place.is_dir() else "neither pyproject.toml nor setup.py"
        return Problem(
            where=f"packages.{name}{'.subdirectory' if subdirectory else ''}",
            found=f"{f'{subdirectory}: ' if subdirectory else ''}{what} in {where}",
            allowed="subdirectory = '...' says where in a repository the package is",
        )
    return another_name(str(_project(place).get("name") or name), name, where)


def another_name(said: str, name: PackageName, where: str) -> Problem | None:
    """Return what is wrong where sources say that they are of another package."""
    own = canonicalize_name(said)
    if own == name:
        return None
    return Problem(
        where=f"packages.{name}",
        found=f"the sources in {where} are of {own}",
        allowed=f"write {own} in place of {name}",
    )


def stated_name(source: Path) -> str | None:
    """Return the name that sources state without being built, None where they do not."""
    document = _toml(source / "pyproject.toml")
    poetry = _table(_table(document, "tool"), "poetry")
    setup = configparser.ConfigParser(interpolation=None)
    with suppress(OSError, UnicodeDecodeError, configparser.Error):
        setup.read(source / "setup.cfg", encoding="utf-8")
    metadata = ""
    with suppress(OSError):
        metadata = (source / "PKG-INFO").read_text("utf-8", "replace")
    stated = (
        _table(document, "project").get("name"),
        poetry.get("name"),
        setup.get("metadata", "name", fallback=None),
        HeaderParser().parsestr(metadata, headersonly=True).get("Name"),
    )
    return next((str(one).strip() for one in stated if one), None)


def asks_git_for_its_version(source: Path) -> bool:
    """Tell whether sources may ask git for their version: all that do not state it."""
    return not _project(source).get("version")


def _project(source: Path) -> dict[str, Any]:
    return _table(_toml(source / "pyproject.toml"), "project")


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a table of a document of others; empty for anything else under its name."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def copy_working_tree(
    directory: Path, names: Iterable[str], tree: Path, environ: Mapping[str, str]
) -> bool:
    """Copy files of a directory; with the history of the git repository that it is the top of.

    Return whether it has changes that are not committed.
    """
    # Not among the sources, but git would miss it in a working copy that has it.
    own = [LOCK_NAME] if (directory / LOCK_NAME).is_file() else []
    for name in (*names, *own):
        source, target = directory / name, tree / name
        fs.make_directory(target.parent)
        if source.is_symlink():
            fs.symlink(target, source.readlink())
        else:
            fs.copy_file(source, target)

    def ask(*arguments: str, where: Path = directory) -> str:
        answer = ask_git(where, environ, *arguments)
        return answer.stdout.strip() if answer is not None and answer.returncode == 0 else ""

    top, head = ask("rev-parse", "--show-toplevel"), ask("rev-parse", "--verify", "-q", "HEAD")
    if not head or Path(top).resolve() != directory.resolve():
        return False
    objects = ask("rev-parse", "--path-format=absolute", "--git-path", "objects")
    form = ask("rev-parse", "--show-object-format") or "sha1"
    ask("init", "--quiet", "--template=", f"--object-format={form}", where=tree)
    fs.write_text(tree / ".git" / "objects" / "info" / "alternates", f"{objects}\n", durable=False)
    shallow = Path(ask("rev-parse", "--path-format=absolute", "--git-path", "shallow"))
    if shallow.is_file():
        fs.copy_file(shallow, tree / ".git" / "shallow")
    tags = "+refs/tags/*:refs/tags/*"
    ask("fetch", "--quiet", "--no-tags", "--", str(directory.resolve()), tags, where=tree)
    ask("update-ref", "--no-deref", "HEAD", head, where=tree)
    ask("reset", "--quiet", where=tree)
    return bool(ask("status", "--porcelain"))


def archive_of(tree: Path, path: Path, name: PackageName) -> Path:
    """Write a tree, its ``.git`` included, into an archive for uv, and return that."""
    fs.make_directory(path.parent)
    with fs.change("write", path), tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(tree, arcname=name)
    return path
