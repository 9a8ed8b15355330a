"""A channel out of nothing: what the packages of an interpreter and of wheels consist of."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.package import PLACEHOLDER
from lamina.archive.reading import check_archive, read_archive
from lamina.archive.zstd import decompressing
from lamina.channel.check import check_channel
from lamina.core.errors import UnsatisfiableError
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import Platform, SystemFloor
from support.channels import SERIES, make_channel, records_of, write_wheels
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bundles are for Linux")


def text_of(archive: Path, name: str, part: str = "pkg") -> str:
    with zipfile.ZipFile(archive) as outer:
        packed = outer.read(f"{part}-{archive.name.removesuffix('.conda')}.tar.zst")
    with decompressing(io.BytesIO(packed)) as plain:
        data = plain.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as inner:
        stream = inner.extractfile(name)
        assert stream is not None
        return stream.read().decode()


def entries_of(channel: Path, record: dict[str, Any]) -> dict[str, Any]:
    contents = read_archive(channel / record["subdir"] / record["fn"])
    return {one.path: one for one in contents.paths}


def test_the_channel_is_whole(bootstrapped: Path) -> None:
    assert check_channel(bootstrapped) == []
    assert set(records_of(bootstrapped, "linux-64")) == {"python", "native-part"}
    assert set(records_of(bootstrapped, "noarch")) == {"python_abi", "tool-box"}


def test_python_says_what_it_needs_and_what_its_abi_is(bootstrapped: Path) -> None:
    python = records_of(bootstrapped, "linux-64")["python"]
    assert python["version"].startswith(f"{SERIES}.")
    assert [one.partition(".")[0] for one in python["depends"]] == ["__glibc >=2"]
    assert python["constrains"] == ["python_abi 3.12.* *_cp312"]
    assert python["python_site_packages_path"] == "lib/python3.12/site-packages"
    entries = entries_of(bootstrapped, python)
    settings = next(one for name, one in entries.items() if "_sysconfigdata_" in name)
    assert (settings.placeholder, settings.mode) == (PLACEHOLDER, "text")


def test_a_pure_wheel_is_noarch_with_entry_points(bootstrapped: Path) -> None:
    tool = records_of(bootstrapped, "noarch")["tool-box"]
    assert tool["noarch"] == "python"
    # Of the marker, only what holds here is a dependency, so it is for this system only.
    assert tool["depends"] == ["python >=3.9", "__linux", "native-part >=1,<2a0"]
    archive = bootstrapped / "noarch" / tool["fn"]
    names = {one.path for one in check_archive(archive).paths}
    assert "site-packages/tool_box/__init__.py" in names
    assert not [one for one in names if one.startswith(("bin/", "python-scripts/"))]
    link = json.loads(text_of(archive, "info/link.json", "info"))
    assert link["noarch"]["entry_points"] == ["tool-box = tool_box:main"]


def test_a_compiled_wheel_is_for_one_python(bootstrapped: Path) -> None:
    native = records_of(bootstrapped, "linux-64")["native-part"]
    assert native["depends"] == [
        "python >=3.12,<3.13.0a0",
        "python_abi 3.12.* *_cp312",
        "__glibc >=2.17",
    ]
    archive = bootstrapped / "linux-64" / native["fn"]
    entries = entries_of(bootstrapped, native)
    assert "lib/python3.12/site-packages/native_part/__init__.py" in entries
    assert "share/native-part/data.txt" in entries
    for script in ("bin/native-part", "bin/native-part-script"):
        assert entries[script].placeholder == PLACEHOLDER
        assert text_of(archive, script).startswith(f"#!{PLACEHOLDER}/bin/python3.12\n")


def test_nothing_of_the_machine_is_in_the_packages(bootstrapped: Path) -> None:
    for archive in sorted(bootstrapped.glob("*/*.conda")):
        names = {one.path for one in read_archive(archive).paths}
        assert not [one for one in names if one.endswith((".pyc", "direct_url.json"))]
    tool = records_of(bootstrapped, "noarch")["tool-box"]
    record = text_of(
        bootstrapped / "noarch" / tool["fn"], "site-packages/tool_box-1.2.dist-info/RECORD"
    )
    assert "../../../bin/tool-box,," in record
    assert "tool_box-1.2.dist-info/INSTALLER,sha256=" in record
    assert "/tmp" not in record


@pytest.mark.heavy
def test_the_same_again_is_the_same_bytes(
    bootstrapped: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    wheels = write_wheels(tmp_path / "wheels")
    make_channel(tmp_path / "again", wheels, find_interpreter(SERIES), environ)
    files = sorted(one.relative_to(bootstrapped) for one in bootstrapped.glob("*/*.conda"))
    assert len(files) == 4
    for file in files:
        assert (bootstrapped / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


@pytest.mark.heavy
def test_a_wheel_whose_needs_are_nowhere_leaves_no_channel(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    tool, _ = write_wheels(tmp_path / "wheels")
    with pytest.raises(UnsatisfiableError, match="native-part"):
        make_channel(tmp_path / "channel", [tool], find_interpreter(SERIES), environ)
    assert not (tmp_path / "channel").exists()


def test_what_is_no_python_is_said(command_line: CommandLine, tmp_path: Path) -> None:
    answer = command_line("channel", "bootstrap", tmp_path / "ch", "--python", "/bin/sh", expect=1)
    assert "/bin/sh: not a CPython that runs here" in answer.stderr
    assert not (tmp_path / "ch").exists()


@pytest.mark.index
@pytest.mark.heavy
def test_a_stack_of_physics(command_line: CommandLine, tmp_path: Path) -> None:
    python = find_interpreter(SERIES)
    words = ("uproot", "awkward", "hist", "iminuit", "click")
    command_line("channel", "bootstrap", tmp_path / "ch", *words, "--python", python)
    compiled = records_of(tmp_path / "ch", "linux-64")
    assert {"numpy", "awkward-cpp", "iminuit", "python"} <= set(compiled)
    assert {"uproot", "awkward", "hist"} <= set(records_of(tmp_path / "ch", "noarch"))
    assert command_line("channel", "check", tmp_path / "ch", "--json").json["findings"] == []
    platform = Platform.LINUX_64
    virtual = virtual_packages(platform, floor=SystemFloor(glibc=(2, 99)))
    channels = CondaChannels(addresses=[str(tmp_path / "ch")], cache=tmp_path / "cache")
    solution = solve(channels, SolveRequest(specs=words, platform=platform, virtual=virtual))
    archives = {one: tmp_path / "ch" / one.subdir / one.file_name for one in solution}
    prefix = tmp_path / "prefix"
    install_new(InstallRequest(archives=archives, prefix=prefix, platform=platform))
    code = "import uproot, hist, iminuit, awkward as ak; print(ak.sum(ak.Array([[1, 2], [3]])))"
    program = [str(prefix / "bin" / "python"), "-c", code]
    answer = subprocess.run(program, capture_output=True, text=True, check=True, env={})
    assert answer.stdout == "6\n"
