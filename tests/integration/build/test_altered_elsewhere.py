"""What a stack does to its packages is told, or kept, wherever its files alone are taken along."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.sources import ALPHA_PATCH, offer_source, stack_of
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer

PACKAGES = {
    "tool": '{ version = "*", waive = ["heavy"] }',
    "alpha": '{ version = "*", source = true, patches = ["alpha.patch"], env = { WORD = "x" }, '
    'config = { fast = "1" } }',
    "beta": '{ version = "*", source = true }',
}
MORE = """
[resolve]
closed = true

[hooks.alpha]
post-prepare = "true"

[hooks.tool]
post-install = "true"
"""
ALTERED = "alpha (alpha.patch, hook post-prepare, WORD, fast), tool (hook post-install)"
WITHOUT = f"without what the stack does to them: {ALTERED}"


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> Iterator[CommandLine]:
    """Return the program beside a closed stack that alters two of its packages."""
    index_server.wheel("tool", "1.0", ["heavy"])
    index_server.wheel("heavy", "9.0")
    offer_source(index_server, "alpha")
    offer_source(index_server, "beta")
    command_line.write("alpha.patch", ALPHA_PATCH)
    command_line.write("lamina.toml", stack_of(PACKAGES, MORE))
    command_line("lock")
    yield command_line
    if (command_line.directory / "root").exists():
        fs.remove_tree(command_line.directory / "root")


def released(lamina: CommandLine) -> Path:
    """Publish the stack, and write down a layer on it."""
    prefix = Path(lamina("publish", "--root", "root", "--json").json["prefix"])
    lamina("layer", "create", "mine", "--on", prefix)
    lamina("layer", "lock", "mine", "-o", "paper.lock")
    return prefix


def value_in(flat: str, lamina: CommandLine) -> str:
    python = lamina.directory / flat / "bin" / "python"
    return run([python, "-c", "import alpha; print(alpha.value)"], lamina.environ).strip()


def test_lists_say_what_they_lack(lamina: CommandLine) -> None:
    for form in ("requirements", "explicit", "pylock"):
        told = lamina("export", "--as", form)
        assert told.stderr.count(WITHOUT) == 1
        head = [line for line in told.stdout.splitlines() if line.startswith("#")]
        assert [line for line in head if WITHOUT in line]
        without = [line for line in head if "--no-deps: the stack goes without heavy" in line]
        assert len(without) == (form != "pylock")
    told = lamina("export", "--as", "wheel", "-o", "dist")
    assert WITHOUT in told.stderr
    assert "goes without what this brings in, at any version: heavy" in told.stderr


def test_a_stack_that_alters_and_waives_nothing_has_nothing_to_say(lamina: CommandLine) -> None:
    packages = {"heavy": '"*"', "beta": '{ version = "*", source = true }'}
    lamina.write("lamina.toml", stack_of(packages))
    lamina("lock")
    told = lamina("export", "--as", "requirements")
    assert (told.stderr, told.stdout.count("#")) == ("", 1)


def test_a_bill_has_patches_and_hooks(lamina: CommandLine) -> None:
    prefix = released(lamina)
    digest = fs.sha256_of(lamina.directory / "alpha.patch")
    [inside] = prefix.glob("lib/*/site-packages/alpha-1.0.dist-info/lamina-build.json")
    assert json.loads(inside.read_text())["patches"][0]["sha256"] == digest
    for source in (".", "made/1.0"):
        bill = lamina("export", source, "--root", "root", "--as", "sbom").stdout
        parts = {one["name"]: one for one in json.loads(bill)["components"]}
        told = {one["name"]: one["value"] for one in parts["alpha"]["properties"]}
        assert told["lamina:patch"] == f"alpha.patch sha256:{digest}"
        assert told["lamina:hooks"] == "post-prepare"
        assert told["lamina:build-variables"] == "WORD fast"
        assert ("lamina:build" in told) == (source != ".")
        [patch] = parts["alpha"]["pedigree"]["patches"]
        assert patch == {"type": "unofficial", "diff": {"url": "alpha.patch"}}
        hooks = [one["value"] for one in parts["tool"]["properties"] if one["name"][7:] == "hooks"]
        assert hooks == ["post-install"]
        assert "patches" not in parts["beta"].get("pedigree", {})
    lists = lamina("export", "made/1.0", "--root", "root", "--as", "requirements")
    assert WITHOUT in lists.stderr


def test_flat_takes_the_built_wheels_or_refuses(lamina: CommandLine) -> None:
    released(lamina)
    paper = (lamina.directory / "paper.lock").read_text()
    assert 'altered = ["alpha.patch", "hook post-prepare", "WORD", "fast"]' in paper
    words = ("layer", "restore", "paper.lock", "--flat", "--to")
    # A hook that ran when the release was made is in no wheel.
    said = lamina(*words, "no", expect=4).stderr
    assert "as its stack made them, and no file has that: tool (hook post-install)" in said
    assert "--unpatched" in said
    told = lamina(*words, "flat", "--unpatched")
    assert "without what the base has done to them: tool (hook post-install)" in told.stderr
    assert value_in("flat", lamina) == "7"


def test_built_wheels_in_a_directory_are_known_by_what_went_into_them(lamina: CommandLine) -> None:
    released(lamina)
    built = lamina("build", "--json").json["packages"]
    wheels = lamina.directory / "wheels"
    wheels.mkdir()
    [alpha] = [Path(one["wheel"]) for one in built if one["name"] == "alpha"]
    shutil.copy(alpha, wheels)
    builds = alpha.parents[2]
    assert builds.name == "builds"
    fs.remove_tree(builds)
    words = ("layer", "restore", "paper.lock", "--flat", "--unpatched", "--to")
    told = lamina(*words, "plain", "--json")
    assert told.json["unpatched"]["alpha"] == ["alpha.patch", "hook post-prepare", "WORD", "fast"]
    assert value_in("plain", lamina) == "1"
    told = lamina(*words, "flat", "--find-links", wheels, "--json")
    assert set(told.json["unpatched"]) == {"tool"}
    assert value_in("flat", lamina) == "7"


def test_a_base_of_other_files_or_builds_is_refused(lamina: CommandLine) -> None:
    prefix = released(lamina)
    paper = (lamina.directory / "paper.lock").read_text()
    [line] = [one for one in paper.splitlines() if 'name = "alpha"' in one]
    words = ("layer", "restore", "other.lock", "--to", "again")
    other = {"sha256": "of another file: alpha-1.0.tar.gz", "build": "of another build"}
    for key, said in other.items():
        head, _, rest = line.partition(f'{key} = "')
        changed = f'{head}{key} = "{"1" if rest[0] != "1" else "2"}{rest[1:]}'
        lamina.write("other.lock", paper.replace(line, changed))
        for more in ((), ("--on", str(prefix))):
            assert f"alpha 1.0 {said}" in lamina(*words, *more, expect=6).stderr
    lamina("layer", "restore", "paper.lock", "--to", "again")
