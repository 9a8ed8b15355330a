"""The bill of materials and the licences of real releases."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lamina.core import fs
from lamina.model.platforms import current_platform
from lamina.release.mtree import parse_listing
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine

HERE = current_platform()
STACK = f"""\
[stack]
name = "hep"
version = "1.0"
python = "3.12"
platforms = ["{HERE}"]

[resolve]
indexes = {{ ours = "OURS" }}

[packages]
app = {{ version = "*", extras = ["gui"] }}
tool = {{ version = "*", index = "ours" }}
"""
WHEELS = (
    Wheel(
        name="app", version="2.0",
        requires=["lib", "plot; extra == 'gui'", "lib>=9; sys_platform == 'win32'"],
        headers=["License-Expression: MIT OR Apache-2.0"],
    ),
    Wheel(name="lib", version="1.0+cu12", headers=["License: mit", "Home-page: https://example.org/l"]),
    Wheel(name="plot", version="1.0", requires=["app"], headers=["License: Ours, see the web"]),
)  # fmt: skip


def problems(text: str) -> list[str]:
    """Return what the library's own schema has against a bill."""
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True)
    return [str(one) for one in found or ()]


@pytest.fixture
def lamina(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Return the program beside a stack, before anything is published."""
    index, ours = (FileIndex(command_line.directory / name) for name in ("index", "ours"))
    index.add(*WHEELS)
    ours.add(Wheel(name="tool", version="3.0"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    command_line.write("lamina.toml", STACK.replace("OURS", ours.address))
    yield command_line
    for name in ("root", "second"):
        fs.remove_tree(command_line.directory / name)


def internal(lamina: CommandLine, root: str = "root") -> Path:
    return lamina.directory / root / "releases" / "hep" / "1.0" / HERE / ".lamina"


def components(text: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(text)["components"]}


def test_a_release_has_its_bill(lamina: CommandLine) -> None:
    lamina("publish")
    text = (internal(lamina) / "sbom.cdx.json").read_text()
    assert problems(text) == []
    assert problems(text.replace('"library"', '"book"'))
    assert problems(text.replace('"urn:uuid:', '"'))
    value = json.loads(text)
    assert value["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert {one["name"] for one in value["metadata"]["tools"]["components"]} == {"lamina", "uv"}
    parts = components(text)
    assert sorted(parts) == ["app", "cpython", "lib", "plot", "tool"]
    assert parts["cpython"]["version"].startswith("3.12.")
    assert parts["lib"]["purl"] == "pkg:pypi/lib@1.0%2Bcu12"
    assert parts["lib"]["licenses"] == [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
    assert parts["lib"]["externalReferences"] == [
        {"type": "website", "url": "https://example.org/l"}
    ]
    assert parts["app"]["licenses"][0]["expression"] == "MIT OR Apache-2.0"
    assert parts["plot"]["licenses"][0]["license"]["name"] == "Ours, see the web"
    assert "licenses" not in parts["tool"]
    assert "externalReferences" not in parts["tool"]
    lock = (lamina.directory / "lamina.lock").read_text()
    for one in parts.values():
        assert one["name"] == "cpython" or one["hashes"][0]["content"] in lock
    told = {one["name"]: one["value"] for one in parts["tool"]["properties"]}
    assert told == {"lamina:file": "tool-3.0-py3-none-any.whl", "lamina:index": "ours"}
    assert str(lamina.directory) not in text


def test_the_graph_is_that_of_the_lock(lamina: CommandLine) -> None:
    lamina("publish")
    value = json.loads((internal(lamina) / "sbom.cdx.json").read_text())
    graph = {one["ref"]: one.get("dependsOn", []) for one in value["dependencies"]}
    python = next(one for one in graph if one.startswith("pkg:generic/cpython@3.12"))
    app, lib, plot, tool = (
        f"pkg:pypi/{one}" for one in ("app@2.0", "lib@1.0%2Bcu12", "plot@1.0", "tool@3.0")
    )
    assert graph == {
        "hep/1.0": [python, app, tool],
        app: [lib, plot],
        plot: [app],
        **{one: [] for one in (python, lib, tool)},
    }


def test_two_publishes_give_the_same_bytes(lamina: CommandLine) -> None:
    lamina("publish")
    command = [sys.executable, "-m", "lamina", "publish", "--root", "second"]
    subprocess.run(command, cwd=lamina.directory, check=True, capture_output=True)
    one, other = ((internal(lamina, root) / "sbom.cdx.json") for root in ("root", "second"))
    assert one.read_bytes() == other.read_bytes()
    serial = uuid.UUID(json.loads(one.read_text())["serialNumber"])
    assert serial.version == 5


def test_another_release_has_another_number(lamina: CommandLine) -> None:
    lamina("publish")
    stack = (lamina.directory / "lamina.toml").read_text()
    lamina.write("lamina.toml", stack.replace('version = "1.0"', 'version = "1.1"'))
    lamina("publish")
    numbers = {
        json.loads(lamina("export", f"hep/{one}", "--as", "sbom").stdout)["serialNumber"]
        for one in ("1.0", "1.1")
    }
    assert len(numbers) == 2


def test_it_is_listed_and_verified(lamina: CommandLine) -> None:
    lamina("publish")
    place = internal(lamina)
    listing = place / "files.mtree"
    assert ".lamina/sbom.cdx.json" in parse_listing(listing.read_bytes(), listing)
    bill = place / "sbom.cdx.json"
    bill.chmod(0o644)
    bill.write_text(bill.read_text().replace("MIT", "ISC"))
    bill.chmod(0o444)
    answer = lamina("release", "verify", "hep", expect=6)
    assert "changed: .lamina/sbom.cdx.json (content)" in answer.stdout


def test_export(lamina: CommandLine) -> None:
    lamina("publish")
    published = (internal(lamina) / "sbom.cdx.json").read_text()
    lamina("export", "hep/1.0", "--as", "sbom", "-o", "bill.json")
    assert (lamina.directory / "bill.json").read_text() == published
    assert lamina("export", internal(lamina).parent, "--as", "sbom").stdout == published
    answer = lamina("export", "hep", "--as", "sbom", "--target", "win-64/3.12", expect=2)
    assert f"hep/1.0 is for {HERE}/3.12" in answer.stderr


def make_old(lamina: CommandLine) -> None:
    """Make the release look as it did before there were bills and licences."""
    place = internal(lamina)
    place.chmod(0o755)
    (place / "sbom.cdx.json").unlink()
    manifest = place / "release.toml"
    text = re.sub(r"^licence = .*\n", "", manifest.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\[licences\]\n(.+\n)+", "", text)
    assert "licence" not in text
    manifest.chmod(0o644)
    manifest.write_text(text)


def test_a_release_of_old(lamina: CommandLine) -> None:
    lamina("publish")
    published = (internal(lamina) / "sbom.cdx.json").read_text()
    shown = lamina("release", "show", "hep").stdout
    make_old(lamina)
    assert lamina("export", "hep", "--as", "sbom").stdout == published
    assert shown.partition("licences")[2] in lamina("release", "show", "hep").stdout


def test_a_lock_has_no_licences_yet(lamina: CommandLine) -> None:
    lamina("lock")
    text = lamina("export", "--as", "sbom").stdout
    assert problems(text) == []
    assert components(text)["cpython"]["version"] == "3.12"
    assert not any("licenses" in one for one in components(text).values())
    assert text == lamina("export", "--as", "sbom").stdout


def test_a_lock_for_several_targets(lamina: CommandLine) -> None:
    stack = (lamina.directory / "lamina.toml").read_text()
    lamina.write("lamina.toml", stack.replace('"3.12"', '["3.11", "3.12"]'))
    lamina("lock")
    answer = lamina("export", "--as", "sbom", expect=2)
    assert f"this form is for one target, and the lock is for {HERE}/3.11" in answer.stderr
    text = lamina("export", "--as", "sbom", "--target", f"{HERE}/3.11").stdout
    assert components(text)["cpython"]["version"] == "3.11"


def test_the_manifest_has_the_licences(lamina: CommandLine) -> None:
    lamina("publish")
    text = (internal(lamina) / "release.toml").read_text()
    table = (
        '[licences]\n"MIT OR Apache-2.0" = 1\n"Ours, see the web" = 1\n"mit" = 1\n"unknown" = 1\n'
    )
    assert table in text
    assert re.search(r'name = "tool"\n.*\n.*\nlicence = "unknown"\n', text)
    lines = lamina("release", "show", "hep").stdout.splitlines()
    assert lines[-5:] == [
        "licences  3",
        "  MIT OR Apache-2.0 1",
        "  Ours, see the web 1",
        "  mit 1",
        "  unknown 1: tool",
    ]
    value = lamina("release", "show", "hep", "--json").json
    assert value["licences"] == {
        "MIT OR Apache-2.0": 1, "Ours, see the web": 1, "mit": 1, "unknown": 1,
    }  # fmt: skip
    assert {one["name"]: one["licence"] for one in value["package"]}["lib"] == "mit"
