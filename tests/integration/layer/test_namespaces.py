"""Namespace packages of which base and layer each have a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.shapes import answer, every_shape, shaped_base
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXTENDED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
DECLARED = "__import__('pkg_resources').declare_namespace(__name__)\n"
STYLES = {"native": None, "extended": EXTENDED, "declared": DECLARED}
CODE = """
import ns.common, ns.deep.part, ns.deep.in_base, ns.deep.in_layer, ns.in_base, ns.in_layer
print(ns.common.where, ns.deep.part.where, ns.in_base.where, ns.in_layer.where)
"""


def part(style: str, where: str) -> Wheel:
    """Return a distribution with a part of the namespaces ``ns`` and ``ns.deep``."""
    text = f"where = {where!r}\n"
    names = ("common", "deep/part", f"deep/in_{where}", f"in_{where}")
    files = {f"ns/{name}.py": text for name in names}
    start = STYLES[style]
    if start is not None:
        files |= {"ns/__init__.py": start, "ns/deep/__init__.py": start}
    return Wheel(name=f"ns-{where}", version="1.0", files=files)


def with_pkg_resources(interpreter: Callable[[str], Path], base: Path) -> None:
    """Take the setuptools that an older interpreter brings, which has pkg_resources."""
    code = "import ensurepip, os; print(os.path.dirname(ensurepip.__file__))"
    bundle = run([interpreter("3.11"), "-c", code], {}).strip()
    run([interpreter("3.11"), "-m", "zipfile", "-e", *_setuptools(bundle), base], {})


def _setuptools(bundle: str) -> list[str]:
    from pathlib import Path

    return [str(one) for one in Path(bundle, "_bundled").glob("setuptools-*.whl")]


@every_shape
@pytest.mark.parametrize("below", STYLES)
@pytest.mark.parametrize("above", STYLES)
def test_both_parts_are_there_and_the_layers_goes_first(
    workshop: Workshop,
    interpreter: Callable[[str], Path],
    shape: str,
    below: str,
    above: str,
) -> None:
    """Also where one side is of an older kind than the other, as in one directory."""
    python = interpreter("3.11")
    base = shaped_base(workshop, shape, python, part(below, "base"))
    with_pkg_resources(interpreter, base.places[0])
    layer = base.layer()
    workshop.add(layer, part(above, "layer"))
    code = "import warnings; warnings.simplefilter('ignore')" + CODE
    for flags in ([], ["-I"]):
        assert answer(layer, code, base.environ, *flags) == ["layer", "layer", "base", "layer"]


NSPKG = (
    "import sys, types, os;has_mfs = sys.version_info > (3, 5);"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('ns',));"
    "importlib = has_mfs and __import__('importlib.util');"
    "has_mfs and __import__('importlib.machinery');"
    "m = has_mfs and sys.modules.setdefault('ns', importlib.util.module_from_spec("
    "importlib.machinery.PathFinder.find_spec('ns', [os.path.dirname(p)])));"
    "m = m or sys.modules.setdefault('ns', types.ModuleType('ns'));"
    "mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)\n"
)
"""What setuptools before 82 writes for ``namespace_packages``, letter by letter."""


@pytest.mark.parametrize("series", ["3.8", "3.11", "3.13"])
@pytest.mark.parametrize("announced", ["base", "layer", "both"])
@pytest.mark.parametrize("above", ["native", "extended"])
def test_announced_by_a_pth_file(
    workshop: Workshop,
    interpreter: Callable[[str], Path],
    series: str,
    announced: str,
    above: str,
) -> None:
    base = shaped_base(workshop, "prefix", interpreter(series), part("native", "base"))
    layer = base.layer()
    workshop.add(layer, part(above, "layer"))
    for where, site in (("base", base.places[0]), ("layer", site_of(layer))):
        if announced in {where, "both"}:
            (site / f"ns_{where}-1.0-nspkg.pth").write_text(NSPKG, encoding="utf-8")
    for flags in ([], ["-I"]):
        told = answer(layer, CODE, base.environ, *flags)
        assert told == ["layer", "layer", "base", "layer"]


@every_shape
def test_a_package_of_the_layer_is_not_mixed_with_the_bases(
    workshop: Workshop, python: Path, shape: str
) -> None:
    """Without a word about namespaces, the older one is hidden whole."""
    files = {
        "ns/__init__.py": "",
        "ns/gone.py": "",
        "ns/deep/__init__.py": "",
        "ns/deep/old.py": "",
    }
    base = shaped_base(workshop, shape, python, Wheel(name="ns-base", version="1.0", files=files))
    layer = base.layer()
    files = {"ns/__init__.py": "", "ns/deep/__init__.py": ""}
    workshop.add(layer, Wheel(name="ns-layer", version="2.0", files=files))
    code = """
import importlib.util as u, ns, ns.deep
print(u.find_spec("ns.gone"), u.find_spec("ns.deep.old"), len(ns.__path__))
"""
    assert answer(layer, code, base.environ) == ["None", "None", "1"]


def test_the_users_own_package_is_not_mixed_with_the_layers(
    workshop: Workshop, python: Path, tmp_path: Path
) -> None:
    base = shaped_base(workshop, "prefix", python, part("native", "base"))
    layer = base.layer()
    workshop.add(layer, part("native", "layer"))
    own = tmp_path / "own" / "ns"
    own.mkdir(parents=True)
    for name in ("__init__", "mine"):
        (own / f"{name}.py").write_text("", encoding="utf-8")
    code = "import ns.mine; print(len(ns.__path__))"
    environ = base.environ | {"PYTHONPATH": str(own.parent)}
    assert answer(layer, code, environ) == ["1"]
