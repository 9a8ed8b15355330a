"""Wheels and conda packages with really compiled code, to be pressed."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.archive.extracting import extract_archive
from lamina.archive.writing import write_conda
from support.archives import a_package
from support.channels import SERIES
from support.native import find_compiler
from support.wheels import metadata, record_of, wheel_contents, zipped
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Mapping

INNER = "int inner(void) { return 42; }\n"
OUTER = "int inner(void);\nint outer(void) { return inner() + 1; }\n"
_MODULE = """\
%(limited)s
#include <Python.h>
%(declared)s
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(%(called)s); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "", -1, methods};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
"""
PACKAGE = "from native._native import answer\ndef main():\n    print('native', answer())\n"
INFO = "native-1.0.dist-info"
SITE = f"lib/python{SERIES}/site-packages"
ENTRY_POINTS = "[console_scripts]\nnative = native:main\n"


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """Files that a compiler made, for the Python of the series that tests use."""

    module: bytes
    """Needs nothing."""
    stable: bytes
    """The same for the stable ABI."""
    linked: bytes
    """Needs libouter.so.2, and looks for it where conda has it."""
    inner: bytes
    outer: bytes
    """Needs libinner.so.1."""
    suffix: str


def compile_all(python: Path, work: Path) -> Compiled:
    """Compile everything; without a compiler, skip."""
    compiler = find_compiler()
    ask = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    include, suffix = run([python, "-c", ask], {}).split()

    def build(name: str, text: str, *options: str) -> bytes:
        source, target = work / f"{name}.c", work / name
        source.write_text(text, encoding="utf-8")
        words = [compiler, "-shared", "-fPIC", "-o", target, source, f"-I{include}", f"-L{work}"]
        subprocess.run(list(map(str, [*words, *options])), check=True)
        return target.read_bytes()

    alone = {"limited": "", "declared": "", "called": "41"}
    limited = alone | {"limited": "#define Py_LIMITED_API 0x03090000"}
    linked = alone | {"declared": "int outer(void);", "called": "outer()"}
    path = "-Wl,-rpath,$ORIGIN/../../../.."
    inner = build("libinner.so", INNER, "-Wl,-soname,libinner.so.1")
    outer = build("libouter.so", OUTER, "-Wl,-soname,libouter.so.2", "-linner")
    return Compiled(
        module=build("module.so", _MODULE % alone),
        stable=build("stable.so", _MODULE % limited),
        linked=build("linked.so", _MODULE % linked, "-louter", path, f"-Wl,-rpath-link,{work}"),
        inner=inner,
        outer=outer,
        suffix=suffix,
    )


def write_wheel_of(directory: Path, module: bytes, suffix: str, tag: str) -> Path:
    """Write a wheel ``native`` with a compiled module."""
    files = {"native/__init__.py": PACKAGE, f"{INFO}/entry_points.txt": ENTRY_POINTS}
    about = metadata("native", "1.0", requires_python=">=3.9")
    contents: dict[str, Any] = wheel_contents("native", "1.0", files, about)
    contents[f"{INFO}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n"
    contents[f"native/_native{suffix}"] = module
    return write_contents(directory / f"native-1.0-{tag}.whl", contents)


def write_contents(path: Path, contents: Mapping[str, Any]) -> Path:
    """Write a wheel of texts and bytes, with a RECORD that is right."""
    listed = {name: data for name, data in contents.items() if not name.endswith("/RECORD")}
    info = next(name.partition("/")[0] for name in listed if name.endswith(".dist-info/WHEEL"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zipped(listed | {f"{info}/RECORD": record_of(listed, info)}))
    return path


def write_files(
    directory: Path, work: Path, name: str, files: Mapping[str, bytes | str], **about: Any
) -> Path:
    """Write a conda package of files; a value that begins with ``-> `` is a link."""
    package = a_package(name, **about)
    top = work / package.stem
    top.mkdir(parents=True, exist_ok=True)
    for place, data in files.items():
        path = top / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, str) and data.startswith("-> "):
            path.symlink_to(data.removeprefix("-> "))
        else:
            path.write_bytes(data.encode() if isinstance(data, str) else data)
    return write_conda(package, top, directory)


def native_files(module: bytes, suffix: str, *, with_info: bool = True) -> dict[str, bytes | str]:
    """Return what a conda package ``native`` consists of."""
    files: dict[str, bytes | str] = {
        f"{SITE}/native/__init__.py": PACKAGE,
        f"{SITE}/native/_native{suffix}": module,
    }
    if with_info:
        files[f"{SITE}/{INFO}/METADATA"] = metadata("native", "1.0", requires_python=">=3.9")
        files[f"{SITE}/{INFO}/entry_points.txt"] = ENTRY_POINTS
        files[f"{SITE}/{INFO}/INSTALLER"] = "conda\n"
    return files


def libraries(directory: Path, work: Path, compiled: Compiled) -> dict[str, Path]:
    """Write the conda packages ``inner`` and ``outer``."""
    inner: dict[str, bytes | str] = {
        "lib/libinner.so.1.0": compiled.inner,
        "lib/libinner.so.1": "-> libinner.so.1.0",
    }
    outer: dict[str, bytes | str] = {
        "lib/libouter.so.2": compiled.outer,
        "lib/libouter.so": "-> libouter.so.2",
    }
    return {
        "inner": write_files(directory, work, "inner", inner),
        "outer": write_files(directory, work, "outer", outer, depends=("inner >=1",)),
    }


def as_tar_bz2(archive: Path, work: Path) -> Path:
    """Write a ``.conda`` again in the older form."""
    top = work / f"{archive.name}-extracted"
    extract_archive(archive, top)
    target = archive.with_name(archive.name.replace(".conda", ".tar.bz2"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as tar:
        for path in sorted(top.rglob("*")):
            if path.is_symlink() or path.is_file():
                tar.add(path, path.relative_to(top).as_posix())
    target.write_bytes(buffer.getvalue())
    return target


def install(venv: Path, wheel: Path) -> None:
    """Install a wheel with pip, and with uv over it."""
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip"]
    words = ["install", "-q", "--no-index", "--force-reinstall", str(wheel)]
    subprocess.run([*pip, *words], check=True)
    subprocess.run([*pip, "check"], check=True)
    uv = str(Path(sys.executable).with_name("uv"))
    words = ["pip", "install", "-q", "--offline", "--no-index", "--reinstall", "--python", python]
    subprocess.run([uv, *words, str(wheel)], check=True)


def said(prefix: Path, *words: str) -> str:
    """Return what a program of an environment prints, with no variables set."""
    program = [str(prefix / "bin" / words[0]), *words[1:]]
    answer = subprocess.run(program, check=True, capture_output=True, text=True, env={})
    return answer.stdout.strip()
