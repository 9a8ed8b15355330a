"""The transcripts of ``lamina doctor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.layer.doctor.examine import CHECKS, KINDS
from support.changes import ALPHA_1, BETA_1, BETA_2
from support.wheels import FileIndex
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.command_line import CommandLine

HERE = Path(__file__).parents[2]


@pytest.fixture
def workshop(command_line: CommandLine, tmp_path: Path) -> Workshop:
    index = FileIndex(tmp_path / "index")
    return Workshop(path=command_line.directory, environ=command_line.environ, index=index)


@pytest.fixture
def venv(workshop: Workshop, interpreter: Callable[[str], Path]) -> Path:
    return workshop.base(interpreter("3.12"), ALPHA_1, BETA_2, name="my venv")


def test_a_finding(command_line: CommandLine, venv: Path) -> None:
    answer = command_line("doctor", "my venv", expect=6)
    assert answer.stderr == ""
    assert answer.stdout == (
        "requirement-conflict: alpha 1.0 is there, but beta 2.0 needs alpha>=2\n"
        "  why:  Who needs it was never tried with this version, and says that it does not work.\n"
        f"  mend: '{venv}/bin/python' -m pip install 'alpha>=2' beta\n"
        "\n"
        f"{venv}: 1 finding\n"
    )


def test_as_json(command_line: CommandLine, venv: Path) -> None:
    value = command_line("doctor", venv, "--json", expect=6).json
    assert set(value) == {"findings", "prefix", "python", "sound"}
    assert (value["sound"], value["prefix"]) == (False, str(venv))
    assert value["python"].startswith("3.12.")
    finding = value["findings"][0]
    assert set(finding) == {"kind", "what", "why", "mend", "places"}
    assert finding["kind"] == "requirement-conflict"
    assert finding["places"] == [str(site_of(venv) / "alpha-1.0.dist-info")]


def test_kinds_to_ignore(command_line: CommandLine, venv: Path) -> None:
    answer = command_line("doctor", venv, "--ignore", "requirement-conflict")
    assert answer.stdout == f"{venv}: nothing found\n"
    (site_of(venv) / "stray.py").write_text("", encoding="utf-8")
    words = ("--ignore", "files-without-metadata", "--ignore", "requirement-conflict", "--json")
    value = command_line("doctor", venv, *words).json
    assert (value["sound"], value["findings"]) == (True, [])
    command_line("doctor", venv, *words[:2], expect=6)


def test_the_environment_of_this_shell_is_the_default(
    command_line: CommandLine, venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))
    monkeypatch.setenv("PATH", f"{venv}/bin:{command_line.environ['PATH']}")
    assert command_line("doctor", "--json", expect=6).json["prefix"] == str(venv)
    monkeypatch.delenv("VIRTUAL_ENV")
    assert command_line("doctor", "env", "--json", expect=6).json["prefix"] == str(venv)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["./nowhere"], "error: ./nowhere: no such directory\n"),
        (["my venv", "--ignore", "requirement-mising"], "hint: did you mean requirement-missing?"),
        (["my venv", "--ignore", "x"], "hint: kinds: interpreter-gone, layer-record-broken"),
        (["empty"], "no releases there"),
    ],
    ids=["nowhere", "misspelt", "no-kind", "empty"],
)
def test_mistakes(command_line: CommandLine, venv: Path, words: list[str], message: str) -> None:
    assert venv.exists()
    (command_line.directory / "empty").mkdir()
    assert message in command_line("doctor", *words, expect=2).stderr


def test_without_any_python(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(command_line.directory))
    assert "no python3 on PATH" in command_line("doctor", expect=2).stderr


def test_a_python_that_is_too_old(command_line: CommandLine) -> None:
    python = command_line.write("bin/python", "#!/bin/sh\necho 'SyntaxError: invalid' >&2; exit 1")
    python.chmod(0o755)
    assert "3.8 and newer" in command_line("doctor", python.parent.parent, expect=2).stderr


def test_with_pythonpath_set_the_program_itself_still_works(
    workshop: Workshop, interpreter: Callable[[str], Path]
) -> None:
    """A click of somebody else's on PYTHONPATH is a finding, not a crash."""
    view = workshop.path / "view"
    (view / "click").mkdir(parents=True)
    (view / "click" / "__init__.py").write_text("raise SystemExit('not ours')\n", "utf-8")
    BETA_1.unpack(view)
    venv = workshop.base(interpreter("3.12"), ALPHA_1, BETA_1)
    program = Path(sys.executable).with_name("lamina")
    words = [program, "doctor", venv, "--ignore", "pythonpath-hides-environment"]
    assert "nothing found" in run([*words], workshop.environ | {"PYTHONPATH": str(view)})


def test_every_kind_is_explained_on_the_page_and_no_other() -> None:
    page = (HERE / "docs" / "how-to" / "analyst" / "doctor.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(KINDS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.kind.name)
def test_a_kind_has_a_plain_name_and_one_sentence(check: object) -> None:
    kind = check.kind  # type: ignore[attr-defined]
    assert kind.name == kind.name.lower().strip()
    assert " " not in kind.name
    assert kind.why.endswith(".")
    assert ". " not in kind.why.replace("1.x", "")
