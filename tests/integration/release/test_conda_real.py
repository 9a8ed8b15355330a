"""A real stack: Python, numpy and awkward from a channel, uproot from the index on top."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.channel.bootstrap import Bootstrap, bootstrap
from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.uv_program import UvProgram
from lamina.release.publish import publish
from lamina.release.verify import verify_release
from support.channels import MOMENT
from support.conda_releases import conda_request
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path


SPECS = ["awkward", "numpy"]


@pytest.mark.heavy
@pytest.mark.index
def test_a_real_stack(tmp_path: Path) -> None:
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    found = inspect_interpreter(find_interpreter("3.12"), environ)
    assert found is not None
    uv = UvProgram(environ=environ)
    wanted = Bootstrap(interpreter=found, requirements=SPECS, moment=MOMENT, uv=uv)
    bootstrap(tmp_path / "channel", wanted)
    wheels = tmp_path / "wheels"
    words = ["download", "-q", "--only-binary=:all:", "--no-deps", "-d", wheels]
    names = ["uproot", "cramjam", "xxhash"]
    subprocess.run([found.path, "-m", "pip", *map(str, words), *names], check=True, env=environ)
    stack = {"wheels": False, "test": {"imports": ["uproot", "awkward"]}}
    request = conda_request(
        tmp_path, environ, [tmp_path / "channel"], SPECS, stack=stack,
        wheels=sorted(wheels.glob("*.whl")),
    )  # fmt: skip
    outcome = publish(request)
    assert outcome.tested == "namespace"
    assert verify_release(outcome.release).sound
