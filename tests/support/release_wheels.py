"""Small wheels made by a test, and locks of them, found without any index."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.lock.document import Lock, LockedArtifact, LockedPackage
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, PackageName
from lamina.stack.files import digest_of_resolution
from support.wheels import metadata, wheel_contents, zipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.model.artifacts import Artifact
    from lamina.stack.document import Stack

_GREETER = {
    "greeter/__init__.py": "import sys\n\n\ndef main():\n    print('hello from', sys.prefix)\n",
    "greeter/vendored/python2.py": "print 'of another Python'\n",
    "greeter/data/ünï cöde.txt": "Grüße\n",
    "greeter-1.0.data/scripts/greet-script": "#!python\nimport greeter\n\ngreeter.main()\n",
    "greeter-1.0.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
}
_NUMBERS = {"numbers_of_ours.py": "answer = 42\n"}


def make_wheel(directory: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a wheel; the same input gives the same bytes, and leaves what is there alone.

    uv keeps the time of local files with what it installs of them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    data = zipped(wheel_contents(name, version, files, metadata(name, version)))
    if not wheel.exists() or wheel.read_bytes() != data:
        wheel.write_bytes(data)
    return wheel


def small_wheels(directory: Path) -> list[Path]:
    """Write the two wheels that most tests of releases use."""
    return [
        make_wheel(directory, "greeter", "1.0", _GREETER),
        make_wheel(directory, "numbers_of_ours", "2.0", _NUMBERS),
    ]


def lock_of(stack: Stack, wheels: Iterable[Path]) -> Lock:
    """Return a lock of pure-Python wheels for all targets of a stack."""
    from lamina.model.platforms import Target

    targets = [
        Target(one, series) for one in stack.stack.platforms for series in stack.stack.python
    ]
    return Lock(
        stack=stack.stack.name,
        stack_digest=digest_of_resolution(stack),
        targets=tuple(targets),
        packages=tuple(
            LockedPackage(
                name=PackageName(wheel.name.split("-")[0].replace("_", "-")),
                version=wheel.name.split("-")[1],
                index=PUBLIC_INDEX,
                requested_by=("stack",),
                artifacts=(
                    LockedArtifact(
                        file=wheel.name,
                        sha256=Sha256(hashlib.sha256(wheel.read_bytes()).hexdigest()),
                    ),
                ),
            )
            for wheel in wheels
        ),
    )


@dataclass(frozen=True, slots=True)
class DirectoryLocator:
    """An ArtifactLocator whose index is a directory."""

    directory: Path
    asked: list[str] = field(default_factory=list)

    def addresses(self, artifacts: Iterable[Artifact]) -> Mapping[Artifact, str]:
        """Return file addresses."""
        found = {one: (self.directory / one.filename).as_uri() for one in artifacts}
        self.asked.extend(one.filename for one in found)
        return found
