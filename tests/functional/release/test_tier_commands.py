"""promote, rollback, drop, retire and history, as a librarian types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from support.roots import root_with

if TYPE_CHECKING:
    from lamina.release.root import Root
    from support.command_line import Answer, CommandLine


@pytest.fixture
def root(command_line: CommandLine) -> Root:
    return root_with(command_line.directory / "root", "1.0", "1.1", "1.2")


@pytest.fixture
def release(command_line: CommandLine, root: Root) -> Any:
    def call(*words: str, expect: int = 0) -> Answer:
        return command_line("release", *words, "--root", root.path, expect=expect)

    return call


def test_a_year_in_the_life_of_a_tier(release: Any, root: Root) -> None:
    assert release("promote", "hep/1.0", "--tier", "stable").stdout == "hep@stable  new -> 1.0\n"
    release("promote", "hep/1.1", "--tier", "stable", "--why", "validated")
    assert release("promote", "hep", "--tier", "testing").stdout == "hep@testing  new -> 1.2\n"
    release("promote", "hep@testing", "--tier", "stable")
    answer = release("rollback", "hep@stable", "--why", "crash in reconstruction")
    assert answer.stdout == "hep@stable  1.2 -> 1.1\n"
    assert root.tiers(root.stacks()[0]) == {"stable": "1.1", "testing": "1.2"}
    told = [line.split("  ", 2)[2] for line in release("history", "hep").stdout.splitlines()]
    assert told == [
        "hep@stable  new -> 1.0",
        "hep@stable  1.0 -> 1.1  (validated)",
        "hep@testing  new -> 1.2",
        "hep@stable  1.1 -> 1.2",
        "hep@stable  1.2 -> 1.1  (crash in reconstruction)",
    ]
    assert len(release("history", "hep@testing").stdout.splitlines()) == 1


def test_list_says_which_tier_and_what_is_retired(release: Any) -> None:
    release("promote", "hep/1.1", "--tier", "stable")
    assert release("retire", "hep/1.0", "--why", "old").stdout == "hep/1.0 is retired\n"
    lines = release("list").stdout.splitlines()
    assert [line.partition("  (")[2] for line in lines] == ["retired)", "stable)", ""]
    listed = json.loads(release("list", "--json").stdout)["releases"]
    assert [(one["tiers"], one["retired"]) for one in listed] == [
        ([], True), (["stable"], False), ([], False),
    ]  # fmt: skip
    assert release("retire", "hep/1.0").stdout == "hep/1.0 is retired already\n"
    assert release("retire", "hep/1.0", "--undo").stdout == "hep/1.0 is in service again\n"
    assert release("retire", "hep/1.0", "--undo").stdout == "hep/1.0 is not retired\n"


def test_links(release: Any, root: Root) -> None:
    for version in ("1.0", "1.1"):
        release("promote", f"hep/{version}", "--links", "pro,old", "--new")
    assert root.tiers(root.stacks()[0]) == {"old": "1.0", "pro": "1.1"}
    release("rollback", "hep@pro")
    assert root.tiers(root.stacks()[0]) == {"old": "1.0", "pro": "1.0"}


def test_json(release: Any) -> None:
    value = json.loads(release("promote", "hep/1.0", "--tier", "stable", "--json").stdout)
    assert value["stack"] == "hep"
    assert [(one["tier"], one["from"], one["to"]) for one in value["moves"]] == [
        ("stable", None, "1.0")
    ]
    told = json.loads(release("history", "hep", "--json").stdout)
    assert told["moves"] == value["moves"]


def test_a_dry_run(release: Any, root: Root) -> None:
    answer = release("promote", "hep/1.0", "--tier", "stable", "--dry-run")
    assert answer.stdout == "hep@stable  new -> 1.0\n"
    assert not (root.path / "tiers").exists()
    assert release("history", "hep").stdout == "hep: nothing was ever moved\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["promote", "hep/1.0"], 2, "name the tier: --tier", id="no-tier"),
        pytest.param(
            ["promote", "hep/1.0", "--tier", "a", "--links", "b"], 2, "name the tier", id="both"
        ),
        pytest.param(["promote", "hep/1.0", "--tier", "../up"], 2, "not a tier name", id="a-path"),
        pytest.param(["promote", "hep/1.0", "--links", "a,"], 2, "not a tier name", id="a-comma"),
        pytest.param(["promote", "hep/3.0", "--tier", "stable"], 2, "no release 3.0", id="release"),
        pytest.param(["promote", "hep/1.0", "--tier", "pro"], 2, "to make it: --new", id="new"),
        pytest.param(["rollback", "hep"], 2, "'hep' names no tier", id="rollback-of-a-stack"),
        pytest.param(["rollback", "hep@stable"], 2, "no tier 'stable'", id="rollback-of-none"),
        pytest.param(["rollback", "hep@stable", "--to", "x y"], 2, "not a PEP 440", id="to-what"),
        pytest.param(["drop", "hep/1.0"], 2, "names no tier", id="drop-a-release"),
        pytest.param(["retire", "lab/1.0"], 2, "no release of the stack 'lab'", id="retire"),
        pytest.param(["history", "lab"], 2, "no release of the stack 'lab'", id="history"),
        pytest.param(["history", "hep/1.0"], 2, "of a stack or a tier", id="history-of-a-release"),
    ],
)  # fmt: skip
def test_bad_input(release: Any, root: Root, words: list[str], code: int, said: str) -> None:
    assert said in release(*words, expect=code).stderr
    assert not (root.path / "history").exists()


def test_what_a_tier_names_is_not_retired(release: Any) -> None:
    release("promote", "hep/1.0", "--tier", "stable")
    answer = release("retire", "hep/1.0", expect=7)
    assert "hep/1.0 is what hep@stable names" in answer.stderr
    assert "rollback" not in answer.stderr  # There is no way back yet.
    assert "--tier stable" in answer.stderr
    release("promote", "hep/1.1", "--tier", "stable")
    assert "lamina release rollback hep@stable" in release("retire", "hep/1.1", expect=7).stderr


def test_what_nobody_has_heard_of(release: Any) -> None:
    assert "no tier 'stable'" in release("history", "hep@stable", expect=2).stderr
    assert "--tier stable" in release("show", "hep@stable", expect=2).stderr
    assert "no release of the stack 'lab'" in release("list", "lab", expect=2).stderr


def test_a_tier_is_not_called_like_a_release(release: Any, root: Root) -> None:
    answer = release("promote", "hep/1.0", "--tier", "1.1", "--new", expect=2)
    assert "hep@1.1 would be read as the release hep/1.1" in answer.stderr
    assert root.tiers(root.stacks()[0]) == {}


def test_a_tier_that_names_what_is_not_there_is_told(release: Any, root: Root) -> None:
    release("promote", "hep/1.0", "--tier", "stable")
    fs.remove_tree(root.path / "releases/hep/1.0")
    assert "hep@stable names 1.0, which is not there" in release("list").stderr
