"""Transcripts of lamina add with git repositories, directories and files."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from support.repositories import Repository, make_repository, package_files, write_files
from support.stack_files import SMALLEST

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

NAMED = '[project]\nname = "My_Theirs"\nversion = "1.0"\n'


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return one with a tag, a branch, and a package that states its name in a subdirectory."""
    files = {**package_files("theirs", "1.0"), "python/pyproject.toml": NAMED}
    made = make_repository(tmp_path_factory.mktemp("git") / "remote", files, tag="v1.0")
    made.git("branch", "dev")
    return made


@pytest.fixture
def lamina(command_line: CommandLine) -> CommandLine:
    command_line.write("lamina.toml", SMALLEST + '\n[packages]\nnumpy = ">=2"  # why\n')
    return command_line


def packages(lamina: CommandLine) -> dict[str, Any]:
    document = tomllib.loads((lamina.directory / "lamina.toml").read_text())
    return {name: one for name, one in document["packages"].items() if name != "numpy"}


def test_a_revision_is_called_what_it_is(lamina: CommandLine, repository: Repository) -> None:
    commit = repository.head
    for revision, fields in {
        "": {},
        "@v1.0": {"tag": "v1.0"},
        "@dev": {"branch": "dev"},
        f"@{commit}": {"rev": commit},
        f"@{commit[:9]}": {"rev": commit[:9]},
    }.items():
        lamina("add", f"Theirs @ git+{repository.url}{revision}")
        assert packages(lamina) == {"theirs": {"git": repository.url, **fields}}


def test_sources_are_looked_at_for_their_name(lamina: CommandLine, repository: Repository) -> None:
    answer = lamina("add", f"git+{repository.url}@v1.0#subdirectory=python", "pyhf[minuit]>=0.7")
    fields = {"git": repository.url, "tag": "v1.0", "subdirectory": "python"}
    assert packages(lamina) == {
        "pyhf": {"version": ">=0.7", "extras": ["minuit"]}, "my-theirs": fields,
    }  # fmt: skip
    text = f'{{ git = "{repository.url}", tag = "v1.0", subdirectory = "python" }}'
    assert f"added to [packages]: my-theirs = {text}\n" in answer.stdout
    assert f"look at {repository.url}: " in answer.stderr


def test_paths_are_from_the_directory_of_the_stack(
    lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(lamina.directory / "vendor" / "mine", {"pyproject.toml": NAMED})
    write_files(lamina.directory / "vendor", {"made-1.0-py3-none-any.whl": "", "raw-2.0.zip": ""})
    lamina("add", "./vendor/mine", "vendor/made-1.0-py3-none-any.whl")
    monkeypatch.chdir(lamina.directory / "vendor")
    answer = lamina("add", "my-theirs[x] @ ./mine", "raw-2.0.zip", "--json").json
    assert [one["action"] for one in answer["changes"]] == ["updated", "added"]
    assert packages(lamina) == {
        "my-theirs": {"path": "vendor/mine", "extras": ["x"]},
        "made": {"path": "vendor/made-1.0-py3-none-any.whl"},
        "raw": {"path": "vendor/raw-2.0.zip"},
    }
    before = packages(lamina)
    lamina("add", f"my_theirs @ {(lamina.directory / 'vendor/mine').as_uri()}")
    assert packages(lamina) == before


def test_what_is_added_can_be_locked(lamina: CommandLine, repository: Repository) -> None:
    write_files(lamina.directory / "vendor" / "mine", package_files("mine", "2.0"))
    lamina("remove", "numpy")
    lamina("add", f"theirs @ git+{repository.url}@v1.0", "mine @ ./vendor/mine")
    lamina("lock")
    locked = tomllib.loads((lamina.directory / "lamina.lock").read_text())["package"]
    assert [(one["name"], one["version"]) for one in locked] == [("mine", "2.0"), ("theirs", "1.0")]
    assert locked[1]["origin"]["requested"] == "tag v1.0"


REFUSED = {
    "no such revision": (["theirs @ git+URL@v9"], 4, "has no rev 'v9'"),
    "no repository": (["git+URL-not"], 8, "git cannot reach it"),
    "no name": (["git+URL@v1.0"], 2, "lamina add 'NAME @ git+URL@v1.0'"),
    "no project": (["git+URL#subdirectory=docs"], 2, "docs: no such directory in URL"),
    "no path": (["vendor/lost"], 2, "vendor/lost: no such file or directory"),
    "no project in a path": (["./empty"], 2, "neither pyproject.toml nor setup.py in ./empty"),
    "another name": (["mine @ ./other"], 2, "the sources in ./other are of my-theirs"),
    "no package": (["./empty/x.txt"], 2, "not the name of a wheel or of a source distribution"),
    "elsewhere": (["TOP/remote"], 2, "hint: lamina add git+URL"),
    "not even git": (["TOP"], 2, "hint: cp -r TOP "),
    "through a link": (["./link"], 2, "not below "),
    "a group": (["./other", "--group", "x"], 2, "--group: not with ./other: [packages] alone says"),
    "an index": (["./other", "--index", "x"], 2, "--index: not with ./other: "),
    "of a channel": (["./other", "--conda"], 2, "./other"),
    "twice": (["./other", "my-theirs"], 2, "given twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_added_is_named(
    lamina: CommandLine, repository: Repository, case: str
) -> None:
    words, code, said = REFUSED[case]
    top = str(repository.directory.parent)
    write_files(lamina.directory, {"empty/x.txt": "", "other/pyproject.toml": NAMED})
    (lamina.directory / "link").symlink_to(repository.directory)
    arguments = [one.replace("URL", repository.url).replace("TOP", top) for one in words]
    answer = lamina("add", *arguments, expect=code)
    assert said.replace("URL", repository.url).replace("TOP", top) in answer.stderr
    assert packages(lamina) == {}


def test_nothing_is_asked_of_a_repository_that_need_not_be(
    lamina: CommandLine, tmp_path: Path
) -> None:
    made = make_repository(tmp_path / "gone", package_files("theirs", "1.0"))
    commit = made.head
    shutil.rmtree(made.directory)
    words = [f"theirs @ git+{made.url}@{commit}", f"other @ git+{made.url}"]
    answer = lamina("add", "--dry-run", *words)
    assert answer.stderr == ""
    assert f'+theirs = {{ git = "{made.url}", rev = "{commit}" }}\n' in answer.stdout
    assert packages(lamina) == {}
