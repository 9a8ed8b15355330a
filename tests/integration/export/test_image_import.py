"""An image becomes a release again, and what is not whole or not what it says becomes nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, UsageError
from lamina.export.arrival import ImportRequest
from lamina.export.oci.arrival import import_image
from lamina.export.oci.blobs import Blobs
from lamina.export.oci.layout import find_image
from lamina.release.backend import DIRECTORY
from lamina.release.verify import verify_release
from support.containers import HERE, document, image_request, ship
from support.packs import run

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Release
    from support.containers import Written
    from support.packs import Shipped

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def bring(shipped: Shipped, layout: Path, root: Path) -> Release:
    request = ImportRequest(
        archive=layout, root=root, environ=shipped.environ, now=NOW, backend=DIRECTORY
    )
    return import_image(request, layout, find_image(layout, HERE)).release


def test_an_image_becomes_the_release_that_it_was(
    shipped: Shipped, written: Written, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    release = bring(shipped, written.layout, root)
    findings = verify_release(release)
    assert findings.sound, findings.lines()
    assert run(release.prefix / "bin" / "greet") == f"hello from {release.prefix}\n"
    before, after = shipped.release.manifest(), release.manifest()
    changes = {"prefix": str(release.prefix), "files_digest": after.files_digest}
    assert after == before.model_copy(update=changes)
    with pytest.raises(ConflictError, match="releases never change"):
        bring(shipped, written.layout, root)
    fs.remove_tree(root)


@pytest.fixture
def copied(written: Written, tmp_path: Path) -> Path:
    """Return a copy of the layout, to be damaged."""
    return shutil.copytree(written.layout, tmp_path / "copied")


def refused(shipped: Shipped, layout: Path, root: Path) -> LaminaError:
    """Return why a layout is refused, of which nothing is left."""
    with pytest.raises(LaminaError) as caught:
        bring(shipped, layout, root)
    assert not list(root.glob("releases/*"))
    assert not list(root.glob(".staging/*"))
    return caught.value


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("part", ["manifest", "config", "interpreter", "release"])
@pytest.mark.parametrize(("harm", "how"), [(flip, "altered"), (cut, "cut off")])
def test_a_blob_that_is_not_what_it_was_is_named(
    shipped: Shipped, written: Written, copied: Path, part: str, harm: Any, how: str
) -> None:
    image = written.result.images[0]
    digests = {
        "manifest": image.descriptor.digest,
        "config": image.config.digest,
        "interpreter": image.layers[1].digest,
        "release": image.layers[-1].digest,
    }
    path = Blobs(copied).path(digests[part])
    harm(path)
    error = refused(shipped, copied, copied.parent / "root")
    assert isinstance(error, IntegrityError)
    assert f"the blob {digests[part]} is {how}" in error.message
    path.unlink()
    error = refused(shipped, copied, copied.parent / "root")
    assert error.exit_code == 6
    assert f"{digests[part]} is missing" in error.message


def rewritten(layout: Path, change: Any) -> None:
    """Change the config of the image, with digests that are right again."""
    blobs = Blobs(layout)
    index = json.loads((layout / "index.json").read_text())
    manifest = document(layout, index["manifests"][0]["digest"])
    config = document(layout, manifest["config"]["digest"])
    change(manifest, config)
    data = json.dumps(config).encode()
    manifest["config"] = blobs.add(data, manifest["config"]["mediaType"]).value()
    one = blobs.add_document(manifest)
    index["manifests"] = [one.value()]
    (layout / "index.json").write_text(json.dumps(index))


def test_a_release_put_together_of_others_layers_is_refused(shipped: Shipped, copied: Path) -> None:
    def lost(manifest: dict[str, Any], config: dict[str, Any]) -> None:
        del manifest["layers"][1], config["rootfs"]["diff_ids"][1]

    rewritten(copied, lost)
    error = refused(shipped, copied, copied.parent / "root")
    assert "the image has lost the layer sha256:" in error.message

    def relabelled(manifest: dict[str, Any], config: dict[str, Any]) -> None:
        labels = config["config"]["Labels"]
        labels["lamina.layers"] = labels["lamina.layers"].partition(",")[2]

    shutil.rmtree(copied)
    request = image_request(shipped.release, shipped.environ, copied.parent / "again")
    ship([request], copied)
    rewritten(copied, relabelled)
    error = refused(shipped, copied, copied.parent / "root")
    assert isinstance(error, IntegrityError)
    assert "is missing, and" in error.message


def test_other_images_are_no_releases(shipped: Shipped, copied: Path) -> None:
    def plain(manifest: dict[str, Any], config: dict[str, Any]) -> None:
        config["config"]["Labels"] = {}

    rewritten(copied, plain)
    error = refused(shipped, copied, copied.parent / "root")
    assert isinstance(error, UsageError)
    assert "no release of lamina in this image" in error.message
    (copied / "oci-layout").unlink()
    assert "no OCI image layout" in refused(shipped, copied, copied.parent / "root").message
