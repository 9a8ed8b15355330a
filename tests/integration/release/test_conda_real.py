"""A real stack: Python, numpy and awkward from a channel, uproot from the index on top."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lamina.channel.bootstrap import Bootstrap, bootstrap
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.interpreters import inspect_interpreter
from lamina.engines.uv_program import UvProgram
from lamina.release.publish import publish
from lamina.release.verify import verify_release
from support.channels import MOMENT
from support.conda_releases import LINUX, conda_request
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.draft import PublishRequest

SPECS = ["awkward", "numpy"]


@pytest.mark.heavy
@pytest.mark.index
def test_a_real_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    start = time.monotonic()
    outcome = publish(request)
    ours = time.monotonic() - start
    assert outcome.tested == "namespace"
    assert verify_release(outcome.release).sound
    bare = _bare(request, tmp_path, sorted(wheels.glob("*.whl")))
    with capsys.disabled():
        sys.stdout.write(f"\npublish {ours:.1f} s, bare {bare:.1f} s, {ours / bare:.1f} times\n")
    assert ours < 8 * bare


def _bare(request: PublishRequest, top: Path, wheels: list[Path]) -> float:
    """Return the seconds of installing and compiling the same, and nothing else."""
    assert request.conda is not None
    start = time.monotonic()
    records = [
        one.record(url=f"{at}/{one.subdir}/{one.file}", channel=f"{at}/")
        for one in request.conda_packages
        for at in [request.conda.addresses[one.channel]]
    ]
    archives = {one: top / "channel" / one.subdir / one.file_name for one in records}
    prefix = install_new(InstallRequest(archives=archives, prefix=top / "bare", platform=LINUX))
    python = prefix / "bin" / "python"
    request.uv.call("pip", "install", "--no-deps", "--python", python, *wheels)
    words = [python, "-m", "compileall", "-q", "-j", "2", prefix / "lib"]
    subprocess.run(list(map(str, words)), check=False, stdout=subprocess.DEVNULL)
    return time.monotonic() - start
