"""What cannot be built: said with its file, its line, its log, and nothing of it in the channel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.channel.check import check_channel
from support.recipes import a_recipe, write_recipe

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scripts are for Linux")
ZEROS = "0" * 64


def refused(command_line: CommandLine, recipe: Any, code: int, *more: str) -> str:
    """Build what cannot be built, and return what is said; nothing is in the channel."""
    top = command_line.directory / "recipes"
    write_recipe(top, recipe, name="bad")
    answer = command_line("build", top, "--channel", "channel", *more, expect=code)
    assert not list(Path("channel").rglob("bad-*.conda"))
    return answer.stderr


def test_an_unknown_key_is_named_with_its_line_and_what_was_meant(
    command_line: CommandLine,
) -> None:
    text = 'package: {name: bad, version: "1"}\nbuild:\n  number: 0\n  skript: true\n'
    said = refused(command_line, text, 3)
    assert "bad/recipe.yaml: 1 problem" in said
    assert "build.skript (line 4)" in said
    assert "did you mean 'script'?" in said


def test_what_is_no_yaml_is_named_with_its_line(command_line: CommandLine) -> None:
    assert "line 2, column 1" in refused(command_line, 'package: {name: bad, version: "1"\n', 3)


def test_a_wrong_template_is_named_with_its_line(command_line: CommandLine) -> None:
    text = 'package: {name: bad, version: "1"}\nbuild:\n  string: ${{ x }}\n'
    said = refused(command_line, text, 3)
    assert "line 3" in said
    assert "JinjaError" not in said


def test_problems_of_all_recipes_are_said_at_once(command_line: CommandLine) -> None:
    write_recipe(command_line.directory / "recipes", "packaged: {}\n", name="other")
    said = refused(command_line, "recip: {}\n", 3)
    assert "2 problems" in said
    assert "bad/recipe.yaml" in said
    assert "other/recipe.yaml" in said


def test_a_directory_without_recipes(command_line: CommandLine) -> None:
    (command_line.directory / "empty").mkdir()
    said = command_line("build", "empty", "--channel", "channel", expect=2).stderr
    assert "no recipe.yaml" in said


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"path": "gone"}, "gone"),
        ({"url": "file:///nowhere/bad.tar.gz", "sha256": ZEROS}, "/nowhere/bad.tar.gz"),
    ],
    ids=["path", "address"],
)
def test_a_source_that_is_missing(
    command_line: CommandLine, source: dict[str, str], expected: str
) -> None:
    assert expected in refused(command_line, a_recipe("bad", source=source), 5)


def test_a_source_with_another_digest(command_line: CommandLine) -> None:
    file = command_line.write("source.txt", "content")
    said = refused(command_line, a_recipe("bad", source={"url": file.as_uri(), "sha256": ZEROS}), 5)
    assert f"expected: {ZEROS}" in said
    assert "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" in said


def test_a_script_that_fails_is_said_with_its_last_lines_and_its_log(
    command_line: CommandLine,
) -> None:
    recipe = a_recipe("bad", build={"script": ["echo the last words", "exit 3"]})
    said = refused(command_line, recipe, 5)
    assert "the last words" in said
    log = Path(said.partition("whole output: ")[2].splitlines()[0])
    assert "+ exit 3" in log.read_text()
    assert log.name.startswith("bad-1.0-")


def test_a_package_whose_test_fails_is_in_no_channel(command_line: CommandLine) -> None:
    tests = [{"script": ["echo fine"]}, {"script": ["echo it is not; exit 4"]}]
    said = refused(command_line, a_recipe("bad", tests=tests), 5)
    assert "its tests fail: test 2 of 2 failed" in said
    assert "it is not" in said
    command_line("build", "recipes", "--channel", "channel", "--skip-tests")
    assert len(list(Path("channel").rglob("bad-*.conda"))) == 1


def test_a_cycle_is_named(command_line: CommandLine) -> None:
    write_recipe(
        command_line.directory / "recipes", a_recipe("other", requirements={"run": ["bad"]})
    )
    recipe = a_recipe("bad", requirements={"host": ["other"]})
    said = refused(command_line, recipe, 4)
    assert "needs other (host: " in said
    assert "needs bad (run: " in said
    # What is not tested needs nothing to run, so that there is an order.
    command_line("build", "recipes", "--channel", "channel", "--skip-tests", "--dry-run")


def test_a_package_that_two_recipes_make(command_line: CommandLine) -> None:
    write_recipe(command_line.directory / "recipes", a_recipe("bad"), name="twin")
    said = refused(command_line, a_recipe("bad"), 7)
    assert "is made twice" in said
    assert "twin/recipe.yaml" in said


def test_a_condition_to_skip_that_is_none(command_line: CommandLine) -> None:
    recipe = a_recipe("bad", build={"skip": ["wimdows"]})
    said = refused(command_line, recipe, 3)
    assert "build.skip (line 5): invalid value for 'skip': wimdows: undefined variable" in said


def test_what_no_channel_has_is_named_with_who_asks(command_line: CommandLine) -> None:
    recipe = a_recipe("bad", requirements={"host": ["nowhere-to-be-had >=2"]})
    said = refused(command_line, recipe, 4)
    assert "nowhere-to-be-had (host): no channel and no recipe has it; asked by bad-1.0-" in said


def test_what_needs_something_that_failed_is_not_tried(command_line: CommandLine) -> None:
    top = command_line.directory / "recipes"
    write_recipe(top, a_recipe("a-user", requirements={"host": ["bad"]}))
    write_recipe(top, a_recipe("z-alone"))
    write_recipe(top, a_recipe("bad", build={"script": ["exit 1"]}))
    words = ("build", top, "--channel", "channel", "--json")

    told = command_line(*words, "--keep-going", expect=5).json
    found = {one["name"]: one["outcome"] for one in told["outputs"]}
    assert found == {"bad": "failed", "a-user": "not tried", "z-alone": "built"}

    write_recipe(top, a_recipe("z-alone", version="2.0"))
    told = command_line(*words, expect=5).json
    assert {one["outcome"] for one in told["outputs"]} == {"failed", "not tried"}


def test_a_build_that_is_stopped_leaves_nothing_half(command_line: CommandLine) -> None:
    flag = command_line.directory / "flag"
    script = [f"touch {flag}.begun; test -f {flag} || sleep 60", "mkdir -p $PREFIX/share"]
    write_recipe(command_line.directory, a_recipe("long", build={"script": script}))
    words = [sys.executable, "-m", "lamina", "build", "long", "--channel", "channel"]
    with subprocess.Popen(
        words, cwd=command_line.directory, env=command_line.environ, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while not Path(f"{flag}.begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert not list(Path("channel").rglob("*.conda"))
    assert check_channel(Path("channel")) == []
    flag.touch()
    command_line("build", "long", "--channel", "channel")
    assert len(list(Path("channel").rglob("long-*.conda"))) == 1
