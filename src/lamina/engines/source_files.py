"""Which files of a directory are the sources of a package: those that its authors would commit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import BuildFailedError
from lamina.core.run import Completed, base_environment, run
from lamina.lock.files import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NEVER = frozenset(
    {".git", ".hg", ".svn", ".bzr", "__pycache__", ".venv", ".tox", ".nox", ".eggs",
     ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
)  # fmt: skip
_NEVER_FILE = re.compile(r".*\.py[co]$|.*~$")
_MADE_BY_BUILDS = re.compile(r"(?:build|dist|[^/]+\.egg-info)(?:/|$)")
"""At the top, where no .gitignore could say it."""
_NO_REPOSITORY = "not a git repository"


def source_files(directory: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the paths of files and links, from the directory.

    In a git repository those that git knows, and those that no ``.gitignore`` names: what a person
    or a machine ignores beside these does not count. Elsewhere all, but for what builds leave at
    the top. Neither way byte code, the directories of version control, caches of tools, and
    lamina.lock at the top, which follows from the others. Raises BuildFailedError where git does
    not say what it knows.
    """
    names = _known_to_git(directory, environ)
    if not names:
        every = (path.relative_to(directory).as_posix() for path in _walk(directory))
        names = [one for one in every if not _MADE_BY_BUILDS.match(one)]
    return sorted(one for one in {*names} - {LOCK_NAME} if _counts(one))


def _counts(name: str) -> bool:
    parts = name.split("/")
    return not _NEVER.intersection(parts) and not _NEVER_FILE.fullmatch(parts[-1])


def _walk(directory: Path) -> Iterator[Path]:
    for top, directories, files in os.walk(directory):
        links = [one for one in directories if (Path(top) / one).is_symlink()]
        directories[:] = sorted(set(directories) - _NEVER - set(links))
        yield from (Path(top) / one for one in (*files, *links))


def _known_to_git(directory: Path, environ: Mapping[str, str]) -> list[str]:
    """Return what git lists; nothing where the directory is in no repository, or ignored there."""
    listed: Iterable[str] = ()
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-per-directory=.gitignore")
    answer = ask_git(directory, environ, *words)
    if answer is not None and answer.returncode == 0:
        listed = [one for one in answer.stdout.split("\0") if one]
    elif answer is not None and _NO_REPOSITORY not in answer.stderr:
        raise _unsaid(directory, answer.stderr)
    found: list[str] = []
    for name in listed:
        path = directory / name
        if path.is_symlink() or path.is_file():
            found.append(name)
        elif path.is_dir():
            # A repository inside, a submodule for example, of which git lists the directory alone.
            inner = source_files(path, environ)
            found += [f"{name.rstrip('/')}/{one}" for one in inner]
    return found


def _unsaid(directory: Path, stderr: str) -> BuildFailedError:
    """Return the error where git refuses: all that is there would be more than elsewhere."""
    said = next(iter(stderr.strip().splitlines()), "no reason given").removeprefix("fatal: ")
    trust = f"git config --global --add safe.directory {shlex.quote(str(directory.resolve()))}"
    return BuildFailedError(
        f"{directory}: git does not say which files are sources: {said}",
        hints=[trust] if "safe.directory" in stderr else [],
    )


def ask_git(directory: Path, environ: Mapping[str, str], *arguments: str) -> Completed | None:
    """Return what git answers in a directory, as on any other machine; None where there is none."""
    program = shutil.which("git", path=environ.get("PATH"))
    if program is None:
        return None
    same = ("-c", "core.excludesFile=/dev/null", "-c", "core.quotePath=false")
    env = base_environment(environ) | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    return run([program, "-C", directory, *same, *arguments], env=env, check=False, exact=True)
