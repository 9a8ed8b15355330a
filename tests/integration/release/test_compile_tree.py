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
    "bin/script.py": "nobody = 'imports it'\n",
    "big.py": "".join(f"name_{n} = 'text {n}'\n" for n in range(30_000)),
    "last.py": "x = (1, 'a', frozenset({1, 2}))\n",
}
UNCHECKED = b"\x01\0\0\0"


def planted(stage: Path) -> Path:
    for name, text in FILES.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_text(text, encoding="utf-8")
    return stage


def compiled(python: Path, top: Path, environ: dict[str, str], *more: str) -> dict[str, bytes]:
    """Compile a tree and return its byte code by path."""
    environ = environ | {"PYTHONHASHSEED": "0"}
    run([python, "-I", "-S", PROGRAM, top, *(more or ("2",))], environ)
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*.pyc")}


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_it_names_no_place_and_is_the_same_each_time(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path], series: str
) -> None:
    python = interpreter(series)
    found = []
    for name, workers in (("one", "1"), ("other-stage", "4")):
        stage = planted(tmp_path / name)
        answer = run([python, "-I", "-S", PROGRAM, stage, workers], environ)
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
    data = first[f"pkg/__pycache__/__init__.{tag}.pyc"][16:]
    named = subprocess.run([python, "-c", code], input=data, capture_output=True, check=True)
    assert named.stdout == b"pkg/__init__.py\n"


_SHARED_NAMES = "".join(f"def name_{n}(argument_{n}):\n    return value_{n}\n" for n in range(40))


def distribution(top: Path, name: str, *extra: str) -> None:
    """Plant a distribution whose modules have names in common with those of all others."""
    site = top / "lib" / "python3" / "site-packages"
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    modules = [f"{name}.py", f"{name}_more.py", f"common/{name}.py", *extra]
    for module in modules:
        (site / module).parent.mkdir(exist_ok=True)
        (site / module).write_text(f"origin = {module!r}\n{_SHARED_NAMES}", encoding="utf-8")
    lines = [f'"{module}",sha256=x,1\n' for module in modules]
    (info / "RECORD").write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize("series", ["3.8", "3.11", "3.13"])
def test_what_else_is_compiled_does_not_show(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path], series: str
) -> None:
    """A distribution has the same byte code alone, among others, and when others have theirs."""
    python = interpreter(series)
    for place, names in (("alone", "b"), ("all", "abc"), ("some", "abc")):
        for name in names:
            distribution(tmp_path / place, name)
    alone = compiled(python, tmp_path / "alone", environ)
    everything = compiled(python, tmp_path / "all", environ)
    finished = ("a-1.dist-info", "c-1.dist-info")
    some = compiled(python, tmp_path / "some", environ, "2", *finished)
    assert len(alone) == 3
    assert len(everything) == 9
    assert alone == some == {path: everything[path] for path in alone}


HOW_IT_SHOWS = """
import inspect, pickle, runpy, sys, traceback, warnings
run = runpy.run_module("pkg.shown")["fail"].__code__.co_filename
import pkg.shown as shown
found = {"runpy": run, "code": shown.fail.__code__.co_filename}
found["nested"] = shown.outer().__code__.co_filename
found["source"] = "raise ValueError" in inspect.getsource(shown.fail)
found["file"] = inspect.getsourcefile(shown.fail)
try:
    shown.fail()
except ValueError as error:
    found["traceback"] = traceback.extract_tb(error.__traceback__)[-1].filename
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    shown.complain()
found["warning"] = caught[0].filename
found["pickled"] = pickle.loads(pickle.dumps(shown.fail)).__code__.co_filename
lines = set()
sys.settrace(lambda frame, event, _: lines.add(frame.f_code.co_filename))
shown.outer()
sys.settrace(None)
found["traced"], = lines
import json; print(json.dumps(found))
"""
SHOWN = """
import warnings
def fail():
    raise ValueError
def complain():
    warnings.warn("here")
def outer():
    def inner():
        pass
    return inner
if __name__ == "__main__":
    fail()
"""


@pytest.mark.parametrize("series", ["3.8", "3.12", "3.13"])
def test_whoever_looks_sees_the_true_path(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path], series: str
) -> None:
    python = interpreter(series)
    (tmp_path / "built" / "pkg").mkdir(parents=True)
    (tmp_path / "built" / "pkg" / "shown.py").write_text(SHOWN, encoding="utf-8")
    assert len(compiled(python, tmp_path / "built", environ)) == 1
    place = tmp_path / "at its place"
    (tmp_path / "built").rename(place)
    environ = environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    true = str(place / "pkg" / "shown.py")
    # It is the byte code that is looked at: the source says something else by now.
    source = place / "pkg" / "shown.py"
    source.write_text(SHOWN.replace("inner", "other"), encoding="utf-8")
    code = "import pkg.shown as shown; print(shown.outer().__name__)"
    assert run([python, "-c", code], environ) == "inner\n"
    found = json.loads(run([python, "-c", HOW_IT_SHOWS], environ))
    assert found.pop("source") is True
    assert found == dict.fromkeys(found, true)
    answer = subprocess.run(
        [python, "-m", "pkg.shown"], env=environ, capture_output=True, text=True, check=False
    )
    assert f'File "{true}", line 4, in fail' in answer.stderr


def test_a_place_that_cannot_be_written_to_fails(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path]
) -> None:
    stage = planted(tmp_path / "stage")
    (stage / "pkg" / "__pycache__").write_text("in the way", encoding="utf-8")
    answer = subprocess.run(
        [interpreter("3.12"), "-I", "-S", PROGRAM, stage, "2"],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode != 0
    assert "compiling ended with status" in answer.stderr
    assert "__pycache__" in answer.stderr
