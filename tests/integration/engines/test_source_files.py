"""Which files are sources, and copies of working copies for those who ask git about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lamina.archive.source_trees import pack_sources
from lamina.core.errors import BuildFailedError
from lamina.engines.source_files import source_files
from lamina.resolve.working_tree import check_project, copy_working_tree, stated_name
from support.repositories import Repository, make_repository, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.model.names import PackageName


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "copy", {"a.txt": "", ".gitignore": "secret\n"}, tag="v1")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


@pytest.mark.parametrize("tracked", [True, False], ids=["tracked", "new"])
def test_names_that_are_not_utf_8_count(
    repository: Repository, environ: dict[str, str], tmp_path: Path, tracked: bool
) -> None:
    name = os.fsdecode(b"\xe9t\xe9.txt")
    try:
        (repository.directory / name).write_text("x")
    except OSError:
        # APFS and ZFS with utf8only refuse such names, so there is nothing to find.
        pytest.skip("this file system has names in UTF-8 only")
    if tracked:
        repository.commit({})
    names = source_files(repository.directory, environ)
    assert names == [".gitignore", "a.txt", name]
    pack_sources(repository.directory, names, tmp_path / "x.tar.gz", top="x")
    copy_working_tree(repository.directory, names, tmp_path / "tree", environ)
    assert (tmp_path / "tree" / name).read_text() == "x"


def test_what_git_does_not_say_is_not_guessed(
    repository: Repository, environ: dict[str, str]
) -> None:
    write_files(repository.directory, {"secret": "", ".git/config": "[broken"})
    with pytest.raises(BuildFailedError, match=r"which files are sources: bad config line"):
        source_files(repository.directory, environ)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_repository_of_somebody_else(repository: Repository, environ: dict[str, str]) -> None:
    write_files(repository.directory, {"secret": ""})
    for path in (repository.directory, repository.directory / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(BuildFailedError, match="detected dubious ownership") as caught:
        source_files(repository.directory, environ)
    assert f"safe.directory {repository.directory}" in caught.value.hints[0]


def test_a_copy_has_the_tags_whatever_kind_of_repository(
    repository: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    repository.git("tag", "--annotate", "--message", "x", "v2")
    repository.commit({"lamina.lock": ""})
    repository.git("clone", "--quiet", "--depth=2", repository.url, str(tmp_path / "shallow"))
    for number, directory in enumerate((repository.directory, tmp_path / "shallow")):
        names = source_files(directory, environ)
        assert "lamina.lock" not in names
        tree = tmp_path / f"tree{number}"
        assert copy_working_tree(directory, names, tree, environ) is False
        said = Repository(tree).git("describe", "--tags", "--dirty", "--long")
        assert said.startswith("v2-1-g")
        assert not said.endswith("dirty")
        assert Repository(tree).git("tag").split() == Repository(directory).git("tag").split()


def test_a_copy_of_a_repository_whose_commits_are_longer(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "long").mkdir()
    long = Repository(tmp_path / "long")
    long.git("init", "--quiet", "--object-format=sha256")
    long.commit({"a.txt": ""}, tag="v1")
    copy_working_tree(long.directory, ["a.txt"], tmp_path / "tree", environ)
    assert Repository(tmp_path / "tree").git("describe", "--tags", "--dirty") == "v1"


def test_a_project_that_is_no_table_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("project = 3\ntool = 4\n")
    name: PackageName = "mine"  # type: ignore[assignment]
    assert check_project(tmp_path, name, "here") is None
    assert stated_name(tmp_path) is None
