"""A real package with code in C++: its recipe, its builds for two Pythons, and their import."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import Platform, SystemFloor
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

pytestmark = [
    pytest.mark.index,
    pytest.mark.skipif(sys.platform != "linux", reason="bundles are for Linux"),
]
SERIES = ("3.11", "3.12")
PACKAGE = "iminuit==2.31.1"


def test_the_recipe_of_a_package_in_cxx(command_line: CommandLine) -> None:
    text = command_line("recipe", PACKAGE, "--dry-run").stdout
    recipe = yaml.safe_load(text)
    assert "  # not noarch: built with scikit-build-core, pybind11\n" in text
    build = recipe["requirements"]["build"]
    assert build == ["${{ compiler('c') }}", "${{ compiler('cxx') }}", "cmake", "ninja"]
    host = [one.split(" ")[0] for one in recipe["requirements"]["host"]]
    assert host == ["python", "pip", "pybind11", "scikit-build-core"]
    assert [one.split(" ")[0] for one in recipe["requirements"]["run"]] == ["python", "numpy"]
    assert recipe["tests"] == [{"python": {"imports": ["iminuit"], "pip_check": True}}]
    assert len(recipe["source"]["sha256"]) == 64
    assert recipe["about"]["license_file"] == ["LICENSE"]


@pytest.mark.heavy
def test_it_is_built_for_two_pythons_from_its_sources(
    command_line: CommandLine, tmp_path: Path
) -> None:
    needs = ("pip", "pybind11", "scikit-build-core", "numpy")
    for one in SERIES:
        python = find_interpreter(one)
        command_line("channel", "bootstrap", "channel", *needs, "--python", python)
    command_line.write("variants.yaml", "python: ['3.11.*', '3.12.*']\n")
    command_line("recipe", PACKAGE, "-o", "recipes")
    words = ("build", "recipes", "--channel", "channel", "-m", "variants.yaml", "--json")
    told = command_line(*words, "--system-compilers").json["outputs"]
    assert [(one["name"], one["outcome"], one["tests"]) for one in told] == [
        ("iminuit", "built", 1)
    ] * 2
    again = command_line(*words, "--system-compilers").json["outputs"]
    assert {one["outcome"] for one in again} == {"up to date"}
    for one in SERIES:
        prefix = tmp_path / one
        _install(command_line.directory / "channel", one, prefix)
        code = "from iminuit import Minuit; m = Minuit(lambda x: (x - 2) ** 2, x=0); "
        code += "m.migrad(); print(round(m.values['x'], 3))"
        program = [str(prefix / "bin" / "python"), "-c", code]
        answer = subprocess.run(program, capture_output=True, text=True, check=True, env={})
        assert answer.stdout == "2.0\n"


def _install(channel: Path, series: str, prefix: Path) -> None:
    platform = Platform.LINUX_64
    request = SolveRequest(
        specs=["iminuit", f"python {series}.*"],
        platform=platform,
        virtual=virtual_packages(platform, floor=SystemFloor(glibc=(2, 99))),
    )
    channels = CondaChannels(addresses=[str(channel)], cache=prefix.with_name("cache"))
    archives = {one: channel / one.subdir / one.file_name for one in solve(channels, request)}
    install_new(InstallRequest(archives=archives, prefix=prefix, platform=platform))
