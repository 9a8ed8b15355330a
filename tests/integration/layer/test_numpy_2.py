"""The request that breaks environments: numpy 2 over a real base from before numpy 2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.engines.probe import read_distributions
from lamina.engines.uv_program import UvProgram
from lamina.layer.abi.bounds import numpy_bounds
from lamina.layer.abi.scan import scan_distributions
from lamina.layer.change import Request, change_layer
from lamina.layer.document import load_layer_lock
from lamina.layer.imports.modules import modules_of
from lamina.layer.imports.trial import Trial
from lamina.layer.opened import open_layer
from lamina.layer.union import applies, broken_by
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.index

PINS = (
    "numpy==1.26.4", "pandas==2.2.0", "awkward==2.5.2", "uproot==5.2.2", "h5py==3.10.0",
    "numba==0.59.0", "hist==2.7.2", "iminuit==2.24.0", "contourpy==1.2.0", "pyarrow==15.0.0",
    "pyarrow-hotfix==0.6",
)  # fmt: skip


@pytest.fixture
def base(
    environ: dict[str, str], tmp_path: Path, interpreter: Callable[[str], Path]
) -> tuple[Workshop, Path]:
    workshop = Workshop(path=tmp_path, environ=environ, index=None)  # type: ignore[arg-type]
    prefix = workshop.base(interpreter("3.11"))
    UvProgram(environ=environ).call(
        "pip", "install", "--quiet", "--python", prefix / "bin" / "python",
        "--exclude-newer", "2024-02-20", *PINS,
    )  # fmt: skip
    return workshop, prefix


def test_what_imported_before_imports_after(base: tuple[Workshop, Path]) -> None:
    workshop, prefix = base
    there = read_distributions([str(site_of(prefix))])
    bounds, doubtful = numpy_bounds(scan_distributions(there, None).values(), {})
    hard = {one.package for one in bounds if one.requirement == "numpy<2"}
    assert hard == {"h5py", "numba", "pandas", "pyarrow"}
    assert {one.name for one in doubtful} == {
        "awkward-cpp", "boost-histogram", "contourpy", "iminuit",
    }  # fmt: skip
    modules = {module for one in there for module in modules_of(one)}
    trial = Trial(python=prefix / "bin" / "python", environ=workshop.environ)
    worked = modules - set(trial.failures(sorted(modules)))
    assert {"awkward", "uproot", "h5py", "hist", "pyarrow_hotfix"} <= worked

    layer = workshop.layer(prefix)
    plan = change_layer(Request(layer=layer, add=("numpy>=2",)), workshop.environ)

    lifted = {str(one.name): one for one in plan.placed}
    assert hard <= set(lifted)
    # Pure Python, and its metadata allows any numpy.
    assert any(
        "awkward 2.5.2 does not import with numpy" in one for one in lifted["awkward"].because
    )
    assert "pyarrow-hotfix" in lifted
    here = Trial(python=layer / "bin" / "python", environ=workshop.environ)
    assert not here.failures(sorted(worked))
    assert consistent(workshop, layer) == []
    lock = load_layer_lock(layer)
    assert lock is not None
    assert {one.package for one in lock.bounds} > hard


def consistent(workshop: Workshop, layer: Path) -> list[str]:
    """Return the requirements that base and layer together do not meet."""
    code = (
        "import importlib.metadata as m, json\n"
        "found = {}\n"
        "for one in m.distributions():\n"
        "    found.setdefault(one.metadata['Name'].lower().replace('_', '-'), one.version)\n"
        "print(json.dumps(found))\n"
    )
    seen = json.loads(run([layer / "bin" / "python", "-I", "-c", code], workshop.environ))
    opened = open_layer(layer, workshop.environ)
    ground = opened.ground()
    # What the interpreter finds is what lamina thinks it finds.
    assert seen == {str(name): version for name, version in ground.versions.items()}
    everything = dict(ground.base) | dict(ground.own)
    broken = [
        f"{one.name} {one.version}: {requirement}"
        for one in everything.values()
        for requirement in broken_by(one, ground.versions, ground.environment)
    ]
    missing = [
        f"{one.name} {one.version}: {text} is missing"
        for one in everything.values()
        for text in one.requires
        if applies(Requirement(text), ground.environment)
        and canonicalize_name(Requirement(text).name) not in everything
    ]
    return broken + missing
