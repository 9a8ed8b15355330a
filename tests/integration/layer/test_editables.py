"""Editable installs by the backends themselves, in a layer and in what is below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.editables import BACKENDS, Backend, install_editable, install_tools, write_project
from support.shapes import ShapedBase, answer, shaped_base
from support.wheels import FileIndex, Wheel
from support.workshop import Workshop, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.index

FILES = {"alpha/sub.py": "where = 'wheel'\n", "alpha/data.txt": "wheel\n"}
OLD, NEW = (Wheel(name="alpha", version=version, files=FILES) for version in ("1.0", "2.0"))
CODE = """
import importlib.metadata as m, importlib.resources as r, alpha.sub
print(alpha.__version__, m.version("alpha"), alpha.sub.where)
print(r.read_text("alpha", "data.txt") if not hasattr(r, "files") else
      r.files("alpha").joinpath("data.txt").read_text())
"""
EDITED = ["3.0", "3.0", "source", "source"]
PLAIN = ("setuptools-finder", "meson-python")
# A line of a .pth file tells of these, as of hatchling's.
ALIKE = ("setuptools-path", "setuptools-compat")
EACH = [pytest.param(name, marks=pytest.mark.heavy) if name in ALIKE else name for name in BACKENDS]
every_backend = pytest.mark.parametrize("name", EACH)


@pytest.fixture
def workshop(tmp_path: Path, environ: dict[str, str]) -> Workshop:
    """Return a workshop with the package index of this machine."""
    path = tmp_path / "workshop"
    path.mkdir()
    return Workshop(path=path, environ=environ, index=FileIndex(tmp_path / "index"))


SHAPED = [("view", name) for name in BACKENDS]
SHAPED += [(shape, name) for shape in ("prefix", "packages") for name in PLAIN]


def with_tools(base: ShapedBase, backend: Backend) -> dict[str, str]:
    """Put a backend into a base, and return the environment in which its programs are found."""
    install_tools(base.python, base.places[0], backend, base.workshop.environ)
    return base.environ | {"PATH": f"{base.places[0]}/bin:{base.environ['PATH']}"}


@pytest.mark.parametrize(("shape", "name"), SHAPED)
def test_in_the_layer_it_wins(workshop: Workshop, python: Path, shape: str, name: str) -> None:
    backend = BACKENDS[name]
    base = shaped_base(workshop, shape, python, OLD)
    environ = with_tools(base, backend)
    layer = base.layer()
    project = write_project(workshop.path / "source", backend)
    install_editable(layer / "bin" / "python", project, backend, environ)
    for flags in ([], ["-I"]):
        assert answer(layer, CODE, environ, *flags) == EDITED


@every_backend
def test_in_the_base_it_is_seen_and_beaten(workshop: Workshop, python: Path, name: str) -> None:
    backend = BACKENDS[name]
    base = shaped_base(workshop, "prefix", python)
    environ = with_tools(base, backend)
    project = write_project(workshop.path / "source", backend)
    install_editable(base.python, project, backend, environ)
    layer = base.layer()
    assert answer(layer, CODE, environ) == EDITED
    workshop.add(layer, NEW)
    assert answer(layer, CODE, environ) == ["2.0", "2.0", "wheel", "wheel"]


@every_backend
def test_in_a_layer_below(workshop: Workshop, python: Path, name: str) -> None:
    """Installed when the upper layer was there already, which so knows nothing of it."""
    backend = BACKENDS[name]
    base = shaped_base(workshop, "prefix", python, OLD)
    environ = with_tools(base, backend)
    lower = base.layer("lower")
    upper = workshop.layer(lower, "upper")
    project = write_project(workshop.path / "source", backend)
    install_editable(lower / "bin" / "python", project, backend, environ)
    assert answer(upper, CODE, environ) == EDITED
    workshop.add(upper, NEW)
    assert answer(upper, CODE, environ) == ["2.0", "2.0", "wheel", "wheel"]
    assert answer(lower, CODE, environ) == EDITED


@pytest.mark.parametrize("series", ["3.9", pytest.param("3.11", marks=pytest.mark.heavy), "3.13"])
@pytest.mark.parametrize("name", ["setuptools-finder", "hatchling"])
def test_in_other_pythons(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str, name: str
) -> None:
    backend = BACKENDS[name]
    base = shaped_base(workshop, "view", interpreter(series), OLD)
    environ = with_tools(base, backend)
    layer = base.layer()
    project = write_project(workshop.path / "source", backend)
    install_editable(layer / "bin" / "python", project, backend, environ)
    assert answer(layer, CODE, environ) == EDITED
    assert not list(site_of(layer).glob("alpha/__init__.py"))
