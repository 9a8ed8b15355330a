"""What each command says of a base that vanished, changed, or became another Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALPHA = Wheel(name="alpha", version="1.0")
READING = (["list"], ["list", "--all"], ["show"], ["why"], ["lock"])
COMMANDS = [pytest.param([*one], id=" ".join(one)) for one in (*READING, ["add"], ["check"])]


def call(workshop: Workshop, layer: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    command, *options = words
    more = {"why": ["alpha"], "add": ["beta"]}.get(command, [])
    return subprocess.run(
        [sys.executable, "-m", "lamina", "layer", command, str(layer), *more, *options],
        env=workshop.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def said(answer: subprocess.CompletedProcess[str]) -> str:
    """Return what a command says is wrong, be it the error or what check has found."""
    return answer.stdout + answer.stderr


@pytest.fixture
def base(workshop: Workshop, python: Path) -> Path:
    workshop.index.add(Wheel(name="beta", version="1.0"))
    return workshop.base(python, ALPHA)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_base_that_vanished(workshop: Workshop, base: Path, words: list[str]) -> None:
    layer = workshop.layer(base)
    base.rename(workshop.path / "elsewhere")
    answer = call(workshop, layer, words)
    assert answer.returncode == 6
    assert "Traceback" not in answer.stderr
    if words != ["check"]:
        assert answer.stderr.splitlines()[0] == f"error: {layer}: its base is gone: {base}"
    assert f"lamina layer migrate {layer} --to BASE" in said(answer)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_base_that_is_another_python(
    workshop: Workshop, base: Path, interpreter: Callable[[str], Path], words: list[str]
) -> None:
    layer = workshop.layer(base)
    shutil.rmtree(base)
    workshop.base(interpreter("3.11"), ALPHA)
    answer = call(workshop, layer, words)
    assert answer.returncode == 6
    assert "Python 3.11 now" in said(answer)
    assert f"lamina layer migrate {layer} --to {base}" in said(answer)
    if words != ["list"]:
        return
    program = [sys.executable, "-m", "lamina", "layer", "migrate", "--quiet"]
    run([*program, layer, "--to", base], workshop.environ)
    assert call(workshop, layer, ["list"]).returncode == 0


def test_a_base_that_does_not_start(workshop: Workshop, base: Path) -> None:
    layer = workshop.layer(base)
    (base / "bin" / "python").unlink()
    (base / "bin" / "python").write_text("#!/bin/sh\necho broken >&2\nexit 1\n", encoding="utf-8")
    (base / "bin" / "python").chmod(0o755)
    answer = call(workshop, layer, ["list"])
    assert answer.returncode == 6
    assert "its base does not work any more" in answer.stderr
    assert "(broken)" in answer.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_a_newer_patch_of_the_interpreter_is_nothing(
    workshop: Workshop, base: Path, words: list[str]
) -> None:
    layer = workshop.layer(base)
    record = layer / "lamina-layer.toml"
    text = record.read_text(encoding="utf-8")
    older = re.sub(r'version = "3\.12\.\d+"', 'version = "3.12.0"', text)
    assert older != text
    record.write_text(older, encoding="utf-8")
    answer = call(workshop, layer, words)
    assert answer.returncode == 0
    assert "base" not in answer.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_a_base_that_changed(workshop: Workshop, base: Path, words: list[str]) -> None:
    layer = workshop.layer(base)
    assert call(workshop, layer, ["list"]).stderr == ""
    Wheel(name="later", version="1.0").unpack(site_of(base))
    answer = call(workshop, layer, words)
    if words == ["check"]:
        assert answer.returncode == 6
        assert f"lamina layer migrate {layer} --to {base}" in said(answer)
        return
    assert answer.returncode == 0
    told = f"{layer}: its base {base} is not what it was when the layer was last changed"
    assert told in answer.stderr
    assert f"(lamina layer check {layer})" in answer.stderr
    # A change makes layer and base fit again.
    after = call(workshop, layer, ["list"]).stderr
    assert (told in after) is (words != ["add"])


def test_directories_of_an_environment(workshop: Workshop, base: Path) -> None:
    """The interpreter is there, and of what PYTHONPATH named something is not."""
    more = workshop.path / "more"
    Wheel(name="later", version="1.0").unpack(more)
    path = f"{base}/bin:{workshop.environ['PATH']}"
    layer = workshop.layer("env", PATH=path, PYTHONPATH=str(more))
    more.rename(workshop.path / "elsewhere")
    answer = call(workshop, layer, ["list"])
    assert answer.returncode == 0
    assert f"there is no {more}" in answer.stderr
    activate = subprocess.run(
        ["sh", "-c", f". {layer}/bin/activate"],
        env=workshop.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert activate.returncode == 1
    told = f"lamina: the base of this layer is gone: {more} (lamina layer check {layer})\n"
    assert activate.stderr == told
    base.rename(workshop.path / "nowhere")
    answer = call(workshop, layer, ["list"])
    assert answer.returncode == 6
    assert f"lamina layer migrate {layer} --to env" in answer.stderr
