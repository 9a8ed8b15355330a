"""A release with wheels that were built: repaired, and published once more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.repositories import make_repository, package_files, write_files
from support.sources import ALPHA_PATCH, offer_source, stack_of
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer

ENTRY = '{ version = "*", source = true, patches = ["patches/alpha.patch"] }'
HOOK = '[hooks.alpha]\npre-build = "echo \\"hooked = 1\\" >> alpha.py"\n'


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, where a patched package and one that is built with it are published."""
    index_server.wheel("buildtool", "3.0")
    offer_source(index_server, "alpha", build_requires=["buildtool"])
    step = "import alpha\nPath('beta_saw.py').write_text('saw = %d' % alpha.value)"
    offer_source(index_server, "beta", build_requires=["alpha"], step=step)
    command_line.write("patches/alpha.patch", ALPHA_PATCH)
    both = {"alpha": ENTRY, "beta": '{ version = "*", source = true }'}
    command_line.write("lamina.toml", stack_of(both, HOOK))
    command_line("lock")
    command_line("publish", "--root", "root")
    return command_line


def damaged(lamina: CommandLine, *names: str) -> list[Path]:
    """Write over files of the release and return them."""
    [site] = lamina.directory.glob("root/releases/made/1.0/*/lib/python3.12/site-packages")
    for name in names:
        (site / name).chmod(0o644)
        (site / name).write_text("damaged = True\n")
    return [site / name for name in names]


def cache_of(lamina: CommandLine) -> Path:
    return Path(lamina.environ["HOME"]) / ".cache/lamina/builds"


def repair(lamina: CommandLine, expect: int = 0) -> str:
    return lamina("release", "repair", "made/1.0", "--root", "root", expect=expect).stderr


def test_repair_takes_wheels_from_the_cache_and_builds_none(lamina: CommandLine) -> None:
    files = damaged(lamina, "alpha.py", "beta_saw.py")
    fs.remove_tree(cache_of(lamina) / "sources")
    shutil.rmtree("patches")
    assert "built" not in repair(lamina)
    assert [one.read_text() for one in files] == [
        "value = 7\nversion = '1.0'\nhooked = 1\n", "saw = 7",
    ]  # fmt: skip
    assert "as published" in lamina("release", "verify", "made/1.0", "--root", "root").stdout


def test_repair_builds_what_is_no_longer_in_the_cache(lamina: CommandLine) -> None:
    """By what the release keeps: stack, lock, patches and lamina-build.lock are gone here."""
    [file] = damaged(lamina, "alpha.py")
    fs.remove_tree(cache_of(lamina))
    for one in Path.cwd().iterdir():
        if one.name != "root":
            fs.remove_tree(one)
    said = repair(lamina)
    assert "alpha 1.0: built in" in said
    assert file.read_text() == "value = 7\nversion = '1.0'\nhooked = 1\n"


@pytest.fixture
def mixed(index_server: IndexServer, command_line: CommandLine, tmp_path: Path) -> CommandLine:
    """Return the program, where a package of git, of a path and of the index are published."""
    lamina = command_line
    index_server.wheel("tool", "1.0")
    made = make_repository(tmp_path / "remote", package_files("theirs", "git"), tag="v1.0")
    write_files(Path("vendor/mine"), package_files("mine", "1.0") | {"mine.py": "value = 2\n"})
    entries = {
        "mine": '{ path = "vendor/mine" }', "theirs": f'{{ git = "{made.url}" }}', "tool": '"*"',
    }  # fmt: skip
    lamina.write("lamina.toml", stack_of(entries))
    lamina("publish", "--root", "root")
    return lamina


def test_repair_builds_sources_of_no_index(mixed: CommandLine) -> None:
    files = damaged(mixed, "mine.py", "theirs.py")
    fs.remove_tree(cache_of(mixed) / "wheels")
    assert "mine 1.0: built in" in repair(mixed)
    assert [one.read_text() for one in files] == ["value = 2\n", "value = 1\n"]


def test_what_can_be_had_is_mended(mixed: CommandLine, tmp_path: Path) -> None:
    """The package of git cannot, nor that of a path, until it is said where it is."""
    theirs, mine, tool = damaged(mixed, "theirs.py", "mine.py", "tool-1.0.dist-info/METADATA")
    fs.remove_tree(cache_of(mixed))
    fs.remove_tree(cache_of(mixed).with_name("git"))
    fs.rename(tmp_path / "remote", tmp_path / "away")
    fs.make_directory(tmp_path / "stack")
    fs.rename(mixed.directory / "vendor", tmp_path / "stack/vendor")
    words: list[str | Path] = ["release", "repair", "made/1.0", "--root", "root"]
    planned = mixed(*words, "--dry-run").stdout
    there = mixed.directory / "vendor/mine"
    assert f"if it can be had: mine 1.0, built of {there}, which is not there\n" in planned
    assert "if it can be had: theirs 1.0, built of git " in planned
    assert "if it can be had: tool 1.0, the index pypi\n" in planned
    answer = mixed(*words, "--json", expect=6)
    assert "mine 1.0 cannot be had: packages.mine.path: vendor/mine: no such" in answer.stderr
    assert "theirs 1.0 cannot be had: " in answer.stderr
    said = f"note: mine 1.0: looked for in {mixed.directory}; --stack names the directory"
    assert said in answer.stderr
    assert sorted(answer.json["lost"]) == ["mine 1.0", "theirs 1.0"]
    assert len(answer.json["left"]) == 2
    assert [one.read_text() for one in (mine, theirs)] == ["damaged = True\n"] * 2
    assert "damaged" not in tool.read_text()
    # The package of git is as it was published then: nobody asks for it.
    theirs.write_text("value = 1\n")
    theirs.chmod(0o444)
    said = mixed(*words, "--stack", tmp_path / "stack").stderr
    assert "mine 1.0: built in" in said
    assert "theirs" not in said
    assert mine.read_text() == "value = 2\n"


def test_a_wheel_beside_the_stack_is_looked_for_there(
    index_server: IndexServer, command_line: CommandLine
) -> None:
    lamina = command_line
    index_server.wheel("tool", "1.0")
    Path("vendor").mkdir()
    Wheel(name="mine", version="1.0").write(Path("vendor"))
    name = "vendor/mine-1.0-py3-none-any.whl"
    lamina.write("lamina.toml", stack_of({"mine": f'{{ path = "{name}" }}', "tool": '"*"'}))
    lamina("publish", "--root", "root")
    mine, tool = damaged(lamina, "mine/__init__.py", "tool-1.0.dist-info/METADATA")
    fs.remove_tree(Path(lamina.environ["HOME"]) / ".cache/lamina")
    fs.remove_tree(Path(lamina.environ["UV_CACHE_DIR"]))
    fs.rename(Path(name), Path("other.whl"))
    assert "mine 1.0 cannot be had: packages.mine.path: " in repair(lamina, expect=6)
    assert "damaged" in mine.read_text()
    assert "damaged" not in tool.read_text()
    fs.rename(Path("other.whl"), Path(name))
    repair(lamina)
    assert "damaged" not in mine.read_text()


def test_repair_says_what_is_another_one_now(lamina: CommandLine) -> None:
    [file, told, patch] = damaged(
        lamina, "alpha.py", "beta-1.0.dist-info/lamina-build.json",
        "../../../.lamina/build/patches/alpha.patch",
    )  # fmt: skip
    before = patch.read_text()
    patch.write_text(ALPHA_PATCH.replace("value = 7", "value = 8"))
    fs.remove_tree(cache_of(lamina))
    said = repair(lamina, expect=6)
    assert "alpha 1.0 cannot be had: not in the cache, and here it would be built otherwise" in said
    assert "than it was: its patches changed" in said
    assert file.read_text() == "damaged = True\n"
    patch.write_text(ALPHA_PATCH)
    assert before != ALPHA_PATCH
    repair(lamina)
    assert file.read_text() == "value = 7\nversion = '1.0'\nhooked = 1\n"
    assert json.loads(told.read_text())["name"] == "beta"


def changes(lamina: CommandLine) -> Iterator[str]:
    """Change one thing after the other of what is built, and yield what is to be said of it."""
    stack, lock = Path("lamina.toml").read_text(), Path("lamina-build.lock").read_text()
    lamina.write("patches/alpha.patch", ALPHA_PATCH.replace("value = 7", "value = 8"))
    yield "another build of alpha (its patches)"
    lamina.write("patches/alpha.patch", ALPHA_PATCH)
    lamina.write("lamina.toml", stack.replace("hooked = 1", "hooked = 2"))
    yield "build of alpha (its hooks)"
    lamina.write("lamina.toml", stack.replace("patches =", 'config = { a = "b" }, patches ='))
    yield "build of alpha (its config)"
    lamina.write("lamina.toml", stack)
    lamina.write("lamina-build.lock", lock.replace(lock.partition('sha256 = "')[2][:64], "0" * 64))
    yield "another build of alpha (what lamina-build.lock has for it)"
    lamina.write("lamina-build.lock", lock)


def test_what_would_be_built_otherwise_is_not_there_already(lamina: CommandLine) -> None:
    for expected in changes(lamina):
        said = lamina("publish", "--root", "root", expect=7).stderr
        assert expected in said
        assert "releases never change" in said
    assert lamina("publish", "--root", "root", "--json").json["status"] == "identical"
    Path("lamina-build.lock").unlink()
    stack = Path("lamina.toml").read_text().replace("patches =", 'system = ["patch"], patches =')
    more = '\n[build]\njobs = 1\ntimeout = 600\nsystem = { patch = "patch" }\n'
    lamina.write("lamina.toml", stack + more)
    assert lamina("publish", "--root", "root", "--json").json["status"] == "identical"
