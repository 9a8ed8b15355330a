"""The three shapes in which experiments offer their packages, each as a small base."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from support.workshop import run, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.wheels import Wheel
    from support.workshop import Workshop

SHAPES = ("prefix", "view", "packages")
"""A prefix; one site-packages on PYTHONPATH; one directory a package on PYTHONPATH."""
every_shape = pytest.mark.parametrize("shape", SHAPES)


@dataclass(frozen=True, kw_only=True)
class ShapedBase:
    """A base, and what its set-up script would set."""

    workshop: Workshop = field(repr=False)
    given: Path | str
    """What a layer is made on."""
    python: Path
    places: tuple[Path, ...]
    """Where its packages are."""
    search: str
    """Its PYTHONPATH."""

    @property
    def environ(self) -> dict[str, str]:
        """The environment as set up."""
        path = f"{self.python.parent}:{self.workshop.environ['PATH']}"
        own = {"PYTHONPATH": self.search} if self.search else {}
        return self.workshop.environ | {"PATH": path} | own

    def layer(self, name: str = "layer") -> Path:
        """Make a layer on it."""
        return self.workshop.layer(self.given, name, **self.environ)

    def set_up(self, layer: Path) -> dict[str, str]:
        """Return the environment in which the base was set up after the layer was activated."""
        path = f"{self.python.parent}:{layer}/bin:{self.workshop.environ['PATH']}"
        return self.environ | {"VIRTUAL_ENV": str(layer), "PATH": path}


def shaped_base(workshop: Workshop, shape: str, python: Path, *wheels: Wheel) -> ShapedBase:
    """Make a base of a shape with wheels in it."""
    if shape == "prefix":
        prefix = workshop.base(python, *wheels)
        return ShapedBase(
            workshop=workshop, given=prefix, python=prefix / "bin" / "python",
            places=(site_of(prefix),), search="",
        )  # fmt: skip
    places = [workshop.path / "view" / "lib" / python.name / "site-packages"]
    if shape == "packages":
        places = [workshop.path / "packages" / wheel.name / wheel.version for wheel in wheels]
    for place in places:
        place.mkdir(parents=True)
    for number, wheel in enumerate(wheels):
        wheel.unpack(places[number % len(places)])
    return ShapedBase(
        workshop=workshop, given="env", python=python,
        places=tuple(places), search=os.pathsep.join(map(str, places)),
    )  # fmt: skip


def answer(layer: Path, code: str, environ: dict[str, str], *flags: str) -> list[str]:
    """Return the words that code prints, run by a layer's interpreter."""
    return run([layer / "bin" / "python", *flags, "-c", code], environ).split()
