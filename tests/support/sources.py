"""Source distributions made by tests: a back end without requirements, C extensions, odd ones."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from lamina.model.platforms import current_platform
from support.index_server import UPLOADED, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.index_server import IndexServer

HEAD = f"""\
[stack]
name = "made"
version = "1.0"
python = "3.12"
platforms = ["{current_platform()}"]
"""
ALPHA_PATCH = """\
--- a/alpha.py
+++ b/alpha.py
@@ -1,2 +1,2 @@
-value = 1
+value = 7
 version = '1.0'
"""
"""Of a package alpha whose version is 1.0."""

BACKEND = """
import os, subprocess, sys, sysconfig, zipfile
from pathlib import Path

NAME, VERSION, REQUIRES, FURTHER = {name!r}, {version!r}, {requires!r}, {further!r}
MODULE = NAME.replace("-", "_")

def get_requires_for_build_wheel(config_settings=None):
    return FURTHER

def build_wheel(directory, config_settings=None, metadata_directory=None):
    exec(Path("step.py").read_text())
    files = {{path.name: path.read_bytes() for path in Path(".").glob(MODULE + "*.py")}}
    tag = "py3-none-any"
    if Path("native.c").exists():
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        words = [os.environ.get("CC", "gcc"), "-shared", "-fPIC", "native.c"]
        words += ["-o", "native" + suffix]
        words += ["-I" + sysconfig.get_paths()["include"], *os.environ.get("CFLAGS", "").split()]
        if subprocess.call(words):
            raise SystemExit("the compiler failed")
        files["_native_" + MODULE + suffix] = Path("native" + suffix).read_bytes()
        version = "cp%d%d" % sys.version_info[:2]
        tag = "-".join([version, version, sysconfig.get_platform().replace("-", "_")])
    info = MODULE + "-" + VERSION + ".dist-info/"
    lines = ["Metadata-Version: 2.1", "Name: " + NAME, "Version: " + VERSION]
    lines += ["Requires-Dist: " + one for one in REQUIRES]
    file = MODULE + "-" + VERSION + "-" + tag + ".whl"
    with zipfile.ZipFile(Path(directory) / file, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(info + "METADATA", "\\n".join(lines) + "\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: " + tag + "\\n")
        archive.writestr(info + "RECORD", "")
    return file
"""
NATIVE = """\
#include <Python.h>
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "_native_{module}", 0, -1, 0}};
PyMODINIT_FUNC PyInit__native_{module}(void) {{
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "answer", ANSWER);
    return made;
}}
"""


def offer_source(
    index: IndexServer,
    name: str,
    version: str = "1.0",
    *,
    build_requires: Sequence[str] = (),
    further: Sequence[str] = (),
    requires: Sequence[str] = (),
    step: str = "",
    native: bool = False,
    said: str = "",
    files: Mapping[str, str] | None = None,
) -> Offer:
    """Offer sources on an index, in place of earlier ones of that version.

    ``step`` is Python that runs in the build; ``said``: the name in its metadata, if another.
    """
    module = name.replace("-", "_")
    top = f"{module}-{version}"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    about = f"Metadata-Version: 2.2\nName: {said or name}\nVersion: {version}\n{needs}"
    texts = {
        "PKG-INFO": about,
        "pyproject.toml": f"[build-system]\nrequires = {list(build_requires)}\n"
        'build-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(
            name=name, version=version, requires=list(requires), further=list(further)
        ),
        "step.py": step,
        f"{module}.py": f"value = 1\nversion = {version!r}\n",
        **({"native.c": NATIVE.format(module=module)} if native else {}),
        **(files or {}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in texts.items():
            member = tarfile.TarInfo(f"{top}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    content = buffer.getvalue()
    filename = f"{top}.tar.gz"
    made = Offer(
        filename=filename,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        uploaded=UPLOADED,
    )
    here = index.offers.setdefault(name, [])
    here[:] = [one for one in here if one.filename != filename] + [made]
    return made


def stack_of(packages: Mapping[str, str], more: str = "") -> str:
    """Return a lamina.toml with packages, each with its value as TOML."""
    lines = [f"{name} = {text}" for name, text in packages.items()]
    return "\n".join([HEAD, "[packages]", *lines, more])
