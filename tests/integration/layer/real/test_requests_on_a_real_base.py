"""Requests over 199 real packages, against the index as it is today: nothing may break.

What a request brings changes with the index; that it breaks nothing does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core import fs
from support.changes import tree
from support.real_bases import SHAPES, RealBase, Trio, imports, modules_in, pip_check
from support.workshop import run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = [pytest.mark.index, pytest.mark.heavy]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A base, a place for layers, and what can be imported before any."""

    base: RealBase
    work: Path
    works: frozenset[str]

    def lamina(self, *words: str | Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the program with the base set up."""
        answer = subprocess.run(
            [sys.executable, "-m", "lamina", *map(str, words)],
            env=self.base.environ, cwd=self.work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == expect, answer.stdout + answer.stderr
        return answer

    def layer(self, name: str) -> Path:
        layer = self.work / name
        self.lamina("layer", "create", layer, "--on", self.base.given)
        return layer


@pytest.fixture(scope="module")
def trio(
    tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], Path]
) -> Iterator[Trio]:
    path = tmp_path_factory.mktemp("trio")
    kept = ("SSL_", "UV_", "PIP_", "LC_", "LANG", "PATH", "PYENV_ROOT")
    environ = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environ |= {"HOME": str(path / "home")}
    environ.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    (path / "home").mkdir()
    yield Trio.make(path / "base", interpreter("3.11"), environ)
    fs.remove_tree(path)


@pytest.fixture(scope="module", params=SHAPES)
def ground(request: pytest.FixtureRequest, trio: Trio) -> Iterator[Ground]:
    base = trio.base(request.param)
    assert pip_check(base.python, base.environ) == []
    modules = modules_in(base.sites)
    works = modules - imports(base.python, modules, base.environ).keys()
    assert len(works) > 200
    work = trio.path.with_name(request.param)
    work.mkdir()
    before = trio.contents()
    yield Ground(base=base, work=work, works=frozenset(works))
    fs.remove_tree(work)
    assert trio.contents() == before


@pytest.mark.parametrize(
    ("request_text", "module", "lifted"),
    [
        pytest.param("uproot>=5.3", "uproot", {"uproot"}, id="uproot"),
        pytest.param("coffea", "coffea", set(), id="coffea"),
        # What only adds is not tried out: the TensorFlow that fits here is one that TensorFlow
        # Probability accepts in its metadata and refuses in its code, and nobody is told.
        pytest.param("zfit", None, set(), id="zfit"),
        pytest.param(
            "numpy>=2",
            "numpy",
            {"numpy", "pandas", "numba", "h5py", "pyarrow", "scipy", "awkward", "tables"},
            id="numpy",
        ),
    ],
)
def test_what_worked_before_works(
    ground: Ground, request_text: str, module: str | None, lifted: set[str]
) -> None:
    """``module`` has to be imported afterwards, and whatever new cannot be has to be told."""
    layer = ground.layer(module or request_text)
    plan = json.loads(ground.lamina("layer", "add", "-q", layer, request_text, "--json").stdout)
    names = {one["name"] for one in plan["packages"] if one["over"] is not None}
    assert lifted <= names if lifted else not names
    python = layer / "bin" / "python"
    versions = versions_seen(python, ground.base.environ)
    for one in plan["packages"]:
        assert versions[one["name"]] == one["version"]
    assert plan["kept"] + len(names) == 199
    assert pip_check(python, ground.base.environ) == []
    failed = imports(python, ground.works | modules_in([site_of(layer)]), ground.base.environ)
    assert not failed.keys() & ground.works
    assert needless(plan, layer) == set()
    if module is None:
        return
    assert module not in failed
    told = {one["module"] for one in (plan["imports"] or {"new_broken": []})["new_broken"]}
    assert {one.partition(".")[0] for one in failed} <= told


def versions_seen(python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the packages that an interpreter finds; of two copies the first one counts."""
    code = (
        "import importlib.metadata as m, json\n"
        "print(json.dumps([(d.metadata['Name'], d.version) for d in m.distributions()]))"
    )
    found = json.loads(run([python, "-c", code], dict(environ)))
    return {canonicalize_name(name): version for name, version in reversed(found)}


def needless(plan: Mapping[str, Any], layer: Path) -> set[str]:
    """Return what was lifted though the base's version would have done, by all that is known."""
    there = {one["name"]: one["over"] for one in plan["packages"] if one["over"] is not None}
    asked = {canonicalize_name(Requirement(one).name) for one in plan["requests"]}
    return {name for name in there.keys() - asked if not needed(name, there[name], plan, layer)}


def needed(name: str, old: str, plan: Mapping[str, Any], layer: Path) -> bool:
    """Tell whether a package had to be lifted: for another of the layer, or for itself."""
    for requirement in requirements_in(site_of(layer)):
        counts = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        fits = requirement.specifier.contains(old, prereleases=True)
        if counts and canonicalize_name(requirement.name) == name and not fits:
            return True
    [reasons] = [one["because"] for one in plan["packages"] if one["name"] == name]
    return any(one.startswith(f"{name} {old} ") for one in reasons)


def requirements_in(site: Path) -> Iterator[Requirement]:
    """Yield what the packages of a directory need, by their metadata."""
    for metadata in site.glob("*.dist-info/METADATA"):
        for line in metadata.read_text(encoding="utf-8").splitlines():
            if line.startswith("Requires-Dist: "):
                yield Requirement(line.removeprefix("Requires-Dist: "))


@pytest.mark.parametrize(
    ("requests", "reason", "possible"),
    [
        pytest.param(
            ["numpy>=2", "numba<0.58"],
            "numpy>=2, numba<0.58 cannot be had together with",
            ["numpy>=2", "numba=="],
            id="two that exclude each other",
        ),
        pytest.param(
            ["no-such-package-anywhere"],
            "the index has no package 'no-such-package-anywhere'",
            [],
            id="no such name",
        ),
        pytest.param(["numpy>=99"], "only numpy<=", ["numpy==2."], id="no such version"),
    ],
)
def test_what_cannot_be(
    ground: Ground, requests: list[str], reason: str, possible: list[str]
) -> None:
    layer = ground.work / "impossible"
    if not layer.exists():
        ground.layer("impossible")
        ground.lamina("layer", "add", "-q", layer, "toolz")
    before = tree(layer)
    refused = ground.lamina("layer", "add", "-q", layer, *requests, expect=4).stderr
    assert tree(layer) == before
    said, *hints = refused.splitlines()
    assert reason in said
    assert len(said) < 500
    offers = [one.partition("layer add ")[2] for one in hints if "this is possible" in one]
    assert bool(offers) == bool(possible)
    if possible:
        words = offers[0].replace("'", "").split()[1:]
        assert len(words) == len(possible)
        assert all(word.startswith(start) for word, start in zip(words, possible, strict=True))
        ground.lamina("layer", "add", "-q", "--dry-run", layer, *words)
