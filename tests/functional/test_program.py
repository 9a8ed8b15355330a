"""The program as a whole: help, version, usage, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.cli.app import COMMANDS
from lamina.core.errors import exit_codes
from support.stack_files import SMALLEST

if TYPE_CHECKING:
    from support.command_line import CommandLine


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command_and_exit_code(command_line: CommandLine, option: str) -> None:
    text = command_line(option).stdout
    for name, (_, line) in COMMANDS.items():
        assert any(shown.split() == [name, *line.split()] for shown in text.splitlines()), name
    words = text.partition("Exit codes:")[2].replace(",", " ").split()
    assert {int(word) for word in words if word.isdecimal()} == set(exit_codes())


def test_version(command_line: CommandLine) -> None:
    from importlib.metadata import version

    assert command_line("--version").stdout == f"lamina {version('lamina')}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["publishh"], "error: No such command 'publishh'. Did you mean 'publish'?", id="x"
        ),
        pytest.param(["qqqqq"], "error: No such command 'qqqqq'.\n", id="nothing-near"),
        pytest.param(["--rot", "x"], "error: No such option '--rot'", id="option"),
    ],
)
def test_wrong_usage(command_line: CommandLine, arguments: list[str], words: str) -> None:
    answer = command_line(*arguments, expect=2)
    assert answer.stderr.startswith(words)
    assert "hint: lamina --help" in answer.stderr
    assert answer.stdout == ""


def test_alone_it_shows_its_help_and_asks_for_a_command(command_line: CommandLine) -> None:
    assert "Commands:" in command_line(expect=2).stderr


def loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys; from lamina.cli.app import cli; from lamina.cli.edge import exit_code_of;"
        f"code = exit_code_of(cli, {list(arguments)!r});"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(answer.stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_is_light(option: str) -> None:
    modules = loaded_by(option)
    assert "click" in modules
    heavy = {"rattler", "pydantic", "starlette", "rich", "tomlkit", "httpx2", "uv", "pypi_simple"}
    assert modules & heavy == set()


def test_python_dash_m() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "lamina", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("lamina ")


@pytest.mark.parametrize("options", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_a_reader_that_went_away_is_no_drama(options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, *options, "-m", "lamina", "--help"]
    answer = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (1, "")


@pytest.mark.parametrize("name", ["click", "pydantic", "packaging", "tomllib"])
def test_the_packages_of_a_view_are_not_taken_for_ours(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise ImportError('of the view')\n", encoding="utf-8")
    code = (
        "import sys; sys.argv[1:] = ['--version']; from lamina.cli import main\n"
        f"try: main()\nexcept SystemExit: import {name}"
    )
    environ = {"PYTHONPATH": f"{tmp_path}:/missing:", "PATH": "/usr/bin"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_lamina_on_pythonpath_still_finds_what_lies_beside_it(tmp_path: Path) -> None:
    import lamina

    (tmp_path / "lamina").symlink_to(Path(lamina.__file__).parent)
    (tmp_path / "beside.py").write_text("", encoding="utf-8")
    code = "from lamina.cli import ignore_python_path as act; act(); import beside"
    environ = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_nowhere_and_no_failure(tmp_path: Path, closed: str) -> None:
    (tmp_path / "lamina.toml").write_text(SMALLEST)
    script = f'"$1" -P -m lamina add numpy {closed}'
    answer = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert 'numpy = "*"' in (tmp_path / "lamina.toml").read_text()
