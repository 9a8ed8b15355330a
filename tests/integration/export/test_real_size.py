"""A release of 2 GB and 50,000 files leaves in every form, in little memory, and comes back."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.memory import measured

from lamina.core import fs
from support.command_line import CommandLine
from support.containers import run as run_program
from support.packs import run, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.index, pytest.mark.heavy]

EXAMPLES = Path(__file__).parents[3] / "examples"
MEMORY = 300_000_000
"""Bytes, of the command and all that it starts."""
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
    shutil.copytree(EXAMPLES / "hep-analysis", top / "stack")
    stack = top / "stack" / "lamina.toml"
    stack.write_text(stack.read_text().replace("[stack]\n", "[stack]\nbundle = true\n", 1))
    command_line = CommandLine(directory=top, environ=dict(os.environ))
    command_line("lock", "--stack", top / "stack")
    command_line(
        *("publish", "--stack", top / "stack", "--root", top / "root", "--no-test"),
        *("--python", interpreter("3.12")),
    )
    yield top / "root"
    fs.remove_tree(top)


def export(root: Path, *words: str | Path) -> None:
    """Export it in a process of its own, which stays below the limit."""
    environ = os.environ | {"SOURCE_DATE_EPOCH": "1790000000"}
    lamina = (sys.executable, "-m", "lamina", "export", "hep-analysis", "--root", root)
    used = measured(*lamina, *words, environ=environ)
    assert used.code == 0, used.said
    assert used.peak < MEMORY, used.peak


def works(prefix: Path, said: str) -> None:
    """Check every file of a release, and use what is hardest to move."""
    assert "hep-analysis/2026.11.0: " in said
    entries, numpy = run(prefix / "bin" / "python", "-c", USED).split()
    assert entries == "1.0"
    assert numpy.startswith(f"{prefix}/")


def back(root: Path, source: Path) -> None:
    """Import it into another root and use it there."""
    there = source.parent / "root"
    command_line = CommandLine(directory=source.parent, environ=dict(os.environ))
    command_line("import", source, "--root", there)
    said = command_line("release", "verify", "hep-analysis", "--root", there).stdout
    [prefix] = there.glob("releases/hep-analysis/*/*")
    works(prefix, said)
    fs.remove_tree(there)


def verified(prefix: Path) -> None:
    """Verify and use what was unpacked in some way."""
    command_line = CommandLine(directory=prefix.parent, environ=dict(os.environ))
    works(prefix, command_line("release", "verify", prefix).stdout)
    fs.remove_tree(prefix)


@pytest.mark.parametrize("form", ["tar.zst", "tar.gz", "zip"])
def test_a_pack(root: Path, tmp_path: Path, form: str) -> None:
    archive, again = tmp_path / f"it.{form}", tmp_path / f"again.{form}"
    export(root, "--as", "pack", "-o", archive)
    export(root, "--as", "pack", "-o", again)
    assert filecmp.cmp(archive, again, shallow=False)
    again.unlink()
    top = unpacked(archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    verified(top)
    back(root, archive)


def test_an_installer(root: Path, tmp_path: Path) -> None:
    one, again = tmp_path / "it.sh", tmp_path / "again.sh"
    export(root, "--as", "installer", "-o", one, "--rc", "rc")
    export(root, "--as", "installer", "-o", again, "--rc", "rc")
    assert filecmp.cmp(one, again, shallow=False)
    again.unlink()
    run("sh", one, "-b", "-p", tmp_path / "there")
    verified(tmp_path / "there")


@pytest.mark.containers
def test_an_image_layout(root: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(root, *IMAGE, "--compression", "zstd", "-o", tmp_path / name)
    blobs = [{one.name for one in (tmp_path / name).glob("blobs/*/*")} for name in ("one", "two")]
    assert blobs[0] == blobs[1]
    fs.remove_tree(tmp_path / "two")
    back(root, tmp_path / "one")


@pytest.mark.containers
def test_an_archive_for_docker(root: Path, tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        export(root, *IMAGE, "--format", "docker", "-o", tmp_path / name)
    assert filecmp.cmp(tmp_path / "one.tar", tmp_path / "two.tar", shallow=False)
    (tmp_path / "two.tar").unlink()
    run_program("skopeo", "inspect", f"docker-archive:{tmp_path / 'one.tar'}")
    back(root, tmp_path / "one.tar")


@pytest.mark.containers
def test_a_squashfs(root: Path, tmp_path: Path) -> None:
    one, again = tmp_path / "one.sqfs", tmp_path / "two.sqfs"
    export(root, "--as", "squashfs", "-o", one)
    export(root, "--as", "squashfs", "-o", again)
    assert filecmp.cmp(one, again, shallow=False)
    again.unlink()
    run_program("unsquashfs", "-no-progress", "-quiet", "-d", tmp_path / "there", one)
    [prefix] = root.glob("releases/hep-analysis/*/*")
    # Directories can be written to there, which the listing does not say; all else is as it was.
    run("diff", "-rq", "--no-dereference", prefix, tmp_path / "there")
    fs.remove_tree(tmp_path / "there")
