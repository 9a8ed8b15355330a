"""Adding to a layer and taking back, against an index made of files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import (
    IntegrityError,
    UnsatisfiableError,
    UpstreamUnavailableError,
    UsageError,
)
from lamina.layer.change import Request, change_layer, open_layer
from lamina.layer.listing import describe_layer, list_packages
from support.changes import ALPHA_1, ALPHA_2, BETA_1, change, tree, versions
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from pathlib import Path


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


def test_no_package_falls_below_the_base(workshop: Workshop, python: Path) -> None:
    """An older beta without the bound would resolve, and be as broken."""
    workshop.index.add(ALPHA_1, ALPHA_2, BETA_1, Wheel(name="beta", version="0.5"))
    layer = workshop.layer(workshop.base(python, ALPHA_1, BETA_1))
    with pytest.raises(UnsatisfiableError, match="beta") as caught:
        change(workshop, layer, "alpha>=2")
    assert "a layer does not go below that" in caught.value.hints[0]


def test_going_below_on_request(workshop: Workshop, python: Path) -> None:
    workshop.index.add(ALPHA_1, Wheel(name="alpha", version="0.9"))
    layer = workshop.layer(workshop.base(python, ALPHA_1))
    change(workshop, layer, "alpha<1")
    assert versions(workshop, layer, "alpha") == ["0.9"]


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("nowhere", "cannot add nowhere: the index has no package 'nowhere'"),
        ("alphaa>=1", "(did you mean 'alpha'?)"),
        ("alpha==7", "no version of alpha==7"),
        ("beta<2,>=1", "beta"),
    ],
    ids=["unknown", "misspelt", "no-version", "conflict"],
)
def test_refusals_are_short_and_change_nothing(
    workshop: Workshop, layer: Path, request_text: str, message: str
) -> None:
    change(workshop, layer, "alpha>=2")
    before = tree(layer)
    with pytest.raises(UnsatisfiableError) as caught:
        change(workshop, layer, request_text)
    assert message in caught.value.message
    assert len(caught.value.message) < 500
    log = layer / ".lamina" / "uv.log"
    assert any(str(log) in hint for hint in caught.value.hints)
    assert "No solution found" in log.read_text(encoding="utf-8")
    assert tree(layer) == before


@pytest.mark.parametrize(
    "text",
    ["not a requirement!", "alpha @ https://index.example.org/alpha.whl"],
    ids=["bad", "url"],
)
def test_requests_that_are_none(workshop: Workshop, layer: Path, text: str) -> None:
    with pytest.raises(UsageError):
        change(workshop, layer, text)


def test_taking_back_what_was_not_asked_for(workshop: Workshop, layer: Path) -> None:
    with pytest.raises(UsageError, match="not among the requests"):
        change(workshop, layer, remove=("beta",))


def test_a_dry_run_changes_nothing(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)
    plan = change(workshop, layer, "alpha>=2", dry_run=True)
    assert [one.filename for one in plan.files] == [
        "alpha-2.0-py3-none-any.whl",
        "beta-2.0-py3-none-any.whl",
    ]
    assert tree(layer) == before


def test_bytes_that_are_not_what_the_index_says(workshop: Workshop, layer: Path) -> None:
    before = tree(layer)
    file = workshop.index.path / "alpha" / ALPHA_2.filename
    page = file.with_name("index.html")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    page.write_text(page.read_text().replace(digest, "0" * 64), encoding="utf-8")
    environ = workshop.environ | {"UV_CACHE_DIR": str(workshop.path / "cache")}
    with pytest.raises(IntegrityError):
        change_layer(Request(layer=layer, add=("alpha>=2",)), environ)
    assert tree(layer) == before


def test_an_index_that_does_not_answer(workshop: Workshop, layer: Path) -> None:
    environ = workshop.environ | {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(workshop.path / "cache"),
    }  # fmt: skip
    before = tree(layer)
    with pytest.raises(UpstreamUnavailableError):
        change_layer(Request(layer=layer, add=("alpha>=2",)), environ)
    assert tree(layer) == before


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


def test_a_layer_on_a_layer(workshop: Workshop, layer: Path) -> None:
    change(workshop, layer, "alpha>=2")
    upper = workshop.layer(layer, "upper")
    plan = change(workshop, upper, "gamma", "unrelated>=9")
    assert [(one.name, one.over) for one in plan.placed] == [("gamma", None), ("unrelated", "1.0")]
    assert versions(workshop, upper, "alpha", "beta", "gamma", "unrelated") == [
        "2.0", "2.0", "1.0", "9.0",
    ]  # fmt: skip


def test_a_vanished_base(workshop: Workshop, layer: Path) -> None:
    (workshop.path / "base").rename(workshop.path / "elsewhere")
    with pytest.raises(UsageError, match="its base is gone"):
        change(workshop, layer, "gamma")


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
