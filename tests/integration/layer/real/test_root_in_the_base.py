"""ROOT in the base, compiled for the base's numpy, and a newer numpy in the layer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.engines.uv_program import UvProgram
from lamina.layer.change import Request, change_layer
from support.workshop import Workshop, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.heavy]

PINS = ("root==0.1a12", "numpy==1.26.4", "uproot==5.3.7", "awkward==2.6.4")
HISTOGRAM = """
import ROOT, json, numpy
histogram = ROOT.TH1D("h", "h", 10, 0.0, 10.0)
histogram.FillN(4, numpy.array([1.5, 2.5, 2.5, 7.5]), numpy.ones(4))
ROOT.gInterpreter.Declare("int twice(int x) { return 2 * x; }")
vector = ROOT.std.vector["double"]([1.0, 2.0, 3.0])
print(json.dumps({
    "root": ROOT.__file__, "numpy": [numpy.__version__, numpy.__file__],
    "entries": histogram.GetEntries(), "bin": histogram.GetBinContent(3),
    "twice": ROOT.twice(21), "cling": int(ROOT.gInterpreter.ProcessLine("6 * 7;")),
    "seen as an array": numpy.asarray(vector).sum(),
}))
"""


@pytest.fixture
def workshop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Workshop]:
    path = tmp_path / "workshop"
    path.mkdir()
    yield Workshop(path=path, environ=environ, index=None)  # type: ignore[arg-type]
    fs.remove_tree(path)  # 2 GB


def test_root_works_with_the_numpy_of_the_layer(
    workshop: Workshop, interpreter: Callable[[str], Path]
) -> None:
    base = workshop.base(interpreter("3.12"))
    UvProgram(environ=workshop.environ).call(
        "pip", "install", "--quiet", "--python", base / "bin" / "python", "--prerelease",
        "if-necessary-or-explicit", "--only-binary", ":all:", *PINS,
    )  # fmt: skip
    before = said(workshop, base)
    assert before["numpy"][0] == "1.26.4"

    layer = workshop.layer(base)
    plan = change_layer(Request(layer=layer, add=("numpy>=2",)), workshop.environ)

    lifted = {str(one.name) for one in plan.placed if one.over}
    assert "numpy" in lifted
    assert "root" not in lifted
    after = said(workshop, layer)
    assert after["numpy"][0].startswith("2.")
    assert after["numpy"][1].startswith(str(layer))
    assert after["root"].startswith(str(base))
    for one in (before, after):
        assert (one["entries"], one["bin"]) == (4.0, 2.0)
        assert (one["twice"], one["cling"], one["seen as an array"]) == (42, 42, 6.0)
    assert said(workshop, base) == before


def said(workshop: Workshop, prefix: Path) -> dict[str, Any]:
    """Return what a program with ROOT says, run by the interpreter of a prefix."""
    # ROOT's package warns that it is an alpha.
    words = [prefix / "bin" / "python", "-W", "ignore::UserWarning", "-c", HISTOGRAM]
    lines = run(words, workshop.environ).splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found
