"""Virtual environments that are made from a layer."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import uv

from lamina.layer.migrate import MigrateRequest, migrate_layer
from support.native import copy_of_interpreter
from support.shapes import ShapedBase, every_shape, shaped_base
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD, NEW, NEWEST = (Wheel(name="alpha", version=version) for version in ("1.0", "2.0", "3.0"))
OTHER = Wheel(name="beta", version="1.0")
CODE = "import alpha, beta; print(alpha.__version__, beta.__version__)"
NOTHING = "import importlib.util as u; print(u.find_spec('alpha'))"


def inherits(workshop: Workshop, venv: Path, environ: dict[str, str]) -> None:
    python = venv / "bin" / "python"
    for flags in ([], ["-I"]):
        assert run([python, *flags, "-c", CODE], environ).split() == ["2.0", "1.0"]
    workshop.add(venv, NEWEST)
    assert run([python, "-c", CODE], environ).split() == ["3.0", "1.0"]


@every_shape
@pytest.mark.parametrize("series", ["3.8", "3.12", "3.13"])
def test_venv_with_what_is_below(
    workshop: Workshop, interpreter: Callable[[str], Path], shape: str, series: str
) -> None:
    base = shaped_base(workshop, shape, interpreter(series), OLD, OTHER)
    layer = base.layer("it's a layer")
    workshop.add(layer, NEW)
    venv = workshop.path / "venv"
    words = ["-m", "venv", "--without-pip", "--system-site-packages", venv]
    run([layer / "bin" / "python", *words], base.environ)
    inherits(workshop, venv, base.environ)


def test_venv_alone_is_alone(workshop: Workshop, python: Path) -> None:
    base = shaped_base(workshop, "prefix", python, OLD, OTHER)
    layer = base.layer()
    venv = workshop.path / "venv"
    run([layer / "bin" / "python", "-m", "venv", "--without-pip", venv], base.environ)
    assert run([venv / "bin" / "python", "-c", NOTHING], base.environ) == "None\n"
    assert list(site_of(venv).iterdir()) == []


def test_a_layer_on_such_an_environment(workshop: Workshop, python: Path) -> None:
    base = shaped_base(workshop, "prefix", python, OLD, OTHER)
    layer = base.layer()
    workshop.add(layer, NEW)
    venv = workshop.path / "venv"
    words = ["-m", "venv", "--without-pip", "--system-site-packages", venv]
    run([layer / "bin" / "python", *words], base.environ)
    upper = workshop.layer(venv, "upper")
    assert run([upper / "bin" / "python", "-c", CODE], base.environ).split() == ["2.0", "1.0"]


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_what_was_made_from_a_layer_follows_it(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str
) -> None:
    """An environment, and one that was made from that, see the base that the layer has now."""
    python = interpreter(series)
    base, newer = workshop.base(python, OLD, OTHER), workshop.base(python, NEWEST, name="newer")
    layer = workshop.layer(base)
    venvs = [workshop.path / "venv", workshop.path / "venv of it"]
    words = ["-m", "venv", "--without-pip", "--system-site-packages"]
    for below, venv in zip([layer, venvs[0]], venvs, strict=True):
        run([below / "bin" / "python", *words, venv], workshop.environ)
    workshop.add(venvs[0], Wheel(name="gamma", version="1.0"))
    code = f"import sys; print([e for e in sys.path if e.startswith({str(workshop.path)!r})])"
    seen = [str(site_of(one)) for one in (*reversed(venvs), layer, base)]
    for at in (1, 0):
        assert run([venvs[1 - at] / "bin" / "python", "-c", code], {}) == f"{seen[at:]}\n"
    root, environ = workshop.path / "root", workshop.environ
    migrate_layer(MigrateRequest(layer=layer, to=str(newer), root=root, environ=environ))
    seen[-1] = str(site_of(newer))
    for at in (1, 0):
        assert run([venvs[1 - at] / "bin" / "python", "-c", code], {}) == f"{seen[at:]}\n"
    versions = "import alpha, gamma; print(alpha.__version__, gamma.__version__)"
    assert run([venvs[1] / "bin" / "python", "-c", versions], {}) == "3.0 1.0\n"


def test_venv_of_a_layer_that_is_gone(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(workshop.base(python, OLD))
    venv = workshop.path / "venv"
    words = ["-m", "venv", "--without-pip", "--system-site-packages", venv]
    run([layer / "bin" / "python", *words], workshop.environ)
    workshop.add(venv, OTHER)
    (site_of(layer) / "_lamina_layer.py").unlink()
    answer = subprocess.run(
        [venv / "bin" / "python", "-c", "import beta; print(beta.__version__)"],
        env=workshop.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = f"lamina: the layer below this environment is gone: {layer} ({venv} alone is used)\n"
    assert (answer.stdout, answer.stderr) == ("1.0\n", told)


def test_venv_that_cannot_be_put_over(workshop: Workshop, python: Path) -> None:
    base = shaped_base(workshop, "prefix", python, OLD, OTHER)
    layer = base.layer()
    venv = workshop.path / "venv"
    site = venv / site_of(layer).relative_to(layer)
    (site / "_lamina_layer.py").mkdir(parents=True)
    words = ["-m", "venv", "--without-pip", "--system-site-packages", str(venv)]
    answer = subprocess.run(
        [layer / "bin" / "python", *words],
        env=base.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    (told,) = answer.stderr.splitlines()
    assert told.startswith(f"lamina: this environment does not see the layer {layer}: ")
    assert not list(site.glob("*.pth"))
    assert run([venv / "bin" / "python", "-c", NOTHING], base.environ) == "None\n"


def add_virtualenv(base: ShapedBase) -> None:
    settings = {name: one for name, one in base.environ.items() if name != "UV_DEFAULT_INDEX"}
    words = ["pip", "install", "--quiet", "--python", base.python, "virtualenv"]
    run([uv.find_uv_bin(), *words], settings)


@pytest.mark.index
@pytest.mark.parametrize("series", ["3.9", "3.12"])
def test_virtualenv(
    workshop: Workshop, interpreter: Callable[[str], Path], environ: dict[str, str], series: str
) -> None:
    base = shaped_base(workshop, "prefix", interpreter(series), OLD, OTHER)
    add_virtualenv(base)
    layer = base.layer()
    workshop.add(layer, NEW)
    for number, options in enumerate((["--system-site-packages"], [])):
        venv = workshop.path / f"venv-{number}"
        run([layer / "bin" / "virtualenv", "--quiet", "--no-seed", *options, venv], environ)
    inherits(workshop, workshop.path / "venv-0", base.environ)
    assert run([venv / "bin" / "python", "-c", NOTHING], base.environ) == "None\n"


@pytest.mark.index
@pytest.mark.parametrize("other", ["3.11", "3.12"])
def test_virtualenv_of_another_interpreter(
    workshop: Workshop, interpreter: Callable[[str], Path], environ: dict[str, str], other: str
) -> None:
    """Of another series, and of the same one at another place."""
    base = shaped_base(workshop, "prefix", interpreter("3.12"), OLD, OTHER)
    add_virtualenv(base)
    layer = base.layer()
    python, venv = interpreter(other), workshop.path / "venv"
    if other == "3.12":
        python = copy_of_interpreter(python, workshop.path / "elsewhere")
    words = ["--quiet", "--no-seed", "--system-site-packages", "-p", python, venv]
    run([layer / "bin" / "virtualenv", *words], environ)
    assert run([venv / "bin" / "python", "-c", NOTHING], base.environ) == "None\n"
    assert not list(site_of(venv).glob("*lamina*"))


def test_uv_venv_says_what_to_do(workshop: Workshop, python: Path) -> None:
    base = shaped_base(workshop, "prefix", python, OLD)
    layer = base.layer("it's a layer")
    directory = uv.find_uv_bin().rpartition("/")[0]
    environ = base.environ | {"PATH": f"{layer}/bin:{directory}:{base.environ['PATH']}"}
    environ["VIRTUAL_ENV"] = str(layer)
    venv = workshop.path / "venv"
    words = [str(layer / "bin" / "uv"), "venv", "--quiet", str(venv)]
    answer = subprocess.run(
        [*words, "--system-site-packages"],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 2
    hint = next(line for line in answer.stderr.splitlines() if "layer create" in line)
    assert not venv.exists()
    assert hint.startswith("hint: lamina layer create NEW --on ")
    quoted = hint.rpartition("--on ")[2]
    assert run(["/bin/sh", "-c", f"printf %s {quoted}"], environ) == str(layer)
    run([*words], environ)
    assert run([venv / "bin" / "python", "-c", NOTHING], environ) == "None\n"
