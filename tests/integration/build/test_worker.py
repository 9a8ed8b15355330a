"""The program that builds one package, without anybody who starts it elsewhere."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from lamina.build.wheels.cache import WheelCache
from lamina.build.wheels.carrying import (
    ATTEMPTS,
    NOT_SHARED,
    Reply,
    Request,
    differences,
    read_reply,
    read_request,
    sign_in,
    write_request,
)
from lamina.build.wheels.conda_prefix import CondaPrefix
from lamina.build.wheels.making import Bench
from lamina.build.wheels.order import Order, Patch
from lamina.build.wheels.remote import RemoteWorkers
from lamina.build.wheels.system import compiler_of
from lamina.build.wheels.work import Asked, Built, Kit, Work
from lamina.core.errors import BuildFailedError, NotSupportedError
from lamina.engines.api import Ended
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.uv_program import UvProgram
from lamina.model.artifacts import Artifact
from lamina.model.digests import parse_sha256
from lamina.model.names import PUBLIC_INDEX, parse_package_name
from lamina.model.platforms import PythonSeries, Target, current_platform
from support.index_server import IndexServer
from support.sources import offer_source

if TYPE_CHECKING:
    from pathlib import Path

SERIES = PythonSeries(3, 12)


@pytest.fixture
def work(environ: dict[str, str], tmp_path: Path) -> Work:
    """Return the work on a package that needs nothing."""
    return work_of(environ, tmp_path)


def work_of(environ: dict[str, str], top: Path, **more: list[str]) -> Work:
    with IndexServer() as index:
        offer = offer_source(index, "alpha", **more)  # type: ignore[arg-type]
    source = top / offer.filename
    source.write_bytes(offer.content)
    artifact = Artifact(
        package=parse_package_name("alpha"), version="1.0", index=PUBLIC_INDEX,
        filename=offer.filename, sha256=parse_sha256(offer.sha256),
    )  # fmt: skip
    cache = top / "builds"
    bench = Bench(
        directory=cache / "work", logs=top / "logs", target=Target(current_platform(), SERIES),
        interpreter=MachineInterpreters(environ=environ).search(SERIES),
        uv=UvProgram(environ=environ), environ=environ, flags={}, jobs=None,
        walls="none", seconds=None, hints={},
    )  # fmt: skip
    inputs = {"name": "alpha", "network": False, "compiler": compiler_of(environ)}
    return Work(
        bench=bench, order=Order(artifact=artifact, env={}, hooks={}), source=source,
        kit=Kit(artifacts=(), addresses={}, further=()), indexes={}, inputs=inputs,
        cache=WheelCache(directory=cache),
    )  # fmt: skip


def asked_of(work: Work, place: Path, **system: tuple[str, ...]) -> Reply:
    """Have the program do the work."""
    place.mkdir(exist_ok=True)
    write_request(place, Request(work=work.to_carry(), token="t", system=system))
    command = [sys.executable, "-m", "lamina.build.wheels.worker", str(place)]
    done = subprocess.run(
        command, env=dict(work.bench.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    reply = read_reply(place, "t")
    assert reply is not None
    return reply


def test_a_request_becomes_a_wheel_in_the_cache(work: Work, tmp_path: Path) -> None:
    reply = asked_of(work, tmp_path / "place")
    assert isinstance(reply.answer, Built)
    found = work.cache.find(work.key)
    assert found == reply.answer.wheel
    assert reply.answer.host
    assert found.path.name == "alpha-1.0-py3-none-any.whl"
    assert not (work.bench.directory / "alpha").exists()
    assert work.bench.log(work.name).is_file()


def test_a_back_end_that_asks_for_more_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    work = work_of(environ, tmp_path, further=["wheel", "setuptools>=60"])
    assert asked_of(work, tmp_path / "place").answer == Asked(further=("setuptools>=60", "wheel"))
    known = replace(work, kit=replace(work.kit, further=("setuptools>=60", "wheel")))
    assert isinstance(asked_of(known, tmp_path / "other").answer, Built)


def test_what_leaves_this_machine_has_no_variables_of_others(work: Work, tmp_path: Path) -> None:
    environ = {**work.bench.environ, "PASSWORD": "secret", "TMPDIR": "/mine", "LC_ALL": "C"}
    bench = replace(work.bench, environ=environ, uv=replace(work.bench.uv, environ=environ))
    write_request(tmp_path, Request(work=replace(work, bench=bench).to_carry(), token="t",
                                    system={}))  # fmt: skip
    path = tmp_path / "request"
    assert b"secret" not in path.read_bytes()
    assert b"/mine" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    carried = read_request(tmp_path).work
    assert carried.bench.environ["LC_ALL"] == "C"
    assert carried.key == work.key


def test_a_machine_that_differs_builds_nothing(work: Work, tmp_path: Path) -> None:
    assert differences(work) == []
    other = replace(work, inputs={**work.inputs, "compiler": "cc 99"})
    reply = asked_of(other, tmp_path / "one")
    assert isinstance(reply.error, NotSupportedError)
    assert "as the compiler, not cc 99" in reply.error.message
    bench = replace(work.bench, interpreter=replace(work.bench.interpreter, version="3.12.99"))
    [said] = differences(replace(work, bench=bench))
    assert "not Python 3.12.99" in said
    assert work.cache.find(other.key) is None


def test_what_conda_packages_have_is_there_on_every_machine(work: Work, tmp_path: Path) -> None:
    programs = tmp_path / "prefix" / "bin"
    programs.mkdir(parents=True)
    (programs / "made-cc").write_text("#!/bin/sh\necho made-cc of conda 13\n")
    (programs / "made-cc").chmod(0o755)
    search = f"{programs}:{work.bench.environ['PATH']}"
    conda = CondaPrefix(
        path=programs.parent, interpreter=work.bench.interpreter, packages=(),
        variables={"CC": "made-cc", "PATH": search},
    )  # fmt: skip
    over = replace(work, bench=replace(work.bench, conda=conda))
    [said] = differences(over)
    assert "made-cc of conda 13 as the compiler, not " in said
    over = replace(over, inputs={**work.inputs, "compiler": "made-cc of conda 13"})
    reply = asked_of(over, tmp_path / "place", alpha=("made-cc",))
    assert isinstance(reply.answer, Built)


def test_patches_travel_with_the_work(environ: dict[str, str], tmp_path: Path) -> None:
    """Those beside lamina.toml may be others by the time, and not there on every machine."""
    work = work_of(environ, tmp_path)
    text = b"--- a/alpha.py\n+++ b/alpha.py\n@@ -1 +1 @@\n-value = 1\n+value = 7\n"
    patched = replace(work.order, patches=(Patch(name="gone/alpha.patch", content=text),))
    reply = asked_of(replace(work, order=patched), tmp_path / "place")
    assert isinstance(reply.answer, Built), reply.error
    with zipfile.ZipFile(reply.answer.wheel.path) as archive:
        assert archive.read("alpha.py").startswith(b"value = 7\n")


@dataclass(kw_only=True)
class Here:
    """A cluster of this machine alone."""

    environ: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def connect(self, directory: Path) -> None:
        """There is nobody to ask."""

    def start(self, name: str, module: str, place: Path, output: Path) -> Here:  # noqa: ARG002
        command = [sys.executable, "-m", module, str(place)]
        self.started.append(subprocess.Popen(command, env=self.environ))
        return self

    def ended(self) -> Ended | None:
        code = self.started[-1].poll()
        return None if code is None else Ended(code=code, how=f"exit code {code}")

    def close(self) -> None:
        for one in self.started:
            one.wait()


def test_what_another_has_built_meanwhile_is_not_said_to_be_built(
    work: Work, environ: dict[str, str]
) -> None:
    workers = RemoteWorkers(Here(environ=environ), 1)
    with closing(workers):
        workers.begin(work.bench, lambda: None)
        first, second = (workers.work(work) for _ in range(2))
    assert isinstance(first, Built)
    assert first.fresh
    assert first.host
    assert second == replace(first, fresh=False)


def test_what_a_machine_lacks_is_said(work: Work, tmp_path: Path) -> None:
    reply = asked_of(work, tmp_path / "place", alpha=("no-such-program",))
    assert isinstance(reply.error, BuildFailedError)
    assert "no-such-program (needed by alpha)" in reply.error.message


def test_after_so_many_deaths_nobody_begins(work: Work, tmp_path: Path) -> None:
    for _ in range(ATTEMPTS):
        sign_in(tmp_path)
    reply = asked_of(work, tmp_path)
    assert (reply.deaths, reply.answer) == (ATTEMPTS, None)
    assert not work.bench.directory.exists()


def test_who_does_not_see_the_request_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lamina.build.wheels.worker", str(tmp_path / "of another")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == NOT_SHARED
    assert "of another" in done.stderr
