from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError, NotSupportedError, UsageError
from lamina.model.platforms import PythonSeries
from lamina.stack.sources import read_source

if TYPE_CHECKING:
    from pathlib import Path

_PYTHON = PythonSeries(3, 12)
_PYLOCK = 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("requirements.txt", "numpy\n", id="txt"),
        pytest.param("stack.in", "numpy\n", id="in"),
        pytest.param("pylock.toml", _PYLOCK, id="pylock"),
        pytest.param("explicit.txt", "@EXPLICIT\nfile:///c/noarch/a-1-0.conda\n", id="explicit"),
        pytest.param("pylock.linux.toml", _PYLOCK, id="named pylock"),
    ],
)
def test_files_that_are_understood(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = read_source(tmp_path / name, default_python=_PYTHON)
    assert len(found.requirements) == text.count("numpy")


@pytest.mark.parametrize("name", ["pixi.lock", "pylock", "poetry.lock", "setup.py"])
def test_anything_else_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(NotSupportedError) as caught:
        read_source(tmp_path / name, default_python=_PYTHON)
    assert name in caught.value.message
    for supported in ("requirements file", "pylock.toml", "installed Python"):
        assert supported in caught.value.message


@pytest.mark.parametrize(
    "name", ["environment.yml", "environment.yaml", "construct.yaml", "pixi.toml", "pyproject.toml"]
)
def test_an_empty_file_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(DocumentError, match=r"no keys|no such table"):
        read_source(tmp_path / name, default_python=_PYTHON)


def test_a_directory_without_packages(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="no packages are installed there"):
        read_source(tmp_path, default_python=_PYTHON)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or directory"):
        read_source(tmp_path / "requirements.txt", default_python=_PYTHON)
