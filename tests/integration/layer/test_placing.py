"""Where the files of a change come to lie: modules, scripts, data, and what stays of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.layer.listing import list_packages
from lamina.layer.opened import open_layer
from support.changes import ALPHA_1, ALPHA_2, change, versions
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


def test_what_somebody_else_installed_stays(workshop: Workshop, layer: Path) -> None:
    workshop.add(layer, Wheel(name="own-work", version="0.1", requires=["alpha"]))
    workshop.add(layer, Wheel(name="Mixed_Case", version="0.1"))
    (site_of(layer) / "notes.txt").write_text("mine", encoding="utf-8")
    change(workshop, layer, "alpha>=2")
    change(workshop, layer, remove=("alpha",))
    assert versions(workshop, layer, "own_work", "alpha") == ["0.1", "1.0"]
    assert (site_of(layer) / "notes.txt").read_text(encoding="utf-8") == "mine"
    rows = list_packages(open_layer(layer, workshop.environ), everything=False)
    assert [(row.name, row.source) for row in rows] == [
        ("mixed-case", "user"),
        ("own-work", "user"),
    ]


def test_shared_packages_of_a_namespace(workshop: Workshop, layer: Path) -> None:
    """Two distributions that share a directory leave each other alone."""
    for name in ("one", "two"):
        workshop.index.add(
            Wheel(name=f"ns-{name}", version="1.0", files={f"shared/{name}.py": "value = 1\n"})
        )
    change(workshop, layer, "ns-one", "ns-two")
    run([layer / "bin" / "python", "-c", "import shared.one, shared.two"], workshop.environ)
    change(workshop, layer, remove=("ns-one",))
    names = {path.name for path in (site_of(layer) / "shared").rglob("*") if path.is_file()}
    assert {name for name in names if not name.endswith(".pyc")} == {"two.py"}
    change(workshop, layer, remove=("ns-two",))
    assert not (site_of(layer) / "shared").exists()


def test_scripts_of_the_layer_replace_those_of_the_base(workshop: Workshop, layer: Path) -> None:
    script = layer / "bin" / "alpha"
    assert run([script], workshop.environ).split() == ["alpha", "1.0"]
    change(workshop, layer, "alpha>=2")
    assert not script.is_symlink()
    assert script.read_text(encoding="utf-8").startswith(f"#!{layer}/bin/python\n")
    assert run([layer / "bin" / "alpha2"], workshop.environ).split() == ["alpha", "2.0"]
    change(workshop, layer, remove=("alpha",))
    assert str(script.readlink()) == ".lamina-script"
    assert not (layer / "bin" / "alpha2").exists()


def data_wheel(version: str, *names: str) -> Wheel:
    root = f"documented-{version}.data/data/share"
    return Wheel(
        name="documented", version=version,
        files={f"{root}/{name}": f"{version}\n" for name in names},
    )  # fmt: skip


def test_data_unfolds_the_links_to_the_base(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, ALPHA_1)
    for name in ("man/man1/alpha.1", "man/man1/doc.1", "jupyter/kernels/k/kernel.json"):
        (base / "share" / name).parent.mkdir(parents=True, exist_ok=True)
        (base / "share" / name).write_text("base\n", encoding="utf-8")
    layer = workshop.layer(base)
    assert (layer / "share" / "man").is_symlink()
    assert not (layer / "share" / "jupyter" / "kernels").is_symlink()
    workshop.index.add(
        ALPHA_1, data_wheel("1.0", "man/man1/doc.1", "jupyter/kernels/mine/kernel.json")
    )
    change(workshop, layer, "documented")

    def read(name: str) -> str:
        return (layer / "share" / name).read_text(encoding="utf-8").strip()

    assert [read("man/man1/doc.1"), read("man/man1/alpha.1")] == ["1.0", "base"]
    assert read("jupyter/kernels/k/kernel.json") == "base"
    assert read("jupyter/kernels/mine/kernel.json") == "1.0"
    assert (base / "share" / "man" / "man1" / "doc.1").read_text(encoding="utf-8") == "base\n"
    change(workshop, layer, remove=("documented",))
    assert read("man/man1/doc.1") == "base"
    assert not (layer / "share" / "jupyter" / "kernels" / "mine").exists()


@pytest.mark.parametrize("name", ["with space", "Über-日本-'q\""])
def test_unusual_directories(workshop: Workshop, python: Path, name: str) -> None:
    workshop.index.add(ALPHA_1, ALPHA_2)
    layer = workshop.layer(workshop.base(python, ALPHA_1, name=f"base {name}"), name)
    change(workshop, layer, "alpha>=2")
    assert run([layer / "bin" / "alpha"], workshop.environ).split() == ["alpha", "2.0"]
    change(workshop, layer, remove=("alpha",))
    assert run([layer / "bin" / "alpha"], workshop.environ).split() == ["alpha", "1.0"]
