"""Bases that are not simple: wrappers of an interpreter, conda, the system's Python, old news."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina._target import probe as probe_code
from lamina._target import surroundings
from lamina.core.errors import UsageError
from lamina.engines.probe import probe
from lamina.layer.base import find_place, look_at
from lamina.layer.change import Request, change_layer
from lamina.layer.check.run import check_layer
from lamina.layer.document import load_layer
from lamina.layer.opened import open_layer
from support.native import copy_of_interpreter
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ALPHA = Wheel(name="alpha", version="1.0", scripts={"alpha": "alpha:main"})
WHERE = "import sys; print(sys.prefix, sys.base_prefix)"


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


# --- wrappers


@pytest.mark.parametrize("given", ["env", "path"])
def test_of_a_wrapper_the_interpreter_behind_it_is_the_base(
    workshop: Workshop, python: Path, given: str
) -> None:
    """What the wrapper starts is decided by a variable that no other program gets to see."""
    wrapper = script(workshop.path / "shims" / "python3", 'exec "$CHOSEN_PYTHON/bin/python3" "$@"')
    base = workshop.base(python, ALPHA)
    environ = {"CHOSEN_PYTHON": str(base), "PATH": f"{wrapper.parent}:/usr/bin:/bin"}
    layer = workshop.layer("env" if given == "env" else wrapper, **environ)
    document = load_layer(layer)
    assert (document.base.python, document.base.prefix) == (str(base / "bin/python3"), str(base))
    assert f"home = {python.resolve().parent}\n" in (layer / "pyvenv.cfg").read_text()
    run([layer / "bin" / "python", "-c", "import alpha"], workshop.environ)


def test_a_wrapper_that_gives_it_another_name(workshop: Workshop, python: Path) -> None:
    """The interpreter believes to be the wrapper, which is then no base's interpreter."""
    path = workshop.path / "wrapped" / "bin" / "python3"
    script(path, f'exec /bin/bash -c \'exec -a "$0" {python} "$@"\' "$0" "$@"')
    described = probe(path, environ=workshop.environ)
    assert described.interpreter == str(python.resolve())


def test_a_wrapper_that_starts_nothing(workshop: Workshop) -> None:
    wrapper = script(workshop.path / "python3", "echo no version is set >&2", "exit 127")
    with pytest.raises(UsageError, match=r"not a Python that works \(no version is set\)"):
        workshop.layer("env", PATH=f"{wrapper.parent}:/usr/bin:/bin")


def test_pyenv(workshop: Workshop, python: Path) -> None:
    """The shim would be another Python in another directory."""
    root = Path(workshop.environ["PYENV_ROOT"])
    if not (root / "shims" / "python3").exists() or not python.is_relative_to(root / "versions"):
        pytest.skip("no pyenv on this machine")
    version = python.relative_to(root / "versions").parts[0]
    environ = {"PATH": f"{root}/shims:{root}/bin:/usr/bin:/bin", "PYENV_VERSION": version}
    layer = workshop.layer("env", **environ)
    assert load_layer(layer).base.prefix == str(root / "versions" / version)
    answer = run([layer / "bin" / "python", "-c", WHERE], workshop.environ | {"PYENV_VERSION": "x"})
    assert answer.split() == [str(layer), str(root / "versions" / version)]


SERIES = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("program", [probe_code, surroundings], ids=lambda one: one.__name__[8:])
def test_what_runs_in_a_base_uses_nothing_that_is_going_away(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str, program: ModuleType
) -> None:
    """A warning here is an error in a later Python."""
    words = [interpreter(series), "-I", "-B", "-W", "error", program.__file__]
    assert json.loads(run(words, workshop.environ))["version"].startswith(f"{series}.")


# --- what is kept of a base


def edit(path: Path, text: str) -> None:
    """Write into a file in place: its directory does not change."""
    path.write_text(text, encoding="utf-8")


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "metadata": lambda site, _: edit(
        site / "alpha-1.0.dist-info" / "METADATA", "Name: alpha\nVersion: 1.1\n"
    ),
    "path-file": lambda site, other: edit(site / "more.pth", f"{other}\n"),
    "removed": lambda site, _: shutil.rmtree(site / "alpha-1.0.dist-info"),
    "interpreter": lambda site, _: edit(site.parents[2] / "pyvenv.cfg", _with_system_site(site)),
}


def _with_system_site(site: Path) -> str:
    text = (site.parents[2] / "pyvenv.cfg").read_text(encoding="utf-8")
    return text.replace("site-packages = false", "site-packages = true")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_base_that_changed_is_asked_again(
    workshop: Workshop, python: Path, change: Callable[[Path, Path], object]
) -> None:
    base, other = workshop.base(python, ALPHA), workshop.path / "other"
    ALPHA.unpack(other)
    site = site_of(base)
    (site / "more.pth").write_text("# none\n", encoding="utf-8")
    place = find_place(str(base), root=workshop.path, environ=workshop.environ)
    before = look_at(place, environ=workshop.environ).probe
    change(site, other)
    after = look_at(place, environ=workshop.environ).probe
    assert after != before
    assert after == probe(place.python, environ=workshop.environ)


def test_another_interpreter_behind_a_link(
    workshop: Workshop, interpreter: Callable[[str], Path]
) -> None:
    link = workshop.path / "view" / "bin" / "python3"
    link.parent.mkdir(parents=True)
    for series in ("3.12", "3.11"):
        link.unlink(missing_ok=True)
        link.symlink_to(interpreter(series))
        place = find_place(str(link.parents[1]), root=workshop.path, environ=workshop.environ)
        assert look_at(place, environ=workshop.environ).probe.series == series


def test_a_base_that_did_not_change_is_not_asked(workshop: Workshop, python: Path) -> None:
    """What is kept is taken: here it differs from what the interpreter would say."""
    base = workshop.base(python, ALPHA)
    place = find_place(str(base), root=workshop.path, environ=workshop.environ)
    look_at(place, environ=workshop.environ)
    (base / "unrelated").mkdir()
    cached = next((Path(workshop.environ["HOME"]) / ".cache/lamina/probes").iterdir())
    kept = json.loads(cached.read_text(encoding="utf-8"))
    kept["probe"]["magic"] = "from the cache"
    cached.write_text(json.dumps(kept), encoding="utf-8")
    assert look_at(place, environ=workshop.environ).probe.magic == "from the cache"


# --- conda and the system


@pytest.fixture
def conda(workshop: Workshop, python: Path) -> Path:
    """A prefix as conda makes it: interpreter, packages, what is no Python package, records."""
    prefix = workshop.path / "miniforge" / "envs" / "ana"
    copy_of_interpreter(python, prefix)
    site = site_of(prefix)
    ALPHA.unpack(site)
    (site / "alpha-1.0.dist-info" / "INSTALLER").write_text("conda\n", encoding="utf-8")
    (site / "alpha-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///home/conda/feedstock_root/work", "dir_info": {}}', encoding="utf-8"
    )
    (site / "ROOT.py").write_text("", encoding="utf-8")
    script(prefix / "bin" / "root-config", "echo 6.30.04")
    library = str(site.relative_to(prefix))
    records = {
        "alpha-1.0-py312_0": [f"{library}/alpha/__init__.py"],
        "root_base-6.30.4-py312_0": [f"{library}/ROOT.py", "bin/root-config"],
    }
    for name, files in records.items():
        package, version, build = name.rsplit("-", 2)
        record = {"name": package, "version": version, "build": build, "files": files}
        path = prefix / "conda-meta" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record), encoding="utf-8")
    return prefix


@pytest.mark.parametrize("given", ["prefix", "env"])
def test_a_conda_prefix(workshop: Workshop, conda: Path, given: str) -> None:
    active = {"CONDA_PREFIX": str(conda), "PATH": f"{conda}/bin:{workshop.environ['PATH']}"}
    layer = workshop.layer(conda if given == "prefix" else "env", **active)
    python = layer / "bin" / "python"
    assert run([python, "-c", WHERE], workshop.environ).split() == [str(layer), str(conda)]
    run([python, "-c", "import alpha, ROOT"], workshop.environ)
    opened = open_layer(layer, workshop.environ)
    assert [one.key for one in opened.base.unrecorded] == ["root"]
    workshop.index.add(Wheel(name="alpha", version="2.0"))
    change_layer(Request(layer=layer, add=("alpha>=2",)), workshop.environ)
    code = "import alpha; print(alpha.__version__)"
    assert run([python, "-c", code], workshop.environ) == "2.0\n"
    assert run([conda / "bin" / "python3", "-c", code], workshop.environ) == "1.0\n"
    assert check_layer(layer, root=workshop.path, environ=workshop.environ).findings == ()
    line = f". '{layer}/bin/activate' && root-config"
    if given == "env":
        assert run(["sh", "-c", line], workshop.environ) == "6.30.04\n"


@pytest.mark.parametrize("given", ["/usr", "/usr/bin/python3", "env"])
def test_the_systems_python(workshop: Workshop, given: str) -> None:
    """Its packages are seen, nothing is put into it, and no rule against that stands in the way."""
    system = Path("/usr/bin/python3")
    if not system.exists():
        pytest.skip("this machine has no /usr/bin/python3")
    layer = workshop.layer(given, PATH="/usr/bin:/bin")
    python = layer / "bin" / "python"
    base = open_layer(layer, workshop.environ).base
    assert load_layer(layer).base.prefix == "/usr"
    assert load_layer(layer).base.variables == {}
    workshop.index.add(ALPHA)
    change_layer(Request(layer=layer, add=("alpha",)), workshop.environ)
    assert run([layer / "bin" / "alpha"], workshop.environ) == "alpha 1.0\n"
    show = "import json, sys; print(json.dumps(sys.path))"
    path = json.loads(run([python, "-I", "-c", show], workshop.environ))
    assert path[-len(base.path) :] == list(base.path)
    assert not [one for one in base.path if (Path(one) / "alpha").exists()]
    assert check_layer(layer, root=workshop.path, environ=workshop.environ).findings == ()


def test_a_base_without_pip(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python)
    assert "pip" not in {one.key for one in probe(base / "bin/python", environ={}).distributions}
    layer = workshop.layer(base)
    workshop.index.add(ALPHA)
    change_layer(Request(layer=layer, add=("alpha",)), workshop.environ)
    assert run([layer / "bin" / "alpha"], workshop.environ) == "alpha 1.0\n"
