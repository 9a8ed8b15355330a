"""Real wheels: what is said of them is what happens when they are imported."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import uv

from support.doctor import findings, kinds
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.doctor import Room

pytestmark = pytest.mark.index


def environment(room: Room, environ: dict[str, str], series: str, *wheels: str) -> Path:
    venv = room.workshop.base(room.interpreter(series))
    words = ["pip", "install", "--quiet", "--no-deps", "--python", venv / "bin" / "python"]
    run([uv.find_uv_bin(), *words, *wheels], environ)
    return venv


def imports(venv: Path, module: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [venv / "bin" / "python", "-c", f"import {module}"]
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)


def test_a_module_for_numpy_1_beside_numpy_2(room: Room, environ: dict[str, str]) -> None:
    """One of Cython's fails; one of pybind11's asks numpy, works, and is no finding."""
    wheels = ("numpy==2.1.0", "h5py==3.10.0", "boost-histogram==1.4.0")
    venv = environment(room, environ, "3.11", *wheels)
    found = findings(venv, environ)
    assert kinds(found) == ["extension-for-numpy-1"]
    assert found[0].what.startswith("h5py 3.10.0 is compiled for numpy 1 (")
    assert imports(venv, "h5py", environ).returncode != 0
    assert imports(venv, "boost_histogram", environ).returncode == 0
    with_numpy_1 = ["pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    run([uv.find_uv_bin(), *with_numpy_1, "numpy==1.26.4"], environ)
    assert findings(venv, environ) == []


def test_a_library_that_was_lost(room: Room, environ: dict[str, str]) -> None:
    """One that the wheel had brought, and that a copy without hidden files has left behind."""
    venv = environment(room, environ, "3.12", "numpy==1.26.4")
    assert findings(venv, environ) == []
    site = venv / "lib" / "python3.12" / "site-packages"
    for library in (site / "numpy.libs").iterdir():
        library.unlink()
    assert kinds(findings(venv, environ)) == ["metadata-without-files"]
    record = site / "numpy-1.26.4.dist-info" / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(one for one in lines if ".libs/" not in one), encoding="utf-8")
    found = findings(venv, environ)
    assert kinds(found) == ["library-missing"]
    assert "libopenblas" in found[0].what
    assert imports(venv, "numpy", environ).returncode != 0


def test_modules_of_another_python(room: Room, environ: dict[str, str]) -> None:
    """An environment whose packages were copied from one of another series."""
    old = environment(room, environ, "3.11", "numpy==1.26.4")
    new = room.workshop.base(room.interpreter("3.12"), name="new")
    target = new / "lib" / "python3.12" / "site-packages"
    target.rmdir()
    (old / "lib" / "python3.11" / "site-packages").rename(target)
    found = findings(new, environ)
    assert "extension-other-python" in kinds(found)
    assert imports(new, "numpy", environ).returncode != 0
