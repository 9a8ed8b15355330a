"""Packages of a git revision and of a path: locked, built, refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.repositories import Repository, make_repository, package_files
from support.sources import stack_of

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    index_server.wheel("tool", "1.0")
    return command_line


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = make_repository(tmp_path / "remote", package_files("mine", "git", "tool"), tag="v1.0")
    made.commit({"mine.py": "value = 2\n"}, tag="v1.1")
    return made


def locked(lamina: CommandLine, packages: dict[str, str], *words: str, expect: int = 0) -> str:
    lamina.write("lamina.toml", stack_of(packages))
    answer = lamina("lock", *words, expect=expect)
    return answer.stderr if expect else Path("lamina.lock").read_text()


def member(wheel: str, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [path] = [one for one in archive.namelist() if one.endswith(name)]
        return archive.read(path).decode()


def test_a_tag_is_locked_by_its_commit_and_built_without_git(
    lamina: CommandLine, repository: Repository
) -> None:
    text = locked(lamina, {"mine": f'{{ git = "{repository.url}", tag = "v1.0" }}'})
    commit = repository.git("rev-parse", "v1.0")
    assert (
        f'origin = {{ git = "{repository.url}", commit = "{commit}", requested = "tag v1.0" }}'
        in text
    )
    assert 'version = "1.0"' in text
    assert '{ name = "tool" }' in text
    again = locked(lamina, {"mine": f'{{ git = "{repository.url}", tag = "v1.0" }}'})
    assert again == text
    repository.directory.rename(repository.directory.with_name("gone"))
    [made] = lamina("build", "--json").json["packages"]
    assert made["status"] == "built"
    assert member(made["wheel"], "mine.py") == "value = 1\n"
    assert json.loads(Path(made["provenance"]).read_text())["origin"]["commit"] == commit
