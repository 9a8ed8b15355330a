"""Extensions in a release are listed in the order that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.families import HERE
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.command_line import CommandLine

METADATA = """
def extension_metadata():
    {before}
    return {{"priority": {priority}, "setups": {{"LHCb": "dips://one"}}, "default_setup": "LHCb"}}
"""


def announced(name: str, entry: str, files: Mapping[str, str], *requires: str) -> Wheel:
    """Return a wheel with entry points of any group."""
    module = name.replace("-", "_")
    info = {f"{module}-1.0.dist-info/entry_points.txt": entry}
    return Wheel(name=name, version="1.0", requires=requires, files={**files, **info})


def dirac(name: str, priority: int, *requires: str, before: str = "pass") -> Wheel:
    """Return an extension of DIRAC, or DIRAC itself."""
    module = f"{name.upper()}DIRAC"
    source = METADATA.format(priority=priority, before=before)
    entry = f"[dirac]\nmetadata = {module}:extension_metadata\nother = x:y\n"
    return announced(f"{name}-dirac", entry, {f"{module}/__init__.py": source}, *requires)


def ours(name: str, source: str, *requires: str, value: str = "", key: str = "") -> Wheel:
    """Return an extension of ours."""
    entry = f"[lamina.extensions]\n{key or name} = {value or f'{name}_ext'}\n"
    return announced(name, entry, {f"{name}_ext.py": source}, *requires)


@pytest.fixture
def lamina(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program with an index of extensions."""
    index = FileIndex(command_line.directory / "index")
    index.add(
        dirac("core", 0),
        dirac("lhcb", 100, "core-dirac"),
        dirac("web", 10, "core-dirac", before="print('from web', flush=True)"),
        dirac("broken", 5, before="raise SystemExit(3)"),
        ours("low", "priority = 1\n"),
        ours("high", "priority = 50\n"),
        ours("needy", "priority = -5\n", "high"),
        ours("says", "extends = ['needy']\n"),
        ours("thing", "class T:\n    priority = 3\nthing = T()\n", value="thing_ext:thing"),
        ours("odd", "priority = 'much'\nextends = 5\nsetups = {'one'}\n"),
        ours("left", "priority = 1\n", "right"),
        ours("right", "priority = 2\n", "left"),
        Wheel(name="plain", version="1.0", scripts={"plain": "plain:main"}),
    )
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    return command_line


def publish(lamina: CommandLine, names: Sequence[str]) -> None:
    packages = "\n".join(f'{name} = "*"' for name in names)
    head = f'name = "hep"\nversion = "1.0"\npython = "3.12"\nplatforms = ["{HERE}"]'
    lamina.write("lamina.toml", f"[stack]\n{head}\n[packages]\n{packages}\n")
    lamina("publish", "--no-test")


def listed(lamina: CommandLine) -> list[dict[str, Any]]:
    many: list[dict[str, Any]] = lamina("extensions", "hep", "--json").json["extensions"]
    return many


def test_extensions_of_dirac_as_dirac_orders_them(lamina: CommandLine) -> None:
    publish(lamina, ["lhcb-dirac", "web-dirac"])
    answer = lamina("extensions", "hep")
    assert answer.stdout.splitlines() == [
        "LHCBDIRAC  priority 100  lhcb-dirac 1.0  dirac",
        "WEBDIRAC   priority 10  web-dirac 1.0  dirac",
        "COREDIRAC  priority 0  core-dirac 1.0  dirac",
    ]
    first, second, _ = listed(lamina)
    assert first["metadata"] == {"default_setup": "LHCb", "setups": {"LHCb": "dips://one"}}
    assert first["value"] == "LHCBDIRAC:extension_metadata"
    # What does more than to return a dictionary is run, whatever it prints.
    assert (first["told-by"], second["told-by"]) == ("source", "run")


def test_requirements_come_before_priorities_and_those_before_names(lamina: CommandLine) -> None:
    publish(lamina, ["low", "needy", "says", "thing"])
    found = [(one["name"], one["priority"]) for one in listed(lamina)]
    assert found == [("thing", 3), ("low", 1), ("says", 0), ("needy", -5), ("high", 50)]
    assert {one["name"]: one["told-by"] for one in listed(lamina)}["thing"] == "run"


def test_those_that_require_each_other_are_ordered_by_priority(lamina: CommandLine) -> None:
    publish(lamina, ["left"])
    assert [one["name"] for one in listed(lamina)] == ["right", "left"]


def test_what_does_not_tell_is_named_and_comes_with_zero(lamina: CommandLine) -> None:
    publish(lamina, ["broken-dirac", "odd", "low"])
    answer = lamina("extensions", "hep")
    assert "BROKENDIRAC (BROKENDIRAC:extension_metadata) does not tell its priority" in (
        answer.stderr
    )
    assert "SystemExit: 3" in answer.stderr
    assert "odd: the priority 'much' is no number; it counts as 0" in answer.stderr
    assert "odd: what it extends is no list: 5; it counts as nothing" in answer.stderr
    names = [line.split()[0] for line in answer.stdout.splitlines()]
    assert names == ["low", "BROKENDIRAC", "odd"]
    assert "(does not tell)" in answer.stdout


def test_a_release_without_extensions(lamina: CommandLine) -> None:
    publish(lamina, ["plain"])
    assert lamina("extensions", "hep").stdout == "hep/1.0 has no extensions\n"
    assert listed(lamina) == []
