"""Which package is imported: the layer's, then the base's, however Python is started."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from support.shells import Shell, find_shell
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD = Wheel(name="alpha", version="1.0", scripts={"alpha": "alpha:main"})
NEW = Wheel(name="alpha", version="2.0", scripts={"alpha": "alpha:main"})
OTHER = Wheel(name="beta", version="1.0")
SERIES = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]
BOTH = """
import importlib.metadata as m, alpha, beta, json
print(json.dumps([alpha.__version__, m.version("alpha"), beta.__version__, m.version("beta")]))
"""
SPAWNED = """
import multiprocessing, subprocess, sys
def version(_):
    import alpha
    return alpha.__version__
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(version, [0])[0])
    print(subprocess.check_output(
        [sys.executable, "-c", "import alpha; print(alpha.__version__)"], text=True).strip())
"""


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("flags", [[], ["-E"], ["-s"], ["-I"]], ids=["none", "E", "s", "I"])
def test_the_layer_wins(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str, flags: list[str]
) -> None:
    """The case of an LCG view: the base's site-packages is on PYTHONPATH all the time."""
    base = workshop.base(interpreter(series), OLD, OTHER)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    environ = workshop.environ | {"PYTHONPATH": str(site_of(base))}
    answer = run([layer / "bin" / "python", *flags, "-c", BOTH], environ)
    assert json.loads(answer) == ["2.0", "2.0", "1.0", "1.0"]


@pytest.mark.parametrize("series", SERIES)
def test_the_order_of_the_search_path(
    workshop: Workshop, interpreter: Callable[[str], Path], tmp_path: Path, series: str
) -> None:
    """The user's own directories, the standard library, the layer, the base: each of them once."""
    base = workshop.base(interpreter(series), OLD)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    own = tmp_path / "own"
    own.mkdir()
    (own / "alpha.py").write_text("__version__ = 'own'\n", encoding="utf-8")
    search = f"{own}{os.pathsep}{site_of(base)}"
    environ = workshop.environ | {"PYTHONPATH": search}
    script = "import alpha, json, sys; print(json.dumps([alpha.__version__, sys.path]))"
    version, path = json.loads(run([layer / "bin" / "python", "-c", script], environ))
    assert version == "own"
    assert path[:2] == ["", str(own)]
    assert path[-2:] == [str(site_of(layer)), str(site_of(base))]
    assert len(set(path)) == len(path)


@pytest.mark.parametrize("order", ["before", "after", "none"])
def test_pythonpath_around_activation(
    workshop: Workshop, python: Path, tmp_path: Path, order: str
) -> None:
    base = workshop.base(python, OLD, OTHER)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    shell = Shell("dash", find_shell("dash"))
    lines = [shell.activate(layer)]
    export = shell.export("PYTHONPATH", str(site_of(base)))
    if order != "none":
        lines.insert(0 if order == "before" else 1, export)
    script = "\n".join([*lines, f"python -c '{BOTH}'", ""]).replace("'\n", "'")
    file = tmp_path / "both.py"
    file.write_text(BOTH, encoding="utf-8")
    script = "\n".join([*lines, f"python {shell.quoted(str(file))}", ""])
    answer = shell.run(script, environ=workshop.environ, work=tmp_path)
    assert json.loads(answer) == ["2.0", "2.0", "1.0", "1.0"]


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_children_see_the_same(
    workshop: Workshop, interpreter: Callable[[str], Path], tmp_path: Path, series: str
) -> None:
    base = workshop.base(interpreter(series), OLD)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED, encoding="utf-8")
    environ = workshop.environ | {"PYTHONPATH": str(site_of(base))}
    assert run([layer / "bin" / "python", script], environ).split() == ["2.0", "2.0"]


def test_a_layer_over_pythonpath_as_set_up(workshop: Workshop, python: Path) -> None:
    """One directory a package, as CMSSW and ATLAS have it."""
    places = []
    for wheel in (OLD, OTHER):
        place = workshop.path / f"pkg-{wheel.name}"
        place.mkdir()
        wheel.unpack(place)
        places.append(str(place))
    search = ":".join(places)
    environ = {"PYTHONPATH": search, "PATH": f"{python.parent}:{workshop.environ['PATH']}"}
    layer = workshop.layer("env", **environ)
    workshop.add(layer, NEW)
    for env in (workshop.environ, workshop.environ | {"PYTHONPATH": search}):
        answer = run([layer / "bin" / "python", "-c", BOTH], env)
        assert json.loads(answer) == ["2.0", "2.0", "1.0", "1.0"]


def test_the_users_own_directories_come_first(
    workshop: Workshop, python: Path, tmp_path: Path
) -> None:
    base = workshop.base(python, OLD, OTHER)
    layer = workshop.layer(base)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "alpha.py").write_text("__version__ = 'mine'\n", encoding="utf-8")
    code = "import alpha, beta; print(alpha.__version__, beta.__version__)"
    environ = workshop.environ | {"PYTHONPATH": f"{site_of(base)}:{mine}"}
    assert run([layer / "bin" / "python", "-c", code], environ).split() == ["mine", "1.0"]


def test_layers_on_layers(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, OLD, OTHER, Wheel(name="gamma", version="1.0"))
    lower = workshop.layer(base, "lower")
    workshop.add(lower, NEW)
    workshop.add(lower, Wheel(name="gamma", version="2.0"))
    upper = workshop.layer(lower, "upper")
    workshop.add(upper, Wheel(name="gamma", version="3.0"))
    code = (
        "import alpha, beta, gamma; print(alpha.__version__, beta.__version__, gamma.__version__)"
    )
    for search in ("", str(site_of(base)), f"{site_of(base)}:{site_of(lower)}"):
        environ = workshop.environ | {"PYTHONPATH": search}
        answer = run([upper / "bin" / "python", "-c", code], environ)
        assert answer.split() == ["2.0", "1.0", "3.0"]
        assert run([lower / "bin" / "python", "-c", code], environ).split() == ["2.0", "1.0", "2.0"]


FINDER = """
import sys
from importlib.util import spec_from_file_location

class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "alpha":
            return spec_from_file_location(name, {file!r})

def install():
    sys.meta_path.append(Finder)
"""


def editable(site: Path, source: Path, version: str) -> None:
    """Put an editable install into a site-packages as setuptools does: a finder, set by a .pth."""
    source.mkdir()
    file = source / "alpha.py"
    file.write_text(f"__version__ = {version!r}\n", encoding="utf-8")
    name = f"__editable___{version.replace('.', '_')}_finder"
    (site / f"{name}.py").write_text(FINDER.format(file=str(file)), encoding="utf-8")
    (site / f"{name}.pth").write_text(f"import {name}; {name}.install()\n", encoding="utf-8")


def test_editables_of_the_layer_win_over_the_base(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(workshop.base(python, OLD))
    editable(site_of(layer), workshop.path / "source", "edited")
    code = "import alpha; print(alpha.__version__)"
    assert run([layer / "bin" / "python", "-c", code], workshop.environ).strip() == "edited"


@pytest.mark.parametrize(
    ("in_upper", "seen"), [(False, "edited"), (True, "2.0")], ids=["alone", "hidden-above"]
)
def test_editables_of_a_layer_below(
    workshop: Workshop, python: Path, *, in_upper: bool, seen: str
) -> None:
    lower = workshop.layer(workshop.base(python, OLD), "lower")
    editable(site_of(lower), workshop.path / "source", "edited")
    upper = workshop.layer(lower, "upper")
    if in_upper:
        workshop.add(upper, NEW)
    code = "import alpha; print(alpha.__version__)"
    assert run([upper / "bin" / "python", "-c", code], workshop.environ).strip() == seen


def test_the_bases_pth_files_count(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, OLD)
    extra = workshop.path / "extra"
    extra.mkdir()
    (extra / "delta.py").write_text("", encoding="utf-8")
    lines = f"# a comment\n{extra}\nnot-there-any-more\n"
    lines += "import sys; sys.lamina_test = sitedir\nimport nowhere_to_be_found\n"
    (site_of(base) / "some.pth").write_text(lines, encoding="utf-8")
    layer = workshop.layer(base)
    # What is added to the base later counts as well.
    code = "import sys, delta; print(sys.lamina_test, *sys.path, sep='|')"
    answer = run_with_errors(layer, code, workshop.environ)
    sitedir, *path = answer[0].strip().split("|")
    assert sitedir == str(site_of(base))
    assert str(extra) in path
    assert not [entry for entry in path if "not-there" in entry]
    assert answer[1].startswith("lamina: ")
    assert answer[1].count("\n") == 1


def test_a_vanished_base_is_one_line(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, OLD)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    base.rename(workshop.path / "elsewhere")
    out, err = run_with_errors(layer, "import alpha; print(alpha.__version__)", workshop.environ)
    assert out.strip() == "2.0"
    assert err == (
        f"lamina: the base of this layer is gone: {base} (the layer alone is used; "
        f"lamina layer check {layer})\n"
    )


def run_with_errors(layer: Path, code: str, environ: dict[str, str]) -> tuple[str, str]:
    import subprocess

    answer = subprocess.run(
        [layer / "bin" / "python", "-c", code],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return answer.stdout, answer.stderr


def test_each_distribution_is_found_once(workshop: Workshop, python: Path) -> None:
    """A base named by another path, such as a tier's link, is still the same base."""
    base = workshop.base(python, OLD, OTHER)
    alias = workshop.path / "alias"
    alias.symlink_to(base)
    layer = workshop.layer(base)
    workshop.add(layer, NEW)
    code = (
        "import importlib.metadata as m, sys; "
        "print([d.version for d in m.distributions() if d.metadata['Name'] == 'beta'], "
        "m.version('alpha'))"
    )
    environ = workshop.environ | {"PYTHONPATH": str(site_of(alias)).replace(str(base), str(alias))}
    assert run([layer / "bin" / "python", "-c", code], environ).strip() == "['1.0'] 2.0"


@pytest.mark.parametrize("name", ["plain", "with space", "Über-日本"])
def test_console_scripts_of_the_base(workshop: Workshop, python: Path, name: str) -> None:
    base = workshop.base(python, OLD, OTHER)
    layer = workshop.layer(base, name)
    assert run([layer / "bin" / "alpha"], workshop.environ).split() == ["alpha", "1.0"]
    workshop.add(layer, NEW)
    assert run([layer / "bin" / "alpha"], workshop.environ).split() == ["alpha", "2.0"]


def test_the_hook_imports_nothing_of_its_own(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(workshop.base(python, OLD))
    code = "import sys; print(sorted(m for m in sys.modules if '.' not in m))"
    plain = run(
        [layer / "bin" / "python", "-S", "-c", "import site, sys; " + code], workshop.environ
    )
    hooked = run([layer / "bin" / "python", "-c", code], workshop.environ)
    assert set(eval(hooked)) - set(eval(plain)) == {"_lamina_layer"}


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("flags", [[], ["-I"]], ids=["none", "I"])
def test_the_standard_library_goes_first(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str, flags: list[str]
) -> None:
    """A virtual environment's .pth lines are read twice; once is enough to order the path."""
    layer = workshop.layer(workshop.base(interpreter(series)))
    (site_of(layer) / "colorsys.py").write_text("raise ImportError('not this one')\n")
    code = "import colorsys, sys; print(sys.path.count(%r))" % str(site_of(layer))  # noqa: UP031
    assert run([layer / "bin" / "python", *flags, "-c", code], workshop.environ) == "1\n"
