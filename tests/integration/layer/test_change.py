"""Adding to a layer and taking back, against an index made of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.layer.change import Request, change_layer
from lamina.layer.listing import describe_layer, list_packages
from lamina.layer.opened import open_layer
from support.changes import ALPHA_1, change, tree, versions
from support.layer_ailments import with_older_hook
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.workshop import Workshop


def test_only_what_must_change_changes(workshop: Workshop, layer: Path) -> None:
    plan = change(workshop, layer, "alpha>=2")
    assert [(one.name, one.version, one.over) for one in plan.placed] == [
        ("alpha", "2.0", "1.0"),
        ("beta", "2.0", "1.0"),
    ]
    assert plan.placed[0].because == ("you asked for alpha>=2",)
    assert plan.placed[1].because == ("beta 1.0 needs alpha<2, not 2.0",)
    assert plan.kept == 2
    assert versions(workshop, layer, "alpha", "beta", "unrelated") == ["2.0", "2.0", "1.0"]
    # They come from an index: nothing says that they were installed from an address.
    assert not list(site_of(layer).glob("*/direct_url.json"))


def test_taking_back_shows_the_base_again(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)
    change(workshop, layer, "alpha>=2")
    plan = change(workshop, layer, remove=("alpha",))
    assert dict(plan.uncovered) == {"alpha": "1.0", "beta": "1.0"}
    after = tree(layer)
    assert after.pop("lamina-layer.lock")
    assert after == before


def test_what_another_request_needs_stays(workshop: Workshop, layer: Path) -> None:
    workshop.index.add(Wheel(name="needy", version="1.0", requires=["alpha>=2"]))
    change(workshop, layer, "alpha>=2", "needy", "unrelated>=9")
    plan = change(workshop, layer, remove=("alpha", "unrelated"))
    assert dict(plan.removed) == {"unrelated": "9.0"}
    assert [one.name for one in plan.installs] == []
    workshop.index.add(Wheel(name="alpha", version="3.0"))
    change(workshop, layer, "unrelated>=9")
    plan = change(workshop, layer, remove=("unrelated",))
    assert versions(workshop, layer, "alpha", "needy", "unrelated") == ["2.0", "1.0", "1.0"]


def test_an_empty_change_touches_no_package(workshop: Workshop, layer: Path) -> None:
    change(workshop, layer, "alpha>=2")
    before = tree(layer)
    plan = change(workshop, layer, "alpha>=2")
    assert not plan.changes
    assert tree(layer) == before


def test_a_request_that_the_base_meets(workshop: Workshop, layer: Path) -> None:
    plan = change(workshop, layer, "alpha")
    assert not plan.changes
    assert open_layer(layer, workshop.environ).document.requests == ("alpha",)


def test_a_later_request_replaces_the_former(workshop: Workshop, layer: Path) -> None:
    workshop.index.add(Wheel(name="alpha", version="2.5"))
    change(workshop, layer, "alpha==2.0")
    plan = change(workshop, layer, "alpha==2.5")
    assert plan.placed[0].before == "2.0"
    assert versions(workshop, layer, "alpha") == ["2.5"]
    assert [path.name for path in site_of(layer).glob("alpha-*")] == ["alpha-2.5.dist-info"]
    assert not (layer / "bin" / "alpha2").exists()
    assert run([layer / "bin" / "alpha"], workshop.environ).split() == ["alpha", "2.5"]


def test_extras(workshop: Workshop, layer: Path) -> None:
    extra = Wheel(name="extra", version="1.0", requires=['gamma; extra == "more"'])
    workshop.index.add(extra)
    plan = change(workshop, layer, "extra[more]")
    assert [one.name for one in plan.placed] == ["extra", "gamma"]
    assert plan.placed[1].because == ("extra 1.0 needs it",)


def test_what_the_index_does_not_have_is_kept(workshop: Workshop, layer: Path) -> None:
    """home-made is on no index, and one of its own dependencies was waived."""
    plan = change(workshop, layer, "alpha>=2")
    assert {one.name for one in plan.placed} == {"alpha", "beta"}
    assert "home_made" not in "\n".join(tree(layer))


def test_going_below_on_request(workshop: Workshop, python: Path) -> None:
    workshop.index.add(ALPHA_1, Wheel(name="alpha", version="0.9"))
    layer = workshop.layer(workshop.base(python, ALPHA_1))
    change(workshop, layer, "alpha<1")
    assert versions(workshop, layer, "alpha") == ["0.9"]


def test_a_dry_run_changes_nothing(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)
    plan = change(workshop, layer, "alpha>=2", dry_run=True)
    assert [one.filename for one in plan.files] == [
        "alpha-2.0-py3-none-any.whl",
        "beta-2.0-py3-none-any.whl",
    ]
    assert tree(layer) == before


def test_a_layer_on_a_layer(workshop: Workshop, layer: Path) -> None:
    change(workshop, layer, "alpha>=2")
    upper = workshop.layer(layer, "upper")
    plan = change(workshop, upper, "gamma", "unrelated>=9")
    assert [(one.name, one.over) for one in plan.placed] == [("gamma", None), ("unrelated", "1.0")]
    assert versions(workshop, upper, "alpha", "beta", "gamma", "unrelated") == [
        "2.0", "2.0", "1.0", "9.0",
    ]  # fmt: skip


def test_listing_and_showing(workshop: Workshop, layer: Path) -> None:
    change(workshop, layer, "alpha>=2", "gamma")
    opened = open_layer(layer, workshop.environ)
    rows = {row.name: (row.source, row.over) for row in list_packages(opened, everything=True)}
    assert rows == {
        "alpha": ("layer", "1.0"),
        "beta": ("layer", "1.0"),
        "gamma": ("layer", None),
        "home-made": ("base", None),
        "unrelated": ("base", None),
    }
    value = describe_layer(opened)
    assert value["requests"] == ["alpha>=2", "gamma"]
    assert value["packages"] == 3
    assert value["base"]["changed"] is False
    assert value["bytes"] > 0
    Wheel(name="later", version="1.0").unpack(site_of(workshop.path / "base"))
    assert describe_layer(open_layer(layer, workshop.environ))["base"]["changed"] is True


@pytest.mark.index
def test_the_newer_numpy(workshop: Workshop, python: Path, environ: dict[str, str]) -> None:
    """The case that made layers necessary: the release's numpy is on PYTHONPATH."""
    from lamina.engines.uv_program import UvProgram

    base = workshop.base(python)
    program = UvProgram(environ=environ)
    program.call(
        "pip", "install", "--python", base / "bin" / "python",
        "numpy==1.26.4", "packaging==23.0", "click==8.1.0",
    )  # fmt: skip
    layer = workshop.layer(base)
    plan = change_layer(Request(layer=layer, add=("numpy>=2",)), environ)
    assert [one.name for one in plan.placed] == ["numpy"]
    code = "import numpy, packaging; print(numpy.__version__[0], packaging.__version__)"
    search = environ | {"PYTHONPATH": str(site_of(base))}
    assert run([layer / "bin" / "python", "-c", code], search).split() == ["2", "23.0"]


def test_a_hook_of_another_version_is_renewed_and_an_edited_one_is_not(
    workshop: Workshop, layer: Path
) -> None:
    hook, start = site_of(layer) / "_lamina_layer.py", site_of(layer) / "~lamina.pth"
    ours = hook.read_bytes(), start.read_bytes()
    with_older_hook(layer)
    change(workshop, layer, "gamma", dry_run=True)
    assert start.read_bytes() != ours[1]
    change(workshop, layer, "gamma")
    assert (hook.read_bytes(), start.read_bytes()) == ours
    with_older_hook(layer)
    hook.write_bytes(b"# mine\n" + hook.read_bytes())
    edited = hook.read_bytes(), start.read_bytes()
    change(workshop, layer, remove=("gamma",))
    assert (hook.read_bytes(), start.read_bytes()) == edited
