"""Which of several Pythons is taken: programs that answer as Pythons do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import MissingInterpreterError
from lamina.engines.interpreters import MachineInterpreters, inspect_interpreter
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from pathlib import Path

# No Python of this series is on any machine that runs the tests.
SERIES = PythonSeries(3, 77)
NAME = f"python{SERIES}"


def python(directory: Path, version: str = "3.77.0", implementation: str = "cpython") -> Path:
    """Make a program that says it is a Python, at its own real path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / NAME
    answer = {
        "version": version,
        "implementation": implementation,
        "executable": str(path),
        "prefix": str(directory.parent),
        "machine": "x86_64",
        "soabi": "cpython-377-x86_64-linux-gnu",
    }
    path.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    path.chmod(0o755)
    return path


def found(tmp_path: Path, **variables: str) -> Path:
    alone = {"HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "none"), "PATH": ""}
    return MachineInterpreters(environ=alone | variables).find(SERIES)


def test_what_the_program_answers(tmp_path: Path) -> None:
    path = python(tmp_path / "bin", "3.77.5")
    told = inspect_interpreter(path, {})
    assert told is not None
    assert (told.path, told.version, told.prefix, told.machine, told.series) == (
        path,
        "3.77.5",
        tmp_path,
        "x86_64",
        SERIES,
    )
    assert told.soabi == "cpython-377-x86_64-linux-gnu"


def test_the_name_of_a_program_is_not_believed(tmp_path: Path) -> None:
    other = python(tmp_path / "other", "3.76.1")
    real = python(tmp_path / "real")
    assert found(tmp_path, PATH=f"{other.parent}:{real.parent}") == real
    assert found(tmp_path, LAMINA_PYTHON=str(other), PATH=str(real.parent)) == real


def test_only_a_cpython_counts(tmp_path: Path) -> None:
    other = python(tmp_path / "pypy", implementation="pypy")
    real = python(tmp_path / "real")
    assert found(tmp_path, PATH=f"{other.parent}:{real.parent}") == real


def test_the_order_of_places(tmp_path: Path) -> None:
    variables = {
        "PYENV_ROOT": (str(tmp_path / "pyenv"), python(tmp_path / "pyenv/versions/3.77.1/bin")),
        "PATH": (str(tmp_path / "path"), python(tmp_path / "path")),
        "LAMINA_PYTHON_PATH": (str(tmp_path / "ours"), python(tmp_path / "ours")),
        "LAMINA_PYTHON": (str(tmp_path / "one" / NAME), python(tmp_path / "one")),
    }
    given: dict[str, str] = {}
    for variable, (value, path) in variables.items():
        given[variable] = value
        assert found(tmp_path, **given) == path, variable


def test_the_newest_of_pyenv(tmp_path: Path) -> None:
    versions = tmp_path / "pyenv" / "versions"
    python(versions / "3.77.9" / "bin", "3.77.9")
    newest = python(versions / "3.77.10" / "bin", "3.77.10")
    assert found(tmp_path, PYENV_ROOT=str(tmp_path / "pyenv")) == newest


@pytest.mark.parametrize("variable", ["PATH", "LAMINA_PYTHON_PATH"])
def test_a_relative_directory_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    python(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    for value in ("bin", ".", ""):
        with pytest.raises(MissingInterpreterError):
            found(tmp_path, **{variable: value})


def test_what_the_shims_of_pyenv_promise_is_not_there(tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3.4", NAME):
        (shims / name).write_text("#!/bin/sh\nexit 127\n")
        (shims / name).chmod(0o755)
    with pytest.raises(MissingInterpreterError) as caught:
        found(tmp_path, PATH=str(shims))
    assert "3.4" not in caught.value.message.partition("there is")[2]


def test_a_program_that_may_not_be_run(tmp_path: Path) -> None:
    python(tmp_path / "bin").chmod(0o644)
    with pytest.raises(MissingInterpreterError):
        found(tmp_path, PATH=str(tmp_path / "bin"))


@pytest.mark.parametrize(
    "said", ["", "null", "[]", "{}", '{"version": 3}', "not json"], ids=lambda said: said or "none"
)
def test_an_answer_that_no_python_gives(tmp_path: Path, said: str) -> None:
    path = python(tmp_path)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    assert inspect_interpreter(path, {}) is None


def test_one_that_is_taken_by_its_path_alone(tmp_path: Path) -> None:
    path, other = python(tmp_path / "one"), python(tmp_path / "other")
    environ = {"PATH": str(other.parent), "HOME": str(tmp_path)}
    assert MachineInterpreters(environ=environ, explicit=path).find(SERIES) == path
