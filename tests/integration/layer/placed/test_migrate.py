"""Layers that move to another base: what changes, what stays, and what becomes of the old one."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, UnsatisfiableError, UsageError
from lamina.layer.document import load_layer
from lamina.layer.migrate import (
    MigrateRequest,
    migrate_layer,
    migration_value,
    render_migration,
)
from lamina.layer.opened import open_layer
from support.changes import ALPHA_1, ALPHA_2, BETA_2, GAMMA, UNRELATED_OLD, tree, versions
from support.reporters import kept_warnings
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.papers import Bench


def test_what_the_new_base_has_is_dropped(bench: Bench, layer: Path, newer: Path) -> None:
    before = tree(layer)
    done = bench.migrate(layer, newer)
    assert dict(done.plan.uncovered) == {"alpha": "2.0", "beta": "2.0"}
    assert [(one.name, one.installs) for one in done.plan.placed] == [("gamma", False)]
    assert versions(bench.workshop, layer, "alpha", "beta", "gamma", "unrelated") == [
        "2.0", "2.0", "1.0", "5.0",
    ]  # fmt: skip
    opened = open_layer(layer, bench.environ)
    assert opened.document.requests == ("alpha>=2", "gamma")
    assert opened.document.base.prefix == str(newer)
    assert opened.is_sound
    assert done.kept == bench.path / "layer.before-base"
    assert tree(done.kept) == before
    assert bench.hidden() == []


def test_the_diff(bench: Bench, layer: Path, newer: Path) -> None:
    done = bench.migrate(layer, newer, dry_run=True)
    assert render_migration(done).splitlines() == [
        f"from {bench.path / 'base'} to {newer}",
        "  - alpha 2.0: the new base has 2.0",
        "  - beta 2.0: the new base has 2.0",
        "  = gamma 1.0",
        "1 carried over, 0 changed or new, 2 dropped",
    ]
    value = migration_value(done)
    assert value["carried"] == {"gamma": "1.0"}
    assert value["to"] == {"kind": "prefix", "release": None, "prefix": str(newer)}
    assert [one["file"] for one in value["files"]] == ["gamma-1.0-py3-none-any.whl"]


def test_a_dry_run_changes_nothing(bench: Bench, layer: Path, newer: Path) -> None:
    before, there = tree(layer), sorted(bench.path.iterdir())
    bench.migrate(layer, newer, dry_run=True)
    assert tree(layer) == before
    assert sorted(bench.path.iterdir()) == there


def test_what_the_new_base_makes_necessary(bench: Bench) -> None:
    """The other way round: on an older base, what came from the base has to come along."""
    bench.base("newer", ALPHA_2, BETA_2)
    layer = bench.layer("alpha>=2", base="newer")
    done = bench.migrate(layer, bench.path / "base")
    assert [(one.name, one.over) for one in done.plan.installs] == [
        ("alpha", "1.0"),
        ("beta", "1.0"),
    ]
    assert "  ^ beta 2.0 over 1.0 of the base: beta 1.0 needs alpha<2" in render_migration(done)
    assert versions(bench.workshop, layer, "alpha", "beta") == ["2.0", "2.0"]


def test_a_base_that_is_older_is_said(bench: Bench) -> None:
    layer = bench.layer("alpha>=1.5", name="two")
    bench.base("between", Wheel(name="alpha", version="1.7"))
    text = render_migration(bench.migrate(layer, bench.path / "between"))
    assert "  - alpha 2.0: the new base has 1.7, which is older" in text
    assert "  - beta 2.0: nothing needs it any more" in text


def test_the_old_layer_works_when_it_is_put_back(bench: Bench, layer: Path, newer: Path) -> None:
    kept = bench.migrate(layer, newer).kept
    assert kept is not None
    layer.rename(bench.path / "away")
    kept.rename(layer)
    assert run([layer / "bin" / "alpha"], bench.environ).split() == ["alpha", "2.0"]
    assert versions(bench.workshop, layer, "unrelated") == ["1.0"]


def test_scripts_run_over_the_new_base(bench: Bench, layer: Path, newer: Path) -> None:
    Wheel(name="tool", version="1.0", scripts={"tool": "tool:main"}).unpack(site_of(newer))
    bench.migrate(layer, newer)
    assert run([layer / "bin" / "tool"], bench.environ).split() == ["tool", "1.0"]
    assert (layer / "bin" / ".lamina-script").read_text().startswith(f"#!{layer}/bin/python\n")
    stray = [p for p in layer.rglob("*") if p.is_file() and b".building" in p.read_bytes()]
    assert stray == []


def test_twice_and_back_again(bench: Bench, layer: Path, newer: Path) -> None:
    bench.migrate(layer, newer)
    bench.migrate(layer, bench.path / "base")
    done = bench.migrate(layer, newer)
    assert done.kept == bench.path / "layer.before-base-2"
    assert (bench.path / "layer.before-newer").is_dir()


def test_discarding(bench: Bench, layer: Path, newer: Path) -> None:
    done = bench.migrate(layer, newer, discard=True)
    assert done.kept is None
    names = sorted(path.name for path in bench.path.iterdir())
    assert names == ["base", "layer", "newer"]


def test_discarding_loses_nothing_of_the_users(bench: Bench, layer: Path, newer: Path) -> None:
    bench.workshop.add(layer, Wheel(name="own-work", version="0.1"))
    (layer / "notes.txt").write_text("mine", encoding="utf-8")
    before = tree(layer)
    with pytest.raises(ConflictError, match=r"own-work, notes\.txt"):
        bench.migrate(layer, newer, discard=True)
    assert tree(layer) == before
    kept = bench.migrate(layer, newer).kept
    assert kept is not None
    assert (kept / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_another_series_of_python(
    bench: Bench, layer: Path, interpreter: Callable[[str], Path]
) -> None:
    other = bench.base("other", ALPHA_1, UNRELATED_OLD, python=interpreter("3.11"))
    bench.migrate(layer, other)
    assert (layer / "lib" / "python3.11").is_dir()
    assert not (layer / "lib" / "python3.12").exists()
    assert versions(bench.workshop, layer, "alpha", "gamma") == ["2.0", "1.0"]


# --- a base that is gone, or is not what it was


def test_a_base_that_was_moved(bench: Bench, layer: Path) -> None:
    """The same content elsewhere: nothing is resolved, the files are those of the lock."""
    offers = bench.server.offers
    offers["gamma"] += [one for one in offers["gamma"] if not offers["gamma"]]
    (bench.path / "base").rename(bench.path / "moved")
    lock = (layer / "lamina-layer.lock").read_text(encoding="utf-8")
    bench.server.requests.clear()
    done = bench.migrate(layer, bench.path / "moved")
    assert not done.plan.installs
    assert (layer / "lamina-layer.lock").read_text(encoding="utf-8") == lock
    code = "import unrelated; print(unrelated.__file__)"
    assert "/moved/" in run([layer / "bin" / "python", "-c", code], bench.environ)


def test_a_base_that_changed(bench: Bench, layer: Path) -> None:
    site = site_of(bench.path / "base")
    for path in site.glob("alpha*"):
        shutil.rmtree(path)
    ALPHA_2.unpack(site)
    done = bench.migrate(layer, bench.path / "base")
    assert "alpha" in done.plan.uncovered
    assert open_layer(layer, bench.environ).is_sound


def test_what_was_damaged_is_made_again(bench: Bench, layer: Path) -> None:
    (site_of(layer) / "alpha" / "__init__.py").write_text("broken\n", encoding="utf-8")
    shutil.rmtree(next(site_of(layer).glob("gamma-*")))
    bench.migrate(layer, bench.path / "base")
    assert versions(bench.workshop, layer, "alpha", "gamma") == ["2.0", "1.0"]


def test_a_layer_that_is_a_link(bench: Bench, layer: Path, newer: Path) -> None:
    (bench.path / "scratch").mkdir()
    (bench.path / "linked").symlink_to("scratch/real")
    target = bench.path / "scratch" / "real"
    target.mkdir()
    target.rmdir()
    layer.rename(target)
    linked = bench.path / "linked"
    done = bench.migrate(linked, newer)
    assert linked.is_symlink()
    assert done.kept == bench.path / "scratch" / "real.before-base"
    script = linked / "bin" / ".lamina-script"
    assert script.read_text(encoding="utf-8").startswith(f"#!{linked}/bin/python\n")


# --- refusals


def test_requests_that_do_not_hold_there(bench: Bench, layer: Path) -> None:
    bench.base("strict", Wheel(name="strict", version="1.0", requires=["alpha==1.0"]), ALPHA_1)
    before = tree(layer)
    with pytest.raises(UnsatisfiableError, match=r"^not possible on \S+strict: alpha") as caught:
        bench.migrate(layer, bench.path / "strict")
    assert len(caught.value.message) < 600
    assert tree(layer) == before
    assert bench.hidden() == []


def test_a_layer_cannot_stand_on_itself(bench: Bench, layer: Path) -> None:
    with pytest.raises(UsageError, match="itself"):
        bench.migrate(layer, layer)
    upper = bench.layer(name="upper", base="layer")
    with pytest.raises(UsageError, match="itself"):
        bench.migrate(layer, upper)


@pytest.mark.parametrize("first", ["layer", "upper", "over the active one"])
def test_a_layer_cannot_stand_on_itself_through_path(
    bench: Bench, layer: Path, newer: Path, first: str
) -> None:
    """Of what is activated, the first python is a layer's."""
    before = tree(layer)
    active = bench.workshop.layer(layer, "upper") if first == "upper" else layer
    path = f"{active}/bin:{newer}/bin:{bench.environ['PATH']}"
    environ = bench.environ | {"PATH": path, "VIRTUAL_ENV": str(active)}
    upper = bench.workshop.layer("env", "second", **environ)
    to = str(upper) if first == "over the active one" else "env"
    request = MigrateRequest(layer=layer, to=to, root=bench.path / "root", environ=environ)
    with pytest.raises(UsageError, match="itself") as caught:
        migrate_layer(request)
    assert caught.value.hints == (("deactivate",) if to == "env" else ())
    assert tree(layer) == before
    left = environ | {"PATH": path.removeprefix(f"{active}/bin:")}
    migrate_layer(dataclasses.replace(request, to="env", environ=left))
    assert load_layer(layer).base.prefix == str(newer)


@pytest.mark.parametrize("search", [True, False], ids=["set up", "not set up"])
def test_an_environment_that_is_not_set_up_any_more(bench: Bench, search: bool) -> None:
    more, path = bench.path / "more", f"{bench.path}/base/bin:{bench.environ['PATH']}"
    GAMMA.unpack(more)
    shown = {"PYTHONPATH": str(more)}
    layer = bench.workshop.layer("env", "viewed", PATH=path, **shown)
    environ = bench.environ | {"PATH": path} | (shown if search else {})
    with kept_warnings() as warned:
        migrate_layer(
            MigrateRequest(layer=layer, to="env", root=bench.path / "root", environ=environ)
        )
    told = f"no PYTHONPATH is set now: the new base is {bench.path}/base/bin/python3 without what"
    assert warned == ([] if search else [f"{told} was in {more}"])


def test_a_circle_that_is_there_already_ends(bench: Bench, layer: Path) -> None:
    other = bench.workshop.layer(bench.path / "base", "other")
    record = other / "lamina-layer.toml"
    text = record.read_text(encoding="utf-8")
    record.write_text(text.replace(f'prefix = "{bench.path}/base"', f'prefix = "{other}"'))
    assert load_layer(other).base.prefix == str(other)
    assert bench.migrate(layer, other, dry_run=True).base.place.prefix == other
