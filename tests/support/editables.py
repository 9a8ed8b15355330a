"""Small projects of each build backend, for editable installs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROJECT = '[project]\nname = "alpha"\nversion = "3.0"\n'
_FLAT = "alpha"
_SRC = "src/alpha"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A build backend and one of its ways to be editable."""

    requires: tuple[str, ...]
    pyproject: str
    package: str = _FLAT
    """Where the package is in the project."""
    files: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    """Options of ``pip install``."""


def _setuptools(
    package: str, *settings: str, requires: tuple[str, ...] = ("setuptools",)
) -> Backend:
    where = "src" if package == _SRC else "."
    tables = f'[tool.setuptools.packages.find]\nwhere = ["{where}"]\ninclude = ["alpha*"]\n'
    tables += '[tool.setuptools.package-data]\nalpha = ["*.txt"]\n'
    return Backend(
        requires=requires,
        pyproject='[build-system]\nbuild-backend = "setuptools.build_meta"\n' + tables,
        package=package,
        settings=settings,
    )


_MESON = """\
project('alpha', version: '3.0')
py = import('python').find_installation()
py.install_sources('alpha/__init__.py', 'alpha/sub.py', 'alpha/data.txt', subdir: 'alpha')
"""
_CMAKE = "cmake_minimum_required(VERSION 3.15...4.0)\nproject(alpha LANGUAGES NONE)\n"

BACKENDS = {
    "setuptools-finder": _setuptools(_FLAT),
    "setuptools-path": _setuptools(_SRC),
    "setuptools-strict": _setuptools(_SRC, "--config-settings=editable_mode=strict"),
    "setuptools-compat": _setuptools(_SRC, "--config-settings=editable_mode=compat"),
    "setuptools-egg-link": _setuptools(
        _SRC, "--config-settings=editable_mode=compat", requires=("setuptools<70", "wheel")
    ),
    "hatchling": Backend(
        requires=("hatchling", "editables"),
        pyproject='[build-system]\nbuild-backend = "hatchling.build"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["src/alpha"]\n',
        package=_SRC,
    ),
    "hatchling-exact": Backend(
        requires=("hatchling", "editables"),
        pyproject='[build-system]\nbuild-backend = "hatchling.build"\n'
        "[tool.hatch.build]\ndev-mode-exact = true\n"
        '[tool.hatch.build.targets.wheel]\npackages = ["src/alpha"]\n',
        package=_SRC,
    ),
    "meson-python": Backend(
        requires=("meson-python", "meson", "ninja"),
        pyproject='[build-system]\nbuild-backend = "mesonpy"\n',
        files={"meson.build": _MESON},
    ),
    "scikit-build-core": Backend(
        requires=("scikit-build-core", "cmake", "ninja"),
        pyproject='[build-system]\nbuild-backend = "scikit_build_core.build"\n',
        package=_SRC,
        files={"CMakeLists.txt": _CMAKE},
    ),
}


def write_project(directory: Path, backend: Backend) -> Path:
    """Write the project of alpha 3.0, with a submodule and a data file."""
    table, _, tools = backend.pyproject.partition("\n[tool")
    requires = f"requires = {list(backend.requires)!r}\n"
    text = _PROJECT + table + "\n" + requires + (f"[tool{tools}" if tools else "")
    package = directory / backend.package
    package.mkdir(parents=True)
    code = "__version__ = '3.0'\ndef main():\n    print('alpha', __version__)\n"
    files = {"__init__.py": code, "sub.py": "where = 'source'\n", "data.txt": "source\n"}
    for name, content in files.items():
        (package / name).write_text(content, encoding="utf-8")
    for name, content in {"pyproject.toml": text, **backend.files}.items():
        (directory / name).write_text(content, encoding="utf-8")
    return directory


def install_tools(python: Path, site: Path, backend: Backend, environ: dict[str, str]) -> None:
    """Put pip and a backend from the package index into a site-packages directory."""
    words: list[str | Path] = ["pip", "install", "--quiet", "--python", python, "--target", site]
    _run([uv.find_uv_bin(), *words, "pip", *backend.requires], environ)


def install_editable(
    python: Path, project: Path, backend: Backend, environ: dict[str, str]
) -> None:
    """Install a project as pip does it for a developer; the backend's programs are on PATH."""
    words = ["-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
    _run([python, *words, *backend.settings, "--editable", project], environ)


def _run(argv: list[str | Path], environ: dict[str, str]) -> None:
    answer = subprocess.run(
        list(map(str, argv)),
        env=environ, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
