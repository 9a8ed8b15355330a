"""Metapackages, as pip and conda's solver read them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.channel.index import add_packages
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_prefix import read_prefix
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import SystemFloor, current_platform
from support.index_server import make_wheel
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from lamina.model.conda import CondaRecord
    from support.command_line import CommandLine
    from support.index_server import IndexServer

HERE = current_platform()
STACK = f"""\
[stack]
name = "small"
version = "1.0"
python = "3.12"
platforms = ["{HERE}"]

[packages]
app = "*"

[groups]
notebook = ["lab[more]"]
"""


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, in a directory with a stack that was locked before newer versions."""
    index_server.wheel("app", "1.0", ["part"])
    index_server.wheel("part", "1.0")
    index_server.wheel("lab", "1.0", ["part", "more ; extra == 'more'"], extras=["more"])
    index_server.wheel("more", "1.0")
    command_line.write("lamina.toml", STACK)
    command_line("lock")
    for name in ("app", "part", "lab", "more"):
        index_server.wheel(name, "2.0", extras=["more"])
    return command_line


def pip_would_install(wheel: str, index: str, home: Path) -> dict[str, str]:
    words = ["-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    answer = subprocess.run(
        [find_interpreter("3.12"), "-I", *words, "--index-url", index, wheel],
        check=True,
        capture_output=True,
        env={"HOME": str(home), "PIP_CONFIG_FILE": "/dev/null", "PIP_CACHE_DIR": str(home / "c")},
    )
    found = json.loads(answer.stdout)["install"]
    return {one["metadata"]["name"]: one["metadata"]["version"] for one in found}


def test_pip_installs_exactly_the_release(
    lamina: CommandLine, index_server: IndexServer, tmp_path: Path
) -> None:
    value = lamina("export", "--as", "wheel", "-o", "out", "--json").json
    wheel = value["output"]
    assert wheel == "out/small-1.0-py3-none-any.whl"
    assert value["version"] == "1.0"
    whole = {"small": "1.0", "app": "1.0", "part": "1.0"}
    assert pip_would_install(wheel, index_server.url, tmp_path) == whole
    lab = {"lab": "1.0", "more": "1.0"}
    for extra in ("notebook", "all"):
        found = pip_would_install(f"{wheel}[{extra}]", index_server.url, tmp_path)
        assert found == whole | lab


def test_a_release_gives_the_same_wheel_each_time(lamina: CommandLine) -> None:
    lamina("publish", "--root", "root", "--no-test")
    words = ["export", "small/1.0", "--root", "root", "--as", "wheel", "-o"]
    files = [lamina(*words, name, "--json").json["output"] for name in ("a", "b")]
    assert len({(lamina.directory / file).read_bytes() for file in files}) == 1


def test_conda_asks_for_the_same(lamina: CommandLine, bootstrapped: Path, tmp_path: Path) -> None:
    archive = lamina("export", "--as", "conda", "-o", "out", "--json").json["output"]
    mine = tmp_path / "mine"
    add_packages(mine, [lamina.directory / archive])
    needs = {"app": ["part"], "lab": ["part"], "part": [], "more": []}
    for name, needed in needs.items():
        wheel = lamina.directory / f"{name}-1.0-py3-none-any.whl"
        wheel.write_bytes(make_wheel(name, "1.0", needed))
        lamina("press", wheel, "-o", "conda", "--for", f"{HERE}/3.12")
    add_packages(mine, sorted((lamina.directory / "conda").glob("*.conda")))
    channels = CondaChannels(addresses=[str(mine), str(bootstrapped)], cache=tmp_path / "cache")
    virtual = virtual_packages(HERE, floor=SystemFloor(glibc=(2, 99)))
    request = SolveRequest(specs=["small"], platform=HERE, virtual=virtual)
    solution = solve(channels, request)
    found = {one.name: one.version for one in solution}
    assert {"app": "1.0", "part": "1.0", "lab": "1.0", "more": "1.0"}.items() <= found.items()

    def archive_of(record: CondaRecord) -> Path:
        inside = Path(record.subdir, record.file_name)
        return next(top / inside for top in (mine, bootstrapped) if (top / inside).exists())

    archives = {one: archive_of(one) for one in solution}
    prefix = install_new(
        InstallRequest(
            archives=archives, prefix=tmp_path / "prefix", platform=HERE, requested=["small"]
        )
    )
    asked = "import app, lab; from importlib.metadata import version; print(version('part'))"
    told = subprocess.run(
        [prefix / "bin" / "python", "-I", "-c", asked], check=True, capture_output=True, text=True
    )
    assert told.stdout == "1.0\n"
    assert {"small", *found} == {one.record.name for one in read_prefix(prefix)}


def test_a_file_is_no_place_for_it(lamina: CommandLine) -> None:
    lamina.write("file.whl", "")
    answer = lamina("export", "--as", "wheel", "-o", "file.whl", expect=2)
    assert "give a directory" in answer.stderr


def test_a_lock_alone_has_no_version(lamina: CommandLine) -> None:
    text = (lamina.directory / "lamina.lock").read_text(encoding="utf-8")
    (lamina.directory / "alone").mkdir()
    lamina.write("alone/lamina.lock", text)
    answer = lamina("export", "alone/lamina.lock", "--as", "wheel", expect=2)
    assert "a lock alone has no version" in answer.stderr
