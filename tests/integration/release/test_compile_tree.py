"""Byte code as releases have it, written by the oldest and the newest Python that we know."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina import _target
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(_target.__file__).with_name("compile_tree.py")
FILES = {
    "pkg/__init__.py": "def where():\n    return where.__code__.co_filename\n",
    "pkg/old.py": "print 'of another Python'\n",
    "pkg/null.py": "a = 1\0\n",
    "pkg/data.txt": "not code\n",
    "tool": "also = 'not code'\n",
    "big.py": "".join(f"name_{n} = 'text {n}'\n" for n in range(30_000)),
    "last.py": "x = (1, 'a', frozenset({1, 2}))\n",
}
UNCHECKED = b"\x01\0\0\0"


def planted(stage: Path) -> Path:
    for name, text in FILES.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_text(text, encoding="utf-8")
    return stage


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_it_names_the_final_path_and_is_the_same_each_time(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path], series: str
) -> None:
    python = interpreter(series)
    found = []
    for name, workers in (("one", "1"), ("other-stage", "4")):
        stage = planted(tmp_path / name)
        answer = run([python, "-I", "-S", PROGRAM, stage, "/final place", workers], environ)
        assert json.loads(answer) == {"failed": ["pkg/null.py", "pkg/old.py"]}
        found.append({str(p.relative_to(stage)): p.read_bytes() for p in stage.rglob("*.pyc")})
    first, second = found
    assert first == second
    tag = f"cpython-{series.replace('.', '')}"
    assert sorted(first) == [
        f"__pycache__/big.{tag}.pyc", f"__pycache__/last.{tag}.pyc",
        f"pkg/__pycache__/__init__.{tag}.pyc",
    ]  # fmt: skip
    assert {data[4:8] for data in first.values()} == {UNCHECKED}
    # Importing puts the real path in, so the file itself is asked.
    code = "import marshal, sys; print(marshal.loads(sys.stdin.buffer.read()).co_filename)"
    data = first[f"__pycache__/last.{tag}.pyc"][16:]
    named = subprocess.run([python, "-c", code], input=data, capture_output=True, check=True)
    assert named.stdout == b"/final place/last.py\n"


def test_a_place_that_cannot_be_written_to_fails(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path]
) -> None:
    stage = planted(tmp_path / "stage")
    (stage / "pkg" / "__pycache__").write_text("in the way", encoding="utf-8")
    answer = subprocess.run(
        [interpreter("3.12"), "-I", "-S", PROGRAM, stage, "/final", "2"],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode != 0
    assert "compiling ended with status" in answer.stderr
    assert "__pycache__" in answer.stderr
