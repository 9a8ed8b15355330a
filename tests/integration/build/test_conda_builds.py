"""Sources become wheels over conda packages: their Python, their libraries, their distributions."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.engines.elf import read_elf
from support.conda_sources import (
    offer_alpha_and_beta,
    stack_of_both,
    write_cradle,
)
from support.sources import ALPHA_PATCH, offer_source

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the channel is for Linux")


@pytest.fixture
def lamina(
    index_server: IndexServer, command_line: CommandLine, bootstrapped: Path, tmp_path: Path
) -> CommandLine:
    """Return the program, in a stack of a conda Python, a conda library and sources."""
    write_cradle(tmp_path / "parts", tmp_path / "parts-work")
    offer_alpha_and_beta(index_server)
    command_line.write("alpha.patch", ALPHA_PATCH)
    command_line.write("lamina.toml", stack_of_both([bootstrapped, tmp_path / "parts"]))
    command_line("lock")
    return command_line


def built(lamina: CommandLine) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in lamina("build", "--json").json["packages"]}


def inputs_of(package: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(package["provenance"]).read_text())["inputs"]
    return told


def test_builds_see_conda_packages_and_a_release_has_what_was_built(lamina: CommandLine) -> None:
    packages = built(lamina)
    prefix = read_what_alpha_saw(packages["alpha"]["wheel"])
    inputs = inputs_of(packages["alpha"])
    assert {one["name"] for one in inputs["conda"]} >= {"python", "tool-box", "cradle"}
    assert all(len(one["sha256"]) == 64 for one in inputs["conda"])
    assert [one["name"] for one in inputs["requirements"]] == ["buildtool"]
    assert "tool-box==1.2" in Path("lamina-build.lock").read_text()
    published = lamina("publish", "--root", "root", "--json")
    assert "0 built, 2 from the cache" in published.stderr
    release = Path(published.json["prefix"])
    assert (release / "share/hooked").read_text() == f"{release} alpha\n"
    check_released_module(release, prefix)
    repair_released_module(lamina, release)
    assert "is one of its conda packages" in lamina("build", "--python", "p", expect=2).stderr
    assert {one["status"] for one in built(lamina).values()} == {"cached"}


def read_what_alpha_saw(wheel: str) -> Path:
    """Check what the build of alpha has written down, and return the prefix that it saw."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("alpha_saw.py").decode()
        hooked = archive.read("alpha.py").decode()
    share, prefix, box, environment = eval(text.removeprefix("saw = "))
    assert share == f"{prefix}/share"
    assert box.startswith(f"{prefix}/lib/python3.12/site-packages/")
    assert Path(environment).parts[-2:] == ("alpha", "env")
    assert hooked == f"value = 7\nversion = '1.0'\nhooked = '{prefix}'\n"
    assert Path(prefix, "conda-meta").is_dir()
    return Path(prefix)


def check_released_module(release: Path, prefix: Path) -> None:
    """Check that a compiled module finds its library in the release, and names no other place."""
    [module] = release.glob("lib/python3.12/site-packages/_native_alpha*.so")
    elf = read_elf(module.read_bytes())
    assert elf is not None
    assert "libcradle.so" in elf.needs
    assert elf.search == ("$ORIGIN/../..",)
    question = "import _native_alpha as n, beta_saw as b; print(n.answer, b.saw)"
    said = subprocess.check_output([release / "bin/python", "-c", question], text=True)
    assert said == "42 7\n"
    assert str(prefix).encode() not in module.read_bytes()


def repair_released_module(lamina: CommandLine, release: Path) -> None:
    """Damage a module that was built, and have it mended by the wheel of the cache."""
    module = release / "lib/python3.12/site-packages/beta_saw.py"
    module.chmod(0o644)
    module.write_text("saw = 8")
    said = lamina("release", "repair", "made/1.0", "--root", "root").stderr
    assert "built" not in said
    assert module.read_text() == "saw = 7"


@pytest.mark.heavy
def test_another_conda_package_builds_anew(lamina: CommandLine, tmp_path: Path) -> None:
    first = built(lamina)
    write_cradle(tmp_path / "parts", tmp_path / "newer-work", answer=43)
    lamina("lock", "--upgrade")
    assert "h43_43" in Path("lamina.lock").read_text()
    plan = lamina("build", "--dry-run").stdout.splitlines()
    assert "alpha 1.0: built: the conda package cradle changed" in plan
    second = built(lamina)
    assert {one["status"] for one in second.values()} == {"built"}
    assert second["alpha"]["sha256"] != first["alpha"]["sha256"]


def test_the_versions_of_conda_packages_hold_for_builds(
    index_server: IndexServer, lamina: CommandLine
) -> None:
    offer_source(index_server, "alpha", build_requires=["tool-box>=2"])
    lamina("lock", "--upgrade")
    said = lamina("build", expect=4).stderr
    assert "which has tool-box 1.2; alpha asks for tool-box>=2" in said
    index_server.wheel("picky", "1.0", ["tool-box>=2"])
    offer_source(index_server, "alpha", build_requires=["picky"])
    lamina("lock", "--upgrade")
    assert "what the build of alpha needs cannot be had" in lamina("build", expect=4).stderr
