"""Sources that are compiled against a library of a conda package, and the channel that has it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lamina.archive.writing import write_conda
from lamina.channel.index import index_channel
from support.archives import a_package
from support.native import find_compiler
from support.sources import HEAD, offer_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.index_server import IndexServer

NATIVE = """\
#include <Python.h>
#include <cradle.h>
#ifndef CRADLED
#error "the conda package is not entered"
#endif
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native_alpha", 0, -1, 0};
PyMODINIT_FUNC PyInit__native_alpha(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "answer", cradle());
    return made;
}
"""
SAW = """
import buildtool, tool_box
saw = (os.environ["CRADLE_OF"], os.environ["CONDA_PREFIX"], tool_box.__file__, sys.prefix)
Path("alpha_saw.py").write_text("saw = %r" % (saw,))
"""
PACKAGES = {
    "alpha": '{ version = "*", source = true, patches = ["alpha.patch"], system = ["cradle.h"] }',
    "beta": '{ version = "*", source = true }',
}
MORE = """
[build]
cflags = "-lcradle"

[hooks.alpha]
post-prepare = "echo \\"hooked = '$CONDA_PREFIX'\\" >> alpha.py"
post-install = "mkdir -p $PREFIX/share; echo $FINAL_PREFIX $NAME > $PREFIX/share/hooked"

[test]
imports = ["_native_alpha", "beta_saw"]
"""


def write_cradle(channel: Path, work: Path, *, answer: int = 42) -> None:
    """Put a package with a shared library, its header and a script of activation in a channel."""
    package = a_package("cradle", "1.0", build=f"h{answer}_{answer}", build_number=answer)
    top = work / package.stem
    for path, text in {
        "include/cradle.h": "int cradle(void);\n",
        "cradle.c": f"int cradle(void) {{ return {answer}; }}\n",
        "etc/conda/activate.d/cradle.sh": "export CRADLE_OF=$CONDA_PREFIX/share CFLAGS=-DCRADLED\n",
        "lib/keep": "",
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")
    library = top / "lib" / "libcradle.so"
    words: list[str | Path] = [
        find_compiler(),
        "-shared",
        "-fPIC",
        "-Wl,-soname,libcradle.so",
        top / "cradle.c",
    ]
    subprocess.run([*words, "-o", library], check=True)
    write_conda(package, top, channel / "linux-64")
    index_channel(channel)


def offer_alpha_and_beta(index: IndexServer) -> None:
    """Offer a package that is compiled against the conda package, and one that is built with it.

    The first also needs a distribution that only the channel has.
    """
    index.wheel("buildtool", "3.0", ["tool-box>=1"])
    needs = ["tool-box<2", "buildtool"]
    offer_source(index, "alpha", build_requires=needs, step=SAW, files={"native.c": NATIVE})
    step = "import alpha\nPath('beta_saw.py').write_text('saw = %d' % alpha.value)"
    offer_source(index, "beta", build_requires=["alpha"], step=step)


def stack_of_both(channels: list[Path], packages: Mapping[str, str] = PACKAGES) -> str:
    """Return a lamina.toml of conda packages and of sources."""
    lines = [f"{name} = {text}" for name, text in packages.items()]
    return "\n".join(
        [
            HEAD,
            f'[resolve]\nglibc = "2.99"\nchannels = {[str(one) for one in channels]}',
            '[conda]\ntool-box = "*"\ncradle = "*"',
            *("[packages]", *lines, MORE),
        ]
    )
