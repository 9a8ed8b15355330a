"""pip and uv inside a layer do what they do elsewhere, and never harm the union."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from lamina.layer.check.run import check_layer
from support.changes import ALPHA_1, ALPHA_2, BETA_1, BETA_2, GAMMA, change, versions
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from support.places import Place
    from support.workshop import Workshop


@pytest.fixture
def tmp_path(place: Place) -> Path:
    return place.begin()


@pytest.fixture
def layer(place: Place, workshop: Workshop, python: Path) -> Path:
    """Return a layer over a base that has pip."""

    def make() -> None:
        workshop.index.add(ALPHA_1, ALPHA_2, BETA_1, BETA_2, GAMMA)
        base = workshop.base(python, ALPHA_1, BETA_1)
        run([base / "bin" / "python", "-m", "ensurepip"], workshop.environ)
        workshop.layer(base)

    place.once("layer", make)
    return workshop.path / "layer"


@pytest.fixture
def inside(workshop: Workshop, layer: Path) -> dict[str, str]:
    """Return the environment of somebody who activated the layer, with uv behind it on PATH."""
    path = [layer / "bin", Path(uv.find_uv_bin()).parent, *workshop.environ["PATH"].split(":")]
    return workshop.environ | {
        "PATH": ":".join(map(str, path)),
        "VIRTUAL_ENV": str(layer),
        "PIP_INDEX_URL": workshop.index.address,
    }


def answer(argv: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", 'exec "$@"', "sh", *argv],
        env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def pip(environ: dict[str, str], *words: str) -> str:
    done = answer(["pip", "--disable-pip-version-check", *words], environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pip_sees_the_base(inside: dict[str, str], layer: Path) -> None:
    pip(inside, "install", "gamma")
    assert [one.name for one in site_of(layer).glob("*.dist-info")] == ["gamma-1.0.dist-info"]
    rows = json.loads(pip(inside, "list", "--format", "json"))
    assert {one["name"]: one["version"] for one in rows}.items() >= {
        "alpha": "1.0", "beta": "1.0", "gamma": "1.0",
    }.items()  # fmt: skip
    assert "No broken requirements found" in pip(inside, "check")


def test_pip_replaces_what_the_base_has_in_the_layer_only(
    workshop: Workshop, inside: dict[str, str], layer: Path
) -> None:
    pip(inside, "install", "alpha>=2", "beta>=2")
    assert versions(workshop, layer, "alpha", "beta") == ["2.0", "2.0"]
    assert (site_of(workshop.path / "base") / "alpha-1.0.dist-info").is_dir()
    pip(inside, "uninstall", "--yes", "alpha", "beta")
    assert versions(workshop, layer, "alpha", "beta") == ["1.0", "1.0"]
    pip(inside, "uninstall", "--yes", "alpha")
    assert versions(workshop, layer, "alpha") == ["1.0"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        pytest.param("pip install gamma", "lamina layer add", id="install"),
        pytest.param("pip sync gamma", "lamina layer add", id="sync"),
        pytest.param(
            "--quiet --color never pip -v install gamma", "lamina layer add", id="options"
        ),
        pytest.param("pip check", "lamina layer check", id="check"),
        pytest.param("sync --active", "without --active", id="sync the project"),
        pytest.param("run --active python", "without --active", id="run"),
    ],
)
def test_uv_does_not_copy_the_base(
    inside: dict[str, str], layer: Path, words: str, hint: str
) -> None:
    done = answer(["uv", *words.split()], inside)
    assert done.returncode == 2
    assert done.stderr.startswith("error: uv does not see the base of this layer")
    assert f"hint: {hint}" in done.stderr
    assert not list(site_of(layer).glob("*.dist-info"))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["run", "--no-project", "python", "-c", "import sys; print(sys.argv)",
                      "--active"], id="of the program"),
        pytest.param(["run", "--no-project", "--", "python", "-c",
                      "import sys; print(sys.argv)", "pip", "install", "--active"], id="after --"),
    ],
)  # fmt: skip
def test_what_uv_runs_gets_its_own_options(inside: dict[str, str], words: list[str]) -> None:
    done = answer(["uv", *words], inside)
    assert (done.returncode, "'--active'" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("installed", [True, False], ids=["uv", "no uv"])
def test_everything_else_of_uv_is_there(
    workshop: Workshop, inside: dict[str, str], layer: Path, installed: bool
) -> None:
    if not installed:
        path = f"{layer}/bin:/usr/bin:/bin"
        done = answer(["uv", "--version"], inside | {"PATH": path})
        assert (done.returncode, done.stderr) == (127, "lamina: there is no uv on PATH\n")
        return
    assert answer(["uv", "--version"], inside).stdout.startswith("uv 0.")
    done = answer(["uv", "pip", "install", "--no-deps", "gamma"], inside)
    assert done.returncode == 0, done.stderr
    assert versions(workshop, layer, "gamma", "alpha") == ["1.0", "1.0"]
    assert "gamma" in answer(["uv", "pip", "list"], inside).stdout
    done = answer(["uv", "pip", "uninstall", "gamma"], inside)
    assert done.returncode == 0, done.stderr
    assert not list(site_of(layer).glob("*.dist-info"))


def test_the_uv_of_the_base_is_used_where_path_has_none(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, name="other")
    program, site = base / "bin" / "uv", site_of(base)
    program.write_text("#!/bin/sh\necho the base\n", encoding="utf-8")
    program.chmod(0o755)
    info = site / "uv-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n")
    (info / "RECORD").write_text("../../../bin/uv,,\n")
    layer = workshop.layer(base, "over")
    environ = workshop.environ | {"PATH": f"{layer}/bin:/usr/bin:/bin"}
    assert answer(["uv"], environ).stdout == "the base\n"


PIP = Wheel(
    name="pip", version="99.0", scripts={"pip": "pip:main", "pip3": "pip:main"},
    files={"pip/__main__.py": "import pip\npip.main()\n"},
)  # fmt: skip
NO_PIP = """\
error: there is no pip in this layer, nor in its base
hint: lamina layer add PACKAGE... resolves with the base
hint: lamina layer add pip, for pip itself
"""


@pytest.fixture
def without(workshop: Workshop, python: Path) -> Path:
    """Return a layer over a base that has no pip."""
    workshop.index.add(PIP, GAMMA, ALPHA_1)
    return workshop.layer(workshop.base(python, ALPHA_1, name="bare"), "with'out pip")


def own_pip(layer: Path, environ: dict[str, str]) -> list[tuple[int, str]]:
    """Return what the pips of an activated layer answer, before those of another Python."""
    other = layer.parent / "machine"
    other.mkdir(exist_ok=True)
    for name in ("pip", "pip3"):
        (other / name).write_text("#!/bin/sh\necho the machine\n", encoding="utf-8")
        (other / name).chmod(0o755)
    inside = environ | {"PATH": f"{layer}/bin:{other}:{environ['PATH']}"}
    done = [answer([name, "install", "gamma"], inside) for name in ("pip", "pip3")]
    return [(one.returncode, one.stdout or one.stderr) for one in done]


def test_pip_of_another_python_is_not_taken(workshop: Workshop, without: Path) -> None:
    assert own_pip(without, workshop.environ) == [(2, NO_PIP)] * 2
    assert own_pip(workshop.layer(without, "upper"), workshop.environ) == [(2, NO_PIP)] * 2
    report = check_layer(without, root=workshop.path, environ=workshop.environ)
    assert report.findings == ()
    words = [sys.executable, "-m", "lamina", "doctor", without, "--json"]
    assert json.loads(run([*words], workshop.environ))["findings"] == []


def test_an_own_pip_comes_and_goes(workshop: Workshop, without: Path) -> None:
    upper = workshop.layer(without, "upper")
    for request in ("pip", "gamma"):
        change(workshop, without, request)
        assert "there is no pip" not in (without / "bin" / "pip").read_text(encoding="utf-8")
        for layer in (without, upper):
            assert own_pip(layer, workshop.environ) == [(0, "pip 99.0\n")] * 2
    change(workshop, without, remove=("pip",))
    assert own_pip(without, workshop.environ) == [(2, NO_PIP)] * 2
    report = check_layer(without, root=workshop.path, environ=workshop.environ)
    assert report.findings == ()


def test_an_own_uv_leaves_the_guard_behind(workshop: Workshop, without: Path) -> None:
    guard = without / "bin" / "uv"
    before = guard.read_text(encoding="utf-8")
    workshop.index.add(Wheel(name="uv", version="1.0", scripts={"uv": "uv:main"}))
    change(workshop, without, "uv")
    assert answer([str(guard)], workshop.environ).stdout == "uv 1.0\n"
    change(workshop, without, remove=("uv",))
    assert guard.read_text(encoding="utf-8") == before
    assert guard.stat().st_mode & 0o111


def test_what_pip_did_is_part_of_the_next_change(
    workshop: Workshop, inside: dict[str, str], layer: Path
) -> None:
    pip(inside, "install", "--no-deps", "alpha>=2")
    assert "beta 1.0 has requirement alpha<2" in answer(["pip", "check"], inside).stdout
    change(workshop, layer, "gamma")
    assert versions(workshop, layer, "alpha", "beta", "gamma") == ["2.0", "2.0", "1.0"]
    assert "No broken requirements found" in pip(inside, "check")


BACKEND = """
import zipfile
__version__ = {version!r}
INFO = "product-1.0.dist-info"

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "product-1.0-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as archive:
        archive.writestr("product.py", f"built_by = {{__version__!r}}\\n")
        about = "Metadata-Version: 2.1\\nName: product\\nVersion: 1.0\\n"
        archive.writestr(INFO + "/METADATA", about)
        archive.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        archive.writestr(INFO + "/RECORD", "")
    return name
"""
PROJECT = '[build-system]\nrequires = ["backend>=2"]\nbuild-backend = "backend"\n'


def backend(version: str) -> Wheel:
    """Return a wheel of a build backend whose products say which version has built them."""
    code = BACKEND.format(version=version)
    return Wheel(name="backend", version=version, files={"backend/__init__.py": code})


@pytest.mark.parametrize("nested", [False, True], ids=["layer", "layer on a layer"])
def test_pip_builds_with_what_the_build_asks_for(
    workshop: Workshop, inside: dict[str, str], layer: Path, nested: bool
) -> None:
    """Not with what the base has; without isolation, with just that."""
    backend("1.0").unpack(site_of(workshop.path / "base"))
    workshop.index.add(backend("2.0"))
    project = workshop.path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    target = workshop.layer(layer, "upper") if nested else layer
    environ = inside | {"PATH": f"{target}/bin:{inside['PATH']}"}
    code = "import product; print(product.built_by)"
    for options, version in ([], "2.0"), (["--no-build-isolation"], "1.0"):
        pip(environ, "install", "--force-reinstall", *options, str(project))
        assert run([target / "bin" / "python", "-B", "-c", code], environ).strip() == version
