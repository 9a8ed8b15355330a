"""RPMs that are upgraded and taken back where they were installed elsewhere, by both builders."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.packs import run
from support.rpms import call, publish_next, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.release.root import Release
    from support.packs import Shipped

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("rpm") is None, reason="rpm is not there"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root installs RPMs"),
]


@pytest.fixture(scope="module")
def following(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Return the next release, whose interpreter is as it was."""
    prefix = shipped.release.prefix.parents[1] / "1.1" / shipped.release.platform
    top = tmp_path_factory.mktemp("next")
    release = release_at(prefix) if prefix.exists() else publish_next(shipped, top)
    assert release is not None
    yield release
    fs.remove_tree(top)


class Elsewhere:
    """A place that RPMs are moved to as they are installed, and its database."""

    def __init__(self, top: Path) -> None:
        self.top = top / "else where"
        self._database = top / "db"

    def rpm(self, *words: str | Path) -> str:
        moved = f"/opt/lamina/small={self.top}"
        at = ["--relocate", moved, "--nodeps"] if words[0] in {"-i", "-U"} else []
        return call("rpm", "--dbpath", self._database, *words[:1], *at, *words[1:])

    def sound(self, said: str) -> str:
        """Return which release is there, unchanged, after its program has said something."""
        assert run(self.top / "bin" / "greet") == f"{said} from {self.top}\n"
        release = release_at(self.top)
        assert release is not None
        findings = verify_release(release)
        assert findings.sound, findings.lines()
        return release.name


CASES = [
    pytest.param("per-package", "nfpm"),
    pytest.param("per-package", "rpmbuild"),
    pytest.param("whole", "nfpm"),
    pytest.param("whole", "rpmbuild"),
]


@pytest.mark.parametrize(("split", "builder"), CASES)
def test_what_was_moved_is_upgraded_and_taken_back(
    shipped: Shipped, following: Release, tmp_path: Path, split: str, builder: str
) -> None:
    """What the next release has unchanged stays, and names the new place already."""
    how = {"split": split, "builder": builder, "relocatable": True}
    first = write(shipped, tmp_path / "1.0", **how)
    second = write(shipped, tmp_path / "1.1", release=following, **how)
    names = [{one.file_name for one in written.packages} for written in (first, second)]
    same = names[0] & names[1]
    assert len(same) == (split == "per-package")
    olds, news = (
        [tmp_path / version / one for one in sorted(many - same)]
        for version, many in zip(("1.0", "1.1"), names, strict=True)
    )
    there = Elsewhere(tmp_path)
    there.rpm("-i", *olds, *(tmp_path / "1.0" / one for one in same))
    assert there.sound("hello") == "small/1.0"
    there.rpm("-U", *news)
    assert there.sound("hello again") == "small/1.1"
    there.rpm("-U", "--oldpackage", *olds)
    if split == "per-package":
        there.rpm("-e", "lamina-small+fresh")
    assert there.sound("hello") == "small/1.0"
    there.rpm("-e", *there.rpm("-qa").split())
    assert not there.top.exists()


def test_what_is_damaged_is_not_moved_along(
    shipped: Shipped, following: Release, tmp_path: Path
) -> None:
    first = write(shipped, tmp_path / "1.0", relocatable=True)
    second = write(shipped, tmp_path / "1.1", release=following, relocatable=True)
    there = Elsewhere(tmp_path)
    there.rpm("-i", *(tmp_path / "1.0" / one.file_name for one in first.packages))
    [config] = there.top.glob("python/lib/pkgconfig/python-3.12.pc")
    fs.write_bytes(config, config.read_bytes() + b"# mine\n", mode=0o444)
    kept = {one.file_name for one in first.packages}
    there.rpm("-U", *(tmp_path / "1.1" / one.file_name for one in second.packages
                      if one.file_name not in kept))  # fmt: skip
    said = run(there.top / "bin" / "lamina-unpack", expect=6)
    assert "not as packed: python/lib/pkgconfig/python-3.12.pc" in said
    fs.write_bytes(config, config.read_bytes().removesuffix(b"# mine\n"), mode=0o444)
    run(there.top / "bin" / "lamina-unpack")
    assert there.sound("hello again") == "small/1.1"
