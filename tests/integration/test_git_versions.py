"""Versions counted from real repositories, beside what setuptools-scm counts."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import LaminaError
from lamina.engines.git import GitProgram
from lamina.stack.version import count_version

if TYPE_CHECKING:
    from pathlib import Path

_TODAY = datetime(2026, 11, 21, tzinfo=UTC)


class _Repository:
    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self.directory = directory
        self.environ = environ | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": "/"}
        directory.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(
            ["git", *identity, "-C", self.directory, *arguments],
            check=True,
            env=self.environ,
            capture_output=True,
        )

    def commit(self, text: str, tag: str | None = None) -> None:
        self.change(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        if tag is not None:
            self.git("tag", tag)

    def change(self, text: str) -> None:
        (self.directory / "lamina.toml").write_text(text)

    def version(self) -> str:
        revision = GitProgram(environ=self.environ).revision(self.directory)
        return count_version(revision, today=_TODAY)

    def as_setuptools_scm_counts(self) -> str:
        answer = subprocess.run(
            [sys.executable, "-m", "setuptools_scm", "--root", self.directory],
            check=True,
            env=self.environ | {"SOURCE_DATE_EPOCH": str(int(_TODAY.timestamp()))},
            capture_output=True,
            text=True,
        )
        return answer.stdout.strip().splitlines()[-1]


@pytest.fixture
def repository(tmp_path: Path, environ: dict[str, str]) -> _Repository:
    return _Repository(tmp_path / "a repositöry", environ)


@pytest.mark.parametrize(
    ("tag", "later", "changed"),
    [
        pytest.param("v1.2.0", 0, False, id="on the tag"),
        pytest.param("v1.2.0", 3, False, id="after it"),
        pytest.param("1.2.0", 0, True, id="changed on it"),
        pytest.param("1.2.0", 2, True, id="changed after it"),
        pytest.param("hep-analysis-2026.11.0", 1, False, id="name in front"),
        pytest.param("1.0rc1", 1, False, id="candidate"),
        pytest.param("1.0.dev0", 2, False, id="dev0"),
        pytest.param("1.0.post1", 1, False, id="post"),
        pytest.param("2", 1, False, id="one number"),
    ],
)
def test_versions_are_counted_as_setuptools_scm_does(
    repository: _Repository, tag: str, later: int, changed: bool
) -> None:
    repository.commit("first", tag)
    for n in range(later):
        repository.commit(f"later {n}")
    if changed:
        repository.change("not committed")
    assert repository.version() == repository.as_setuptools_scm_counts()


def test_tags_without_a_digit_do_not_count(repository: _Repository) -> None:
    repository.commit("first", "v1.0")
    repository.commit("second", "stable")
    assert repository.version().startswith("1.1.dev1+g")


def test_files_that_git_does_not_know_leave_the_version_alone(repository: _Repository) -> None:
    repository.commit("first", "v1.0")
    (repository.directory / "notes.txt").write_text("x")
    assert repository.version() == "1.0"


def test_a_directory_inside_the_repository(repository: _Repository) -> None:
    repository.commit("first", "v1.0")
    inside = repository.directory / "inside"
    inside.mkdir()
    assert GitProgram(environ=repository.environ).revision(inside).tag == "v1.0"


def test_no_repository(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(LaminaError, match="this is no git repository") as caught:
        GitProgram(environ=environ).revision(tmp_path)
    assert "git init" in caught.value.hints


def test_no_commit(repository: _Repository) -> None:
    with pytest.raises(LaminaError, match="no tag before this commit"):
        repository.version()


def test_no_tag(repository: _Repository) -> None:
    repository.commit("first")
    with pytest.raises(LaminaError, match="no tag before this commit") as caught:
        repository.version()
    assert "git tag v0.1.0" in caught.value.hints


def test_no_git(repository: _Repository) -> None:
    repository.commit("first", "v1.0")
    with pytest.raises(LaminaError, match="there is no git on PATH"):
        GitProgram(environ=repository.environ | {"PATH": "/nonexistent"}).revision(
            repository.directory
        )


def test_variables_of_git_do_not_lead_elsewhere(repository: _Repository, tmp_path: Path) -> None:
    repository.commit("first", "v1.0")
    elsewhere = repository.environ | {"GIT_DIR": str(tmp_path / "nowhere")}
    assert GitProgram(environ=elsewhere).revision(repository.directory).tag == "v1.0"
