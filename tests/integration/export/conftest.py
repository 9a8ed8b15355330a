"""A release, its pack and more, made once for all tests of what ships them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.containers import Written, image_request, ship
from support.installers import make_installer
from support.packs import make_shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.packs import Shipped


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """Return a release with its own interpreter, and its pack."""
    top: Path = tmp_path_factory.mktemp("shipped")
    yield make_shipped(top)
    fs.remove_tree(top)


@pytest.fixture(scope="session")
def installer(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an installer of the release, which is not to be changed."""
    top = tmp_path_factory.mktemp("installer")
    yield make_installer(shipped, top / "small-1.0.sh")
    fs.remove_tree(top)


@pytest.fixture(scope="session")
def written(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Return an image whose layers are as every reader has them: of gzip."""
    top = tmp_path_factory.mktemp("image")
    request = image_request(
        shipped.release,
        shipped.environ,
        top / "scratch",
        whole=True,
        compression="gzip",
        with_libc=True,
    )
    yield Written(layout=top / "layout", result=ship([request], top / "layout"))
    fs.remove_tree(top)
