"""The largest stack and one of conda packages leave and come back, and so do layers on them."""

from __future__ import annotations

import filecmp
import os
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from support.channels import SERIES
from support.command_line import CommandLine
from support.containers import run as run_program
from support.installers import install
from support.mixed import mixed_stack
from support.packs import run, unpacked
from support.real_trees import export, imported, printed, publish_example, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.heavy]

IMPORTS = "import numpy, awkward, coffea; print(numpy.__file__)"


def _conda(top: Path, python: Path) -> Path:
    """Return a root with Python, numpy and more of a channel, and what stands on them."""
    command_line = CommandLine(directory=top, environ=dict(os.environ))
    channel = top / "channel"
    command_line("channel", "bootstrap", "--python", python, channel, "numpy", "awkward", "iminuit")
    text = mixed_stack(
        'coffea = "*"',
        'python = "*"\nnumpy = "*"\nawkward = "*"\niminuit = "*"',
        resolve='glibc = "2.99"',
    )
    (top / "lamina.toml").write_text(text)
    command_line("lock", "--stack", top)
    command_line("publish", "--stack", top, "--root", top / "root", "--no-test")
    return top / "root"


def _large(top: Path, python: Path) -> Path:
    return publish_example(top, "hep-large", python)


@pytest.fixture(scope="module", params=[_large, _conda], ids=["large", "conda"])
def release(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    interpreter: Callable[[str], Path],
) -> Iterator[Path]:
    """Return the prefix of a release that has all that it needs."""
    top = tmp_path_factory.mktemp("real")
    root = request.param(top, interpreter(SERIES))
    [prefix] = root.glob("releases/*/*/*")
    yield prefix
    fs.remove_tree(top)


def works(prefix: Path) -> None:
    [numpy] = printed(prefix, IMPORTS)
    assert numpy.startswith(f"{prefix}/")


def test_a_release(release: Path, tmp_path: Path) -> None:
    one, again = tmp_path / "one.tar.zst", tmp_path / "again.tar.zst"
    export(release, "--as", "pack", "-o", one)
    export(release, "--as", "pack", "-o", again)
    assert filecmp.cmp(one, again, shallow=False)
    again.unlink()
    top = unpacked(one, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    export(top, "--as", "pack", "-o", again)
    assert filecmp.cmp(one, again, shallow=False)
    verified(top, works)
    imported(one, works)


@pytest.mark.containers
def test_a_release_as_one_file(release: Path, tmp_path: Path) -> None:
    stack, root = release.parents[1].name, release.parents[3]
    export(stack, "--root", root, "--as", "squashfs", "-o", tmp_path / "it.sqfs")
    there = tmp_path / "there"
    run_program("unsquashfs", "-no-progress", "-quiet", "-d", there, tmp_path / "it.sqfs")
    run("diff", "-rq", "--no-dereference", release, there)
    fs.remove_tree(there)


def test_a_layer(release: Path, tmp_path: Path) -> None:
    layer, size = tmp_path / "layer", {}
    command_line = CommandLine(directory=tmp_path, environ=dict(os.environ))
    command_line("layer", "create", layer, "--on", release)
    command_line("layer", "add", layer, "cowsay")
    for bases in ("never", "always"):
        archive = tmp_path / f"{bases}.tar.zst"
        export(layer, "--as", "pack", "--with-base", bases, "-o", archive)
        size[bases] = archive.stat().st_size
        top = unpacked(archive, tmp_path / bases)
        run(top / "bin" / "lamina-unpack", *(("--base", release) if bases == "never" else ()))
        numpy, own = printed(top, "import numpy, cowsay; print(numpy.__file__, cowsay.__file__)")
        assert own.startswith(f"{top}/lib/")
        assert numpy.startswith(f"{release if bases == 'never' else top / '.base'}/")
        fs.remove_tree(top)
    assert 200 * size["never"] < size["always"]
    installer, there = tmp_path / "layer.sh", tmp_path / "installed"
    export(layer, "--as", "installer", "-o", installer)
    answer = install(installer, "-b", "-p", there)
    assert answer.code == 0, answer.text
    numpy, own = printed(there, "import numpy, cowsay; print(numpy.__file__, cowsay.__file__)")
    assert (own.startswith(f"{there}/lib/"), numpy.startswith(f"{there}/.base/")) == (True, True)
    verified(there / ".base", lambda _: None)
    fs.remove_tree(there)
