"""The own tests of packages, run against what is installed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.index_server import IndexServer, Offer
from support.survivors import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine

pytestmark = pytest.mark.index

STACK = """\
[stack]
name = "hep"
version = "1.0"
python = "3.12"
platforms = ["{platform}"]

[resolve]
indexes = {{ ours = "{ours}" }}

[packages]
passing = {{ version = "*", index = "ours" }}
failing = {{ version = "*", index = "ours" }}
without = {{ version = "*", index = "ours" }}
topmost = {{ version = "*", index = "ours" }}
nowhere = {{ version = "*", index = "ours" }}
altered = {{ version = "*", index = "ours" }}
hanging = {{ version = "*", index = "ours" }}
picky = {{ version = "*", index = "ours" }}
crashing = {{ version = "*", index = "ours" }}
writing = {{ version = "*", index = "ours" }}
asking = {{ version = "*", index = "ours" }}
iniconfig = "==2.0.0"
"""
_TEST = """\
import {name}, iniconfig, pytest
def test_the_installed_one_is_tested():
    assert "site-packages" in {name}.__file__
def test_version():
    assert {name}.__version__ == {version!r}
"""

_HOSTILE = {
    "crashing": "os.kill(os.getpid(), 11)",
    "writing": "open(os.path.dirname(writing.__file__) + '/evil.py', 'w')",
    "asking": "subprocess.Popen(['sleep', '86399.5'], start_new_session=True); sys.stdin.read(1)",
}


def offer_sources(ours: IndexServer, name: str, files: dict[str, str]) -> Offer:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    content = buffer.getvalue()
    offer = Offer(
        filename=f"{name}-1.0.tar.gz",
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        uploaded="2026-01-01T00:00:00Z",
    )
    ours.offers[name].append(offer)
    return offer


@pytest.fixture
def lamina(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Return the program beside a release of packages with sources of all kinds."""
    with IndexServer() as ours:
        for name in ("passing", "failing", "without", "topmost", "nowhere", "altered", "picky",
                     "hanging", *_HOSTILE):  # fmt: skip
            ours.wheel(name, "1.0")
        source = {"passing.py": "raise RuntimeError('the sources are tested')\n"}
        tests = {"tests/test_it.py": _TEST.format(name="passing", version="1.0")}
        offer_sources(ours, "passing", source | tests)
        tests = {"tests/test_it.py": _TEST.format(name="failing", version="2.0")}
        offer_sources(ours, "failing", tests)
        offer_sources(ours, "without", {"without.py": ""})
        top = {"test_topmost.py": _TEST.format(name="topmost", version="1.0"), "topmost.py": "1/0"}
        offer_sources(ours, "topmost", top)
        offer_sources(ours, "altered", tests).content += b"more"
        hanging = {"tests/test_it.py": "import time\ndef test_it():\n    time.sleep(600)\n"}
        offer_sources(ours, "hanging", hanging)
        for name, body in _HOSTILE.items():
            text = f"import os, subprocess, sys, {name}\ndef test_it(capfd):\n    {body}\n"
            offer_sources(ours, name, {"tests/test_it.py": text})
        groups = {"pyproject.toml": '[dependency-groups]\ntest = ["iniconfig>=2.1"]\n'}
        offer_sources(ours, "picky", tests | groups)
        monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
        text = STACK.format(platform=current_platform(), ours=ours.url)
        command_line.write("lamina.toml", text)
        command_line("publish", "--no-test")
        yield command_line


def test_suites_are_run_against_the_release(lamina: CommandLine) -> None:
    value = lamina("test", "hep", "--suite", "--json", "--timeout", "20", expect=5).json
    suites = {one["package"]: one for one in value["outcomes"] if one["kind"] == "suite"}
    told = {name: (one["status"], one["detail"]) for name, one in suites.items()}
    assert told["passing"] == ("passed", "2 tests")
    assert told["topmost"] == ("passed", "2 tests")
    status, detail = told["failing"]
    assert (status, detail) == ("failed", "2 tests, 1 failures: tests.test_it::test_version")
    assert told["without"] == ("blocked", "its sources have no tests that pytest finds")
    assert told["nowhere"] == ("blocked", "the index has no sources of nowhere 1.0")
    assert told["altered"][0] == "blocked"
    assert "the index serves content with sha256" in told["altered"][1]
    assert told["picky"][0] == "blocked"
    assert "other versions than the release has: iniconfig" in told["picky"][1]
    assert suites["passing"]["subject"] == "passing-1.0.tar.gz"
    assert told["hanging"] == ("blocked", "not done after 20 s")
    assert told["crashing"][0] == "blocked"
    assert told["crashing"][1].startswith("pytest ended with -11: ")
    assert told["writing"][0] == "failed"
    assert told["asking"][0] == "failed"
    wait_for("sleep 86399.5", count=0, seconds=10)
    lamina("release", "verify", "hep")
