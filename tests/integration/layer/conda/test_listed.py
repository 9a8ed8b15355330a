"""Lists of layers with conda packages, over a release of such packages and over one of wheels."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from rattler import LockFile, MatchSpec
from rattler.explicit_environment import ExplicitEnvironmentSpec
from rattler.lock import CondaLockedBinaryPackage, PypiLockedPackage

from lamina.channel.index import add_packages
from lamina.core import fs
from lamina.engines.conda_records import name_of
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import machine_packages
from lamina.model.platforms import current_platform
from support.conda_releases import write_stack
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer
    from support.places import Place

HERE = current_platform()
BASE = {"tool-box": "1.2"}
OWN = {"libinner": "1.0", "libouter": "1.0", "tool": "1.0"}


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def index_server(place: Place, environ: dict[str, str]) -> IndexServer:
    return place.index(environ)


@pytest.fixture
def program(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """Return the program with a root of its own; the index has two packages."""
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    index_server.wheel("plain", "1.0")
    index_server.wheel("user", "1.0", ["tool-box>=1"])
    yield command_line
    fs.remove_tree(command_line.directory / "root")


@pytest.fixture
def lamina(place: Place, program: CommandLine, conda_channel: Path) -> CommandLine:
    """Return it beside a layer with a tool of conda, over a release of conda's Python."""

    def make() -> None:
        test = {"imports": ["tool_box"], "commands": []}
        write_stack(program.directory, [conda_channel], ["tool-box"], [], test=test)
        program("publish")
        program("layer", "create", "mine", "--on", "boxed")
        other = program.directory / "other-channel"
        other.symlink_to(conda_channel)
        program("layer", "add", "mine", "--conda", "tool 1.*", "--channel", other)
        program("layer", "add", "mine", "user")

    place.once("layer", make)
    return program


def installed(lamina: CommandLine) -> dict[str, str]:
    """Return the conda packages of release and layer, by the records in their prefixes."""
    prefixes = (
        lamina.directory / f"root/releases/boxed/1.0/{HERE}",
        lamina.directory / "mine/conda",
    )
    records = [
        json.loads(path.read_text()) for one in prefixes for path in one.glob("conda-meta/*.json")
    ]
    found = {one["name"]: one["version"] for one in records}
    assert BASE.items() | OWN.items() < found.items()
    return found


def test_an_explicit_list_has_the_archives_of_both(lamina: CommandLine) -> None:
    answer = lamina("export", "mine", "--as", "explicit")
    assert "warning: not in conda's explicit list, being of the package index: 1\n" in answer.stderr
    found = {}
    for one in ExplicitEnvironmentSpec.from_str(answer.stdout).packages:
        path, _, digest = str(one.url).partition("#")
        archive = Path(unquote(urlsplit(path).path))
        assert hashlib.md5(archive.read_bytes()).hexdigest() == digest
        name, version, _ = archive.name.rsplit("-", 2)
        found[name] = version
        assert (archive.parents[1].name == "other-channel") == (name in OWN)
    assert found == installed(lamina)


def test_an_environment_and_a_manifest_have_both_kinds(lamina: CommandLine) -> None:
    value = yaml.safe_load(lamina("export", "mine", "--as", "environment").stdout)
    *conda, pip, pins = value["dependencies"]
    assert (value["name"], pip, pins) == ("mine", "pip", {"pip": ["user==1.0"]})
    specs = [MatchSpec(one, strict=False) for one in conda]
    found = {name_of(one): str(one.version).strip("=") for one in specs}
    assert found == installed(lamina)
    manifest = tomllib.loads(lamina("export", "mine", "--as", "pixi").stdout)
    pinned = {name: one["version"].strip("=") for name, one in manifest["dependencies"].items()}
    assert pinned == installed(lamina)
    assert manifest["pypi-dependencies"] == {"user": "==1.0"}
    assert manifest["workspace"]["name"] == "mine"


def test_a_lock_of_pixi_has_both_kinds(lamina: CommandLine) -> None:
    path = lamina.directory / "pixi.lock"
    lamina("export", "mine", "--as", "pixi-lock", "-o", path)
    environment = LockFile.from_path(path).default_environment()
    assert environment is not None
    [packages] = environment.packages_by_platform().values()
    assert len(packages) == len(installed(lamina)) + 1
    versions = {
        str(one.name): str(one.version)
        for one in packages
        if isinstance(one, (CondaLockedBinaryPackage, PypiLockedPackage))
    }
    assert versions.pop("user") == "1.0"
    assert versions == installed(lamina)


def test_a_conda_metapackage_brings_both(lamina: CommandLine, conda_channel: Path) -> None:
    lamina("layer", "remove", "mine", "user")
    lamina("export", "mine", "--as", "conda", "-o", "dist")
    channel = lamina.directory / "channel"
    shutil.copytree(conda_channel, channel)
    add_packages(channel, list((lamina.directory / "dist").iterdir()))
    request = SolveRequest(
        specs=["mine"], platform=HERE, virtual=machine_packages(HERE, lamina.environ)
    )
    channels = CondaChannels(addresses=[str(channel)], cache=lamina.directory / "repodata")
    found = {one.name: one.version for one in solve(channels, request)}
    assert found.pop("mine").startswith("1.0+")
    assert found == installed(lamina)


def graph_of(lamina: CommandLine) -> dict[str, set[str]]:
    """Return who needs whom by the bill of materials, by names."""
    value: dict[str, Any] = json.loads(lamina("export", "mine", "--as", "sbom").stdout)
    named = {one["bom-ref"]: one["name"] for one in value["components"]}
    named[value["metadata"]["component"]["bom-ref"]] = "the whole"
    return {
        named[one["ref"]]: {named[each] for each in one.get("dependsOn", ())}
        for one in value["dependencies"]
    }


def test_the_bill_says_who_needs_what(lamina: CommandLine) -> None:
    graph = graph_of(lamina)
    assert graph["the whole"] >= {"tool", "tool-box", "user"}
    assert not graph["the whole"] & {"libinner", "libouter"}
    assert graph["tool"] == {"libouter", "libinner"}
    assert graph["user"] == {"tool-box"}


def test_a_package_of_an_index_over_one_of_conda(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    index_server.wheel("tool-box", "9.0")
    lamina("layer", "add", "mine", "tool-box>=9")
    value = yaml.safe_load(lamina("export", "mine", "--as", "environment").stdout)
    assert value["dependencies"][-1] == {"pip": ["tool-box==9.0", "user==1.0"]}
    for form in ("pixi", "pixi-lock", "conda"):
        said = lamina("export", "mine", "--as", form, "-o", form, expect=2).stderr
        assert "those of conda: tool-box 9.0 (over tool-box 1.2)\n" in said
        assert not (lamina.directory / form).exists()


def test_conda_packages_over_a_python_that_is_none(
    program: CommandLine, conda_channel: Path
) -> None:
    program.write("lamina.toml", stack_text('plain = "*"', platforms=f'["{HERE}"]'))
    program("publish")
    program("layer", "create", "mine", "--on", "small")
    program("layer", "add", "mine", "--conda", "alone", "--channel", conda_channel)
    address = conda_channel.as_uri()
    value = yaml.safe_load(program("export", "mine", "--as", "environment").stdout)
    assert value["dependencies"] == [
        "python=3.12",
        "alone=1.0=h0_0",
        "pip",
        {"pip": ["plain==1.0"]},
    ]
    assert value["channels"] == [address, "nodefaults"]
    manifest = tomllib.loads(program("export", "mine", "--as", "pixi").stdout)
    assert manifest["dependencies"] == {
        "alone": {"version": "==1.0", "build": "h0_0"}, "python": "3.12.*",
    }  # fmt: skip
    said = program("export", "mine", "--as", "pixi-lock", expect=2).stderr
    assert "the Python of this is of no channel" in said
    answer = program("export", "mine", "--as", "requirements")
    assert "warning: not in requirements, being conda packages: 1\n" in answer.stderr
    assert "plain==1.0 " in answer.stdout
    [line] = program("export", "mine", "--as", "explicit").stdout.splitlines()[4:]
    assert line.startswith(f"{address}/{HERE}/alone-1.0-h0_0.conda#")
    program("export", "mine", "--as", "conda", "-o", "dist")
