from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import click
import pytest

from lamina.cli.edge import exit_code_of
from lamina.cli.options import (
    Output,
    dry_run_option,
    environment,
    output_options,
    root_option,
    stack_file,
    stack_option,
)
from lamina.core import report
from lamina.core.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@output_options
@root_option
@stack_option
@dry_run_option
def command(output: Output, *, root: Path, stack_path: Path | None, dry_run: bool) -> None:
    """Report a little and answer."""
    report.note("a note")
    report.warn("a warning")
    with report.step("work", total=1) as step:
        step.advance()
        step.outcome = "one unit"
    value = {"root": str(root), "stack": str(stack_path), "dry": dry_run}
    output.result("the result ü", value)


@pytest.mark.parametrize(
    ("options", "err"),
    [
        pytest.param([], ["note: a note", "warning: a warning", "work: one unit"], id="default"),
        pytest.param(["--quiet"], ["warning: a warning"], id="quiet"),
        pytest.param(["-q"], ["warning: a warning"], id="q"),
        pytest.param(
            ["--verbose"],
            ["note: a note", "warning: a warning", "work ...", "work: one unit"],
            id="verbose",
        ),
        pytest.param(["-qv"], ["warning: a warning"], id="quiet-wins"),
    ],
)
def test_results_go_to_stdout_and_progress_to_stderr(
    options: list[str], err: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(command, options) == 0
    captured = capsys.readouterr()
    assert captured.out == "the result ü\n"
    assert [line.partition(" (")[0] for line in captured.err.splitlines()] == err


def test_json_is_one_object_and_nothing_else_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(command, ["--json", "--root", "/r", "--stack", "s", "--dry-run"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value == {"root": "/r", "stack": "s", "dry": True}


def test_an_empty_text_prints_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False, quiet=False, verbose=False).result("", {})
    assert capsys.readouterr().out == ""


def test_text_in_json_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True, quiet=False, verbose=False).result("", {"b": "ü", "a": 1})
    assert capsys.readouterr().out == '{\n  "a": 1,\n  "b": "ü"\n}\n'


def test_the_root_comes_from_option_then_environment_then_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def root(*options: str) -> str:
        assert exit_code_of(command, ["--json", *options]) == 0
        return str(json.loads(capsys.readouterr().out)["root"])

    monkeypatch.delenv("LAMINA_ROOT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert root().endswith("lamina")
    monkeypatch.setenv("LAMINA_ROOT", "/from/environment")
    assert root() == "/from/environment"
    assert root("--root", "/from/option") == "/from/option"


def test_a_root_that_is_a_file_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert exit_code_of(command, ["--root", str(tmp_path / "file")]) == 2


class TestStackFile:
    def test_a_file(self, tmp_path: Path) -> None:
        assert stack_file(tmp_path / "other.toml") == tmp_path / "other.toml"

    def test_a_directory(self, tmp_path: Path) -> None:
        assert stack_file(tmp_path) == tmp_path / "lamina.toml"

    def test_nothing_given_means_here_or_above(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lamina.toml").touch()
        (tmp_path / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "a" / "b")
        assert stack_file(None) == tmp_path / "lamina.toml"

    def test_no_stack_anywhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DocumentError, match=r"lamina\.toml") as caught:
            stack_file(None)
        assert caught.value.hints == ("lamina init",)


def test_the_environment_is_a_copy() -> None:
    environment()["LAMINA_ONLY_HERE"] = "1"
    assert "LAMINA_ONLY_HERE" not in environment()


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_result_that_cannot_be_written_is_said(
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        assert exit_code_of(command, ["--json"] if as_json else []) == 1
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert "standard output cannot be written to: No space left" in capsys.readouterr().err
