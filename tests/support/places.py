"""One place for all tests of a file: what is dear to make there is made once, and put back."""

from __future__ import annotations

import copy
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.index_server import IndexServer
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.index_server import Offer


@dataclass(frozen=True, kw_only=True)
class Place:
    """A directory that is where it was for the test before, and empty again.

    Releases, environments and locks know the paths and the index that they were made with, so
    a copy of them is good only where the original was.
    """

    top: Path
    server: IndexServer
    """Runs while there are tests; an index of a test only after ``index``."""
    _offers: dict[str, dict[str, list[Offer]]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the tests work."""
        return self.top / "here"

    def begin(self) -> Path:
        """Put away what the test before left, and return the empty directory."""
        if self.path.exists():
            self.path.rename(self.top / f"before {time.monotonic_ns()}")
        self.path.mkdir()
        fresh = IndexServer()
        for name in ("html_only", "ranges", "offers", "requests", "failures", "sent"):
            setattr(self.server, name, getattr(fresh, name))
        return self.path

    def index(self, environ: dict[str, str]) -> IndexServer:
        """Return an empty index, and name it in ``environ`` with an empty cache."""
        environ["UV_DEFAULT_INDEX"] = self.server.url
        environ["UV_CACHE_DIR"] = empty_cache(self.path / "uv-cache")
        environ["UV_HTTP_RETRIES"] = "0"
        return self.server

    def once(self, name: str, make: Callable[[], object]) -> None:
        """Leave in the directory what ``make`` leaves, which only the first test has to wait for.

        To be asked before the test changes anything there.
        """
        kept = self.top / f"kept {name}"
        if name in self._offers:
            _copy(kept, self.path)
            self.server.offers = copy.deepcopy(self._offers[name])
            return
        make()
        kept.mkdir()
        _copy(self.path, kept)
        self._offers[name] = copy.deepcopy(self.server.offers)


def _copy(source: Path, target: Path) -> None:
    """Copy what is in a directory with its times, modes, links and hard links."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", target], check=True)
