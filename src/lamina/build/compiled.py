"""Whether sources have to be compiled, in which languages, and with which tools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

    from lamina.build.sources import SourceTree

_BACKENDS = {
    "scikit-build-core": ("cmake", "ninja"),
    "scikit-build": ("cmake", "ninja"),
    "meson-python": ("meson", "ninja", "pkg-config"),
    "py-build-cmake": ("cmake", "ninja"),
    "cmake": ("cmake",),
    "ninja": ("ninja",),
    "pybind11": (),
    "nanobind": (),
    "cython": (),
    "cffi": (),
    "swig": ("swig",),
    "maturin": ("maturin",),
    "setuptools-rust": (),
}
"""Build requirements that compile, and the programs that they call."""
PROGRAMS = frozenset({"cmake", "ninja", "meson", "swig", "maturin", "pkg-config", "patchelf"})
"""They run on the machine that builds, wherever the package will run."""
_LANGUAGES = {
    ".c": "c",
    ".cc": "cxx", ".cpp": "cxx", ".cxx": "cxx", ".C": "cxx",
    ".f": "fortran", ".f90": "fortran", ".F90": "fortran", ".for": "fortran",
    ".rs": "rust", ".cu": "cuda",
}  # fmt: skip
_OF_REQUIREMENT = {
    "pybind11": "cxx", "nanobind": "cxx", "maturin": "rust", "setuptools-rust": "rust",
    "cython": "c", "cffi": "c", "scikit-build-core": "cxx", "scikit-build": "cxx",
}  # fmt: skip
_SETUP_COMPILES = re.compile(r"ext_modules|Extension\s*\(|cythonize|CMakeExtension|cffi_modules")
_ASIDE = re.compile(r"(?:^|/)(?:tests?|docs?|examples?|benchmarks?|extern|third_party|vendor)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """How sources are compiled; no languages: they are not."""

    languages: tuple[str, ...] = ()
    """As ``compiler()`` in a recipe has them."""
    tools: tuple[str, ...] = ()
    why: str = ""
    doubt: str = ""
    """What speaks for the contrary."""

    def __bool__(self) -> bool:
        return bool(self.languages)


def how_compiled(tree: SourceTree, requirements: Iterable[Requirement]) -> Compiled:
    """Return how sources are compiled, by what they need to be built and by their files."""
    names = [canonicalize_name(one.name) for one in requirements]
    compiling = [one for one in names if one in _BACKENDS]
    sources = sorted(_languages(tree))
    if compiling:
        why = f"built with {', '.join(compiling)}"
    elif _SETUP_COMPILES.search(tree.text("setup.py")):
        why = "setup.py has extension modules"
    else:
        doubt = f"there are sources of {', '.join(sources)}, which nothing seems to compile"
        return Compiled(doubt=doubt if sources else "")
    languages = set(sources) or {_OF_REQUIREMENT.get(one, "c") for one in compiling} or {"c"}
    if "cxx" in languages:
        languages.add("c")  # CMake's projects ask for both as a rule
    tools = {tool for one in compiling for tool in _BACKENDS[one]}
    if not any(one.endswith("CMakeLists.txt") for one in tree.names) and "meson" not in tools:
        return Compiled(languages=tuple(sorted(languages)), tools=tuple(sorted(tools)), why=why)
    return Compiled(
        languages=tuple(sorted(languages)), tools=tuple(sorted(tools | {"ninja"})), why=why
    )


def _languages(tree: SourceTree) -> set[str]:
    found = set()
    for name in tree.names:
        suffix = f".{name.rpartition('.')[2]}"
        if suffix in _LANGUAGES and not _ASIDE.search(name):
            found.add(_LANGUAGES[suffix])
    return found
