"""What was made in a scratch directory is gone at its end, whoever made it and however."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.scratch import scratch_directory
from support.accounts import two_accounts

if TYPE_CHECKING:
    from pathlib import Path


def fill(top: Path) -> None:
    """Make what TemporaryDirectory of older Pythons leaves to those who are not root."""
    for name in ("bin", "python"):
        fs.make_directory(top / name)
    (top / "bin" / "python").symlink_to("../python/nothing")
    (top / "python" / "file").touch()
    fs.make_read_only(top)


def test_what_is_read_only_goes_too() -> None:
    with two_accounts() as (place, another):
        with another(), scratch_directory(".it-", place) as top:
            assert top.parent == place
            fill(top)
        assert not list(place.iterdir())


def test_it_goes_where_something_fails(tmp_path: Path) -> None:
    def interrupted() -> None:
        with scratch_directory(".it-", tmp_path) as top:
            fill(top)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())
