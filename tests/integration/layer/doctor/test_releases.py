"""A sound release, what its stack has waived, and a root that has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer
from lamina.release.publish import publish
from support.doctor import findings, kinds, mended
from support.releases import publish_request
from support.workshop import site_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, environ: dict[str, str]) -> Iterator[Path]:
    """Return a directory with a root that has one release."""
    path = tmp_path / "site"
    path.mkdir()
    publish(publish_request(path, environ))
    yield path
    fs.remove_tree(path)


def layer_over(site: Path, environ: dict[str, str]) -> Path:
    place = find_place("small", root=site / "root", environ=environ)
    create_layer(site / "layer", look_at(place, environ=environ))
    return site / "layer"


def test_a_release_a_layer_over_it_and_a_root_that_moves(
    site: Path, environ: dict[str, str]
) -> None:
    root, layer = site / "root", layer_over(site, environ)
    assert findings("small", environ, root=root) == []
    assert findings("small/1.0", environ, root=root) == []
    assert findings(layer, environ, root=root) == []
    root.rename(site / "elsewhere")
    assert kinds(findings(layer, environ, root=root)) == ["layer-base-gone"]
    found = findings(layer, environ, root=site / "elsewhere")
    assert kinds(found) == ["layer-base-moved"]
    mended(found[0], environ)
    assert findings(layer, environ, root=site / "elsewhere") == []


def test_what_is_waived_and_what_is_not(site: Path, environ: dict[str, str]) -> None:
    root = site / "root"
    prefix = find_place("small", root=root, environ=environ).prefix
    metadata = site_of(prefix) / "greeter-1.0.dist-info" / "METADATA"
    stack = prefix / ".lamina" / "stack.toml"
    for path in (metadata, stack):
        path.chmod(0o644)
    lines = metadata.read_text(encoding="utf-8").splitlines()
    lines[3:3] = ["Requires-Dist: waived", "Requires-Dist: forgotten>=2"]
    metadata.write_text("\n".join(lines), encoding="utf-8")
    stack.write_text('[packages]\nGreeter = { version = "*", waive = ["waived"] }\n', "utf-8")
    found = findings("small", environ, root=root)
    assert [one.what for one in found if one.kind.name == "requirement-missing"] == [
        "forgotten is missing; needed by greeter 1.0 (forgotten>=2)"
    ]
    assert found[0].mend == (
        f"lamina layer create ./small-layer --on {prefix} && "
        "lamina layer add ./small-layer 'forgotten>=2'"
    )
    layer = layer_over(site, environ)
    assert [one.mend for one in findings(layer, environ, root=root)] == [
        f"lamina layer add {layer} 'forgotten>=2'"
    ]
