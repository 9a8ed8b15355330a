"""Repositories as others have them: what moved, what is reached by its name only, what is meant."""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import BuildFailedError, LaminaError, UnsatisfiableError
from lamina.engines.git_repositories import GitRepositories
from support.repositories import Repository, make_repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / ".config" / "git").mkdir(parents=True)
    return home


@pytest.fixture
def repositories(tmp_path: Path, home: Path) -> GitRepositories:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return GitRepositories(directory=tmp_path / "cache", environ=environ)


@pytest.fixture
def remote(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "remote", {"a.txt": "x\n"}, tag="v1")


def program(path: Path) -> Path:
    """Write a program that says what it was called with in a file beside it."""
    path.write_text(f'#!/bin/sh\necho "$@" > {path}.log\nexit 1\n')
    path.chmod(0o755)
    return path


def test_branches_and_tags_that_are_gone_are_gone_here(
    repositories: GitRepositories, remote: Repository, tmp_path: Path
) -> None:
    remote.git("branch", "feature")
    remote.git("tag", "wrong")
    repositories.check_out(remote.url, remote.head, tmp_path / "1", history=True)
    remote.git("branch", "-D", "feature")
    remote.git("tag", "-d", "wrong")
    remote.git("branch", "feature/x")  # Of a name that the old one stands in the way of.
    repositories.check_out(remote.url, remote.head, tmp_path / "2", history=True, refresh=True)
    assert Repository(tmp_path / "2").git("tag") == "v1"


def test_what_no_branch_leads_to_has_its_history(
    repositories: GitRepositories, remote: Repository, tmp_path: Path
) -> None:
    remote.git("checkout", "--quiet", "--detach")
    for number in range(3):
        commit = remote.commit({"a.txt": f"{number}\n"})
    remote.git("update-ref", "refs/pull/1/head", commit)
    remote.git("checkout", "--quiet", "main")
    assert repositories.resolve(remote.url, ("rev", "refs/pull/1/head")) == commit
    repositories.check_out(remote.url, commit, tmp_path / "1", history=False)
    repositories.check_out(remote.url, commit, tmp_path / "2", history=True)
    described = Repository(tmp_path / "2").git("describe", "--tags")
    assert described.startswith("v1-3-g")


def test_names_of_commits_in_either_case(repositories: GitRepositories, remote: Repository) -> None:
    for text in (remote.head.upper(), remote.head[:10].upper()):
        assert repositories.resolve(remote.url, ("rev", text)) == remote.head
    remote.git("branch", "feature/x")
    with pytest.raises(UnsatisfiableError) as caught:
        repositories.resolve(remote.url, ("branch", "none"))
    assert caught.value.hints == ("its branches: feature/x, main",)


@pytest.mark.parametrize("length", [10, 64])
def test_a_repository_whose_commits_are_longer(
    repositories: GitRepositories, tmp_path: Path, length: int
) -> None:
    (tmp_path / "long").mkdir()
    remote = Repository(tmp_path / "long")
    remote.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    commit = remote.commit({"a.txt": "x"})
    assert repositories.resolve(remote.url, ("rev", commit[:length])) == commit
    repositories.check_out(remote.url, commit, tmp_path / "1", history=True)
    assert (tmp_path / "1" / "a.txt").read_text() == "x"


def test_settings_of_a_person_change_nothing(
    repositories: GitRepositories, remote: Repository, tmp_path: Path, home: Path
) -> None:
    remote.commit({".gitmodules": f'[submodule "s"]\npath = s\nurl = {remote.url}\n'})
    remote.git("update-index", "--add", "--cacheinfo", f"160000,{remote.head},s")
    remote.git("commit", "--quiet", "--message", "a submodule")
    (home / ".config" / "git" / "attributes").write_text("*.txt eol=crlf\n")
    (home / ".gitconfig").write_text(
        "[submodule]\nrecurse = true\nactive = .\n[init]\ndefaultObjectFormat = sha256\n"
    )
    repositories.check_out(remote.url, remote.head, tmp_path / "1", history=False)
    assert (tmp_path / "1" / "a.txt").read_bytes() == b"x\n"
    assert (tmp_path / "1" / "s" / "a.txt").read_bytes() == b"x\n"


def test_a_person_chooses_how_ssh_is_called(
    repositories: GitRepositories, tmp_path: Path, home: Path
) -> None:
    url = "ssh://git@127.0.0.1:9/x"
    asked = program(tmp_path / "variable")
    environ = {**repositories.environ, "GIT_SSH": str(asked)}
    with pytest.raises(LaminaError):
        GitRepositories(directory=repositories.directory, environ=environ).resolve(url, None)
    assert "git@127.0.0.1" in (tmp_path / "variable.log").read_text()
    (home / ".gitconfig").write_text(f"[core]\nsshCommand = {program(tmp_path / 'setting')}\n")
    with pytest.raises(LaminaError):
        repositories.resolve(url, None)
    assert "git@127.0.0.1" in (tmp_path / "setting.log").read_text()


def tree_of(repository: Repository, *entries: tuple[str, str, str]) -> str:
    """Write a tree as it is told to, whether git would make one like that or not."""
    data = b"".join(
        f"{mode} {name}\0".encode() + bytes.fromhex(known) for mode, name, known in entries
    )
    words = ["git", "hash-object", "-w", "--literally", "-t", "tree", "--stdin"]
    answer = subprocess.run(words, cwd=repository.directory, input=data, stdout=-1, check=True)
    return answer.stdout.decode().strip()


def test_a_submodule_behind_a_link_is_refused(
    repositories: GitRepositories, remote: Repository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    modules = f'[submodule "s"]\npath = a/b\nurl = {remote.url}\n'
    pinned = remote.commit({"modules": modules, "link": str(outside)})
    link, modules = (remote.git("rev-parse", f"HEAD:{one}") for one in ("link", "modules"))
    # "a" is a directory with the submodule, and a link as well: git checks out the link.
    tree = tree_of(
        remote,
        ("100644", ".gitmodules", modules),
        ("40000", "a", tree_of(remote, ("160000", "b", pinned))),
        ("120000", "a", link),
    )
    remote.git("update-ref", "refs/heads/main", remote.git("commit-tree", "-m", "x", tree))
    with pytest.raises(BuildFailedError, match="its submodule a/b is behind a link"):
        repositories.check_out(remote.url, remote.head, tmp_path / "1", history=False)
    assert list(outside.iterdir()) == []


def test_two_may_ask_for_a_repository_at_once(
    repositories: GitRepositories, remote: Repository, tmp_path: Path
) -> None:
    others: list[threading.Thread] = []

    def come_in_between(operation: str, path: Path) -> None:
        if operation == "rename" and path.parent == repositories.directory and not others:
            words = (remote.url, remote.head, tmp_path / "2")
            check_out = functools.partial(repositories.check_out, *words, history=False)
            others.append(threading.Thread(target=check_out))
            others[0].start()
            others[0].join(1)

    with fs.observe(come_in_between):
        repositories.check_out(remote.url, remote.head, tmp_path / "1", history=False)
    others[0].join()
    assert [(tmp_path / one / "a.txt").read_text() for one in "12"] == ["x\n", "x\n"]


def test_a_command_that_fails_is_named(
    repositories: GitRepositories, remote: Repository, tmp_path: Path
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / ".git").write_text("not a repository")
    with pytest.raises(LaminaError, match="git init failed"):
        repositories.check_out(remote.url, remote.head, tmp_path / "1", history=False)
    tree = tree_of(remote, ("40000", ".git", remote.git("rev-parse", "HEAD^{tree}")))
    remote.git("update-ref", "refs/heads/main", remote.git("commit-tree", "-m", "x", tree))
    with pytest.raises(LaminaError, match="git checkout failed: error: invalid path"):
        repositories.check_out(remote.url, remote.head, tmp_path / "2", history=False)
