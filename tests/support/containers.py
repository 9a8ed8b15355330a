"""Images as others see them: a registry on loopback, what is in a layout, a way into an image."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.request import urlopen

from lamina.export.oci.image import ImageRequest
from lamina.export.oci.shipping import Destination, ship_image
from lamina.export.release_cargo import release_cargo
from lamina.model.platforms import Platform, current_platform

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from lamina.export.oci.shipping import Shipped
    from lamina.release.root import Release

HERE = ("linux", "amd64" if current_platform() is Platform.LINUX_64 else "arm64")
"""The platform of this machine, as images name it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A layout with the image of a release, and the C library of this machine."""

    layout: Path
    result: Shipped


def program(name: str) -> str:
    """Return a program; some are where only root looks."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is not there"
    return found


def run(*argv: str | Path, expect: int = 0) -> str:
    """Run a program of the system; return all that it says."""
    done = subprocess.run(
        [program(str(argv[0])), *map(str, argv[1:])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def image_request(
    release: Release, environ: dict[str, str], scratch: Path, *, whole: bool = False, **more: Any
) -> ImageRequest:
    """Return a request for an image; unless it is ``whole``, most of its interpreter is left out.

    That has 70 MB, and takes seconds.
    """
    scratch.mkdir(parents=True)
    cargo = release_cargo(release, environ, scratch)
    if not whole:
        kept = {path for path in cargo.entries if path.endswith(".py") or "python/" not in path}
        entries = {path: one for path, one in cargo.entries.items() if path in kept}
        cargo = replace(cargo, entries=entries)
    more = {"compression": "zstd"} | more
    return ImageRequest(release=release, cargo=cargo, environ=environ, **more)


def ship(
    requests: list[ImageRequest], path: Path | None, *, tag: str = "1.0", **more: Any
) -> Shipped:
    """Write an image, in whatever form."""
    more = {"form": "layout", "name": "small:1.0"} | more
    return ship_image(requests, Destination(path=path, tag=tag, **more))


def document(layout: Path, digest: str) -> dict[str, Any]:
    """Return a document of a layout."""
    text = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text()
    value: dict[str, Any] = json.loads(text)
    return value


def unpacked_image(layout: Path, tag: str, directory: Path) -> Path:
    """Unpack an image with umoci; return its root directory."""
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:{tag}", directory)
    return directory / "rootfs"


def run_inside(rootfs: Path, *argv: str | Path) -> str:
    """Run a command in an unpacked image, with what every container has: /proc, no TMPDIR."""
    (rootfs / "proc").mkdir(exist_ok=True)
    enter = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"'
    words = ["--map-root-user", "--mount", "env", "--unset=TMPDIR", "sh", "-c", enter]
    return run("unshare", *words, rootfs, *argv)


@dataclass(slots=True)
class RegistryServer:
    """Debian's docker-registry on loopback; a with block starts and ends it."""

    directory: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.directory.mkdir()
        settings = self.directory / "config.yml"
        settings.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {self.directory}}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program("docker-registry"), "serve", settings], stdout=log, stderr=log
            )
        for _ in range(200):
            try:
                with urlopen(f"{self.address}/v2/", timeout=5):
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.directory / "log").read_text())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)

    @property
    def host(self) -> str:
        """As in the names of images."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """As a browser has it."""
        return f"http://{self.host}"
