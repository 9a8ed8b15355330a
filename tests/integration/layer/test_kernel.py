"""A layer as a kernel of Jupyter: of the base's, started for real."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, UsageError
from lamina.engines.uv_program import UvProgram
from lamina.layer.change import Request, change_layer
from lamina.layer.kernel import (
    Kernel,
    is_of,
    kernel_name,
    kernels_directory,
    plan_kernel,
    remove_kernel,
    write_kernel,
)
from lamina.layer.opened import open_layer
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from pathlib import Path

IPYKERNEL = Wheel(name="ipykernel", version="7.0")


def plan(workshop: Workshop, layer: Path, name: str = "mine", title: str | None = None) -> Kernel:
    directory = kernels_directory(None, workshop.environ)
    opened = open_layer(layer, workshop.environ)
    return plan_kernel(opened, name=name, title=title, directory=directory)


@pytest.fixture
def ready(workshop: Workshop, python: Path) -> Path:
    """Return a layer on a base that has ipykernel."""
    return workshop.layer(workshop.base(python, IPYKERNEL))


def test_the_specification(workshop: Workshop, ready: Path) -> None:
    kernel = plan(workshop, ready)
    write_kernel(kernel)
    assert str(kernel.path).startswith(workshop.environ["HOME"])
    spec = json.loads(kernel.path.read_text(encoding="utf-8"))
    assert spec["argv"] == [
        f"{ready}/bin/python", "-Xfrozen_modules=off",
        "-m", "ipykernel_launcher", "-f", "{connection_file}",
    ]  # fmt: skip
    assert spec["display_name"] == "layer (Python 3.12, on base)"
    assert spec["language"] == "python"
    assert spec["env"] == {"PATH": f"{ready}/bin:${{PATH}}", "VIRTUAL_ENV": str(ready)}
    assert plan(workshop, ready, title="Thesis").spec["display_name"] == "Thesis"


def test_without_ipykernel(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(workshop.base(python, name="bare"), "it's")
    with pytest.raises(UsageError, match="has ipykernel") as caught:
        plan(workshop, layer)
    quoted = str(layer).replace("'", "'\"'\"'")
    assert caught.value.hints == (f"lamina layer add '{quoted}' ipykernel",)
    workshop.add(layer, IPYKERNEL)
    assert plan(workshop, layer).name == "mine"


def test_again_and_removed(workshop: Workshop, ready: Path) -> None:
    kernel = plan(workshop, ready)
    write_kernel(kernel)
    write_kernel(plan(workshop, ready, title="Other"))
    assert "Other" in kernel.path.read_text(encoding="utf-8")
    directory = kernel.directory.parent
    assert remove_kernel(ready, "mine", directory, dry_run=True) == kernel.path
    assert kernel.path.exists()
    remove_kernel(ready, "mine", directory)
    assert not kernel.directory.exists()
    with pytest.raises(UsageError, match="no such kernel"):
        remove_kernel(ready, "mine", directory)


@pytest.mark.parametrize(
    "text",
    [
        '{"argv": ["/usr/bin/python3", "-m", "ipykernel_launcher"]}',
        "not json",
        "{}",
        '{"argv": []}',
    ],
    ids=["other-python", "not-json", "nothing", "empty"],
)
def test_a_kernel_of_somebody_else_stays(workshop: Workshop, ready: Path, text: str) -> None:
    kernel = plan(workshop, ready)
    kernel.directory.mkdir(parents=True)
    kernel.path.write_text(text, encoding="utf-8")
    assert not is_of(kernel.path, ready)
    with pytest.raises(ConflictError, match="of another Python"):
        plan(workshop, ready)
    with pytest.raises(ConflictError, match="of another Python"):
        remove_kernel(ready, "mine", kernel.directory.parent)
    assert kernel.path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mine", "mine"), ("My Layer (2)", "my-layer-2"), ("Über", "ber"), ("日本", "layer")],
)
def test_names_from_directories(tmp_path: Path, name: str, expected: str) -> None:
    assert kernel_name(tmp_path / name, None) == expected


@pytest.mark.parametrize("name", ["My Kernel", "a/b", "", "Ü"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a kernel"):
        kernel_name(tmp_path, name)


@pytest.mark.skipif(sys.platform == "darwin", reason="has its own directory")
@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/me"}, "/home/me/.local/share/jupyter/kernels"),
        ({"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, "/data/jupyter/kernels"),
        ({"HOME": "/home/me", "JUPYTER_DATA_DIR": "/jupyter"}, "/jupyter/kernels"),
    ],
    ids=["home", "xdg", "jupyter"],
)
def test_places(environ: dict[str, str], expected: str) -> None:
    assert str(kernels_directory(None, environ)) == expected


CLIENT = """
import json, subprocess, sys
from jupyter_client.kernelspec import find_kernel_specs
from jupyter_client.manager import start_new_kernel

assert "mine" in find_kernel_specs(), find_kernel_specs()
manager, client = start_new_kernel(
    kernel_name="mine", startup_timeout=120, stderr=subprocess.DEVNULL
)
code = '''
import json, os, shutil, sys, mdurl, packaging
print(json.dumps([sys.prefix, mdurl.__file__, packaging.__version__, shutil.which("python"),
                  os.environ["VIRTUAL_ENV"]]))
'''
said = []
reply = client.execute_interactive(
    code, timeout=120, output_hook=lambda m: said.append(m["content"].get("text", ""))
)
assert reply["content"]["status"] == "ok", reply
client.stop_channels()
manager.shutdown_kernel(now=True)
print("".join(said).strip().splitlines()[-1])
"""


@pytest.mark.index
@pytest.mark.parametrize("place", ["user", "prefix"])
def test_started_by_the_jupyter_of_the_base(
    workshop: Workshop, python: Path, environ: dict[str, str], place: str
) -> None:
    """With PYTHONPATH as a view sets it, which the kernel inherits."""
    base = workshop.base(python)
    UvProgram(environ=environ).call(
        "pip", "install", "--python", base / "bin" / "python",
        "jupyter_client", "ipykernel", "packaging==23.0",
    )  # fmt: skip
    layer = workshop.layer(base)
    change_layer(Request(layer=layer, add=("mdurl", "packaging>=24")), environ)
    prefix = base if place == "prefix" else None
    directory = kernels_directory(prefix, environ)
    opened = open_layer(layer, environ)
    write_kernel(plan_kernel(opened, name="mine", title=None, directory=directory))
    client = workshop.path / "client.py"
    client.write_text(CLIENT, encoding="utf-8")
    search = environ | {"PYTHONPATH": str(site_of(base)), "PYTHONWARNINGS": "ignore"}
    prefixed, module, version, program, active = json.loads(
        run([base / "bin" / "python", client], search)
    )
    assert prefixed == str(layer)
    assert module.startswith(str(site_of(layer)))
    assert int(version.split(".")[0]) >= 24
    assert program == str(layer / "bin" / "python")
    assert active == str(layer)
