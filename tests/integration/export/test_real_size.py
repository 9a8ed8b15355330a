"""A release of 2 GB and 50,000 files leaves in every form, in little memory, and comes back."""

from __future__ import annotations

import filecmp
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.containers import run as run_program
from support.packs import run, unpacked
from support.real_trees import export, imported, printed, publish_example, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.heavy]

USED = (
    "import ROOT, numpy, pandas, awkward; h = ROOT.TH1D('h', '', 10, 0, 1); h.Fill(0.5); "
    "print(h.GetEntries(), numpy.__file__)"
)
IMAGE = ("--as", "oci", "--with-libc")


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], Path]
) -> Iterator[Path]:
    """Return a root with hep-analysis, its interpreter in it."""
    top = tmp_path_factory.mktemp("real")
    yield publish_example(top, "hep-analysis", interpreter("3.12"))
    fs.remove_tree(top)


def of(root: Path) -> tuple[str | Path, ...]:
    return ("hep-analysis", "--root", root)


def works(prefix: Path) -> None:
    """Use what is hardest to move."""
    entries, numpy = printed(prefix, USED)
    assert entries == "1.0"
    assert numpy.startswith(f"{prefix}/")


@pytest.mark.parametrize("form", ["tar.zst", "tar.gz", "zip"])
def test_a_pack(root: Path, tmp_path: Path, form: str) -> None:
    archive, again = tmp_path / f"it.{form}", tmp_path / f"again.{form}"
    export(*of(root), "--as", "pack", "-o", archive)
    export(*of(root), "--as", "pack", "-o", again)
    assert filecmp.cmp(archive, again, shallow=False)
    again.unlink()
    top = unpacked(archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    verified(top, works)
    imported(archive, works)


def test_an_installer(root: Path, tmp_path: Path) -> None:
    one, again = tmp_path / "it.sh", tmp_path / "again.sh"
    export(*of(root), "--as", "installer", "-o", one, "--rc", "rc")
    export(*of(root), "--as", "installer", "-o", again, "--rc", "rc")
    assert filecmp.cmp(one, again, shallow=False)
    again.unlink()
    run("sh", one, "-b", "-p", tmp_path / "there")
    verified(tmp_path / "there", works)


@pytest.mark.containers
def test_an_image_layout(root: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(*of(root), *IMAGE, "--compression", "zstd", "-o", tmp_path / name)
    blobs = [{one.name for one in (tmp_path / name).glob("blobs/*/*")} for name in ("one", "two")]
    assert blobs[0] == blobs[1]
    fs.remove_tree(tmp_path / "two")
    imported(tmp_path / "one", works)


@pytest.mark.containers
def test_an_archive_for_docker(root: Path, tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        export(*of(root), *IMAGE, "--format", "docker", "-o", tmp_path / name)
    assert filecmp.cmp(tmp_path / "one.tar", tmp_path / "two.tar", shallow=False)
    (tmp_path / "two.tar").unlink()
    run_program("skopeo", "inspect", f"docker-archive:{tmp_path / 'one.tar'}")
    imported(tmp_path / "one.tar", works)


@pytest.mark.containers
def test_a_squashfs(root: Path, tmp_path: Path) -> None:
    one, again = tmp_path / "one.sqfs", tmp_path / "two.sqfs"
    export(*of(root), "--as", "squashfs", "-o", one)
    export(*of(root), "--as", "squashfs", "-o", again)
    assert filecmp.cmp(one, again, shallow=False)
    again.unlink()
    run_program("unsquashfs", "-no-progress", "-quiet", "-d", tmp_path / "there", one)
    [prefix] = root.glob("releases/hep-analysis/*/*")
    # Directories can be written to there, which the listing does not say; all else is as it was.
    run("diff", "-rq", "--no-dereference", prefix, tmp_path / "there")
    fs.remove_tree(tmp_path / "there")
