"""git repositories that sources come from: kept bare in the cache, checked out by commit.

Credentials are git's own matter (its helpers, ~/.netrc, ssh); no address here has any.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import (
    BuildFailedError,
    LaminaError,
    UnsatisfiableError,
    UpstreamUnavailableError,
)
from lamina.core.run import Completed, base_environment, redact, run
from lamina.model.digests import digest_of_bytes
from lamina.model.sources import is_commit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.model.sources import ReferenceKind

_PASSED_ON = ("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH_COMMAND", "GIT_SSH", "GIT_ASKPASS")
"""By which people let git log in."""
_SETTINGS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    # The content of large files is no part of a tree, whoever has git-lfs installed or not.
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}
_SAME_EVERYWHERE = (
    *("-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.symlinks=true", "-c", "advice.detachedHead=false", "-c", "gc.auto=0"),
    *("-c", "core.attributesFile=/dev/null", "-c", "submodule.recurse=false"),
)
"""Settings of a person that would change what is checked out."""
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_PROTOCOLS = "https:http:ssh:git"
_DEEPEST = 8
"""How deep submodules may be nested."""
_LENGTH_OF_SHA1 = 40
Reference = tuple["ReferenceKind", str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepositories:
    """Repositories by their addresses, in a directory of the cache."""

    directory: Path
    environ: Mapping[str, str]

    def resolve(self, url: str, reference: Reference | None) -> str:
        """Return the commit that a revision is at now.

        Raises UnsatisfiableError where there is no such revision, UpstreamUnavailableError.
        """
        kind, name = reference or ("rev", "HEAD")
        if kind == "rev" and is_commit(name.lower()):
            return name.lower()
        there = self._remote(url)
        words = {"tag": [f"refs/tags/{name}^{{}}", f"refs/tags/{name}"],
                 "branch": [f"refs/heads/{name}"]}  # fmt: skip
        whole = [f"{name}^{{}}", name] if name == "HEAD" or name.startswith("refs/") else []
        words["rev"] = whole or [*words["tag"], *words["branch"]]
        found = next((there[one] for one in words[kind] if one in there), None)
        if found is None and kind == "rev" and re.fullmatch(r"[0-9a-fA-F]{4,}", name) and there:
            mirror = self._everything(url, next(iter(there.values())))
            spec = f"{name}^{{commit}}"
            answer = self._git("--git-dir", mirror, "rev-parse", "--verify", "--quiet", spec)
            found = answer.stdout.strip() if answer.returncode == 0 else None
        if found is None:
            raise _no_such(url, kind if reference else "", name, there)
        return found

    def kind_of(self, url: str, name: str) -> ReferenceKind:
        """Return what a name is in a repository: a tag, else a branch, else ``rev``, a commit.

        Raises UnsatisfiableError where there is no such revision, UpstreamUnavailableError.
        """
        if is_commit(name):
            return "rev"
        there = self._remote(url)
        if f"refs/tags/{name}" in there:
            return "tag"
        if f"refs/heads/{name}" in there:
            return "branch"
        self.resolve(url, ("rev", name))
        return "rev"

    def check_out(
        self, url: str, commit: str, directory: Path, *, history: bool, refresh: bool = False
    ) -> None:
        """Write the files of a commit into a new directory, those of submodules included.

        ``history``: with a ``.git`` that has its tags, for build back ends that ask git for their
        version; ``refresh``: those that the repository has by now. Raises UnsatisfiableError where
        the commit is not there, UpstreamUnavailableError.
        """
        if history:
            mirror = self._with_history(url, commit, refresh=refresh)
        else:
            mirror = self._with_commit(url, commit)
        self._write(mirror, commit, directory, tags=history)
        self._submodules(url, commit, directory, 0)
        if not history:
            fs.remove_tree(directory / ".git")

    def _write(self, mirror: Path, commit: str, directory: Path, *, tags: bool) -> None:
        inside = directory / ".git"
        self._done("init", "--quiet", "--template=", _format(commit), directory)
        fs.make_directory(inside / "objects" / "info")
        objects = (mirror / "objects").resolve()
        fs.write_text(inside / "objects" / "info" / "alternates", f"{objects}\n", durable=False)
        if (mirror / "shallow").exists():
            fs.copy_file(mirror / "shallow", inside / "shallow")
        if tags:
            self._done("-C", directory, "fetch", "--quiet", "--no-tags", "--", mirror, _ALL[1])
        self._done("-C", directory, "checkout", "--quiet", "--force", "--detach", commit)

    def _submodules(self, url: str, commit: str, directory: Path, depth: int) -> None:
        """Check out the commits of other repositories that a tree names."""
        listed = self._done("-C", directory, "ls-tree", "-r", "-z", commit).stdout.split("\0")
        links = [one.partition("\t") for one in listed if one.startswith("160000 ")]
        addresses = self._addresses(directory) if links else {}
        for head, _, path in links:
            if path not in addresses or depth >= _DEEPEST:
                why = "is not in .gitmodules" if path not in addresses else "is too deep"
                raise BuildFailedError(f"{redact(url)}: its submodule {path} {why}")
            other, where = _joined(url, addresses[path]), directory / path
            if where.resolve() != directory.resolve() / path:
                raise BuildFailedError(f"{redact(url)}: its submodule {path} is behind a link")
            pinned = head.split()[2]
            if other.startswith("-") or (_is_file(other) and not _is_file(url)):
                raise BuildFailedError(f"{redact(url)}: its submodule {path} is at {redact(other)}")
            fs.make_directory(where)
            self._write(self._with_commit(other, pinned), pinned, where, tags=False)
            self._submodules(other, pinned, where, depth + 1)
            fs.remove_tree(where / ".git")

    def _addresses(self, directory: Path) -> dict[str, str]:
        """Return the address of each submodule, by its path."""
        words = ("config", "--file", directory / ".gitmodules", "--null", "--get-regexp")
        text = self._git(*words, r"^submodule\..*\.(path|url)$").stdout
        told: dict[str, dict[str, str]] = {}
        for key, _, value in (one.partition("\n") for one in text.split("\0") if one):
            name, _, word = key.rpartition(".")
            told.setdefault(name, {})[word] = value
        return {one["path"]: one["url"] for one in told.values() if len(one) == 2}

    def _mirror(self, url: str, commit: str) -> Path:
        """Return the copy of a repository whose commits are named as this one is."""
        form = ".git" if len(commit) == _LENGTH_OF_SHA1 else "-sha256.git"
        mirror = self.directory / f"{digest_of_bytes(url.encode())[:24]}{form}"
        if not mirror.exists():
            fs.make_directory(self.directory)
            with (
                fs.exclusive(self.directory),
                tempfile.TemporaryDirectory(dir=self.directory, prefix="new-") as name,
            ):
                if not mirror.exists():
                    made = Path(name) / "it"
                    self._done("init", "--quiet", "--bare", "--template=", _format(commit), made)
                    fs.rename(made, mirror)
        return mirror

    def _with_commit(self, url: str, commit: str) -> Path:
        """Return the copy of a repository that has a commit: that one alone where this goes."""
        mirror = self._mirror(url, commit)
        with fs.exclusive(mirror):
            if not self._has(mirror, commit):
                self._fetch(mirror, url, "--depth=1", "--no-tags", "--", url, commit)
        if not self._has(mirror, commit):
            self._everything(url, commit)
        if not self._has(mirror, commit):
            raise _no_such(url, "commit", commit, {})
        return mirror

    def _with_history(self, url: str, commit: str, *, refresh: bool) -> Path:
        """Return the copy of a repository that has a commit, all before it, and the tags."""
        mirror = self._mirror(url, commit)
        if refresh or not self._is_whole(mirror, commit):
            self._everything(url, commit)
        if not self._is_whole(mirror, commit):
            # No branch or tag leads to it (any more): it has to be asked for by its name.
            with fs.exclusive(mirror):
                self._fetch(mirror, url, *_deepening(mirror), "--no-tags", "--", url, commit)
        return self._with_commit(url, commit)

    def _everything(self, url: str, commit: str) -> Path:
        """Return the copy of a repository, with every branch and tag of it as they are now."""
        mirror = self._mirror(url, commit)
        with fs.exclusive(mirror):
            words = (*_deepening(mirror), "--force", "--prune")
            answer = self._fetch(mirror, url, *words, "--", url, *_ALL)
        if answer.returncode != 0:
            raise _unreachable(url, answer)
        return mirror

    def _is_whole(self, mirror: Path, commit: str) -> bool:
        return self._has(mirror, commit) and not _deepening(mirror)

    def _fetch(self, mirror: Path, url: str, *arguments: str) -> Completed:
        words = ("--git-dir", mirror, "fetch", "--quiet", "--no-write-fetch-head")
        return self._git(*words, *arguments, url=url)

    def _has(self, mirror: Path, commit: str) -> bool:
        answer = self._git("--git-dir", mirror, "cat-file", "-e", f"{commit}^{{tree}}")
        return answer.returncode == 0

    def _remote(self, url: str) -> dict[str, str]:
        """Return the commit of each name that a repository has."""
        answer = self._git("ls-remote", "--quiet", "--", url, url=url)
        if answer.returncode != 0:
            raise _unreachable(url, answer)
        pairs = (line.split("\t") for line in answer.stdout.splitlines() if "\t" in line)
        return {name: commit for commit, name in pairs}

    def _done(self, *arguments: str | Path) -> Completed:
        answer = self._git(*arguments)
        if answer.returncode != 0:
            verb = arguments[2] if arguments[0] == "-C" else arguments[0]
            raise LaminaError(f"git {verb} failed: {redact(answer.stderr.strip())}")
        return answer

    def _git(self, *arguments: str | Path, url: str = "") -> Completed:
        program = shutil.which("git", path=self.environ.get("PATH"))
        if program is None:
            raise LaminaError("packages come from git, and there is no git on PATH",
                              hints=["install git"])  # fmt: skip
        passed = {name: self.environ[name] for name in _PASSED_ON if name in self.environ}
        env = {
            **base_environment(self.environ),
            **passed,
            **_SETTINGS,
            # What a repository names may not lead to files of this machine.
            "GIT_ALLOW_PROTOCOL": _PROTOCOLS if url and not _is_file(url) else f"{_PROTOCOLS}:file",
        }
        return run([program, *_SAME_EVERYWHERE, *arguments], env=env, check=False)


def _format(commit: str) -> str:
    """Return the option of git init for a repository with such commits, whatever its default is."""
    return f"--object-format={'sha1' if len(commit) == _LENGTH_OF_SHA1 else 'sha256'}"


def _deepening(mirror: Path) -> list[str]:
    return ["--unshallow"] if (mirror / "shallow").exists() else []


def _is_file(url: str) -> bool:
    return url.startswith(("file:", "/", "."))


def _joined(url: str, other: str) -> str:
    """Return the address of a submodule, which may be relative to that of its repository."""
    if not other.startswith(("./", "../")):
        return other
    base, between = url.rstrip("/"), "/"
    while other.startswith(("./", "../")):
        word, _, other = other.partition("/")
        if word == ".." and (found := re.search(r"([/:])[^/:]*$", base)):
            # The colon of git@host:name.git stays one.
            base, between = base[: found.start()], found[1]
    return f"{base}{between}{other}"


def _no_such(url: str, kind: str, name: str, there: Mapping[str, str]) -> UnsatisfiableError:
    what = f"no {kind} {name!r}" if kind else "no branch of its own"
    heads = "refs/heads/"
    known = sorted(one.removeprefix(heads) for one in there if one.startswith(heads))
    hints = [f"its branches: {', '.join(known[:8])}"] if known else []
    return UnsatisfiableError(f"{redact(url)} has {what}", hints=hints)


def _unreachable(url: str, answer: Completed) -> UpstreamUnavailableError:
    lines = [line.strip() for line in redact(answer.stderr).splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))), "")
    said = said.partition(":")[2].strip() or (lines[0] if lines else "no reason given")
    login = re.search(r"could not read Username|Authentication failed|Permission denied|40[13]",
                      answer.stderr)  # fmt: skip
    hints = [f"git ls-remote {redact(url)}"]
    if login:
        hints.append("git credential approve, ~/.netrc or ssh-add: lamina leaves logging in to git")
    return UpstreamUnavailableError(f"{redact(url)}: git cannot reach it: {said}", hints=hints)
