"""Which releases another one looks at for files to share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.digests import Sha256, digest_of_bytes
from lamina.model.names import StackName
from lamina.model.platforms import Platform, PythonSeries, current_platform
from lamina.model.versions import parse_release_version
from lamina.release.earlier import Earlier, earlier_releases, same_python
from lamina.release.manifest import Manifest, ManifestPython, ManifestTools, dump_manifest
from lamina.release.mtree import Entry, dump_mtree
from lamina.release.root import Release, Root, open_root
from support.accounts import NOBODY, two_accounts

if TYPE_CHECKING:
    from pathlib import Path

LISTING = dump_mtree({"bin": Entry(kind="dir", mode=0o555)})
NOTHING = Sha256("0" * 64)
HERE = current_platform()


def python(**changes: object) -> ManifestPython:
    told = {
        "series": PythonSeries(3, 12),
        "version": "3.12.1",
        "implementation": "cpython",
        "interpreter": "/usr/bin/python3.12",
        "bundled": False,
    }
    return ManifestPython.model_validate(told | changes)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path / "root", create=True)


def add(
    root: Root,
    name: str,
    made_with: ManifestPython | None = None,
    platform: Platform = HERE,
    listing: str = LISTING,
) -> Release:
    """Write what tells of a release, and no files."""
    stack, text = name.split("/")
    version = parse_release_version(text)
    prefix = root.prefix_of(StackName(stack), version, platform)
    manifest = Manifest(
        stack=StackName(stack),
        version=version,
        platform=platform,
        prefix=str(prefix),
        created=datetime(2026, 11, 1, tzinfo=UTC),
        lock_digest=NOTHING,
        stack_digest=NOTHING,
        files_digest=digest_of_bytes(LISTING.encode()),
        tested="none",
        python=made_with or python(),
        tools=ManifestTools(lamina="1.0", uv="0.13.9"),
    )
    fs.make_directory(prefix / ".lamina")
    fs.write_text(prefix / ".lamina" / "release.toml", dump_manifest(manifest))
    fs.write_text(prefix / ".lamina" / "files.mtree", listing)
    return Release(stack=StackName(stack), version=version, platform=platform, prefix=prefix)


def names(found: tuple[Earlier, ...]) -> list[str]:
    return [one.release.name for one in found]


def test_the_newest_of_the_stack_come_first(root: Root) -> None:
    for name in ("hep/1.9", "hep/1.10", "base/3.0", "base/2.0", "base/1.0"):
        add(root, name)
    new = add(root, "hep/2.0")
    assert names(earlier_releases(root, new, python())) == [
        "hep/1.10", "hep/1.9", "base/3.0", "base/2.0",
    ]  # fmt: skip
    assert names(earlier_releases(root, new, python(), itself=True))[:2] == ["hep/2.0", "hep/1.10"]


def test_a_few_are_enough(root: Root) -> None:
    for number in range(9):
        add(root, f"hep/1.{number}")
    new = add(root, "hep/2.0")
    assert names(earlier_releases(root, new, python())) == [f"hep/1.{n}" for n in (8, 7, 6, 5)]


def test_others_are_passed_over(root: Root) -> None:
    other = next(one for one in Platform if one is not HERE)
    add(root, "hep/1.0", platform=other)
    add(root, "hep/1.1", python(version="3.12.2"))
    add(root, "hep/1.2", python(interpreter="/opt/python"))
    add(root, "hep/1.3", python(bundled=True))
    broken = add(root, "hep/1.4")
    fs.write_text(broken.internal / "release.toml", "broken")
    add(root, "hep/1.5")
    new = add(root, "hep/2.0")
    assert names(earlier_releases(root, new, python())) == ["hep/1.5"]


def test_of_a_copy_it_does_not_matter_where_the_original_was() -> None:
    elsewhere = python(bundled=True, interpreter="/opt/python")
    assert same_python(python(bundled=True), elsewhere)
    assert not same_python(python(), elsewhere)
    assert not same_python(python(), python(interpreter="/opt/python"))
    assert not same_python(python(bundled=True), python(bundled=True, version="3.12.2"))


@pytest.mark.parametrize("listing", [LISTING + "\n", "", "not a listing"])
def test_a_listing_that_is_not_the_one_published_says_nothing(root: Root, listing: str) -> None:
    add(root, "hep/1.0")
    add(root, "hep/1.1", listing=listing)
    new = add(root, "hep/2.0")
    damaged, sound = earlier_releases(root, new, python())
    assert damaged.entries == {}
    assert list(sound.entries) == ["bin"]
    (sound.release.internal / "files.mtree").unlink()
    gone = earlier_releases(root, new, python())[1]
    assert gone.entries == {}


def test_what_the_same_account_published_comes_first() -> None:
    """Nobody can make hard links to what is another's."""
    with two_accounts() as (place, another):
        root = open_root(place / "root", create=True)
        for version in ("1.0", "1.1", "1.2", "1.3"):
            release = add(root, f"hep/{version}")
            os.chown(release.prefix, NOBODY if version in {"1.0", "1.2"} else 0, -1)
        new = add(root, "hep/2.0")
        assert names(earlier_releases(root, new, python())) == [
            "hep/1.3", "hep/1.2", "hep/1.1", "hep/1.0",
        ]  # fmt: skip
        with another():
            found = earlier_releases(root, new, python())
        assert names(found) == ["hep/1.2", "hep/1.0", "hep/1.3", "hep/1.1"]
