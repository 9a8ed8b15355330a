"""The real solver of layers, which keeps the questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.engines.uv_compile import PackageIndexes, UvUnion
from lamina.engines.uv_program import UvProgram
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import PythonSeries

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.uv_compile import Resolved, Union
    from lamina.model.names import PackageName
    from support.workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(UvUnion):
    """The real solver, which keeps the questions."""

    asked: list[Union] = field(default_factory=list)

    def resolve(self, union: Union) -> dict[PackageName, Resolved]:
        """Keep the question and answer it."""
        self.asked.append(union)
        return UvUnion.resolve(self, union)


def solver_for(workshop: Workshop, layer: Path) -> Listening:
    """Return the solver for a layer."""
    return Listening(
        program=UvProgram(environ=workshop.environ),
        python=layer / "bin" / "python",
        series=PythonSeries.parse("3.12"),
        indexes=PackageIndexes(addresses={PUBLIC_INDEX: workshop.index.address}),
    )
