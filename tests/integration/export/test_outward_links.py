"""A release may have links that lead anywhere, and odd names: they leave and come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.packs import make_shipped, run, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine
    from support.packs import Shipped

HOOK = """\
mkdir -p $PREFIX/share/links
echo text > $PREFIX/share/links/text
printf %s $FINAL_PREFIX > "$PREFIX/share/links/back\\\\slash"
ln -s $FINAL_PREFIX/share/links/text $PREFIX/share/links/own
ln -s /etc/passwd $PREFIX/share/links/system
ln -s ../../share/../share/links/text $PREFIX/share/links/winding
"""


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """Return a release with such links, and its pack."""
    top = tmp_path_factory.mktemp("linked")
    yield make_shipped(top, suffix="tar", hook=HOOK)
    fs.remove_tree(top)


def check(prefix: Path) -> None:
    """Look at the links of a release, and verify it."""
    links = prefix / "share" / "links"
    assert {one.name: str(one.readlink()) for one in links.iterdir() if one.is_symlink()} == {
        "own": f"{prefix}/share/links/text",
        "system": "/etc/passwd",
        "winding": "../../share/../share/links/text",
    }
    assert (links / "back\\slash").read_text() == str(prefix)
    release = release_at(prefix)
    assert release is not None
    assert verify_release(release).sound


def test_unpacked_the_own_one_leads_to_the_new_place(
    linked: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    top = unpacked(linked.archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    check(top)
    again = tmp_path / "again.tar"
    command_line("export", top, "--as", "pack", "-o", again)
    assert again.read_bytes() == linked.archive.read_bytes()
    fs.remove_tree(top)


@pytest.mark.parametrize("form", ["pack", "oci"])
def test_imported_they_are_what_they_were(
    linked: Shipped, command_line: CommandLine, tmp_path: Path, form: str
) -> None:
    archive = linked.archive
    if form == "oci":
        archive = tmp_path / "image"
        command_line("export", linked.release.prefix, "--as", "oci", "-o", archive)
    told = command_line("import", archive, "--root", tmp_path / "root", "--json").json
    check(Path(told["prefix"]))
    fs.remove_tree(tmp_path / "root")
