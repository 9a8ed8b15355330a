"""A small release and the pack of it, for what ships releases."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.export.pack import Packed, format_of, write_pack
from lamina.export.release_cargo import release_cargo
from lamina.release.publish import publish
from support.releases import make_stack, publish_request
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Release

PLAIN_ENVIRON = {"PATH": "/usr/bin:/bin"}
"""What is left where nobody has set anything up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A release and its pack; neither is to be changed."""

    release: Release
    archive: Path
    environ: dict[str, str]


def make_shipped(
    top: Path, *, bundle: bool = True, suffix: str = "tar.zst", hook: str = ""
) -> Shipped:
    """Publish a release of two small wheels, and pack it."""
    (top / "home").mkdir()
    environ = {**os.environ, "HOME": str(top / "home"), "UV_PYTHON_DOWNLOADS": "never"}
    environ.pop("SOURCE_DATE_EPOCH", None)
    environ["UV_CACHE_DIR"] = empty_cache(top / "uv-cache")
    stack = make_stack(python="3.12", bundle=bundle, hook=hook)
    request = publish_request(top, environ, stack=stack)
    release = publish(request).release
    archive = top / f"small.{suffix}"
    pack(release, archive, environ)
    return Shipped(release=release, archive=archive, environ=environ)


def pack(release: Release, archive: Path, environ: dict[str, str]) -> Packed:
    """Write a pack of a release."""
    scratch = archive.parent / f".{archive.name}-scratch"
    scratch.mkdir()
    return write_pack(release_cargo(release, environ, scratch), archive, format_of(archive))


def run(*argv: str | Path, expect: int = 0, cwd: Path | None = None) -> str:
    """Run a program where nothing is set up; return all that it says."""
    done = subprocess.run(
        [str(one) for one in argv],
        env=PLAIN_ENVIRON,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def unpacked(archive: Path, directory: Path) -> Path:
    """Unpack a pack with the system's own tool, and nothing more."""
    directory.mkdir(parents=True)
    if archive.suffix == ".zip":
        run("unzip", "-q", archive, "-d", directory)
    else:
        run("tar", "-xf", archive, "-C", directory)
    return directory
