"""RPMs of the small release, and RPM's own programs on them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lamina.export.rpm.writing import RpmRequest, Written, write_rpms
from lamina.lock.document import LockedDependency
from lamina.model.names import PackageName
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
from support.release_wheels import DirectoryLocator, lock_of, make_wheel
from support.releases import NOW, make_stack, publish_request

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.root import Release
    from support.packs import Shipped


def write(shipped: Shipped, directory: Path, **changes: Any) -> Written:
    """Write the RPMs of a release, for an empty root where nothing else is said."""
    wanted: dict[str, Any] = {
        "release": shipped.release,
        "directory": directory,
        "environ": shipped.environ,
        "split": "per-package",
        "prefix": None,
        "side_by_side": False,
        "relocatable": False,
        "builder": "nfpm",
        "repository": False,
        "clobbered": False,
    }
    return write_rpms(RpmRequest(**(wanted | changes)))


def publish_next(shipped: Shipped, top: Path) -> Release:
    """Publish 1.1: another greeter, which needs what is new; numbers-of-ours is gone."""
    wheels = top / "wheels"
    source = "import sys, fresh\n\n\ndef main():\n    print('hello again from', sys.prefix)\n"
    script = "[console_scripts]\ngreet = greeter:main\n"
    files = {"greeter/__init__.py": source, "greeter-1.1.dist-info/entry_points.txt": script}
    made = [
        make_wheel(wheels, "greeter", "1.1", files),
        make_wheel(wheels, "fresh", "3.0rc1", {"fresh.py": "", "fresh data/100% [a]{b}.txt": "x"}),
    ]
    stack = make_stack(python="3.12", bundle=True, version="1.1")
    lock = lock_of(stack, made)
    greeter, fresh = lock.packages
    need = LockedDependency(name=PackageName("fresh"), marker="python_version >= '3'")
    other = LockedDependency(name=PackageName("fresh"), marker="sys_platform == 'win32'")
    packages = (
        greeter.model_copy(update={"dependencies": (need,)}),
        fresh.model_copy(
            update={"dependencies": (other.model_copy(update={"name": greeter.name}),)}
        ),
    )
    request = publish_request(
        top,
        shipped.environ,
        root=shipped.release.prefix.parents[3],
        stack=stack,
        version=parse_release_version("1.1"),
        lock=lock.model_copy(update={"packages": packages}),
        locator=DirectoryLocator(wheels),
        now=NOW + timedelta(days=1),
    )
    return publish(request).release


def publish_older(shipped: Shipped, top: Path) -> Release:
    """Publish 1.2 into a root of its own: an older greeter, and the same numbers built anew."""
    wheels = top / "older"
    source = "import sys\n\n\ndef main():\n    print('hello of old from', sys.prefix)\n"
    script = "[console_scripts]\ngreet = greeter:main\n"
    files = {"greeter/__init__.py": source, "greeter-0.9.dist-info/entry_points.txt": script}
    made = [
        make_wheel(wheels, "greeter", "0.9", files),
        make_wheel(wheels, "numbers_of_ours", "2.0", {"numbers_of_ours.py": "anew = True\n"}),
    ]
    stack = make_stack(python="3.12", bundle=True, version="1.2")
    request = publish_request(
        top,
        shipped.environ,
        root=top / "root",
        stack=stack,
        version=parse_release_version("1.2"),
        lock=lock_of(stack, made),
        locator=DirectoryLocator(wheels),
        now=NOW + timedelta(days=1),
    )
    return publish(request).release


def call(*words: str | Path, expect: int = 0) -> str:
    """Run one of RPM's programs; return what it prints."""
    done = subprocess.run(
        [str(one) for one in words],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Installed:
    """A root that dnf installs into, from one repository and nothing of this machine."""

    top: Path
    repository: Path

    def dnf(self, *words: str, expect: int = 0) -> str:
        """Run dnf."""
        config = self.top.with_name(f"{self.top.name}.conf")
        lines = ["[main]", "gpgcheck=0", "reposdir=/nonexistent", "plugins=0", "metadata_expire=0"]
        lines += ["varsdir=/nonexistent", f"cachedir={config}.cache", f"logdir={config}.log"]
        config.write_text("\n".join(lines) + "\n")
        address = f"--repofrompath=ours,{self.repository.as_uri()}"
        head = ("-c", config, "--installroot", self.top, "--releasever=1", address, "--repo=ours")
        return call("dnf", *head, "-y", *words, expect=expect)

    def rpm(self, *words: str | Path) -> list[str]:
        """Run rpm, and return its lines."""
        return call("rpm", "--root", self.top, *words).splitlines()

    def names(self) -> list[str]:
        """Return what is installed."""
        return sorted(self.rpm("-qa", "--qf", "%{NAME}-%{VERSION}\\n"))
