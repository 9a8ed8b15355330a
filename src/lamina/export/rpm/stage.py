"""The tree that RPMs are made of: a release as it is to be below its prefix there."""

from __future__ import annotations

import glob
import os
import sys
from typing import TYPE_CHECKING

from lamina._target.reprefix import Tree
from lamina._target.unpack import update_listing
from lamina.core import fs, report
from lamina.core.errors import IntegrityError, LaminaError, StorageError, UsageError
from lamina.core.run import base_environment, run
from lamina.export.cargo import Loader
from lamina.export.launcher import UNPACK_NAME
from lamina.export.pack import fill
from lamina.model.platforms import current_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.export.cargo import Cargo


_DIGESTS = """
import sys
from importlib.util import source_hash
for path in sys.argv[1:]:
    with open(path, "rb") as stream:
        print(source_hash(stream.read()).hex())
"""


class TreeWriter:
    """An ArchiveWriter whose archive is a directory."""

    def __init__(self, top: Path) -> None:
        self._top = top

    def directory(self, name: str, mode: int) -> None:
        """Make a directory."""
        path = self._top / name
        with fs.change("make", path):
            path.mkdir()
            path.chmod(mode)

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link."""
        path = self._top / name
        with fs.change("symlink", path):
            path.symlink_to(target)

    def file(self, name: str, mode: int, size: int, blocks: Iterator[bytes]) -> None:  # noqa: ARG002
        """Write a file."""
        path = self._top / name
        with fs.change("write", path), path.open("xb", buffering=0) as stream:
            for block in blocks:
                stream.write(block)
            os.fchmod(stream.fileno(), mode)


def stage_release(cargo: Cargo, root: Path, prefix: str, environ: Mapping[str, str]) -> Path:
    """Write a cargo below ``root`` as it is to be at ``prefix``; return where that is.

    It is what is there once a pack was unpacked, so that it can be given another prefix there.
    Raises IntegrityError where the release is not what was published, UsageError for a prefix that
    is too long for a program in it, StorageError.
    """
    top = root / prefix.lstrip("/")
    with fs.change("make", top):
        top.mkdir(parents=True)
    fill(cargo, Loader(cargo, TreeWriter(top)))
    if [prefix] == [one.prefix for one in cargo.parts]:
        _relist(Tree(str(top), [prefix]))
        return top
    here = cargo.platform == current_platform() and cargo.interpreter
    python = str(top / cargo.interpreter) if here and cargo.interpreter else sys.executable
    environment = base_environment(environ) | {"LAMINA_INDEX": "0"}
    words = [python, "-I", "-S", "-B", str(top / UNPACK_NAME), str(top), "--prefix", prefix]
    with report.step(f"writing {prefix} into it"):
        done = run(words, env=environment, check=False)
    if done.returncode:
        kinds: dict[int, type[LaminaError]] = {2: UsageError, 6: IntegrityError}
        message = done.stderr.strip().removeprefix("error: ")
        raise kinds.get(done.returncode, StorageError)(message or f"{python} cannot be started")
    if here:
        _renew_code(Tree(str(top), [prefix]), top, python, environment)
    return top


def _renew_code(tree: Tree, top: Path, python: str, environment: Mapping[str, str]) -> None:
    """Let byte code know its source again, where the prefix is in that alone.

    A digest of the source is in it (PEP 552), which would tell one release from the next.
    """
    listed = {one["path"] for one in tree.state["files"]}
    sources = [top / one for one in sorted(listed) if one.endswith(".py")]
    pairs = [
        (source, code)
        for source in sources
        for code in sorted(source.parent.glob(f"__pycache__/{glob.escape(source.stem)}.*.pyc"))
        if code.relative_to(top).as_posix() not in listed
    ]
    if not pairs:
        return
    words = [python, "-I", "-S", "-B", "-c", _DIGESTS, *(str(source) for source, _ in pairs)]
    digests = run(words, env=environment).stdout.split()
    for (_, code), digest in zip(pairs, digests, strict=True):
        data = code.read_bytes()
        if data[4] & 1:
            new = data[:8] + bytes.fromhex(digest) + data[16:]
            fs.write_bytes(code, new, mode=code.stat().st_mode & 0o7777, durable=False)
            tree.changed.append(code.relative_to(top).as_posix())
    _relist(tree)


def _relist(tree: Tree) -> None:
    """Have what is in a tree in its listing, and that in its manifest."""
    update_listing(tree, "", published=False)
    tree.commit()
