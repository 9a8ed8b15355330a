"""Layers of which no list is made."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from support.listed_layers import HERE
from support.workshop import site_of

if TYPE_CHECKING:
    from support.listed_layers import Site


@pytest.mark.parametrize("form", ["pixi", "pixi-lock"])
def test_lists_of_conda_alone_are_refused_as_of_a_release(site: Site, form: str) -> None:
    ends = [
        site.lamina("export", one, "--as", form, expect=2).stderr.partition("error: ")[2]
        for one in (site.layer, "small")
    ]
    assert ends[0] == ends[1]
    assert ends[0].startswith(f"{form} is a list of conda packages, and the lock has none\n")


def test_a_layer_that_lost_a_package_is_no_list(site: Site) -> None:
    for path in site_of(site.layer).glob("fresh*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = site.lamina("export", "mine", "--as", "pylock", expect=6).stderr
    assert "fresh 1.0: not there" in said


def test_another_target_is_refused(site: Site) -> None:
    words = ("export", "mine", "--as", "pylock", "--target")
    assert (
        "the lock is not for linux-64/3.99" in site.lamina(*words, "linux-64/3.99", expect=2).stderr
    )
    assert site.lamina(*words, f"{HERE}/3.12").stdout == site.export("pylock")


def test_what_is_to_be_done_about_it_can_be_pasted(site: Site) -> None:
    layer, moved = site.lamina.directory / "with blank", site.lamina.directory / "now here"
    site.lamina("layer", "create", layer, "--on", "small")
    site.lamina("layer", "add", layer, "lib>=2")
    [info] = site_of(layer).glob("lib-2.0.dist-info")
    shutil.rmtree(info)
    said = site.lamina("export", layer, "--as", "pylock", expect=6).stderr
    assert said.endswith(f"hint: lamina layer check '{layer}'\n")
    said = site.lamina("layer", "why", layer, "nothing", expect=2).stderr
    assert said.endswith(f"hint: lamina layer list --all '{layer}'\n")
    there = layer / "lamina-layer.toml"
    said = site.lamina("export", "mine", "--as", "wheel", "-o", there, expect=2).stderr
    assert said.endswith(f"hint: -o '{layer}'\n")
    layer.rename(moved)
    said = site.lamina("export", moved, "--as", "installer", "-o", "x.sh", expect=6).stderr
    assert said.endswith(f"hint: lamina layer check '{moved}'\n")


@pytest.mark.parametrize("base", ["mine", "env"])
@pytest.mark.parametrize("form", ["requirements", "wheel", "sbom"])
def test_a_layer_on_something_else_is_no_list(site: Site, base: str, form: str) -> None:
    given = "./mine" if base == "mine" else base
    site.lamina("layer", "create", "other", "--on", given)
    answer = site.lamina("export", "other", "--as", form, "-o", "out", expect=2)
    named = str(site.layer) if base == "mine" else "env"
    assert f"other stands on {named}, which is no release of lamina" in answer.stderr
    assert "hint: lamina layer lock writes down what it needs" in answer.stderr
    assert not (site.lamina.directory / "out").exists()


def test_the_python_of_a_release_in_an_environment_is_no_release(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = site.lamina.directory / f"root/releases/small/1.0/{HERE}"
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{release / 'bin'}:/usr/bin:/bin")
        patched.setenv("PYTHONPATH", str(site.lamina.directory / "elsewhere"))
        site.lamina("layer", "create", "other", "--on", "env")
    base = tomllib.loads((site.lamina.directory / "other/lamina-layer.toml").read_text())["base"]
    assert (base["kind"], base["prefix"]) == ("env", str(release))
    answer = site.lamina("export", "other", "--as", "requirements", expect=2)
    assert "other stands on env, which is no release of lamina" in answer.stderr
