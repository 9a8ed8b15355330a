"""Locks of pixi, in the versions of their format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rattler import LockFile, PackageRecord, RepoDataRecord
from rattler.lock import LockChannel, LockPlatform
from rattler.package.build_string import BuildString

from lamina.engines.pixi_lock import read_pixi_lock
from lamina.model.platforms import Platform, PythonSeries
from lamina.stack.conda_entries import conda_entries

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.stack.imported import Imported

ADDRESS = "https://conda.example.org/ours"
PYTHON = PythonSeries(3, 12)
LINUX, MACOS = Platform.LINUX_64, Platform.OSX_ARM64
WHEEL = "https://pypi.example.org/files/click-8.1.7-py3-none-any.whl"

OLD = f"""\
version: {{version}}
environments:
  default:
    channels:
    - url: {ADDRESS}/
    packages:
      linux-64:
      - conda: {ADDRESS}/linux-64/python-3.12.4-h1_0.conda
      - pypi: {WHEEL}
packages:
- {{kind}}
  {{build}}
  name: python
  version: 3.12.4
  subdir: linux-64
  sha256: {"ab" * 32}
- {{pypi}}
  name: click
  version: 8.1.7
  sha256: {"cd" * 32}
"""


def read(tmp_path: Path, text: str) -> Imported:
    path = tmp_path / "pixi.lock"
    path.write_text(text)
    return read_pixi_lock(path, PYTHON)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_versions_of_the_format(tmp_path: Path, version: int) -> None:
    conda, build = f"{ADDRESS}/linux-64/python-3.12.4-h1_0.conda", "build: h1_0"
    text = OLD.format(
        version=version,
        kind=f"conda: {conda}" if version == 6 else f"kind: conda\n  url: {conda}",
        pypi=f"pypi: {WHEEL}" if version == 6 else f"kind: pypi\n  url: {WHEEL}",
        build=build,
    )
    found = read(tmp_path, text)
    assert found.platforms == (LINUX,)
    assert found.channels == (ADDRESS,)
    assert [str(one.spec) for one in found.conda] == ["python ==3.12.4 h1_0"]
    assert [str(one) for one in found.requirements] == ["click==8.1.7"]
    assert found.python == PYTHON


def record(name: str, version: str, build: str, subdir: str) -> RepoDataRecord:
    package = PackageRecord(name, version, BuildString(build), 0, subdir)
    package.sha256 = b"\xab" * 32
    file = f"{name}-{version}-{build}.conda"
    return RepoDataRecord(package, file, f"{ADDRESS}/{subdir}/{file}", f"{ADDRESS}/")


def written(path: Path) -> None:
    """Write a lock as the engine does, in the newest version, with platforms of its own naming."""
    linux = LockPlatform("linux-64", virtual_packages=["__glibc=2.28"])
    mac = LockPlatform("osx-arm64", virtual_packages=["__osx=14.0"])
    lock = LockFile([linux, mac])
    lock.set_channels("default", [LockChannel(f"{ADDRESS}/")])
    for platform, build in ((linux, "h1_0"), (mac, "h2_0")):
        lock.add_conda_package(
            "default", platform, record("python", "3.12.4", build, str(platform))
        )
        lock.add_conda_package("default", platform, record("tzdata", "2026a", "h0_0", "noarch"))
    lock.add_conda_package("default", linux, record("gcc", "14.1", "h1_1", "linux-64"))
    lock.add_pypi_package("default", linux, "click", "8.1.7", WHEEL)
    lock.add_pypi_package("default", mac, "click", "8.1.8", WHEEL.replace("8.1.7", "8.1.8"))
    lock.set_channels("test", [LockChannel(f"{ADDRESS}/")])
    lock.to_path(path)


def test_trap_07_the_platforms_are_those_of_the_lock_itself(tmp_path: Path) -> None:
    written(tmp_path / "pixi.lock")
    assert "version: 7" in (tmp_path / "pixi.lock").read_text()
    found = read_pixi_lock(tmp_path / "pixi.lock", PYTHON)
    assert set(found.platforms) == {LINUX, MACOS}
    entries, rest = conda_entries(found, (LINUX, MACOS))
    assert entries == {
        "gcc": {"version": "==14.1", "build": "h1_1", "platforms": ["linux-64"]},
        "python": {"version": "==3.12.4"},
        "tzdata": {"version": "==2026a h0_0"},
    }
    assert any("python ==3.12.4 h2_0: other platforms differ" in one for one in rest.left_behind)
    only, _ = conda_entries(found, (MACOS,))
    assert only["python"] == {"version": "==3.12.4 h2_0"}
    by_version = {str(one.specifier): str(one.marker) for one in found.requirements}
    assert "darwin" in by_version["==8.1.8"]
    assert "linux" in by_version["==8.1.7"]


def test_what_is_not_of_an_index_or_a_channel(tmp_path: Path) -> None:
    text = (
        OLD.format(
            version=6,
            kind=f"conda: {ADDRESS}/linux-64/python-3.12.4-h1_0.conda",
            pypi=f"pypi: {WHEEL}",
            build="build: h1_0",
        )
        .replace(WHEEL, "./tool")
        .replace(f"  sha256: {'cd' * 32}\n", "")
    )
    found = read(tmp_path, text)
    assert found.requirements == ()
    assert any("click from ./tool: not a package of an index" in o for o in found.left_behind)


def test_a_package_of_a_directory_has_its_address(tmp_path: Path) -> None:
    path = f"{tmp_path}/channel/linux-64/python-3.12.4-h1_0.conda"
    text = OLD.format(version=6, kind=f"conda: {path}", pypi=f"pypi: {WHEEL}", build="build: h1_0")
    found = read(tmp_path, text.replace(f"{ADDRESS}/linux-64/python-3.12.4-h1_0.conda", path))
    assert found.channels[-1] == f"file://{tmp_path}/channel"
