"""Debian of other releases, without a Python in it, and what a user of such a machine can do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.installers import Answer

if TYPE_CHECKING:
    from pathlib import Path

_USER = 1234
_INSIDE = """\
root=$1 shared=$2 user=$3
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 none "$root/dev"
for one in null zero urandom; do
    : >"$root/dev/$one"
    mount --bind "/dev/$one" "$root/dev/$one"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/home/somebody"
mount -t tmpfs -o ro,mode=755 none "$root/home/somebody"
mount -t tmpfs -o noexec,mode=1777 none "$root/tmp"
mount --bind -o ro "$shared" "$root/mnt"
exec chroot --userspec="$user:$user" "$root" \\
    /usr/bin/env -i PATH=/usr/bin:/bin HOME=/home/somebody sh -c "cd /srv/area && $4"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSystem:
    """A system in a directory. Its user's home is read-only, ``/tmp`` has no exec."""

    root: Path
    shared: Path
    """Seen there as ``/mnt``."""

    def run(self, script: str) -> Answer:
        """Run a script there, in ``/srv/area``, as somebody who is not root."""
        words = ["sh", "-ec", _INSIDE, "sh", str(self.root), str(self.shared), str(_USER), script]
        done = subprocess.run(
            ["unshare", "--mount", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Answer(code=done.returncode, text=done.stdout)

    @property
    def glibc(self) -> int:
        """The second number of the version of its C library."""
        found = re.search(r" 2\.(\d+)$", self.run("ldd --version").text, re.MULTILINE)
        assert found is not None
        return int(found[1])


def make_other_system(suite: str, directory: Path) -> OtherSystem:
    """Install a minimal Debian from the mirror that this machine has; skip where it has none."""
    if os.geteuid() or shutil.which("debootstrap") is None:
        pytest.skip("needs root and debootstrap")
    targets = [
        "apt-get",
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    ]
    told = subprocess.run(targets, capture_output=True, text=True, check=True).stdout.split("\n")
    mirrors = [line.split()[1] for line in told if re.match(r"[a-z]+ \S+/debian/$", line)]
    if not mirrors:
        pytest.skip("this machine is no Debian with a mirror")
    root = directory / suite
    words = ["debootstrap", "--variant=minbase", suite, str(root), mirrors[0]]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    area, shared = root / "srv" / "area", directory / "shared"
    area.mkdir()
    os.chown(area, _USER, _USER)
    shared.mkdir()
    return OtherSystem(root=root, shared=shared)
