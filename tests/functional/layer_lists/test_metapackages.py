"""``lamina export --as wheel|conda`` of a layer."""

from __future__ import annotations

import zipfile
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from support.listed_layers import HERE, WHOLE

if TYPE_CHECKING:
    from pathlib import Path

    from support.listed_layers import Site


def requirements_of(wheel: Path, extra: str = "") -> dict[str, str]:
    """Return what a metapackage brings."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if one.endswith("/METADATA")]
        told = HeaderParser().parsestr(archive.read(name).decode())
    wanted = f' ; extra == "{extra}"' if extra else ""
    lines = [one for one in told.get_all("Requires-Dist", []) if one.endswith(wanted)]
    found = [one.removesuffix(wanted) for one in lines if extra or ";" not in one]
    return dict(one.split("==") for one in found)


def test_a_metapackage_keeps_the_groups_of_the_base(site: Site) -> None:
    told = site.lamina("export", "mine", "--as", "wheel", "-o", "dist", "--json").json
    wheel = site.lamina.directory / "dist" / f"mine-{site.version}-py3-none-any.whl"
    assert told == {
        "form": "wheel",
        "layer": str(site.layer),
        "lock": str(site.lamina.directory / f"root/releases/small/1.0/{HERE}/.lamina/lamina.lock"),
        "output": str(wheel.relative_to(site.lamina.directory)),
        "version": site.version,
    }
    notebook = {"nb": "1.0", "nb-part": "1.0"}
    assert requirements_of(wheel, "notebook") == notebook
    assert requirements_of(wheel) | notebook == WHOLE
    assert not requirements_of(wheel).keys() & notebook.keys()
    with zipfile.ZipFile(wheel) as archive:
        [about] = [one for one in archive.namelist() if one.endswith("/METADATA")]
        assert f"Summary: The packages of the layer mine/{site.version}," in str(
            archive.read(about)
        )
    conda = site.export("conda", "-o", "dist")
    assert conda == f"wrote dist/mine-{site.version}-py312_0.conda\n"


def test_what_the_layer_was_asked_for_is_in_no_group_alone(site: Site) -> None:
    site.index.wheel("nb-part", "2.0")
    site.lamina("layer", "add", "mine", "nb-part>=2")
    site.export("wheel", "-o", "dist")
    [wheel] = (site.lamina.directory / "dist").iterdir()
    assert requirements_of(wheel, "notebook") == {"nb": "1.0"}
    assert requirements_of(wheel)["nb-part"] == "2.0"


def test_a_metapackage_cannot_have_the_name_of_what_it_needs(site: Site) -> None:
    site.lamina("layer", "create", "plot", "--on", "small")
    answer = site.lamina("export", "./plot", "--as", "wheel", "-o", "dist", expect=2)
    assert "error: plot: a package in it has this name" in answer.stderr
    link = site.lamina.directory / "plots"
    assert f"hint: ln -s {site.lamina.directory / 'plot'} NAME" in answer.stderr
    link.symlink_to("plot")
    assert "plots-1.0" in site.lamina("export", "plots", "--as", "wheel", "-o", "dist").stdout
