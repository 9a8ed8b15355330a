"""A stack's sources become wheels: in order, against the stack, once."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.engines.build_room import walls_here
from support.sources import ALPHA_PATCH, offer_source, stack_of

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer

PACKAGES = {
    "tool": '"*"',
    "alpha": '{ version = "*", source = true, patches = ["alpha.patch"] }',
    "beta": '{ version = "*", source = true }',
    "gamma": '{ version = "*", source = true }',
    "delta": '{ version = "*", source = true, env = { WORD = "one" } }',
}
MORE = """
[build]
cflags = "-DANSWER=42"

[hooks.alpha]
post-prepare = "echo \\"hooked = '$NAME $VERSION'\\" >> alpha.py"
"""


def stack(packages: dict[str, str] = PACKAGES, more: str = MORE) -> str:
    return stack_of(packages, more)


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, in a stack whose packages need each other to be built."""
    index_server.wheel("tool", "1.0")
    index_server.wheel("buildtool", "3.0", ["tool"])
    offer_source(index_server, "alpha", native=True)
    offer_source(
        index_server,
        "beta",
        build_requires=["alpha", "buildtool"],
        step="import alpha, buildtool, tool\n"
        "Path('beta_saw.py').write_text('saw = %d' % alpha.value)",
    )
    offer_source(index_server, "gamma", further=["buildtool"], requires=["delta"])
    offer_source(
        index_server,
        "delta",
        requires=["gamma"],
        step="Path('delta.py').write_text('word = %r' % os.environ.get('WORD'))",
    )
    command_line.write("alpha.patch", ALPHA_PATCH)
    command_line.write("lamina.toml", stack())
    command_line("lock")
    return command_line


def built(lamina: CommandLine, *words: str, expect: int = 0) -> dict[str, dict[str, Any]]:
    answer = lamina("build", "--json", *words, expect=expect)
    return {one["name"]: one for one in answer.json["packages"]}


def status(packages: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: one["status"] for name, one in packages.items()}


def member(wheel: str, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [path] = [one for one in archive.namelist() if one.endswith(name)]
        return archive.read(path).decode()


def test_packages_are_built_against_each_other_and_once(lamina: CommandLine) -> None:
    first = built(lamina)
    assert status(first) == dict.fromkeys(("alpha", "beta", "gamma", "delta"), "built")
    assert list(first).index("alpha") < list(first).index("beta")
    assert member(first["alpha"]["wheel"], "alpha.py") == (
        "value = 7\nversion = '1.0'\nhooked = 'alpha 1.0'\n"
    )
    assert member(first["beta"]["wheel"], "beta_saw.py") == "saw = 7"
    assert member(first["delta"]["wheel"], "delta.py") == "word = 'one'"
    again = built(lamina)
    assert set(status(again).values()) == {"cached"}
    assert {one["sha256"] for one in again.values()} == {one["sha256"] for one in first.values()}
    saved = Path("lamina-build.lock").read_text()
    assert saved.count("buildtool-3.0-py3-none-any.whl") == 2
    assert 'further = ["buildtool"]' in saved


def test_another_variable_is_another_build(lamina: CommandLine) -> None:
    built(lamina)
    lamina.write("lamina.toml", stack().replace('WORD = "one"', 'WORD = "two"'))
    after = built(lamina)
    assert {name for name, one in after.items() if one["status"] == "built"} == {"delta"}
    assert member(after["delta"]["wheel"], "delta.py") == "word = 'two'"


def test_what_is_in_the_cache_needs_nothing_of_the_machine(
    lamina: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two packages with a need each, the one that is built is asked for alone."""
    programs = {name: tmp_path / "bin" / name for name in ("one-tool", "other-tool")}
    for program in programs.values():
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    packages = PACKAGES | {
        "gamma": '{ version = "*", source = true, system = ["one-tool"] }',
        "delta": '{ version = "*", source = true, system = ["other-tool"], env = { WORD = "a" } }',
    }
    lamina.write("lamina.toml", stack(packages))
    built(lamina)
    for program in programs.values():
        program.unlink()
    assert set(status(built(lamina)).values()) == {"cached"}
    packages["delta"] = packages["delta"].replace('"a"', '"b"')
    lamina.write("lamina.toml", stack(packages))
    said = lamina("build", expect=5).stderr
    assert "other-tool (needed by delta)" in said
    assert "one-tool" not in said


def test_a_wheel_says_what_it_was_made_of(lamina: CommandLine) -> None:
    packages = built(lamina)
    told = json.loads(Path(packages["beta"]["provenance"]).read_text())
    inputs = told["inputs"]
    assert [one["name"] for one in inputs["requirements"]] == ["alpha", "buildtool", "tool"]
    assert inputs["requirements"][0]["build"]
    assert inputs["requirements"][1]["sha256"]
    assert inputs["flags"]["CFLAGS"] == "-DANSWER=42"
    assert told["wheel"]["sha256"] == packages["beta"]["sha256"]
    assert json.loads(member(packages["beta"]["wheel"], "lamina-build.json")) == inputs
    alpha = json.loads(Path(packages["alpha"]["provenance"]).read_text())["inputs"]
    assert [one["name"] for one in alpha["patches"]] == ["alpha.patch"]
    assert list(alpha["hooks"]) == ["post-prepare"]


def test_a_change_builds_that_package_and_those_built_with_it(lamina: CommandLine) -> None:
    before = built(lamina)
    lamina.write("alpha.patch", ALPHA_PATCH.replace("value = 7", "value = 8"))
    plan = lamina("build", "--dry-run").stdout.splitlines()
    assert "alpha 1.0: built: its patches changed" in plan
    assert "beta 1.0: built: alpha, which it is built with changed" in plan
    assert "gamma 1.0: in the cache" in plan
    after = built(lamina)
    assert {name for name, one in after.items() if one["status"] == "built"} == {"alpha", "beta"}
    assert member(after["beta"]["wheel"], "beta_saw.py") == "saw = 8"
    lamina.write("alpha.patch", ALPHA_PATCH)
    assert {name: one["sha256"] for name, one in built(lamina).items()} == {
        name: one["sha256"] for name, one in before.items()
    }


def test_a_dry_run_builds_nothing(lamina: CommandLine) -> None:
    plan = lamina("build", "--dry-run", "--json").json
    assert {one["fate"] for one in plan["packages"]} == {"built: not built here yet"}
    assert not Path("lamina-build.lock").exists()
    assert set(status(built(lamina)).values()) == {"built"}


@pytest.mark.parametrize("how", ["changed", "cut", "untold"])
def test_a_damaged_entry_of_the_cache_is_built_again(lamina: CommandLine, how: str) -> None:
    first = built(lamina)["gamma"]
    wheel, told = Path(first["wheel"]), Path(first["provenance"])
    if how == "changed":
        wheel.write_bytes(wheel.read_bytes() + b"x")
    elif how == "cut":
        wheel.unlink()
    else:
        told.write_text("{")
    answer = lamina("build", "--json")
    assert "not as it was built; it is built again" in answer.stderr
    again = {one["name"]: one for one in answer.json["packages"]}
    assert {name for name, one in again.items() if one["status"] == "built"} == {"gamma"}
    assert again["gamma"]["sha256"] == first["sha256"]


def test_publish_installs_what_was_built_and_runs_hooks(lamina: CommandLine) -> None:
    packages = {**PACKAGES, "tool": '{ version = "*" }'}
    hooks = MORE + (
        '\n[hooks.tool]\npre-install = "mkdir -p $PREFIX/share"\n'
        "post-install = \"python -c 'import beta_saw; print(beta_saw.saw)' > $PREFIX/share/saw;"
        ' echo $FINAL_PREFIX $NAME >> $PREFIX/share/saw"\n'
        '[test]\nimports = ["_native_alpha", "tool"]\n'
    )
    lamina.write("lamina.toml", stack(packages, hooks))
    made = built(lamina)
    first = lamina("publish", "--root", "root", "--json").json
    prefix = Path(first["prefix"])
    assert (prefix / "share/saw").read_text() == f"7\n{prefix} tool\n"
    question = (
        "import _native_alpha as n, importlib.metadata as m; print(n.answer, m.version('beta'))"
    )
    said = subprocess.check_output([prefix / "bin/python", "-c", question], text=True)
    assert said == "42 1.0\n"
    assert set(status(built(lamina)).values()) == {"cached"}
    inside = next(prefix.glob("lib/*/site-packages/beta-1.0.dist-info/lamina-build.json"))
    assert json.loads(inside.read_text()) == json.loads(member(made["beta"]["wheel"], "build.json"))


def test_the_next_release_is_not_linked_to_what_a_hook_writes(lamina: CommandLine) -> None:
    """Two releases of a root share files; the hook of the second may not change the first."""
    both = {"tool": '"*"', "buildtool": '"*"'}
    lamina.write("lamina.toml", stack(both, ""))
    lamina("lock")
    first = Path(lamina("publish", "--root", "root", "--json").json["prefix"])
    [module] = first.glob("lib/*/site-packages/tool.py")
    before = module.read_bytes()
    hook = "cd $PREFIX/lib/python3.12/site-packages; chmod u+w tool.py; echo x=1 >> tool.py"
    text = stack(both, f'\n[hooks.buildtool]\npost-install = "{hook}"\n')
    lamina.write("lamina.toml", text.replace('"1.0"', '"2.0"'))
    second = Path(lamina("publish", "--root", "root", "--json").json["prefix"])
    assert module.read_bytes() == before
    assert (second / module.relative_to(first)).read_bytes() == before + b"x=1\n"


def test_the_next_release_has_nothing_that_a_hook_wrote_into_the_one_before(
    lamina: CommandLine,
) -> None:
    """A hook may change any file of its release, and those are not as their packages have them."""
    both = {"tool": '"*"', "buildtool": '"*"'}
    change = "cd $PREFIX/lib/python3.12/site-packages; chmod u+w tool.py; echo x=1 >> tool.py"
    hook = f'\n[hooks.buildtool]\npost-install = "{change}"\n'
    ends = []
    for version, more in (("1.0", hook), ("2.0", hook), ("3.0", "")):
        lamina.write("lamina.toml", stack(both, more).replace('"1.0"', f'"{version}"'))
        lamina("lock")
        prefix = Path(lamina("publish", "--root", "root", "--json").json["prefix"])
        [module] = prefix.glob("lib/*/site-packages/tool.py")
        ends.append(module.read_text().count("x=1"))
    assert ends == [1, 1, 0]


def test_a_failure_stops_only_what_needs_it(index_server: IndexServer, lamina: CommandLine) -> None:
    offer_source(index_server, "alpha", step="raise SystemExit('made for another century')")
    lamina.write("lamina.toml", stack(more=""))
    lamina("lock", "--upgrade")
    answer = lamina("build", "--keep-going", "--json", expect=5)
    packages = {one["name"]: one for one in answer.json["packages"]}
    assert status(packages) == {
        "alpha": "failed", "beta": "not tried", "gamma": "built", "delta": "built",
    }  # fmt: skip
    assert packages["beta"]["because"] == "alpha"
    assert "made for another century" in answer.stderr
    assert "not tried: beta" in answer.stderr
    assert "made for another century" in Path(packages["alpha"]["log"]).read_text()


def test_a_cycle_is_named_and_a_wheel_breaks_it(
    index_server: IndexServer, lamina: CommandLine
) -> None:
    offer_source(index_server, "egg", build_requires=["hen"])
    offer_source(index_server, "hen", build_requires=["egg"], step="import egg; assert egg.note")
    index_server.wheel("egg", "1.0", note="hatched")
    both = {"egg": '{ version = "*", source = true }', "hen": '{ version = "*", source = true }'}
    lamina.write("lamina.toml", stack(both, ""))
    lamina("lock")
    said = lamina("build", expect=4).stderr
    assert "packages need each other to be built: " in said
    assert "egg needs hen" in said
    assert 'bootstrap = "wheel" on packages.egg' in said
    both["egg"] = '{ version = "*", source = true, bootstrap = "wheel" }'
    lamina.write("lamina.toml", stack(both, ""))
    assert status(built(lamina)) == {"egg": "built", "hen": "built"}


def test_a_package_may_be_built_with_requirements_of_its_own(
    index_server: IndexServer, lamina: CommandLine
) -> None:
    index_server.wheel("tool", "2.0", note="new")
    step = "import tool; Path('old_tool.py').write_text('at = %r' % tool.__version__)"
    offer_source(index_server, "old", build_requires=["tool<2"], step=step)
    entries = {"tool": '"==2.0"', "old": '{ version = "*", source = true }'}
    lamina.write("lamina.toml", stack(entries, ""))
    lamina("lock")
    said = lamina("build", expect=4).stderr
    assert "old is built against the stack, which has tool 2.0; old asks for tool<2" in said
    entries["old"] = '{ version = "*", source = true, isolated = true }'
    lamina.write("lamina.toml", stack(entries, ""))
    assert member(built(lamina)["old"]["wheel"], "old_tool.py") == "at = '1.0'"
    entries["old"] = '{ version = "*", source = true, requires = ["tool"] }'
    lamina.write("lamina.toml", stack(entries, ""))
    assert member(built(lamina)["old"]["wheel"], "old_tool.py") == "at = '2.0'"


def test_a_whole_stack_is_built_from_source(index_server: IndexServer, lamina: CommandLine) -> None:
    index_server.wheel("gamma", "1.0")
    entries = {"gamma": '"*"', "delta": '"*"', "tool": '{ version = "*", source = false }'}
    lamina.write("lamina.toml", stack(entries, "\n[resolve]\nsource = true\n"))
    lamina("lock")
    assert set(built(lamina)) == {"gamma", "delta"}
    entries["tool"] = '"*"'
    lamina.write("lamina.toml", stack(entries, "\n[resolve]\nsource = true\n"))
    assert "tool" in lamina("lock", expect=4).stderr


@pytest.mark.namespaces
def test_builds_are_kept_from_all_but_their_directory(
    index_server: IndexServer, lamina: CommandLine, environ: dict[str, str], tmp_path: Path
) -> None:
    assert walls_here(environ, network=False, directory=tmp_path) == "all"
    outside = tmp_path / "outside"
    offer_source(index_server, "alpha", step=f"Path({str(outside)!r}).write_text('x')")
    offer_source(
        index_server,
        "gamma",
        step="import socket; socket.create_connection(('127.0.0.1', 9), timeout=5)",
    )
    for name, said in (("alpha", "outside of its directory"), ("gamma", "reaches for the network")):
        lamina.write("lamina.toml", stack({name: '{ version = "*", source = true }'}, ""))
        lamina("lock", "--upgrade")
        answer = lamina("build", expect=5)
        assert f"{name}: its build failed: it" in answer.stderr
        assert said in answer.stderr
    assert not outside.exists()
