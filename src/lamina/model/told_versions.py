"""The version that sources without their history are told: what git said when they were locked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def told_versions(versions: Mapping[str, str]) -> dict[str, str]:
    """Return variables by which back ends take versions, of these packages and no others.

    setuptools-scm, and hatch-vcs and flit-scm which use it, and poetry-dynamic-versioning.
    """
    if not versions:
        return {}
    words = {name: re.sub(r"[-_.]+", "_", name).upper() for name in versions}
    return {
        **{f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{words[name]}": versions[name] for name in words},
        "POETRY_DYNAMIC_VERSIONING_OVERRIDE": ",".join(
            f"{name}={version}" for name, version in versions.items()
        ),
    }


def all_told(name: str, version: str) -> dict[str, str]:
    """Return these and those that hold for whatever is built: pbr, PDM, uv-dynamic-versioning."""
    words = ("PBR_VERSION", "PDM_BUILD_SCM_VERSION", "UV_DYNAMIC_VERSIONING_BYPASS")
    return {**told_versions({name: version}), **dict.fromkeys(words, version)}


def variables_of_the_stack(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables among the inputs of a build that lamina has not set by itself.

    It sets all of them or none; a value that is another one is that of a stack.
    """
    env = dict(inputs.get("env") or {})
    told = all_told(str(inputs.get("name", "")), str(inputs.get("version", "")))
    if not told.keys() <= env.keys():
        return env
    return {name: value for name, value in env.items() if told.get(name) != value}
