"""Layers over layers over a base: imports, metadata, resources and entry points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.shapes import every_shape, shaped_base
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERIES = ["3.8", "3.9", "3.10", "3.12", "3.13"]
REPORT = """
import importlib, json, sys, warnings
import importlib.metadata as m, importlib.resources as r
warnings.simplefilter("ignore")
found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    files = getattr(r, "files", None)
    text = files(name).joinpath("data.txt").read_text() if files else r.read_text(name, "data.txt")
    found[name] = [module.__version__, m.version(name), text]
groups = m.entry_points()
plugins = groups.select(group="plugins") if hasattr(groups, "select") else groups["plugins"]
found["plugins"] = sorted(one.name + " " + one.load().__module__ for one in plugins)
print(json.dumps(found))
"""


def plugin(name: str, version: str) -> Wheel:
    """Return a distribution with a data file, and an entry point named after its version."""
    info = f"{name}-{version}.dist-info"
    points = f"[plugins]\n{name}-{version} = {name}:main\n"
    files = {f"{name}/data.txt": version, f"{info}/entry_points.txt": points}
    return Wheel(name=name, version=version, files=files)


def all_at(version: str) -> list[str]:
    return [version] * 3


@every_shape
@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("flags", [[], ["-I"]], ids=["none", "I"])
def test_each_sees_what_is_below_it(
    workshop: Workshop,
    interpreter: Callable[[str], Path],
    shape: str,
    series: str,
    flags: list[str],
) -> None:
    wheels = [plugin(name, "1.0") for name in ("alpha", "beta", "gamma")]
    base = shaped_base(workshop, shape, interpreter(series), *wheels)
    lower = base.layer("lower")
    workshop.add(lower, plugin("alpha", "2.0"))
    workshop.add(lower, plugin("beta", "2.0"))
    upper = workshop.layer(lower, "upper", **base.environ)
    workshop.add(upper, plugin("alpha", "3.0"))
    workshop.add(upper, plugin("delta", "3.0"))

    def told(layer: Path, *names: str) -> dict[str, list[str]]:
        argv = [layer / "bin" / "python", *flags, "-c", REPORT, *names]
        found: dict[str, list[str]] = json.loads(run([*argv], base.environ))
        return found

    assert told(upper, "alpha", "beta", "gamma", "delta") == {
        "alpha": all_at("3.0"),
        "beta": all_at("2.0"),
        "gamma": all_at("1.0"),
        "delta": all_at("3.0"),
        "plugins": ["alpha-3.0 alpha", "beta-2.0 beta", "delta-3.0 delta", "gamma-1.0 gamma"],
    }
    assert told(lower, "alpha", "beta", "gamma") == {
        "alpha": all_at("2.0"),
        "beta": all_at("2.0"),
        "gamma": all_at("1.0"),
        "plugins": ["alpha-2.0 alpha", "beta-2.0 beta", "gamma-1.0 gamma"],
    }


PROGRAM = """
import importlib.metadata as m
def main():
    groups = m.entry_points()
    some = groups.select(group="plugins") if hasattr(groups, "select") else groups["plugins"]
    print(*sorted(one.name for one in some))
"""


@every_shape
@pytest.mark.parametrize("series", ["3.8", "3.12"])
def test_a_program_of_the_base_finds_the_layers_plugins(
    workshop: Workshop, interpreter: Callable[[str], Path], shape: str, series: str
) -> None:
    """Each once: also of a distribution that was once installed as an egg."""
    host = Wheel(
        name="host", version="1.0", scripts={"host": "hostprogram:main"},
        files={"hostprogram.py": PROGRAM},
    )  # fmt: skip
    base = shaped_base(
        workshop, shape, interpreter(series), host, plugin("alpha", "1.0"), plugin("beta", "1.0")
    )
    place = base.places[-1]
    egg = place / "beta.egg-info"
    (place / "beta-1.0.dist-info").rename(egg)
    (egg / "METADATA").rename(egg / "PKG-INFO")
    layer = base.layer()
    assert run([layer / "bin" / "host"], base.environ).split() == ["alpha-1.0", "beta-1.0"]
    workshop.add(layer, plugin("alpha", "2.0"))
    workshop.add(layer, plugin("beta", "2.0"))
    workshop.add(layer, plugin("delta", "2.0"))
    names = ["alpha-2.0", "beta-2.0", "delta-2.0"]
    assert run([layer / "bin" / "host"], base.environ).split() == names


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_lines_of_pth_files_in_base_and_layers(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str
) -> None:
    """A layer's directories come before all that is below it, its lines may import from below."""
    base = shaped_base(workshop, "prefix", interpreter(series), Wheel(name="alpha", version="1.0"))
    lower = base.layer("lower")
    upper = workshop.layer(lower, "upper")
    sites = [site_of(upper), site_of(lower), base.places[0]]
    extras = []
    for name, site in zip(("upper", "lower", "base"), sites, strict=True):
        extra = workshop.path / f"extra-{name}"
        extra.mkdir()
        (extra / "shared.py").write_text(f"where = {name!r}\n", encoding="utf-8")
        (extra / f"only_{name}.py").write_text("", encoding="utf-8")
        # Written after the layers above were made: they find it nevertheless.
        line = f"import sys, alpha; sys.lines = getattr(sys, 'lines', []) + [{name!r}]\n"
        (site / "a.pth").write_text(f"{extra}\n{line}", encoding="utf-8")
        extras.append(str(extra))
    code = """
import sys, shared, only_upper, only_lower, only_base
print(shared.where, *dict.fromkeys(sys.lines))
print(*[one for one in sys.path if "workshop" in one], sep="\\n")
"""
    for flags in ([], ["-I"]):
        first, *path = run([upper / "bin" / "python", *flags, "-c", code], {}).splitlines()
        assert first == "upper upper lower base"
        assert path == [
            str(one) for pair in zip(sites, extras, strict=True) for one in pair
        ]  # fmt: skip
