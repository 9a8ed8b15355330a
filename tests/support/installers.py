"""An installer of the small release, and how people run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lamina.export.installer import write_installer
from lamina.export.installer_cargo import Extras, Identity, with_extras
from lamina.export.release_cargo import release_cargo
from support.packs import PLAIN_ENVIRON

if TYPE_CHECKING:
    from pathlib import Path

    from support.packs import Shipped

RC = "smallrc"
# What it does depends on files beside the prefix, so that one installer is enough.
HOOK = """\
#!/bin/sh
beside=${PREFIX%/*}
[ ! -e "$beside/hook-waits" ] || sleep 60
[ ! -e "$beside/hook-breaks" ] || ln -sf /bin/false "$PREFIX/bin/greet"
echo "hook of $INSTALLER_NAME $INSTALLER_VER on $INSTALLER_PLAT in $PWD"
[ ! -e "$beside/hook-fails" ]
"""
BUSYBOX = (
    "sh", "tar", "gzip", "dd", "sed", "grep", "wc", "df", "ls", "ln", "mv", "rm", "rmdir", "mkdir",
    "chmod", "readlink", "uname", "sha256sum", "sleep", "tail",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an installer said, and how it ended."""

    code: int
    text: str


def make_installer(shipped: Shipped, path: Path) -> Path:
    """Write an installer with a hook, a file to source and tests."""
    directory = path.parent / f".{path.name}-made"
    for name in ("release", "extras"):
        (directory / name).mkdir(parents=True)
    hook = directory / "hook.sh"
    hook.write_text(HOOK)
    cargo = release_cargo(shipped.release, shipped.environ, directory / "release")
    extras = Extras(environment_file=RC, hook=hook)
    manifest = shipped.release.manifest()
    identity = Identity.of_release(manifest)
    cargo = with_extras(cargo, identity, manifest.tests, extras, directory / "extras")
    return write_installer(cargo, identity, path, environment_file=RC).path


def install(
    *argv: str | Path, shell: str | Path = "sh", path: str = PLAIN_ENVIRON["PATH"],
    cwd: Path | None = None,
) -> Answer:  # fmt: skip
    """Run an installer where nothing is set up, not even a home."""
    done = subprocess.run(
        [str(one) for one in (shell, *argv)],
        env={"PATH": path},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Answer(code=done.returncode, text=done.stdout)


def busybox(directory: Path) -> Path:
    """Return a directory with the programs of busybox, and no others."""
    program = shutil.which("busybox")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no busybox")
        pytest.skip("no busybox on this machine")
    directory.mkdir()
    for name in BUSYBOX:
        (directory / name).symlink_to(program)
    return directory


def stand_in(directory: Path, **programs: str) -> str:
    """Return a PATH whose first directory has programs that say something else."""
    directory.mkdir(exist_ok=True)
    for name, said in programs.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\n{said}\n")
        program.chmod(0o755)
    return f"{directory}:{PLAIN_ENVIRON['PATH']}"
