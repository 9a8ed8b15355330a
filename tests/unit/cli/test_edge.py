from __future__ import annotations

import contextlib
import errno
import sys
from typing import TYPE_CHECKING

import click
import pytest

from lamina.cli.edge import exit_code_of, guarded
from lamina.core import errors
from lamina.core.errors import (
    CommandFailedError,
    DocumentError,
    LaminaError,
    PackagesLostError,
    Problem,
    UnsatisfiableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = sorted(
    (
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, LaminaError)
    ),
    key=lambda cls: cls.__name__,
)


def raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def made(cls: type[LaminaError]) -> LaminaError:
    if issubclass(cls, DocumentError):
        return cls("lamina.toml", [Problem(where="a", found="missing")])
    if issubclass(cls, CommandFailedError):
        return cls(program="uv", returncode=2, output="what uv said")
    if issubclass(cls, PackagesLostError):
        return cls({"a.whl": UnsatisfiableError("gone", hints=["lamina lock"])})
    return cls("it went wrong", hints=["lamina init", "lamina lock"])


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_its_code_message_and_hints(
    cls: type[LaminaError], capsys: pytest.CaptureFixture[str]
) -> None:
    error = made(cls)
    assert exit_code_of(raising(error), []) == cls.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    hints = [f"hint: {hint}" for hint in error.hints]
    assert err.splitlines() == [*f"error: {error.message}".splitlines(), *hints]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="ctrl-c"),
        pytest.param(click.Abort(), 130, "interrupted", id="abort"),
        pytest.param(EOFError(), 130, "interrupted", id="end-of-input"),
        pytest.param(ValueError("odd"), 1, "internal error: ValueError: odd", id="internal"),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied", "/etc/x"),
            1,
            "/etc/x: permission denied",
            id="system",
        ),
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device", "/tmp/x"),
            1,
            "/tmp/x: no space left",
            id="full",
        ),
        pytest.param(OSError(errno.EIO, "Input/output error"), 1, "Input/output", id="no-file"),
        pytest.param(OSError("only words"), 1, "error: only words", id="only-words"),
        pytest.param(click.UsageError("bad"), 2, "error: bad", id="usage"),
        pytest.param(click.BadParameter("bad"), 2, "bad", id="parameter"),
        pytest.param(click.ClickException("bad"), 2, "error: bad", id="other-click"),
    ],
)
def test_other_errors(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(raising(error), []) == code
    assert words in capsys.readouterr().err


def test_an_internal_error_says_how_to_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code_of(raising(ValueError()), [])
    assert "hint: run it again with LAMINA_TRACEBACK=1" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd")], ids=["bug", "system"])
def test_a_traceback_can_be_had(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_TRACEBACK", "1")
    with pytest.raises(type(error), match="odd"):
        exit_code_of(raising(error), [])


def test_our_own_errors_need_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_TRACEBACK", "1")
    assert exit_code_of(raising(LaminaError("x")), []) == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(lambda: None, 0, id="nothing"),
        pytest.param(lambda: 5, 5, id="returned"),
        pytest.param(lambda: click.get_current_context().exit(6), 6, id="exit"),
        pytest.param(lambda: "text", 0, id="text"),
    ],
)
def test_how_a_command_may_end(end: Callable[[], object], code: int) -> None:
    @click.command()
    def command() -> object:
        return end()

    assert exit_code_of(command, []) == code


def test_usage_errors_point_at_the_help_of_their_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.group()
    def group() -> None:
        pass

    @group.command()
    @click.argument("name")
    def release(name: str) -> None:
        pass

    assert exit_code_of(group, ["release"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: Missing argument 'NAME'.",
        "hint: lamina release --help",
    ]


def test_colour_goes_to_terminals_only_and_not_with_no_color(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> str:
        command = raising(LaminaError("x", hints=["y"]))
        exit_code_of(click.Group("g", commands={"c": command}, context_settings={}), ["c"])
        return capsys.readouterr().err

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert written() == "error: x\nhint: y\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert "\x1b[31m" in written()
    monkeypatch.setenv("NO_COLOR", "1")
    assert written() == "error: x\nhint: y\n"


def test_the_program_exits_with_the_code() -> None:
    with pytest.raises(SystemExit) as caught:
        guarded(raising(errors.ConflictError("x")), [])
    assert caught.value.code == 7


def test_a_message_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "import of evil: \x1b[2J\x07\u202efine\n  second line ü"
    assert exit_code_of(raising(LaminaError(text, hints=["a\x1b[2Jb"])), []) == 1
    err = capsys.readouterr().err
    assert err == (
        "error: import of evil: \\x1b[2J\\x07\\x202efine\n  second line ü\nhint: a\\x1b[2Jb\n"
    )


def test_an_error_that_nobody_can_be_told_of_keeps_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open("/dev/full", "w", buffering=1, encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", full)
        code = exit_code_of(raising(errors.ConflictError("taken")), [])
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert code == 7
