from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.release.verify import verify_release

if TYPE_CHECKING:
    from support.cvmfs_roots import Librarian

pytestmark = pytest.mark.namespaces


def test_a_release_is_published_and_whole(librarian: Librarian) -> None:
    release = librarian.publish()
    seen = librarian.client / release.prefix.relative_to(librarian.place)
    assert (seen / ".lamina" / "release.toml").is_file()
    assert (seen / ".cvmfscatalog").stat().st_size == 0
    assert verify_release(release).sound
    assert librarian.commands() == ["transaction", "publish"]
    again = librarian.publish("1.1")
    assert verify_release(again).sound
