"""Small bases and layers on them, without any network."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer
from support.venvs import make_venv

if TYPE_CHECKING:
    from pathlib import Path

    from support.wheels import FileIndex, Wheel


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Makes bases and layers in a directory of the test's."""

    path: Path
    environ: dict[str, str] = field(repr=False)
    index: FileIndex

    def base(self, python: Path, *wheels: Wheel, name: str = "base") -> Path:
        """Make a virtual environment with wheels in it."""
        prefix = self.path / name
        make_venv(python, prefix, self.environ)
        site = next((prefix / "lib").glob("python*/site-packages"))
        for wheel in wheels:
            wheel.unpack(site)
        return prefix

    def layer(self, base: Path | str, name: str = "layer", **environ: str) -> Path:
        """Make a layer."""
        env = self.environ | environ
        target = self.path / name
        place = find_place(str(base), root=self.path / "root", environ=env)
        create_layer(target, look_at(place, environ=env))
        return target

    def add(self, layer: Path, wheel: Wheel) -> None:
        """Put a wheel into a layer's site-packages without lamina."""
        wheel.unpack(site_of(layer))


def site_of(prefix: Path) -> Path:
    """Return the site-packages of a prefix."""
    return next((prefix / "lib").glob("python*/site-packages"))


def run(argv: list[object], environ: dict[str, str], *, cwd: Path | None = None) -> str:
    """Run a program that has to succeed, and return its standard output."""
    answer = subprocess.run(
        [str(word) for word in argv],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert not answer.stderr, answer.stderr
    return answer.stdout
