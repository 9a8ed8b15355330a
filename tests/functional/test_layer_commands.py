"""The transcripts of ``lamina layer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.wheels import FileIndex, Wheel
from support.workshop import Workshop, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.command_line import CommandLine

OLD = Wheel(name="alpha", version="1.0")
NEW = Wheel(name="alpha", version="2.0")
PLAN = """\
  ^ alpha 2.0 over 1.0 of the base: you asked for alpha>=2
0 of the base kept, 1 shadowed, 0 new, 0 removed
"""


@pytest.fixture
def base(
    command_line: CommandLine,
    interpreter: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    index = FileIndex(tmp_path / "index")
    index.add(OLD, NEW)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    workshop = Workshop(path=command_line.directory, environ=command_line.environ, index=index)
    return workshop.base(interpreter("3.12"), OLD)


@pytest.fixture
def layer(command_line: CommandLine, base: Path) -> Path:
    command_line("layer", "create", "mine", "--on", base)
    return command_line.directory / "mine"


def test_create(command_line: CommandLine, base: Path) -> None:
    target = command_line.directory / "mine"
    answer = command_line("layer", "create", "mine", "--on", base)
    assert answer.stdout == f". '{target}/bin/activate'\n"
    again = command_line("layer", "create", "mine", "--on", base, expect=7)
    assert again.stderr.startswith(f"error: {target}: there is a layer already\n")
    value = command_line("layer", "create", "other", "--on", base, "--json").json
    assert value == {
        "base": {"kind": "prefix", "prefix": str(base), "release": None},
        "layer": str(command_line.directory / "other"),
        "python": value["python"],
    }


def test_create_on_nothing(command_line: CommandLine) -> None:
    answer = command_line("layer", "create", "mine", "--on", "./nowhere", expect=2)
    assert answer.stderr == "error: ./nowhere: no such directory\n"
    command_line("layer", "create", "mine", expect=2)


def test_add_list_show_remove(command_line: CommandLine, layer: Path) -> None:
    answer = command_line("layer", "add", layer, "alpha>=2", "--dry-run", "--quiet")
    assert (answer.stdout, answer.stderr) == (PLAN, "")
    assert command_line("layer", "list", layer).stdout == "nothing of its own yet\n"
    tried = "1 import tried: what worked before works\n"
    assert command_line("layer", "add", layer, "alpha>=2").stdout == PLAN + tried
    assert command_line("layer", "list", layer).stdout == (
        "alpha  2.0  over 1.0 of the base  you asked for alpha>=2\n"
    )
    shown = command_line("layer", "show", layer)
    assert "requests  alpha>=2\n" in shown.stdout
    answer = command_line("layer", "remove", layer, "alpha")
    assert answer.stdout.startswith("  - alpha 2.0  (1.0 of the base again)\n")
    rows = command_line("layer", "list", layer, "--all", "--json").json["packages"]
    assert rows == [
        {"name": "alpha", "version": "1.0", "source": "base", "over": None, "because": []}
    ]


def test_why(command_line: CommandLine, layer: Path) -> None:
    command_line("layer", "add", layer, "alpha>=2")
    answer = command_line("layer", "why", layer, "alpha")
    assert answer.stdout == (
        "alpha 2.0: in the layer, over 1.0 of the base\n  because you asked for alpha>=2\n"
    )
    value = command_line("layer", "why", layer, "Alpha", "--json").json
    assert (value["name"], value["over"], value["chain"]) == ("alpha", "1.0", ["alpha"])
    assert "Name one package." in command_line("layer", "why", layer, expect=2).stderr
    assert "neither in" in command_line("layer", "why", layer, "beta", expect=2).stderr


def test_json_of_a_plan(command_line: CommandLine, layer: Path) -> None:
    value = command_line("layer", "add", layer, "alpha>=2", "--json", "--dry-run").json
    assert value["done"] is False
    assert value["layer"] == str(layer)
    assert [one["file"] for one in value["files"]] == ["alpha-2.0-py3-none-any.whl"]
    assert command_line("layer", "show", layer, "--json").json["requests"] == []


def test_the_active_layer_is_the_default(
    command_line: CommandLine, layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(layer))
    command_line("layer", "add", "alpha>=2")
    assert command_line("layer", "list", "--json").json["packages"][0]["version"] == "2.0"


@pytest.mark.parametrize(
    ("active", "message"),
    [("", "no layer is active"), ("/usr", "/usr: the active environment is no layer")],
    ids=["none", "venv"],
)
def test_without_an_active_layer(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, active: str, message: str
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", active)
    answer = command_line("layer", "add", "alpha", expect=2)
    assert answer.stderr.startswith(f"error: alpha: no layer there, and {message}\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["add", "./nowhere", "alpha"], 2, "error: nowhere: does not exist"),
        (["add", "mine"], 2, "Name at least one requirement"),
        (["add", "mine", "nope nope"], 2, "error: 'nope nope' is neither a layer nor"),
        (["add", "mine", "unknown"], 4, "error: cannot add unknown: the index has no package"),
        (["remove", "mine", "alpha"], 2, "error: alpha: not among the requests"),
        (["show", "base"], 2, "error: base: is no layer"),
        (["lst"], 2, "Did you mean 'list'?"),
    ],
    ids=["no-layer", "no-requirement", "no-request", "unknown", "not-asked", "venv", "misspelt"],
)
def test_mistakes(
    command_line: CommandLine, layer: Path, words: list[str], code: int, message: str
) -> None:
    assert layer.exists()
    assert message in command_line("layer", *words, expect=code).stderr


def test_a_document_that_was_edited(command_line: CommandLine, layer: Path) -> None:
    record = layer / "lamina-layer.toml"
    text = record.read_text(encoding="utf-8").replace("requests = []", 'request = ["alpha"]')
    record.write_text(text, encoding="utf-8")
    answer = command_line("layer", "show", layer, expect=3)
    assert "request: unknown key" in answer.stderr
    assert "(did you mean 'requests'?)" in answer.stderr


def test_what_would_break_something(
    command_line: CommandLine, interpreter: Callable[[str], Path], base: Path
) -> None:
    """The base has a package that only the old alpha can stand, and does not say so."""
    code = "import alpha\nassert alpha.__version__ == '1.0', alpha.__version__\n"
    user = Wheel(name="user", version="3.0", files={"user/__init__.py": code})
    user.unpack(site_of(base))
    command_line("layer", "create", "mine", "--on", base)
    refused = command_line("layer", "add", "./mine", "alpha>=2", expect=6)
    assert refused.stderr.endswith(
        "error: cannot add alpha>=2: it would break what works now, and no other version helps\n"
        "  user 3.0 does not import any more: AssertionError: 2.0\n"
        "hint: to do it all the same, run it again with --no-probe\n"
    )
    assert command_line("layer", "list", "./mine").stdout == "nothing of its own yet\n"
    forced = command_line("layer", "add", "./mine", "alpha>=2", "--no-probe")
    assert "note: what this could break was not imported (--no-probe)" in forced.stderr
    assert "tried" not in forced.stdout
    back = command_line("layer", "remove", "./mine", "alpha", "--json").json
    assert back["imports"]["tried"] == 2
    assert back["bounds"] == []


def test_index(command_line: CommandLine, layer: Path) -> None:
    value = command_line("layer", "index", "mine", "--json").json
    assert value["layer"] == str(layer)
    assert value["directories"] > 10
    answer = command_line("layer", "index", "mine")
    said = f"{layer}: indexed; {value['directories']} directories of the base\n"
    assert answer.stdout == said
    assert (layer / ".lamina" / "index" / "start.index").is_file()
    assert (layer / ".lamina" / "index-base" / "start.index").is_file()
