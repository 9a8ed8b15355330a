"""What distributions of Python are called as conda packages, and what their versions become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.specifiers import Specifier, SpecifierSet

_OTHERWISE = {
    "blosc": "python-blosc",
    "build": "python-build",
    "docker": "docker-py",
    "duckdb": "python-duckdb",
    "flatbuffers": "python-flatbuffers",
    "graphviz": "python-graphviz",
    "importlib-resources": "importlib_resources",
    "kubernetes": "python-kubernetes",
    "matplotlib": "matplotlib-base",
    "msgpack": "msgpack-python",
    "opencv-python": "py-opencv",
    "prompt-toolkit": "prompt-toolkit",
    "snappy": "python-snappy",
    "stack-data": "stack_data",
    "tables": "pytables",
    "torch": "pytorch",
    "typing-extensions": "typing_extensions",
    "tzdata": "python-tzdata",
    "xgboost": "py-xgboost",
    "xxhash": "python-xxhash",
}
"""Where conda-forge's name is not the normalised one."""


def conda_name(distribution: str, further: Mapping[str, str] | None = None) -> str:
    """Return the name of the conda package; ``further`` names come before our own table."""
    name = canonicalize_name(distribution)
    return (further or {}).get(name) or _OTHERWISE.get(name, name)


def conda_spec(name: str, specifiers: SpecifierSet) -> str:
    """Return a requirement as a MatchSpec, with the same versions."""
    parts = [_part(one) for one in sorted(specifiers, key=str, reverse=True)]
    return f"{name} {','.join(parts)}" if parts else name


def _part(specifier: Specifier) -> str:
    operator, version = specifier.operator, specifier.version
    match operator:
        case "==" if version.endswith(".*"):
            return version
        case "===":
            return f"=={version}"
        case "~=":
            return f">={version},{version.rpartition('.')[0]}.*"
        case "<" if version.replace(".", "").isdecimal():
            # PEP 440: no pre-release of the version itself; conda orders them before it.
            return f"<{version}a0"
        case _:
            return f"{operator}{version}"
