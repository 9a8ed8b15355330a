"""A copy of an interpreter that needs nothing of the machine but its C library."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.core.errors import NotSupportedError
from lamina.core.run import base_environment, run
from lamina.engines.patchelf import is_elf, set_search_path
from lamina.release.space import require_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lamina.engines.interpreters import Interpreter

_QUESTION = """
import json, sysconfig
paths, get = sysconfig.get_paths(), sysconfig.get_config_var
print(json.dumps({
    "libraries": sorted({paths["stdlib"], paths["platstdlib"]}),
    "headers": sysconfig.get_config_h_filename().rpartition("/")[0],
    "libdir": get("LIBDIR"),
    "shared": [name for name in (get("INSTSONAME"), get("LDLIBRARY"), "libpython3.so") if name],
}))
"""

# tkinter needs an X11 and Tcl's scripts: a release that wants it uses the machine's Python.
_LEFT_OUT = frozenset(
    {
        "__pycache__", "test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter",
        "turtledemo", "EXTERNALLY-MANAGED", "python.o",
    }
)  # fmt: skip
_LEFT_OUT_PATTERN = re.compile(r"_tkinter\..*|_test.*\.so|libpython.*\.a")
_OF_THE_MACHINE = re.compile(
    r"(linux-vdso|ld-linux.*|ld64|libc|libm|libmvec|libdl|libpthread|librt|libutil|libresolv|libanl"
    r"|libnss_\w+|libthread_db|libgcc_s|libstdc\+\+)[.-].*"
)
_DEPENDENCY = re.compile(r"^\s+(\S+) => (/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What an interpreter consists of, where it is installed."""

    libraries: tuple[Path, ...]
    headers: Path
    shared: tuple[Path, ...]


def bundle_interpreter(
    interpreter: Interpreter, target: Path, *, final: Path, environ: Mapping[str, str]
) -> Path:
    """Copy an interpreter to ``target``, to be used at ``final``; return the program.

    Left out: test suites, tkinter and what stands on it, installed packages, static libraries.
    Shared libraries come along, but for the C and C++ libraries of the machine.

    Raises NotSupportedError where programs are not ELF, StorageError, CommandFailedError.
    """
    if sys.platform != "linux":
        raise NotSupportedError(
            "bundle = true works on Linux only", hints=["use a Python of the machine"]
        )
    parts = _parts_of(interpreter, environ)
    require_space(target, _size_of(parts), what=f"a copy of {interpreter.prefix}")
    name = f"python{interpreter.series}"
    _copy_program(interpreter, target / "bin", name)
    for library in parts.libraries:
        _copy(library, _moved(library, interpreter.prefix, target))
    if parts.headers.is_dir():
        _copy(parts.headers, target / "include" / name)
    for shared in parts.shared:
        _copy_library(shared, target / "lib")
    _copy_dependencies(interpreter.path, parts, target, environ)
    _set_search_paths(target, environ)
    _rewrite_settings(interpreter, target, final)
    return target / "bin" / name


def _parts_of(interpreter: Interpreter, environ: Mapping[str, str]) -> _Parts:
    told = json.loads(
        run([interpreter.path, "-I", "-S", "-c", _QUESTION], env=base_environment(environ)).stdout
    )
    shared = [Path(told["libdir"]) / name for name in told["shared"] if ".so" in name]
    return _Parts(
        libraries=tuple(Path(one) for one in told["libraries"]),
        headers=Path(told["headers"]),
        shared=tuple(path for path in shared if path.exists()),
    )


def _size_of(parts: _Parts) -> int:
    """Return about how many bytes a copy takes, with the byte code that is made of it."""
    sizes = [one.stat().st_size for one in parts.shared]
    for top in (*parts.libraries, parts.headers):
        for directory, names, files in os.walk(top):
            names[:] = sorted(set(names) - _left_out(names))
            for name in set(files) - _left_out(files):
                size = os.lstat(f"{directory}/{name}").st_size
                sizes.append(2 * size if name.endswith(".py") else size)
    return sum(sizes)


def _left_out(names: Iterable[str]) -> set[str]:
    return {name for name in names if name in _LEFT_OUT or _LEFT_OUT_PATTERN.fullmatch(name)}


def _moved(path: Path, old: Path, new: Path) -> Path:
    return new / path.relative_to(old) if path.is_relative_to(old) else new / "lib" / path.name


def _copy_program(interpreter: Interpreter, directory: Path, name: str) -> None:
    fs.make_directory(directory)
    fs.copy_file(interpreter.path, directory / name)
    for link in ("python3", "python"):
        fs.symlink(directory / link, name)
    script = interpreter.path.with_name(f"{name}-config")
    if script.is_file():
        fs.copy_file(script, directory / script.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a directory; links that lead out of it become what they point to."""
    fs.make_directory(target.parent)
    fs.copy_tree(source, target, ignore=lambda _, names: _left_out(names))
    for directory, directories, files in os.walk(target):
        for name in (*directories, *files):
            link = Path(directory) / name
            if link.is_symlink():
                _keep_inside(link, source / link.relative_to(target), target)


def _keep_inside(link: Path, original: Path, top: Path) -> None:
    real = original.resolve()
    if link.exists() and link.resolve().is_relative_to(top.resolve()):
        return
    fs.remove_file(link)
    if real.is_file():
        fs.copy_file(real, link)


def _copy_library(source: Path, directory: Path) -> None:
    """Copy a shared library under the name that programs ask for, and the name it links to."""
    fs.make_directory(directory)
    target = directory / source.name
    if target.exists():
        return
    real = source.resolve()
    if source.name.startswith("libpython") and real.name != source.name:
        _copy_library(real, directory)
        fs.symlink(target, real.name)
    else:
        fs.copy_file(real, target)


def _copy_dependencies(
    program: Path, parts: _Parts, target: Path, environ: Mapping[str, str]
) -> None:
    """Copy what the program and its extension modules are linked to, by ldd(1)."""
    modules = [
        module
        for library in parts.libraries
        for module in sorted(library.glob("lib-dynload/*.so"))
        if not _LEFT_OUT_PATTERN.fullmatch(module.name)
    ]
    answer = run(
        ["ldd", program, *modules, *parts.shared], env=base_environment(environ), check=False
    )
    for name, path in sorted(set(_DEPENDENCY.findall(answer.stdout))):
        if not _OF_THE_MACHINE.fullmatch(name):
            _copy_library(Path(path), target / "lib")


def _set_search_paths(target: Path, environ: Mapping[str, str]) -> None:
    """Make each program and library look into the copy first, whatever LD_LIBRARY_PATH says."""
    libraries = target / "lib"
    groups: dict[str, list[Path]] = {}
    candidates = (*target.glob("bin/python*"), *libraries.glob("*.so*"))
    for file in (*candidates, *target.glob("lib*/python*/lib-dynload/*.so")):
        if file.is_symlink() or not is_elf(file):
            continue
        way = os.path.relpath(libraries, file.parent)
        groups.setdefault("$ORIGIN" if way == "." else f"$ORIGIN/{way}", []).append(file)
    for rpath, files in sorted(groups.items()):
        set_search_path(files, rpath, environ)


def _rewrite_settings(interpreter: Interpreter, target: Path, final: Path) -> None:
    """Write the final path into what extension modules are built with."""
    name = f"python{interpreter.series}"
    packages = interpreter.prefix / "lib" / "pkgconfig"
    if packages.is_dir():
        fs.make_directory(target / "lib" / "pkgconfig")
        for file in sorted(packages.glob("python*.pc")):
            if not file.is_symlink():
                fs.copy_file(file, target / "lib" / "pkgconfig" / file.name)
    patterns = (
        f"bin/{name}-config",
        f"lib*/{name}/_sysconfigdata_*.py",
        f"lib*/{name}/config-*/Makefile",
        f"lib*/{name}/config-*/python-config.py",
        "lib/pkgconfig/*.pc",
    )
    rewrite = _rewriter(interpreter.prefix, name, final)
    for file in _matching(target, patterns):
        old = file.read_text(encoding="utf-8", errors="surrogateescape")
        data = rewrite(old).encode("utf-8", "surrogateescape")
        fs.write_bytes(file, data, mode=file.stat().st_mode & 0o777, durable=False)


def _matching(target: Path, patterns: Iterable[str]) -> list[Path]:
    return [file for pattern in patterns for file in sorted(target.glob(pattern))]


def _rewriter(old: Path, name: str, final: Path) -> Callable[[str], str]:
    """Return what replaces the old prefix; of a system's ``/usr`` only what is Python's own."""
    head = re.escape(str(old))
    if len(old.parts) > 3:
        everywhere = re.compile(rf"(?<![\w/.]){head}(?=/|\W)")
        return lambda text: everywhere.sub(lambda _: str(final), text)
    own = re.compile(rf"{head}(?=/bin/{name}\b|/(?:lib\d*|include)/{name}\b|['\"\n])")
    return lambda text: own.sub(lambda _: str(final), text)
