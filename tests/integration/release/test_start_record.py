"""The list of files that a start opens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.release.publish import publish
from lamina.release.seal import seal
from lamina.release.verify import verify_release
from support.interpreters import find_interpreter
from support.release_wheels import lock_of, make_wheel
from support.releases import make_stack, publish_request

RECORD = Path(seal.__code__.co_filename).parents[1] / "_target" / "record_start.py"
FILES = {
    "used/__init__.py": "import used.part\nopen(__file__.replace('__init__.py', 'data.txt'))\n"
    "open('/dev/null', 'w')\n",
    "used/part.py": "answer = 42\n",
    "used/data.txt": "data\n",
    "used/spare.py": "raise SystemExit('never imported')\n",
    "broken.py": "import used.part\nimport used.spare\n",
}


def test_it_has_what_the_imports_of_the_tests_open(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"imports": ["used"]})
    wheel = make_wheel(tmp_path / "wheels", "used", "1.0", FILES)
    request = publish_request(tmp_path, environ, stack=stack, lock=lock_of(stack, [wheel]))
    release = publish(request).release
    listed = (release.internal / "prefetch.list").read_text().splitlines()
    assert listed == sorted(set(listed))
    assert all((release.prefix / path).is_file() for path in listed)
    site = "lib/python3.12/site-packages/used"
    assert {path.removeprefix(f"{site}/") for path in listed if path.startswith(site)} == {
        *("__pycache__/__init__.cpython-312.pyc", "__pycache__/part.cpython-312.pyc", "data.txt"),
    }
    assert "pyvenv.cfg" in listed
    assert verify_release(release).sound
    assert ".lamina/prefetch.list" in (release.internal / "files.mtree").read_text()


def test_without_tests_nothing_is_imported(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"imports": ["greeter"]})
    release = publish(publish_request(tmp_path, environ, stack=stack, run_tests=False)).release
    listed = (release.internal / "prefetch.list").read_text()
    assert "pyvenv.cfg\n" in listed
    assert "greeter" not in listed


@pytest.mark.parametrize("series", ["3.8", "3.11", "3.13"])
def test_compiled_modules_and_what_fails_are_in_it(tmp_path: Path, series: str) -> None:
    """Recorded with an interpreter's own prefix as the one of the release."""
    python = find_interpreter(series)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    code = "import sys; print(sys.base_prefix)"
    prefix = subprocess.check_output([python, "-c", code], text=True).strip()

    notes: list[list[str]] = []

    def record(top: str, *modules: str) -> list[str]:
        answer = tmp_path / "answer"
        answer.unlink(missing_ok=True)
        words = [str(python), "-B", str(RECORD), top, str(answer), *modules]
        subprocess.run(words, check=True, env={"PYTHONPATH": str(tmp_path)})
        notes[:] = [json.loads(line) for line in answer.read_text().splitlines()]
        return [words[0] for kind, *words in notes if kind == "file"]

    own = record(prefix, "_decimal", "no_such_module")
    assert any(path.endswith(".so") and "_decimal" in path for path in own)
    assert len(own) == len(set(own))
    assert ["library", "_decimal"] in [note[:2] for note in notes]
    assert record(str(tmp_path), "broken", "used") == [
        *("broken.py", "used/__init__.py", "used/part.py", "used/data.txt", "used/spare.py"),
    ]
    assert ["needs", "broken", "used"] in notes


def test_a_crash_keeps_what_was_opened_before(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("")
    (tmp_path / "crash.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    answer = tmp_path / "answer"
    words = [sys.executable, "-B", str(RECORD), str(tmp_path), str(answer), "fine", "crash"]
    ended = subprocess.run(words, check=False, env={"PYTHONPATH": str(tmp_path)})
    assert ended.returncode == -9
    notes = [json.loads(line) for line in answer.read_text().splitlines()]
    assert [words for kind, *words in notes if kind == "file"] == [["fine.py"], ["crash.py"]]
