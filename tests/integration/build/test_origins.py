"""Packages of a git revision and of a path: locked, built, refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.engines.index_addresses import cache_directory
from support.repositories import (
    Repository,
    make_repository,
    package_files,
    serve_directory,
    write_files,
)
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
    packages = {"mine": f'{{ git = "{repository.url}", tag = "v1.0" }}'}
    text = locked(lamina, packages)
    commit = repository.git("rev-parse", "v1.0")
    origin = f'git = "{repository.url}", commit = "{commit}", requested = "tag v1.0"'
    assert f"origin = {{ {origin} }}" in text
    assert 'version = "1.0"\nindex = "git"' in text
    assert '{ name = "tool" }' in text
    assert locked(lamina, packages) == text
    repository.directory.rename(repository.directory.with_name("gone"))
    made = built(lamina)
    assert made["status"] == "built"
    assert member(made["wheel"], "mine.py") == "value = 1\n"
    assert json.loads(Path(made["provenance"]).read_text())["origin"]["commit"] == commit
    assert built(lamina)["status"] == "cached"


def test_a_branch_stays_at_its_commit_until_it_is_upgraded(
    lamina: CommandLine, repository: Repository
) -> None:
    packages = {"mine": f'{{ git = "{repository.url}", branch = "main" }}'}
    text = locked(lamina, packages)
    assert 'version = "1.1"' in text
    commit = repository.commit({"mine.py": "value = 3\n"})
    assert locked(lamina, packages) == text
    assert f'version = "1.1.post1+g{commit[:7]}"' in locked(lamina, packages, "--upgrade")
    made = built(lamina)
    assert made["version"] == f"1.1.post1+g{commit[:7]}"
    assert member(made["wheel"], "mine.py") == "value = 3\n"


@pytest.mark.heavy
def test_a_tag_that_was_moved_stays_where_it_was_locked_and_is_said(
    lamina: CommandLine, repository: Repository
) -> None:
    packages = {"mine": f'{{ git = "{repository.url}", tag = "v1.0" }}'}
    text = locked(lamina, packages)
    repository.git("tag", "--force", "v1.0", repository.commit({"mine.py": "value = 9\n"}))
    said = lamina("lock").stderr
    assert "the tag v1.0 is at" in said
    assert "lamina lock -P mine moves it" in said
    assert Path("lamina.lock").read_text() == text
    lamina("lock", "-P", "mine")
    assert repository.head in Path("lamina.lock").read_text()


def test_sources_in_a_subdirectory_reach_what_is_beside_it(
    lamina: CommandLine, tmp_path: Path
) -> None:
    inside = package_files("mine", "2.0")
    inside["backend.py"] += "\nPath('mine.py').write_text(Path('../core.txt').read_text())\n"
    files = {f"python/{name}": text for name, text in inside.items()}
    files |= {"core.txt": "core = 5\n", "PKG-INFO": "Name: of-the-whole\nVersion: 9\n"}
    made = make_repository(tmp_path / "mono", files)
    where = f'{{ git = "{made.url}", rev = "{made.head[:8]}", subdirectory = "python" }}'
    assert 'subdirectory = "python"' in locked(lamina, {"mine": where})
    assert member(built(lamina)["wheel"], "mine.py") == "core = 5\n"


@pytest.mark.heavy
def test_submodules_are_part_of_the_tree(lamina: CommandLine, tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"mine_inner.py": "inner = 1\n"})
    outer = make_repository(tmp_path / "outer", package_files("mine", "2.0"))
    outer.git("submodule", "--quiet", "add", inner.url, "deps")
    outer.git("submodule", "--quiet", "add", "../inner", "more")
    (outer.directory / "mine_link.py").symlink_to("deps/mine_inner.py")
    outer.commit({})
    locked(lamina, {"mine": f'{{ git = "{outer.url}" }}'})
    assert member(built(lamina)["wheel"], "mine_link.py") == "inner = 1\n"


@pytest.mark.heavy
def test_a_repository_is_read_over_http(
    lamina: CommandLine, repository: Repository, tmp_path: Path
) -> None:
    bare = tmp_path / "served" / "mine.git"
    repository.git("clone", "--quiet", "--bare", str(repository.directory), str(bare))
    Repository(bare).git("update-server-info")
    with serve_directory(bare.parent) as address:
        packages = {"mine": f'{{ git = "{address}/mine.git", tag = "v1.1" }}'}
        assert 'version = "1.1"' in locked(lamina, packages)
    shutil.rmtree(cache_directory(lamina.environ) / "git")
    assert member(built(lamina)["wheel"], "mine.py") == "value = 2\n"


def test_sources_that_are_not_kept_are_fetched_by_their_commit_and_compared(
    lamina: CommandLine, repository: Repository
) -> None:
    locked(lamina, {"mine": f'{{ git = "{repository.url}", tag = "v1.0" }}'})
    shutil.rmtree(cache_directory(lamina.environ))
    assert member(built(lamina)["wheel"], "mine.py") == "value = 1\n"
    shutil.rmtree(cache_directory(lamina.environ))
    lock = Path("lamina.lock").read_text()
    other = repository.git("rev-parse", "v1.1")
    Path("lamina.lock").write_text(lock.replace(repository.git("rev-parse", "v1.0"), other))
    said = lamina("build", expect=6).stderr
    assert f"mine: {repository.url} at {other} is not what was locked" in said


def built(lamina: CommandLine) -> dict[str, Any]:
    [made] = lamina("build", "--json").json["packages"]
    return dict(made)


REFUSED = {
    "no such tag": ('{ git = "URL", tag = "v9" }', 4, "has no tag 'v9'"),
    "no such branch": ('{ git = "URL", branch = "dev" }', 4, "its branches: main"),
    "no such commit": (f'{{ git = "URL", rev = "{"0" * 40}" }}', 4, "has no commit"),
    "no repository": ('{ git = "URL-not" }', 8, "git cannot reach it"),
    "nobody answers": ('{ git = "http://127.0.0.1:9/x.git" }', 8, "git cannot reach it"),
    "no project": (
        '{ git = "URL", subdirectory = "docs" }', 3,
        "packages.mine.subdirectory: docs: neither pyproject.toml nor setup.py in file:",
    ),
    "no directory": (
        '{ git = "URL", subdirectory = "lost" }', 3,
        "packages.mine.subdirectory: lost: no such directory in file:",
    ),
    "another version": ('{ git = "URL", version = ">=2" }', 4, "asks for >=2, and"),
    "no path": ('{ path = "vendor/lost" }', 3, "no such file or directory"),
    "no project in a path": ('{ path = "empty" }', 3, "neither pyproject.toml nor setup.py"),
    "no file of a package": ('{ path = "empty/x.txt" }', 3, "sources end with .tar.gz or .zip"),
    "another name": ('{ path = "other" }', 3, "are of theirs; write theirs in place of mine"),
    "a link out": ('{ path = "linked" }', 5, "a link to ../../secret, out of the sources"),
    "a path out": ('{ path = "outside" }', 3, "leads out of the directory of lamina.toml"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_locked_is_named(
    lamina: CommandLine, repository: Repository, case: str
) -> None:
    entry, code, words = REFUSED[case]
    repository.commit({"docs/index.md": "x"})
    write_files(lamina.directory, {"empty/x.txt": "", "other/pyproject.toml": OTHER})
    write_files(lamina.directory / "linked", package_files("mine", "1"))
    (lamina.directory / "linked" / "x").symlink_to("../../secret")
    (lamina.directory / "outside").symlink_to(repository.directory)
    said = locked(lamina, {"mine": entry.replace("URL", repository.url)}, expect=code)
    assert words in said
    assert not Path("lamina.lock").exists()


OTHER = '[project]\nname = "theirs"\nversion = "1"\n'


def test_every_wrong_place_is_named_at_once(lamina: CommandLine, repository: Repository) -> None:
    write_files(lamina.directory, {"other/pyproject.toml": OTHER})
    packages = {
        "ours": '{ path = "vendor/lost" }',
        "mine": f'{{ git = "{repository.url}", subdirectory = "lost" }}',
        "fine": '{ path = "other" }',
    }
    said = locked(lamina, packages, expect=3)
    assert "lamina.toml: 3 problems\n" in said
    assert all(f"  packages.{name}" in said for name in packages)


def test_a_name_that_only_the_metadata_know(lamina: CommandLine, tmp_path: Path) -> None:
    made = make_repository(tmp_path / "r", package_files("theirs", "1.0"))
    said = locked(lamina, {"mine": f'{{ git = "{made.url}" }}'}, expect=3)
    where = f"packages.mine: the sources in {made.url} are of theirs; write theirs in place of mine"
    assert where in said


def test_without_git(
    lamina: CommandLine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(lamina.directory))
    said = locked(lamina, {"mine": f'{{ git = "{repository.url}" }}'}, expect=1)
    assert "there is no git on PATH" in said
