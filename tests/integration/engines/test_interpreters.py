from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import MissingInterpreterError
from lamina.engines.interpreters import MachineInterpreters, inspect_interpreter
from lamina.model.platforms import PythonSeries
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

SERIES = PythonSeries(3, 12)


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def _alone(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which no Python is found but by the given variables."""
    return {"HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "none"), "PATH": ""} | variables


@pytest.mark.parametrize("variable", ["PATH", "LAMINA_PYTHON_PATH", "LAMINA_PYTHON", "PYENV_ROOT"])
def test_where_a_python_is_found(tmp_path: Path, variable: str) -> None:
    real = find_interpreter("3.12").resolve()
    directory = tmp_path / "versions" / "3.12.99" / "bin"
    directory.mkdir(parents=True)
    link = directory / "python3.12"
    link.symlink_to(real)
    value = {"LAMINA_PYTHON": link, "PYENV_ROOT": tmp_path}.get(variable, directory)
    found = MachineInterpreters(environ=_alone(tmp_path, **{variable: str(value)})).find(SERIES)
    assert found == real


def test_a_prefix_may_be_named(tmp_path: Path) -> None:
    real = find_interpreter("3.12").resolve()
    environ = _alone(tmp_path, LAMINA_PYTHON_PATH=str(real.parent.parent))
    assert MachineInterpreters(environ=environ).find(SERIES) == real


def test_what_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = _script(tmp_path / "shims" / "python3.12", "echo not installed >&2; exit 127")
    lying = _script(tmp_path / "other" / "python3.12", "echo '{}'")
    real = find_interpreter("3.12")
    path = ":".join(str(one.parent) for one in (broken, lying, real))
    found = MachineInterpreters(environ=_alone(tmp_path, PATH=path)).find(SERIES)
    assert found == real.resolve()


def test_a_virtual_environment_leads_to_its_python(tmp_path: Path) -> None:
    real = find_interpreter("3.12")
    subprocess.run([real, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    found = inspect_interpreter(tmp_path / "venv" / "bin" / "python3.12", {})
    assert found is not None
    assert (found.path, found.prefix) == (real.resolve(), real.resolve().parent.parent)


def test_one_that_is_not_there_is_said_with_what_is(tmp_path: Path) -> None:
    _script(tmp_path / "bin" / "python3.4", "exit 1")
    environ = _alone(tmp_path, LAMINA_PYTHON_PATH=str(tmp_path))
    with pytest.raises(
        MissingInterpreterError, match=r"no Python 3\.99 .*there is: 3\.4"
    ) as caught:
        MachineInterpreters(environ=environ).find(PythonSeries(3, 99))
    assert caught.value.hints[0] == "uv python install 3.99"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("python3.11", "but the release is for 3.12", id="series"),
        pytest.param("missing", "not a CPython that runs here", id="missing"),
    ],
)
def test_the_one_asked_for_or_none(tmp_path: Path, name: str, words: str) -> None:
    path = find_interpreter("3.11") if name == "python3.11" else tmp_path / name
    finder = MachineInterpreters(environ=_alone(tmp_path), explicit=path)
    with pytest.raises(MissingInterpreterError, match=words):
        finder.find(SERIES)
