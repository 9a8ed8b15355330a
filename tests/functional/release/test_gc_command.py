"""gc knows of layers that were shared, and says what it removes and why."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.uv_caches import empty_cache
from support.wheels import FileIndex, Wheel
from support.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.places import Place

STACK = """\
[stack]
name = "hep"
version = "{version}"
python = "3.12"
platforms = ["{platform}"]

[packages]
lib = "*"
"""


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def lamina(place: Place, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the program beside three releases, with a layer on the oldest of them."""
    index = FileIndex(command_line.directory / "index")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    monkeypatch.setenv("USER", "ann")

    def make() -> None:
        index.add(Wheel(name="lib", version="1.0"), Wheel(name="mine", version="1.0"))
        for version in ("1.0", "1.1", "1.2"):
            text = STACK.format(version=version, platform=current_platform())
            command_line.write("lamina.toml", text)
            command_line("publish", "--no-test")
        command_line("layer", "create", "mine", "--on", "hep/1.0")
        (command_line.directory / "shared").mkdir()

    place.once("releases", make)
    return command_line


def shared(lamina: CommandLine) -> list[Path]:
    return list((lamina.directory / "shared").iterdir())


def test_a_shared_layer_keeps_its_base(lamina: CommandLine) -> None:
    answer = lamina("layer", "share", "mine", "--to", "shared")
    [path] = shared(lamina)
    assert answer.stdout.strip() == f"shared as shared/{path.name}"
    assert path.name.startswith("ann-mine-")
    lines = lamina("release", "gc", "--keep", "1", "--layers", "shared").stdout.splitlines()
    name = path.name.removesuffix(".layer.lock")
    here = current_platform()
    assert lines[:2] == [
        f"stays  hep/1.0  {here}  the layer {name} stands on it",
        f"stays  hep/1.2  {here}  one of the 1 newest",
    ]
    assert lines[2].startswith(f"gone   hep/1.1  {here}  older than the 1 newest, ")
    assert lines[3].startswith("1 removed, ")
    left = json.loads(lamina("release", "list", "--json").stdout)["releases"]
    assert [one["release"] for one in left] == ["hep/1.0", "hep/1.2"]
    run([lamina.directory / "mine" / "bin" / "python", "-c", "import lib"], lamina.environ)
    # They have most of their files in common with the one that is gone.
    for name in ("hep/1.0", "hep/1.2"):
        lamina("release", "verify", name)
    assert "hep/1.1 is removed" in lamina("release", "history", "hep").stdout


def test_a_layer_that_was_withdrawn_keeps_nothing(lamina: CommandLine) -> None:
    lamina("layer", "share", "mine", "--to", "shared")
    lamina("layer", "share", "mine", "--to", "shared")
    assert len(shared(lamina)) == 1
    assert "is withdrawn" in lamina("layer", "share", "mine", "--to", "shared", "--withdraw").stdout
    assert shared(lamina) == []
    again = lamina("layer", "share", "mine", "--to", "shared", "--withdraw")
    assert "was not shared in shared" in again.stdout
    value = json.loads(
        lamina("release", "gc", "--keep", "1", "--layers", "shared", "--dry-run", "--json").stdout
    )
    assert [one["release"] for one in value["going"]] == ["hep/1.0", "hep/1.1"]
    assert value["size"] == sum(one["size"] for one in value["going"]) > 0


def test_a_layer_is_known_by_its_release_where_the_root_has_moved(lamina: CommandLine) -> None:
    lamina("layer", "share", "mine", "--to", "shared")
    moved = lamina.directory / "moved"
    shutil.move(lamina.directory / "root", moved)
    answer = lamina(
        "release", "gc", "--keep", "1", "--layers", "shared", "--dry-run", "--root", moved
    )
    assert "stays  hep/1.0" in answer.stdout


def test_a_lock_that_cannot_be_read_stops_it(lamina: CommandLine) -> None:
    lamina("layer", "share", "mine", "--to", "shared")
    [path] = shared(lamina)
    path.write_text("broken", encoding="utf-8")
    assert (
        path.name in lamina("release", "gc", "--keep", "1", "--layers", "shared", expect=3).stderr
    )
    missing = lamina("release", "gc", "--keep", "1", "--layers", "nowhere", expect=3)
    assert "no such directory" in missing.stderr
    assert len(json.loads(lamina("release", "list", "--json").stdout)["releases"]) == 3


def test_without_keep_only_what_is_retired_goes(lamina: CommandLine) -> None:
    assert lamina("release", "gc").stdout.splitlines()[-1] == "0 removed, 0.0 MB"
    lamina("release", "retire", "hep/1.1")
    planned = lamina("release", "gc", "hep", "--dry-run")
    assert "goes   hep/1.1" in planned.stdout
    assert "\n1 to remove, " in planned.stdout
    assert lamina("release", "gc", "hep", "--dry-run", "--json").json["dry-run"] is True
    assert "gone   hep/1.1" in lamina("release", "gc", "hep").stdout
    lamina("release", "gc", "--keep", "0", expect=2)


def test_a_version_that_was_removed_is_never_another_one(lamina: CommandLine) -> None:
    lamina("release", "retire", "hep/1.1")
    lamina("release", "gc")
    text = STACK.format(version="1.1", platform=current_platform())
    lamina.write("lamina.toml", text)
    answer = lamina("publish", "--no-test", expect=7)
    assert "hep/1.1 was published once, and removed by ann on" in answer.stderr
    assert "choose a new version" in answer.stderr


def test_a_layer_on_a_layer_keeps_the_release_below(lamina: CommandLine) -> None:
    lamina("layer", "create", "upper", "--on", "mine")
    lamina("layer", "share", "upper", "--to", "shared")
    lamina("release", "retire", "hep/1.0")
    assert "stays  hep/1.0" in lamina("release", "gc", "--layers", "shared").stdout
    [path] = shared(lamina)
    text = path.read_text()
    assert "below" in text
    # A lock without what is below, and a layer below that cannot be asked any more.
    path.write_text("\n".join(x for x in text.splitlines() if not x.startswith("below")) + "\n")
    assert "stays  hep/1.0" in lamina("release", "gc", "--layers", "shared").stdout
    (lamina.directory / "mine").rename(lamina.directory / "away")
    lamina("release", "gc", "--layers", "shared", expect=3)


def test_layers_that_lead_in_a_circle_end(lamina: CommandLine) -> None:
    """Nobody can make them with lamina; a document that somebody has edited may say so."""
    lamina("layer", "create", "upper", "--on", "mine")
    lamina("layer", "share", "upper", "--to", "shared")
    [path] = shared(lamina)
    text = path.read_text()
    path.write_text("\n".join(x for x in text.splitlines() if not x.startswith("below")) + "\n")
    document = lamina.directory / "mine" / "lamina-layer.toml"
    upper, release = lamina.directory / "upper", lamina.directory / "root/releases/hep/1.0"
    prefix = release / current_platform()
    written = document.read_text()
    assert f'prefix = "{prefix}"' in written
    document.write_text(written.replace(f'prefix = "{prefix}"', f'prefix = "{upper}"'))
    lamina("release", "retire", "hep/1.0")
    # The name of the release is still there, and it counts.
    assert "stays  hep/1.0" in lamina("release", "gc", "--layers", "shared").stdout


def test_a_stack_that_is_not_there(lamina: CommandLine) -> None:
    said = lamina("release", "gc", "hpe", "--keep", "1", expect=2).stderr
    assert "no release of the stack 'hpe' (did you mean 'hep'?)" in said
