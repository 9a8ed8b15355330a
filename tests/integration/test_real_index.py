"""Locking against the package index that this machine is configured with."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from support.stacks import stack_text

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = pytest.mark.index


def locked(command_line: CommandLine) -> dict[str, list[dict[str, Any]]]:
    lock = tomllib.loads((command_line.directory / "lamina.lock").read_text())
    found: dict[str, list[dict[str, Any]]] = {}
    for one in lock["package"]:
        found.setdefault(one["name"], []).append(one)
    return found


def test_several_platforms_and_pythons(command_line: CommandLine) -> None:
    text = stack_text(
        'numpy = "*"\nuproot = "*"',
        platforms='["linux-64", "linux-aarch64", "osx-arm64"]',
        python='["3.11", "3.13"]',
        resolve="exclude-newer = 2025-06-01",
    )
    command_line.write("lamina.toml", text)
    command_line("lock")
    lock = command_line.directory / "lamina.lock"
    first = lock.read_bytes()
    [numpy] = locked(command_line)["numpy"]
    assert len(numpy["artifacts"]) == 6
    assert {one["targets"][0] for one in numpy["artifacts"]} == {
        f"{platform}/{python}"
        for platform in ("linux-64", "linux-aarch64", "osx-arm64")
        for python in ("3.11", "3.13")
    }
    lock.unlink()
    command_line("lock")
    assert lock.read_bytes() == first


def test_a_prerelease_for_one_platform(command_line: CommandLine) -> None:
    line = 'root = { version = "==0.1a12", prerelease = true, platforms = ["linux-64"] }'
    command_line.write(
        "lamina.toml", stack_text(f'{line}\nclick = "*"', platforms='["linux-64", "osx-arm64"]')
    )
    command_line("lock")
    [root] = locked(command_line)["root"]
    assert root["targets"] == ["linux-64/3.12"]
    assert root["artifacts"][0]["file"].startswith("root-0.1a12-cp312-cp312-manylinux")


def test_a_package_without_a_wheel_for_macos(command_line: CommandLine) -> None:
    line = 'xrootd = "==5.6.4"'
    command_line.write("lamina.toml", stack_text(line, platforms='["linux-64", "osx-arm64"]'))
    answer = command_line("lock", expect=4)
    assert "no wheel of xrootd (packages.xrootd = '==5.6.4')" in answer.stderr
