"""Releases that are compiled for a micro-architecture, on processors that have it or lack it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from archspec.cpu import TARGETS

from lamina.core.errors import NotSupportedError
from lamina.model.platforms import current_platform
from lamina.model.processors import features_of, lacking, runs_on
from lamina.release.processor import require_processor
from lamina.release.publish import publish
from lamina.stack.builds import BuildTable
from support.containers import document, image_request, ship
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from lamina.release.root import Release

TOLD = Path("/proc/cpuinfo")
pytestmark = pytest.mark.skipif(
    "x86" not in os.uname().machine, reason="the levels are those of x86-64"
)


def compiled_for(march: str) -> dict[str, object]:
    stack = make_stack()
    return {
        "stack": stack.model_copy(update={"build": BuildTable.model_validate({"march": march})})
    }


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, machine: dict[str, str]) -> Release:
    tmp_path = tmp_path_factory.mktemp("compiled")
    request = publish_request(tmp_path, machine, **compiled_for("x86-64-v2"))
    return publish(request).release


@pytest.fixture
def lesser(tmp_path: Path) -> Path:
    """Return what Linux would tell of the first x86-64 processors."""
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nflags\t\t: fpu mmx sse sse2\n\nprocessor\t: 1\n")
    return told


def on(told: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command where the kernel tells of another processor."""
    script = 'mount --bind "$0" /proc/cpuinfo && exec "$@"'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, told, *command]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_the_manifest_says_it(release: Release) -> None:
    assert release.manifest().micro_architecture == "x86-64-v2"


@pytest.mark.namespaces
@pytest.mark.parametrize("words", [("-c", "print(6 * 7)"), ("-I", "-c", "print(6 * 7)")])
def test_a_start_on_a_lesser_processor_says_what_it_lacks(
    release: Release, lesser: Path, words: tuple[str, ...]
) -> None:
    ended = on(lesser, release.interpreter, *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("lamina: this Python's packages are compiled for x86-64-v2")
    assert {"pni", "ssse3"} <= set(ended.stderr.partition("lacks ")[2].strip().split(", "))
    ended = on(TOLD, release.interpreter, *words)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "42\n", "")


@pytest.mark.namespaces
def test_its_programs_and_processors_that_tell_nothing(release: Release, lesser: Path) -> None:
    assert on(lesser, release.prefix / "bin" / "greet").returncode == 2
    lesser.write_text("processor : 0\nmodel name : unknown\n")
    assert on(lesser, release.prefix / "bin" / "greet").returncode == 0


def test_a_machine_that_lacks_it_does_not_publish(lesser: Path) -> None:
    stack = make_stack().model_copy(
        update={"build": BuildTable.model_validate({"march": "x86-64-v3"})}
    )
    with pytest.raises(NotSupportedError, match=r"small is compiled for x86-64-v3.* avx2") as error:
        require_processor(stack, current_platform(), told=lesser)
    assert error.value.hints
    able = lesser.with_name("able")
    able.write_text(f"flags : {' '.join(features_of('x86-64-v3'))}\n")
    require_processor(stack, current_platform(), told=able)
    require_processor(stack, current_platform(), told=lesser.with_name("not there"))
    require_processor(make_stack(), current_platform(), told=lesser)


def test_an_image_is_labelled(release: Release, machine: dict[str, str], tmp_path: Path) -> None:
    ship([image_request(release, machine, tmp_path / "scratch")], tmp_path / "layout")
    index = json.loads((tmp_path / "layout" / "index.json").read_text())
    manifest = document(tmp_path / "layout", index["manifests"][0]["digest"])
    config = document(tmp_path / "layout", manifest["config"]["digest"])
    assert config["config"]["Labels"]["lamina.micro-architecture"] == "x86-64-v2"


def test_a_plan_says_it_before_anything_is_built(tmp_path: Path, machine: dict[str, str]) -> None:
    lines = TOLD.read_text().splitlines()
    beyond = next(one for one in sorted(TARGETS) if is_beyond(one, lines))
    request = publish_request(tmp_path, machine, **compiled_for(beyond))
    with pytest.raises(NotSupportedError, match=f"small is compiled for {beyond}"):
        publish(request)
    assert not list((tmp_path / "root").glob("releases/*/*/*"))


def is_beyond(march: str, told: list[str]) -> bool:
    return runs_on(march, current_platform()) and bool(lacking(march, told))
