"""Paper locks over packages of git and of directories: what they say, and what comes back flat."""

from __future__ import annotations

import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.source_trees import pack_sources
from lamina.core import fs
from lamina.core.errors import BuildFailedError
from lamina.engines.index_addresses import cache_directory
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.uv_program import UvProgram
from lamina.layer.paper.of_no_index import Sources, wheels_of
from lamina.model.artifacts import Artifact
from lamina.model.names import GIT_INDEX, parse_package_name
from lamina.model.platforms import PythonSeries
from support.repositories import Repository, make_repository, package_files, write_files
from support.sources import stack_of
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer

FLAT = ("layer", "restore", "paper.lock", "--flat", "--to")


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> Iterator[CommandLine]:
    index_server.wheel("tool", "1.0")
    yield command_line
    if (command_line.directory / "root").exists():
        fs.remove_tree(command_line.directory / "root")


def papered(lamina: CommandLine, packages: dict[str, str]) -> dict[str, Any]:
    """Publish a stack, lock a layer on it, forget all builds and sources, and return its base."""
    lamina.write("lamina.toml", stack_of(packages))
    lamina("publish", "--root", "root")
    lamina("layer", "create", "mine", "--on", "made/1.0", "--root", "root")
    lamina("layer", "lock", "mine", "-o", "paper.lock")
    shutil.rmtree(cache_directory(lamina.environ))
    told = tomllib.loads(Path("paper.lock").read_text())["base"]["packages"]
    return {one["name"]: one for one in told}


def said_by(flat: str, words: str, lamina: CommandLine) -> str:
    return run([lamina.directory / flat / "bin" / "python", "-c", words], lamina.environ).strip()


@pytest.fixture
def ours(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "ours", package_files("ours", "git", "tool"), tag="v1.0")


def test_what_is_of_git_is_built_at_the_commit_of_the_lock(
    lamina: CommandLine, ours: Repository, tmp_path: Path
) -> None:
    inside = package_files("subby", "2.1")
    inside["backend.py"] += "\nPath('subby.py').write_text(Path('../core.txt').read_text())\n"
    files = {f"python/{name}": text for name, text in inside.items()} | {"core.txt": "core = 5\n"}
    sub = make_repository(tmp_path / "sub", files)
    packages = {
        "ours": f'{{ git = "{ours.url}", tag = "v1.0" }}',
        "subby": f'{{ git = "{sub.url}", subdirectory = "python", env = {{ WORD = "x" }} }}',
    }
    told, commit = papered(lamina, packages), ours.head
    assert told["ours"]["origin"] == {"git": ours.url, "commit": commit, "requested": "tag v1.0"}
    assert "altered" not in told["ours"]
    assert told["subby"]["origin"]["subdirectory"] == "python"
    assert told["subby"]["altered"] == ["WORD"]
    assert lamina("export", "made/1.0", "--root", "root", "--as", "pylock").stderr.count("(") == 1
    ours.commit({"ours.py": "value = 2\n"}, tag="v1.1")
    # What the stack has changed is asked about; what it has not is built of the same sources.
    said = lamina(*FLAT, "no", expect=4).stderr
    assert "no file has that: subby (WORD)" in said
    assert "--unpatched takes them without that" in said
    plan = lamina(*FLAT, "no", "--unpatched", "--dry-run", "--json").json
    assert [one["origin"].get("commit") for one in plan["built"]] == [commit, sub.head]
    assert f"ours 1.0 of git {ours.url}" in lamina(*FLAT, "no", "--unpatched", "--dry-run").stdout
    said = lamina(*FLAT, "flat", "--unpatched").stderr
    assert "these come without what the base has done to them: subby (WORD)" in said
    words = "import ours, subby, tool; print(ours.value, subby.core)"
    assert said_by("flat", words, lamina) == "1 5"
    names = {one.name for one in Path("flat").glob("lib/*/site-packages/*.dist-info")}
    assert {"ours-1.0.dist-info", "subby-2.1.dist-info"} <= names
    assert not list(Path("flat").rglob("direct_url.json"))
    # A stack that takes the next tag has another source and version, and the same env.
    lamina.write(
        "lamina.toml", stack_of({**packages, "ours": packages["ours"].replace("v1.0", "v1.1")})
    )
    lamina("lock")
    said = lamina("publish", "--root", "root", expect=7).stderr
    assert "another build of ours (its source, its version);" in said


def test_another_commit_and_a_repository_that_is_gone(
    lamina: CommandLine, ours: Repository
) -> None:
    papered(lamina, {"ours": f'{{ git = "{ours.url}" }}'})
    paper, commit = Path("paper.lock").read_text(), ours.head
    other = ours.commit({"ours.py": "value = 2\n"})
    lamina.write("paper.lock", paper.replace(commit, other))
    said = lamina(*FLAT, "no", expect=6).stderr
    assert f"ours: {ours.url} at {other} is not what was locked" in said
    assert "lamina lock" not in said
    lamina.write("paper.lock", paper)
    shutil.rmtree(cache_directory(lamina.environ))
    shutil.rmtree(ours.directory)
    assert "git cannot reach it" in lamina(*FLAT, "no", expect=8).stderr
    assert not [one for one in lamina.directory.iterdir() if "build" in one.name]
    # A wheel of that version, which the base does not have, is taken where this is asked for.
    with zipfile.ZipFile(lamina.write("wheels/ours-1.0-py3-none-any.whl", ""), "w") as archive:
        archive.writestr("ours.py", "value = 7\n")
        about = "Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n"
        archive.writestr("ours-1.0.dist-info/METADATA", about)
        archive.writestr("ours-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("ours-1.0.dist-info/RECORD", "")
    lamina.write("wheels/ours-1.0.tar.gz", "of somebody else")
    assert (
        "not the file that was locked"
        in lamina(*FLAT, "no", "--find-links", "wheels", expect=6).stderr
    )
    answer = lamina(*FLAT, "flat", "--find-links", "wheels", "--unpatched", "--json")
    assert "ours: another build than the base has" in answer.stderr
    assert answer.json["unrecorded"] == ["ours"]
    assert said_by("flat", "import ours; print(ours.value)", lamina) == "7"


def test_a_build_of_another_version_or_that_fails_names_its_package(
    index_server: IndexServer, command_line: CommandLine, tmp_path: Path
) -> None:
    environ = command_line.environ
    interpreter = MachineInterpreters(environ=environ).search(PythonSeries.parse("3.12"))
    cases = {"its build made mine-2.0": "2.0", "^mine: Failed to build": "2.0\nraise"}
    for words, version in cases.items():
        files = package_files("mine", version.partition("\n")[0])
        files["backend.py"] += version.partition("\n")[2]
        write_files(tmp_path / "tree", files)
        packed = tmp_path / "packed.tar.gz"
        digest = pack_sources(tmp_path / "tree", files, packed, top="mine")
        artifact = Artifact(package=parse_package_name("mine"), version="1.0", index=GIT_INDEX,
                            filename=packed.name, sha256=digest)  # fmt: skip
        one = Sources(artifact=artifact, origin=None, at_hand=packed)
        with (
            pytest.raises(BuildFailedError, match=words),
            wheels_of([one], UvProgram(environ=environ), interpreter),
        ):
            pass


def test_directories_are_named_and_their_wheels_taken_from_where_they_are(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    write_files(lamina.directory / "vendor" / "mine", package_files("mine", "0.5"))
    ready = index_server.wheel("ready", "2.0")
    lamina.write(f"vendor/{ready.filename}", "")
    Path("vendor", ready.filename).write_bytes(ready.content)
    told = papered(lamina, {
        "mine": '{ path = "vendor/mine" }', "ready": f'{{ path = "vendor/{ready.filename}" }}',
    })  # fmt: skip
    assert told["mine"]["origin"] == {"path": "vendor/mine"}
    for more in ((), ("--unpatched",)):
        said = lamina(*FLAT, "no", *more, expect=4).stderr
        assert f"mine 0.5 (path vendor/mine), ready 2.0 (path vendor/{ready.filename})" in said
        assert "lamina build, in the directory of that stack" in said
    links = ("--find-links", "vendor")
    said = lamina(*FLAT, "no", *links, expect=4).stderr
    assert "sources: mine 0.5 (path vendor/mine)\n" in said
    # As the hint has it.
    lamina("lock")
    lamina("build")
    lamina(*FLAT, "flat", *links)
    assert said_by("flat", "import mine, ready; print(mine.value)", lamina) == "1"
    # Sources that are kept here are enough: they are told their version, too.
    fs.remove_tree(cache_directory(lamina.environ) / "builds" / "wheels")
    plan = lamina(*FLAT, "again", *links, "--json").json
    assert [one["origin"] for one in plan["built"]] == [{"path": "vendor/mine"}]
    assert said_by("again", "import mine, ready; print(mine.value)", lamina) == "1"
    assert plan["unpatched"] == {}
