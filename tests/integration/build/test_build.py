"""Recipes become packages: in order, once, as their variants say, the same each time."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.package import PLACEHOLDER
from lamina.archive.reading import check_archive, members_of
from lamina.channel.check import check_channel
from support.channels import records_of
from support.recipes import a_recipe, write_recipe

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scripts are for Linux")
EXAMPLES = Path(__file__).parents[3] / "examples" / "recipes"
PAIR: dict[str, Any] = {
    "recipe": {"name": "pair", "version": "1.2"},
    "build": {"number": 3},
    "outputs": [
        {
            "package": {"name": "libpair"},
            "build": {"script": ["mkdir -p $PREFIX/lib && echo 1 > $PREFIX/lib/pair.txt"]},
            "requirements": {"run_exports": ["${{ pin_subpackage('libpair', upper_bound='x') }}"]},
        },
        {
            "package": {"name": "pair"},
            "build": {"script": ["test -f $PREFIX/lib/pair.txt", "mkdir -p $PREFIX/share"]},
            "requirements": {
                "host": ["libpair"],
                "run": ["${{ pin_subpackage('libpair', exact=true) }}"],
            },
            "tests": [{"script": ["test -f $PREFIX/lib/pair.txt"]}],
        },
    ],
}


def outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["outcome"] for one in document["outputs"]}


def test_each_is_built_after_what_it_needs_and_sees_it(command_line: CommandLine) -> None:
    user = a_recipe(
        "a-user",
        build={"script": ["test -f $PREFIX/lib/pair.txt", "test -f $PREFIX/share/base.txt"]},
        requirements={"host": ["libpair", "z-base"], "run": ["pair"]},
    )
    base = a_recipe("z-base", build={"script": ["mkdir -p $PREFIX/share; >$PREFIX/share/base.txt"]})
    top = command_line.directory / "recipes"
    for recipe in (user, base):
        write_recipe(top, recipe)
    write_recipe(top, PAIR, name="pair")
    channel = command_line.directory / "channel"

    told = command_line("build", top, "--channel", channel, "--json").json

    assert list(outcomes(told)) == ["libpair", "pair", "z-base", "a-user"]
    assert set(outcomes(told).values()) == {"built"}
    assert all(Path(one["log"]).is_file() for one in told["outputs"])
    records = records_of(channel, "linux-64")
    exact = f"libpair ==1.2 {records['libpair']['build']}"
    assert records["pair"]["depends"][0].replace("=1.2=", "==1.2 ") == exact
    assert "libpair >=1.2,<2.0a0" in records["a-user"]["depends"]
    assert check_channel(channel) == []


def test_what_is_there_already_is_not_built_again(command_line: CommandLine) -> None:
    top, channel = command_line.directory / "recipes", command_line.directory / "channel"
    recipe = a_recipe("one")
    directory = write_recipe(top, recipe)
    (directory / "extra.txt").write_text("1")
    words = ("build", top, "--channel", channel, "--skip-tests", "--json")
    command_line(*words)
    before = {path: path.stat().st_mtime_ns for path in channel.rglob("*.conda")}

    text = (directory / "recipe.yaml").read_text()
    (directory / "recipe.yaml").write_text(f"# a remark changes nothing\n{text}")
    assert outcomes(command_line(*words).json) == {"one": "up to date"}
    assert {path: path.stat().st_mtime_ns for path in channel.rglob("*.conda")} == before

    (directory / "extra.txt").write_text("2")
    assert "raise build.number" in command_line(*words, expect=7).stderr
    write_recipe(top, recipe | {"build": {**recipe["build"], "number": 1}})
    assert outcomes(command_line(*words).json) == {"one": "built"}
    assert len(list(channel.rglob("one-*.conda"))) == 2


def test_a_dry_run_builds_nothing(command_line: CommandLine) -> None:
    write_recipe(command_line.directory / "recipes", a_recipe("one"))
    channel = command_line.directory / "channel"
    answer = command_line("build", "recipes", "--channel", channel, "--dry-run")
    assert answer.stdout.endswith(": build\n")
    assert not list(channel.rglob("*.conda"))


def test_keys_that_are_zipped_vary_together(command_line: CommandLine, bootstrapped: Path) -> None:
    told = command_line(
        "build", EXAMPLES, "--channel", bootstrapped, "--to", command_line.directory / "new",
        "--system-compilers", "--dry-run", "--json",
    ).json  # fmt: skip
    bindings = [one["variant"] for one in told["outputs"] if one["name"] == "pyhepfields"]
    found = {(one["python"], one["mpi"], one["blas"], one["cuda_version"]) for one in bindings}
    assert found == {
        (python, *rest)
        for python in ("3.11.*", "3.12.*")
        for rest in (("nompi", "openblas", "None"), ("openmpi", "mkl", "12.4"))
    }
    names = [one["name"] for one in told["outputs"]]
    assert names == ["libhepfields", *["pyhepfields"] * 4, "hepfields", "hepgrid"]


def test_the_compilers_of_the_system_build_the_examples(
    command_line: CommandLine, bootstrapped: Path
) -> None:
    channel = command_line.directory / "channel"
    shutil.copytree(bootstrapped, channel)
    command_line.write("one.yaml", "python: ['3.12.*']\nmpi: [nompi]\nblas: [mkl]\n"
                       "cuda_version: [none]\nzip_keys: [[mpi, blas, cuda_version]]\n")  # fmt: skip
    words = ("build", EXAMPLES, "--channel", channel, "-m", "one.yaml", "--json")
    assert "asked by libhepfields" in (refused := command_line(*words, expect=4).stderr)
    assert "--system-compilers" in refused

    told = command_line(*words, "--system-compilers").json

    assert {one["name"]: (one["outcome"], one["tests"]) for one in told["outputs"]} == {
        "libhepfields": ("built", 0),  # what it contains is looked at while it is built
        "pyhepfields": ("built", 2),
        "hepfields": ("built", 0),
        "hepgrid": ("built", 1),
    }
    library = records_of(channel, "linux-64")["libhepfields"]
    assert [one.split(" ")[0] for one in library["depends"]] == ["__glibc"]
    assert check_channel(channel) == []


def test_another_platform_is_planned_for(command_line: CommandLine) -> None:
    recipe = a_recipe("one", build={"skip": ["linux and aarch64"]})
    directory = write_recipe(command_line.directory, recipe)
    words = ("build", directory, "--channel", "channel", "--dry-run")
    for platform, outcome in (("linux-aarch64", "skipped"), ("osx-arm64", "build")):
        said = command_line(*words, "--target-platform", platform).stdout
        assert said.startswith(f"{platform}/one-1.0-")
        assert said.endswith(f": {outcome}\n")
    assert "linux-64" in command_line(*words, "--target-platform", "amiga", expect=2).stderr


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("linux", ["skipped", "skipped"]),
        ("win", ["build", "build"]),
        (["osx", 'match(flavour, "<2")'], ["skipped", "build"]),
        (True, ["skipped", "skipped"]),
        ([{"if": "unix", "then": 'flavour == "2"'}], ["build", "skipped"]),
    ],
    ids=["platform", "other-platform", "variant", "always", "if-then"],
)
def test_trap_05_skip_is_evaluated(
    command_line: CommandLine, skip: Any, expected: list[str]
) -> None:
    build = {"skip": skip, "variant": {"use_keys": ["flavour"]}}
    directory = write_recipe(command_line.directory, a_recipe("one", build=build))
    (directory / "variants.yaml").write_text('flavour: ["1", "2"]\n')
    told = command_line("build", directory, "--channel", "channel", "--dry-run", "--json").json
    by_flavour = {one["variant"]["flavour"]: one["outcome"] for one in told["outputs"]}
    assert [by_flavour["1"], by_flavour["2"]] == expected


def test_trap_04_a_build_leaves_this_process_free(command_line: CommandLine) -> None:
    recipe = a_recipe("slow", build={"script": ["sleep 2"]})
    directory = write_recipe(command_line.directory, recipe)
    ticks, done = [time.monotonic()], threading.Event()

    def tick() -> None:
        while not done.wait(0.02):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        command_line("build", directory, "--channel", "channel")
    finally:
        done.set()
        thread.join()
    assert max(after - before for before, after in pairwise(ticks)) < 1.5
    assert "rattler_build" not in sys.modules


def test_trap_13_the_same_recipe_gives_the_same_bytes(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [
        "mkdir -p $PREFIX/bin $PREFIX/lib/python3.12/site-packages/one-1.dist-info",
        'printf "#!$PREFIX/bin/sh\\n" > $PREFIX/bin/one && chmod 700 $PREFIX/bin/one',
        'printf "$PREFIX/lib\\0end" > $PREFIX/lib/one.bin',
        "cd $PREFIX/lib/python3.12/site-packages/one-1.dist-info && date +%N > direct_url.json",
        'printf "one-1.dist-info/direct_url.json,,\\n../../../bin/one,sha256=x,3\\n" > RECORD',
    ]
    directory = write_recipe(command_line.directory, a_recipe("one", build={"script": script}))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made: list[Path] = []
    for channel in ("first", "second"):
        # Another place to build in, too.
        monkeypatch.setenv("XDG_CACHE_HOME", str(command_line.directory / f"cache-{channel}"))
        command_line("build", directory, "--channel", channel)
        made += (command_line.directory / channel).rglob("*.conda")
        time.sleep(1.1)
    assert made[0].read_bytes() == made[1].read_bytes()
    assert {one.stat().st_mode & 0o777 for one in made} == {0o644}
    entries = {one.path: one for one in check_archive(made[0]).paths}
    record = "lib/python3.12/site-packages/one-1.dist-info/RECORD"
    assert set(entries) == {"bin/one", "lib/one.bin", record}
    for name, mode in (("bin/one", "text"), ("lib/one.bin", "binary")):
        assert (entries[name].placeholder, entries[name].mode) == (PLACEHOLDER, mode)
    texts = {
        name: stream.read().decode()
        for name, _, stream in members_of(made[0], ("pkg",))
        if stream is not None
    }
    assert texts["bin/one"] == f"#!{PLACEHOLDER}/bin/sh\n"
    assert texts["lib/one.bin"] == f"{PLACEHOLDER}/lib\0end"
    assert texts[record] == "../../../bin/one,,\n"
