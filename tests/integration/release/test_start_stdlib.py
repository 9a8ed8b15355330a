"""Python's own tests of imports give the same results with a start-up index as without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.indexed import make_prefix, write_index
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from support.indexed import Indexed

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.platform != "linux", reason="indexes are for Linux"),
]

_RUN = """
import json, sys, unittest
found = {}
class Result(unittest.TestResult):
    def addSuccess(self, test): found.setdefault(test.id(), "passed")
    def addFailure(self, test, error): found[test.id()] = "failed"
    def addError(self, test, error): found[test.id()] = "error"
    def addSkip(self, test, reason): found[test.id()] = "skipped: " + reason
    def addExpectedFailure(self, test, error): found[test.id()] = "expected failure"
    def addUnexpectedSuccess(self, test): found[test.id()] = "unexpected success"
    def addSubTest(self, test, inner, error):
        if error:
            found[inner.id()] = found[test.id()] = "failed"
if __name__ == "__main__":
    unittest.defaultTestLoader.loadTestsFromName(sys.argv[1]).run(Result())
    with open(sys.argv[2], "w") as stream:
        json.dump(found, stream)
"""
_OF_THE_CLASS = (
    "test.test_import.SubinterpImportTests.test_isolated_config",
    "test.test_import.SubinterpImportTests.test_python_compat",
)
"""Tests that want a loader to be of just that class, and none that is derived from it."""
SUITES = {
    "importlib": 900,
    "import": 60,
    "pkgutil": 15,
    "runpy": 20,
    "inspect": 250,
    "zipimport": 40,
    "pickle": 700,
    "modulefinder": 8,
    "multiprocessing_spawn": 100,
}
"""Suites and how many tests at least they have."""


@pytest.fixture(scope="module", params=["3.12", "3.13"])
def bundled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """Return a bundled interpreter with an index, and the tests that it left out beside it."""
    top = tmp_path_factory.mktemp("stdlib")
    made = make_prefix(top / "prefix", request.param, {}, bundle=True)
    code = "import os; print(os.path.dirname(os.__file__))"
    python = find_interpreter(request.param)
    library = Path(subprocess.check_output([python, "-I", "-c", code], text=True).strip())
    [dynamic] = made.prefix.glob("python/lib/python3.*/lib-dynload")
    for module in library.glob("lib-dynload/_test*.so"):
        shutil.copy(module, dynamic)
    write_index(made)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(library / "test", top / "tests" / "test", ignore=ignored)
    (top / "tests" / "run_tests.py").write_text(_RUN)
    return made


@pytest.mark.parametrize("suite", SUITES)
def test_its_own_tests_end_alike(bundled: Indexed, tmp_path: Path, suite: str) -> None:
    if not [*(bundled.prefix.parent / "tests" / "test").glob(f"test_{suite}*")]:
        pytest.skip("this interpreter comes without these tests")
    results = [_results(bundled, suite, tmp_path, use=use) for use in (True, False)]
    names = sorted(set(results[0]) | set(results[1]))
    different = {
        name: (results[0].get(name), results[1].get(name))
        for name in names
        if results[0].get(name) != results[1].get(name) and not name.startswith(_OF_THE_CLASS)
    }
    assert different == {}
    assert len(names) >= SUITES[suite]


def _results(bundled: Indexed, suite: str, tmp_path: Path, *, use: bool) -> dict[str, str]:
    tests = bundled.prefix.parent / "tests"
    written = tmp_path / f"{use}.json"
    work = tmp_path / f"work-{use}"
    work.mkdir()
    words = (tests / "run_tests.py", f"test.test_{suite}", written)
    bundled.run(*words, use=use, cwd=work, PYTHONPATH=str(tests))
    found: dict[str, str] = json.loads(written.read_text())
    return found
