"""Releases in a repository of the stand-in."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.model.versions import parse_release_version
from lamina.release.cvmfs import backend_of
from lamina.release.history import Author
from lamina.release.publish import publish
from lamina.release.root import open_root
from lamina.release.tiers import Change
from support.releases import NOW, FakeInstaller, make_stack, publish_request

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.draft import PublishRequest
    from lamina.release.root import Release, Root
    from support.stratum0 import Stratum0

INSIDE = "sw/lamina"


def environ_of(server: Stratum0, environ: dict[str, str], work: Path) -> dict[str, str]:
    """Return an environment in which the stand-in is the machine's ``cvmfs_server``."""
    return environ | {
        "PATH": os.pathsep.join([str(server.program.parent), environ["PATH"]]),
        "LAMINA_CVMFS": str(server.mount.parent),
        "LAMINA_CVMFS_WORK": str(work),
        "LAMINA_CVMFS_WAIT": "0",
    }


@dataclass(frozen=True, kw_only=True)
class Librarian:
    """Publishes small releases into a repository."""

    server: Stratum0
    path: Path
    environ: dict[str, str] = field(repr=False)

    @property
    def work(self) -> Path:
        return self.path / "work" / self.server.repository

    @property
    def note(self) -> Path:
        return self.work / "transaction.toml"

    @property
    def place(self) -> Path:
        return self.server.mount / INSIDE

    @property
    def client(self) -> Path:
        """The root as clients see it."""
        assert self.server.client is not None
        return self.server.client / INSIDE

    @property
    def root(self) -> Root:
        return open_root(self.place, backend=backend_of(self.place, self.environ, NOW))

    def request(self, version: str = "1.0", **changes: Any) -> PublishRequest:
        """Return a request; without tests and uv unless told otherwise."""
        usual = {
            "installer": FakeInstaller(),
            "stack": make_stack(test={"imports": []}),
            "version": parse_release_version(version),
            "root": self.place,
        }
        request = publish_request(self.path, self.environ, **(usual | changes))
        return dataclasses.replace(request, backend=backend_of(self.place, self.environ, NOW))

    def publish(self, version: str = "1.0", **changes: Any) -> Release:
        return publish(self.request(version, **changes)).release

    def change(self, why: str = "") -> Change:
        author = Author(user="ann", host="stratum0")
        return Change(author=author, now=datetime(2026, 11, 2, tzinfo=UTC), why=why)

    def template(self) -> str:
        """Return from where to where the last transaction cloned; empty where it did not."""
        calls = [call for call in self.server.calls() if call[0] == "transaction"]
        return calls[-1][2] if "-T" in calls[-1] else ""

    def commands(self) -> list[str]:
        """Return which commands that change something were given, in order."""
        changing = {"transaction", "publish", "abort", "rollback"}
        return [call[0] for call in self.server.calls() if call[0] in changing]
