"""The one file that sets a checkout up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tasks

from support.interpreters import find_interpreter

HERE = Path(tasks.__file__).parent


def script(
    *arguments: str, python: Path | str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, HERE / "tasks.py", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--help"], 0), (["tset"], 2)])
def test_without_a_task_it_lists_them(arguments: list[str], code: int) -> None:
    answer = script(*arguments)
    assert answer.returncode == code
    for name in ("demo", "test", "lint", "docs", "bench", "all", "pins"):
        assert f"tasks.py {name}" in answer.stdout


@pytest.mark.parametrize("series", ["3.8", "3.10"])
def test_an_older_python_is_told_what_to_do(series: str) -> None:
    answer = script("demo", python=find_interpreter(series))
    assert answer.returncode == 1
    assert "this needs 3.11 or newer" in answer.stderr
    assert "hint: python3.11 tasks.py demo" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_what_it_calls_sees_no_foreign_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tasks.UNWANTED:
        monkeypatch.setenv(name, "/elsewhere")
    assert set(tasks.environment()) & set(tasks.UNWANTED) == set()


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "PIP_INDEX_URL"])
def test_pip_and_uv_use_one_index(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("UV_CONFIG_FILE", "/missing/uv.toml")
    monkeypatch.setenv(name, "https://index.example.org/simple")
    environ = tasks.environment()
    assert environ["PIP_INDEX_URL"] == "https://index.example.org/simple"
    assert environ["UV_DEFAULT_INDEX"] == "https://index.example.org/simple"


def test_what_is_set_up_depends_on_pins_project_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins, project = tmp_path / "requirements", tmp_path / "pyproject.toml"
    pins.mkdir()
    (pins / "run.txt").write_text("click==1")
    project.write_text("")
    monkeypatch.setattr(tasks, "PINS", pins)
    monkeypatch.setattr(tasks, "HERE", tmp_path)
    seen = [tasks.fingerprint("run")]
    assert tasks.fingerprint("run") == seen[0]
    (pins / "run.txt").write_text("click==2")
    seen.append(tasks.fingerprint("run"))
    project.write_text("[project]")
    seen.append(tasks.fingerprint("run"))
    assert len(set(seen)) == 3
    assert tasks.place().startswith(str(tmp_path))
