from __future__ import annotations

import contextlib
import re
import sys

import pytest

from lamina.cli.progress import (
    ErrorsOnly,
    PlainReporter,
    TerminalReporter,
    reporter_for,
)
from lamina.cli.style import styled
from lamina.core import report

ENVIRON = {"TERM": "xterm"}


def screen(written: str) -> list[str]:
    """Return what a terminal shows after this was written to it."""
    lines = [""]
    for token in re.split(r"(\r\x1b\[2K|\n)", written):
        if token == "\n":
            lines.append("")
        elif token.startswith("\r"):
            lines[-1] = ""
        else:
            lines[-1] += token
    return lines


@pytest.fixture
def terminal() -> TerminalReporter:
    return TerminalReporter(environ=ENVIRON)


def test_a_live_line_shows_title_and_count(
    terminal: TerminalReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.step_started("download", 3)
    assert screen(capsys.readouterr().err) == ["download 0/3"]
    terminal.step_advanced("download", 2)
    assert screen(capsys.readouterr().err) == ["download 2/3"]
    terminal.step_finished("download", "3 files", 1.25)
    assert screen(capsys.readouterr().err) == ["download: 3 files (1.2 s)", ""]


def test_a_step_without_a_total_shows_that_it_runs(
    terminal: TerminalReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.step_started("resolve", None)
    assert screen(capsys.readouterr().err) == ["resolve ..."]
    terminal.step_advanced("resolve", 7)
    assert screen(capsys.readouterr().err) == ["resolve 7"]


def test_notes_stand_above_the_live_line(
    terminal: TerminalReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.step_started("resolve", None)
    terminal.note("one")
    terminal.warn("two")
    shown = screen(capsys.readouterr().err)
    assert shown[0] == "note: one"
    assert shown[1].endswith(": two")
    assert shown[2:] == ["resolve ..."]


def test_the_outer_step_comes_back_when_the_inner_ends(
    terminal: TerminalReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    with report.use(terminal), report.step("outer", total=2) as outer:
        outer.advance()
        with report.step("inner", total=5) as inner:
            inner.advance()
            outer.advance()
        assert screen(capsys.readouterr().err) == ["inner: done (0.0 s)", "outer 2/2"]
    assert screen(capsys.readouterr().err) == ["outer: done (0.0 s)", ""]


def test_a_live_line_never_wraps(
    terminal: TerminalReporter,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal.step_started("a title that is longer than the terminal is wide", None)
    assert [len(line) for line in screen(capsys.readouterr().err)] == [19]


def test_a_failed_step_is_cleared_from_the_live_line(
    terminal: TerminalReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    with report.use(terminal), pytest.raises(KeyError), report.step("build"):
        raise KeyError
    assert screen(capsys.readouterr().err)[-1] == ""


def test_a_pipe_gets_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    plain = PlainReporter(environ=ENVIRON, verbose=True)
    plain.step_started("build", 3)
    plain.step_advanced("build", 1)
    plain.step_finished("build", "failed", 2)
    plain.warn("careful")
    assert capsys.readouterr() == (
        "",
        "build ...\nbuild: failed (2.0 s)\nwarning: careful\n",
    )


@pytest.mark.parametrize(
    ("terminal_there", "environ", "quiet", "kind"),
    [
        pytest.param(True, ENVIRON, False, TerminalReporter, id="terminal"),
        pytest.param(False, ENVIRON, False, PlainReporter, id="pipe"),
        pytest.param(True, {"TERM": "dumb"}, False, PlainReporter, id="dumb"),
        pytest.param(True, ENVIRON, True, ErrorsOnly, id="quiet"),
    ],
)
def test_which_reporter_is_chosen(
    terminal_there: bool,
    environ: dict[str, str],
    quiet: bool,
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal_there, raising=False)
    assert type(reporter_for(environ=environ, quiet=quiet, verbose=False)) is kind


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        pytest.param({}, "\x1b[31mx\x1b[0m", id="colour"),
        pytest.param({"NO_COLOR": "1"}, "x", id="no-color"),
        pytest.param({"NO_COLOR": ""}, "\x1b[31mx\x1b[0m", id="no-color-empty"),
        pytest.param({"TERM": "dumb"}, "x", id="dumb"),
    ],
)
def test_colour(environ: dict[str, str], text: str) -> None:
    assert styled("x", "red", environ=environ) == text


@pytest.mark.parametrize("kind", [PlainReporter, TerminalReporter])
def test_work_does_not_fail_because_progress_cannot_be_written(
    kind: type[PlainReporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w", buffering=1, encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", full)
        with report.use(kind(environ=ENVIRON)), report.step("work", total=2) as step:
            step.advance()
            report.note("a note")
            report.warn("a warning")
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert step.outcome == "done"


def test_what_a_program_said_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = PlainReporter(environ=ENVIRON | {"NO_COLOR": "1"})
    reporter.warn("a\x1b[2Jb")
    reporter.note("c\x9bd")
    assert capsys.readouterr().err == "warning: a\\x1b[2Jb\nnote: c\\x9bd\n"
