"""A listing that leads out of its tree, by its own words or by a link on disk, is not followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.export.cargo import Cargo, Part, survey
from lamina.export.pack import write_pack
from lamina.export.release_cargo import release_cargo
from lamina.model.digests import digest_of_bytes
from lamina.model.names import StackName
from lamina.model.versions import parse_release_version
from lamina.release.manifest import dump_manifest
from lamina.release.mtree import dump_mtree, read_tree
from lamina.release.rebuild import Rebuilt
from lamina.release.repair import plan_repair, repair
from lamina.release.root import Release, Root, open_root
from lamina.release.verify import recorded_files, verify_release

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.packs import Shipped

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SECRET = b"secret\n"
OUT = f"type=file mode=0644 size=7 sha256digest={sha256(SECRET).hexdigest()}"


def make(root: Root, shipped: Shipped, version: str, more: str = "") -> Release:
    """Write a release with one file, and more lines in its listing, which the manifest names."""
    made = parse_release_version(version)
    prefix = root.prefix_of(StackName("small"), made, shipped.release.platform)
    fs.make_directory(prefix / ".lamina")
    fs.make_directory(prefix / "lib")
    (prefix / "lib" / "it").write_bytes(SECRET)
    (prefix / "bin").symlink_to("lib")
    lock = (shipped.release.internal / "lamina.lock").read_bytes()
    (prefix / ".lamina" / "lamina.lock").write_bytes(lock)
    listing = dump_mtree(read_tree(prefix)[0]) + more
    manifest = shipped.release.manifest().model_copy(
        update={
            "version": made,
            "prefix": str(prefix),
            "files_digest": digest_of_bytes(listing.encode()),
        }
    )
    (prefix / ".lamina" / "files.mtree").write_text(listing)
    (prefix / ".lamina" / "release.toml").write_text(dump_manifest(manifest))
    return replace(shipped.release, version=made, prefix=prefix)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "it").write_bytes(SECRET)
    return open_root(tmp_path / "root", create=True)


def statuses(top: Path) -> Mapping[Path, tuple[int, int]]:
    found = {path: path.lstat() for path in top.rglob("*")}
    return {path: (one.st_ctime_ns, one.st_mode) for path, one in found.items()}


@pytest.mark.parametrize(
    "line", [f"./../../../../../outside/it {OUT}", f"TOP/outside/it {OUT}", f"./bin/it {OUT}"]
)
def test_neither_verified_nor_mended_nor_packed(
    root: Root, shipped: Shipped, tmp_path: Path, line: str
) -> None:
    assert verify_release(make(root, shipped, "1.1")).sound
    release = make(root, shipped, "1.0", line.replace("TOP", str(tmp_path)) + "\n")
    before = statuses(tmp_path)
    for act in (
        lambda: verify_release(release),
        lambda: plan_repair(release, root),
        lambda: release_cargo(release, shipped.environ, tmp_path),
    ):
        with pytest.raises(IntegrityError, match=r"files\.mtree: '.*it' in it is"):
            act()
    assert statuses(tmp_path) == before


def lead_away(release: Release, outside: Path) -> None:
    """Put a link to the same files in the place of a directory."""
    (release.prefix / "lib" / "it").unlink()
    (release.prefix / "lib").rmdir()
    (release.prefix / "lib").symlink_to(outside)


def test_what_a_link_leads_to_is_nobodys_content(
    root: Root, shipped: Shipped, tmp_path: Path
) -> None:
    damaged, other = (make(root, shipped, version) for version in ("1.0", "1.1"))
    (damaged.prefix / "lib" / "it").unlink()
    plan = plan_repair(damaged, root)
    assert [(one.way, one.origin) for one in plan.mends] == [("content", "small/1.1")]
    lead_away(other, tmp_path / "outside")
    assert [one.way for one in plan_repair(damaged, root).mends] == ["rebuild"]


def test_mended_and_packed_it_is_not_looked_at(
    root: Root, shipped: Shipped, tmp_path: Path
) -> None:
    release = make(root, shipped, "1.0")
    lead_away(release, tmp_path / "outside")
    findings = verify_release(release)
    assert dict(findings.changed) == {"lib": ("a link, was a dir",)}
    assert findings.missing == ("lib/it",)
    entries = recorded_files(release)
    part = Part(prefix=str(release.prefix), inside="")
    cargo = Cargo(
        name=release.name,
        platform=release.platform,
        seconds=0,
        parts=(part,),
        entries=entries,
        sources={one: release.prefix / one for one in entries},
        interpreter=None,
    )
    with pytest.raises(IntegrityError, match="lib: not as it was published: its kind"):
        survey(cargo)
    with pytest.raises(IntegrityError, match="lib: not as it was published: its kind"):
        write_pack(cargo, tmp_path / "x.tar", "tar")
    before = statuses(tmp_path / "outside")
    done = repair(
        release, root, lambda _: Rebuilt(files={}, lost={}), environ=shipped.environ, now=NOW
    )
    assert done.left.missing == ("lib/it",)
    assert (release.prefix / "lib").is_dir()
    assert not (release.prefix / "lib").is_symlink()
    assert statuses(tmp_path / "outside") == before
