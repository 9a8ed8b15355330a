"""Layers with a few packages of their own, over an index on loopback, and their paper locks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.layer.change import Request, change_layer
from lamina.layer.migrate import MigrateRequest, migrate_layer
from lamina.layer.opened import open_layer
from lamina.layer.paper.document import PaperTools, parse_paper
from lamina.layer.paper.restore import RestoreRequest, plan_restore, restore
from lamina.layer.paper.text import dump_paper
from lamina.layer.paper.writing import paper_lock
from support.changes import ALPHA_1, ALPHA_2, BETA_1, BETA_2, GAMMA, HOME_MADE, UNRELATED_OLD
from support.index_server import UPLOADED
from support.wheels import FileIndex, Wheel
from support.workshop import Workshop

if TYPE_CHECKING:
    from lamina.layer.migrate import Migration
    from lamina.layer.paper.document import PaperLock
    from support.index_server import IndexServer

TOOLS = PaperTools(lamina="1.0", uv="0.13.9")
DOCUMENTED = Wheel(
    name="documented",
    version="1.0",
    files={"documented-1.0.data/data/share/man/man1/documented.1": "words\n"},
)


def offer(server: IndexServer, *wheels: Wheel) -> None:
    """Offer wheels on an index."""
    with tempfile.TemporaryDirectory() as directory:
        for wheel in wheels:
            content = wheel.write(Path(directory)).read_bytes()
            server._offer(wheel.name, wheel.filename, content, UPLOADED, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A base, an index, and a place for layers."""

    workshop: Workshop
    server: IndexServer
    python: Path

    @classmethod
    def make(cls, path: Path, environ: dict[str, str], server: IndexServer, python: Path) -> Bench:
        """Make a base of old versions, with newer ones on the index."""
        path.mkdir()
        index = FileIndex(path / "unused-index")
        bench = cls(
            workshop=Workshop(path=path, environ=environ, index=index), server=server, python=python
        )
        offer(server, ALPHA_1, ALPHA_2, BETA_1, BETA_2, GAMMA, UNRELATED_OLD, DOCUMENTED)
        bench.base()
        return bench

    @property
    def path(self) -> Path:
        """The directory of everything."""
        return self.workshop.path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every operation."""
        return self.workshop.environ

    def base(self, name: str = "base", *more: Wheel, python: Path | None = None) -> Path:
        """Make a base of the old versions."""
        wheels = more or (ALPHA_1, BETA_1, UNRELATED_OLD, HOME_MADE)
        return self.workshop.base(python or self.python, *wheels, name=name)

    def layer(self, *requests: str, name: str = "layer", base: str = "base") -> Path:
        """Make a layer and add to it."""
        layer = self.workshop.layer(self.path / base, name)
        if requests:
            change_layer(Request(layer=layer, add=requests), self.environ)
        return layer

    def lock(self, layer: Path) -> PaperLock:
        """Return the paper lock of a layer, as it comes back from its text."""
        text = dump_paper(paper_lock(open_layer(layer, self.environ), TOOLS))
        return parse_paper(text, "paper.lock")

    def request(self, lock: PaperLock, name: str = "again", **options: object) -> RestoreRequest:
        """Return the request to restore a lock."""
        return RestoreRequest(
            lock=lock,
            directory=self.path / name,
            root=self.path / "root",
            environ=self.environ,
            **options,  # type: ignore[arg-type]
        )

    def restore(self, lock: PaperLock, name: str = "again", **options: object) -> Path:
        """Restore a lock; return where."""
        request = self.request(lock, name, **options)
        restore(plan_restore(request))
        return request.directory

    def migrate(self, layer: Path, to: Path | str, **options: object) -> Migration:
        """Put a layer on another base."""
        return migrate_layer(
            MigrateRequest(
                layer=layer,
                to=str(to),
                root=self.path / "root",
                environ=self.environ,
                **options,  # type: ignore[arg-type]
            )
        )

    def hidden(self) -> list[str]:
        """Return what operations left beside the layers."""
        return sorted(one.name for one in self.path.iterdir() if one.name.startswith("."))
