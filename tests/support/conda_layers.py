"""A channel of really compiled packages, a base made from it, and layers on that."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.archive.package import PLACEHOLDER
from lamina.archive.writing import write_conda
from lamina.channel.index import add_packages
from lamina.core.http import HttpClient
from lamina.engines.conda_fetch import fetch_archives
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import machine_packages
from lamina.layer.base import find_place, look_at
from lamina.layer.conda.change import CondaRequest, change_conda
from lamina.layer.create import create_layer
from lamina.model.platforms import current_platform
from support.archives import a_package
from support.native import find_compiler
from support.wheels import Wheel
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.conda.plan import CondaPlan

INNER = "int inner(void) { return %d; }\n"
OUTER = "int inner(void);\nint outer(void) { return inner() + 1; }\n"
TOOL = """\
#include <stdio.h>
int inner(void), outer(void);
int main(void) { printf("%d %d\\n", inner(), outer()); return 0; }
"""
ALONE = '#include <stdio.h>\nint main(void) { puts("alone"); return 0; }\n'
MODULE = """\
#include <Python.h>
int outer(void);
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(outer()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native_ext", "", -1, methods};
PyMODINIT_FUNC PyInit_native_ext(void) { return PyModule_Create(&definition); }
"""
SCRIPTS = {
    "etc/conda/activate.d/with-scripts.sh": (
        'export WITH_SCRIPTS="it\'s $CONDA_PREFIX/share!"\nexport MORE_SCRIPTS=more\n'
    ),
    "etc/conda/deactivate.d/with-scripts.sh": "unset WITH_SCRIPTS MORE_SCRIPTS\n",
    "etc/conda/activate.d/native-csh.sh": "export OWN_SCRIPT=sh\n",
    "etc/conda/activate.d/native-csh.csh": "setenv OWN_SCRIPT csh\n",
    "etc/conda/activate.d/native-csh.fish": "set -gx OWN_SCRIPT fish\n",
    "etc/conda/deactivate.d/native-csh.sh": "unset OWN_SCRIPT\n",
    "etc/conda/deactivate.d/native-csh.csh": "unsetenv OWN_SCRIPT\n",
    "etc/conda/deactivate.d/native-csh.fish": "set -e OWN_SCRIPT\n",
}
_PYTHON = ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312")
SITE = "lib/python3.12/site-packages"


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    """Makes conda packages out of texts."""

    channel: Path
    work: Path
    python: Path

    def package(
        self, name: str, version: str, files: Mapping[str, str | Path], **about: Any
    ) -> None:
        """Write a package for the channel; a file is a text, or a path that is copied."""
        package = a_package(name, version, **about)
        top = self.work / package.stem
        for path, content in files.items():
            target = top / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy2(content, target)
            else:
                target.write_text(content, encoding="utf-8")
                target.chmod(0o755 if path.startswith("bin/") else 0o644)
        write_conda(package, top, self.work / "archives")

    def serve(self) -> None:
        """Put all packages into the channel."""
        add_packages(self.channel, sorted((self.work / "archives").glob("*.conda")))

    def compiled(self, text: str, name: str, *options: str) -> Path:
        """Return what a text is compiled to, as conda's compilers do: found beside itself."""
        directory = Path(tempfile.mkdtemp(dir=self.work))
        (directory / "source.c").write_text(text, encoding="utf-8")
        search = "$ORIGIN/../.." if name.startswith("native_ext") else "$ORIGIN/../lib"
        own = [f"-L{self.work}/lib", f"-Wl,-rpath-link,{self.work}/lib", "-Wl,--disable-new-dtags"]
        words = [find_compiler(), "-o", str(directory / name), str(directory / "source.c")]
        subprocess.run([*words, *own, f"-Wl,-rpath,{search}", *options], check=True)
        return directory / name

    def library(self, name: str, text: str, *options: str) -> Path:
        """Return a shared library, which what is compiled afterwards can be linked to."""
        soname = f"-Wl,-soname,{name}"
        path = self.compiled(text, name, "-shared", "-fPIC", soname, *options)
        (self.work / "lib").mkdir(exist_ok=True)
        for target in (name, name.partition(".so")[0] + ".so"):
            shutil.copy2(path, self.work / "lib" / target)
        return path


def stock(kitchen: Kitchen) -> None:
    """Put the packages of these tests into a channel."""
    one, two = ("libinner >=1,<2",), ("libinner >=2,<3",)
    inner = kitchen.library("libinner.so.2", INNER % 2)
    kitchen.package("libinner", "2.0", {"lib/libinner.so.2": inner})
    tool = kitchen.compiled(TOOL.replace("outer()", "2").replace(", 2;", ";"), "tool", "-linner")
    kitchen.package("new-tool", "2.0", {"bin/new-tool": tool}, depends=two)
    inner = kitchen.library("libinner.so.1", INNER % 1)
    kitchen.package("libinner", "1.0", {"lib/libinner.so.1": inner})
    outer = kitchen.library("libouter.so.1", OUTER, "-linner")
    kitchen.package("libouter", "1.0", {"lib/libouter.so.1": outer}, depends=one)
    tool = kitchen.compiled(TOOL, "tool", "-louter", "-linner")
    needs = ("libouter >=1", "libinner >=1,<2")
    kitchen.package(
        "tool", "1.0", {"bin/tool": tool, "share/tool/where": PLACEHOLDER}, depends=needs
    )
    kitchen.package("tool", "2.0", {"bin/tool": tool}, depends=two)
    kitchen.package("alone", "1.0", {"bin/alone": kitchen.compiled(ALONE, "alone")})
    kitchen.package("with-scripts", "1.0", SCRIPTS)
    names = kitchen.work / "names"
    names.write_bytes(b"\0" + PLACEHOLDER.encode() + b"/share\0the end")
    files: dict[str, str | Path] = {"lib/names-it": names, "share/names-it": PLACEHOLDER}
    kitchen.package("names-it", "1.0", files)
    _stock_python(kitchen)
    kitchen.serve()


def _stock_python(kitchen: Kitchen) -> None:
    ask = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    told = subprocess.run([kitchen.python, "-c", ask], capture_output=True, text=True, check=True)
    include, suffix = told.stdout.split()
    module = kitchen.compiled(
        MODULE, f"native_ext{suffix}", "-shared", "-fPIC", f"-I{include}", "-louter"
    )
    script = f"#!{PLACEHOLDER}/bin/python3.12\nimport native_ext, sys\n"
    script += "print(native_ext.answer(), sys.prefix)\n"
    files: dict[str, str | Path] = {f"{SITE}/{module.name}": module, "bin/native-script": script}
    kitchen.package("native-ext", "1.0", files, depends=(*_PYTHON, "libouter >=1"))
    pure = Wheel(name="pure-part", version="1.0", requires=["tool-box"])
    site = {f"site-packages/{name}": text for name, text in pure.contents().items()}
    site["site-packages/pure-part.pth"] = "import sys; sys.pure_part = True\n"
    kitchen.package(
        "pure-part", "1.0", site, subdir="noarch", noarch="python", build="py_0",
        depends=("python >=3.9", "tool-box"), entry_points=("pure-part = pure_part:main",),
    )  # fmt: skip


def install_prefix(
    channel: Path, prefix: Path, specs: tuple[str, ...], environ: Mapping[str, str]
) -> Path:
    """Make a conda prefix of a channel's packages."""
    platform = current_platform()
    channels = CondaChannels(addresses=[str(channel)], cache=prefix.parent / "repodata")
    request = SolveRequest(
        specs=specs, platform=platform, virtual=machine_packages(platform, environ)
    )
    records = solve(channels, request)
    with HttpClient(environ) as http:
        archives = fetch_archives(records, prefix.parent / "archives", http)
    return install_new(InstallRequest(archives=archives, prefix=prefix, platform=platform))


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A base, and layers on it."""

    base: Path
    channel: Path
    path: Path
    environ: dict[str, str] = field(repr=False)

    def layer(self, name: str = "layer", *, on: Path | None = None) -> Path:
        """Make a layer."""
        place = find_place(str(on or self.base), root=self.path / "root", environ=self.environ)
        create_layer(self.path / name, look_at(place, environ=self.environ))
        return self.path / name

    def add(self, layer: Path, *specs: str, **more: Any) -> CondaPlan:
        """Add conda packages to a layer."""
        request = CondaRequest(layer=layer, add=specs, **more)
        return change_conda(request, self.environ)

    def remove(self, layer: Path, *names: str) -> CondaPlan:
        """Take conda packages out of a layer."""
        return change_conda(CondaRequest(layer=layer, remove=names), self.environ)

    def run(self, layer: Path, *words: object) -> str:
        """Run a program of the layer, without any activation."""
        return run([layer / str(words[0]), *words[1:]], self.environ)
