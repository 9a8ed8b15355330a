"""What a release was found to hold when it was published, and a layer does not find out again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.layer.base import find_place, look_at
from lamina.layer.change import Request, change_layer
from lamina.layer.create import create_layer
from lamina.layer.known import known_of
from lamina.model.platforms import current_platform
from lamina.release.publish import publish
from support.releases import publish_request
from support.stacks import stack_text
from support.wheels import FileIndex, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer

GREETER_2 = Wheel(name="greeter", version="2.0")


@pytest.fixture
def site(tmp_path: Path, environ: dict[str, str]) -> Iterator[Path]:
    """Return the prefix of a release; its greeter has scripts, so its RECORD was rewritten."""
    request = publish_request(tmp_path / "site", environ, known=known_of)
    yield publish(request).release.prefix
    fs.remove_tree(tmp_path / "site")


def added(prefix: Path, tmp_path: Path, environ: dict[str, str]) -> set[str]:
    """Put another greeter into a layer; return what is in the user's cache then."""
    (tmp_path / "index").mkdir()
    index = FileIndex(tmp_path / "index")
    index.add(GREETER_2, Wheel(name="numbers-of-ours", version="2.0"))
    place = find_place(str(prefix), root=tmp_path / "site", environ=environ)
    layer = tmp_path / "layer"
    create_layer(layer, look_at(place, environ=environ))
    indexed = environ | {"UV_DEFAULT_INDEX": index.address}
    plan = change_layer(Request(layer=layer, add=("greeter>=2",)), indexed)
    assert plan.moved == {"greeter"}
    kept = tmp_path / "home" / ".cache" / "lamina"
    return {one.name for one in kept.iterdir() if any(one.iterdir())} if kept.exists() else set()


def test_the_first_change_finds_nothing_out(
    site: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    for name in ("abi.json", "mentions.json"):
        path = site / ".lamina" / name
        assert path.stat().st_mode & 0o222 == 0
        assert str(tmp_path) not in path.read_text(encoding="utf-8")
    assert {"abi", "mentions"} & added(site, tmp_path, environ) == set()


def test_a_release_without_is_looked_into(
    site: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    internal = site / ".lamina"
    internal.chmod(0o755)
    for name in ("abi.json", "mentions.json"):
        (internal / name).unlink()
    assert added(site, tmp_path, environ) >= {"abi", "mentions"}


def test_what_the_release_says_is_what_is_there(site: Path) -> None:
    told = known_of(site)
    assert {name: (site / ".lamina" / name).read_text(encoding="utf-8") for name in told} == told
    metadata = {one.name for one in site.glob("lib/python3*/site-packages/*.dist-info")}
    for text in told.values():
        assert set(json.loads(text)["distributions"]) == metadata


def test_the_command_keeps_it(index_server: IndexServer, command_line: CommandLine) -> None:
    index_server.wheel("framework", "1.0")
    text = stack_text('framework = "*"', platforms=f'["{current_platform()}"]')
    command_line.write("lamina.toml", text)
    root = command_line.directory / "root"
    command_line("publish", "--root", root)
    [prefix] = root.glob("releases/small/*/*")
    for name in known_of(prefix):
        assert "framework-1.0.dist-info" in (prefix / ".lamina" / name).read_text(encoding="utf-8")
    command_line("release", "verify", "small", "--root", root)
    fs.remove_tree(root)
