"""Layers written down and made again: on their base, on one like it, and on none."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import (
    IntegrityError,
    NotSupportedError,
    UnsatisfiableError,
)
from lamina.layer.change import Request, change_layer
from lamina.layer.opened import open_layer
from lamina.layer.paper.lookup import with_files
from lamina.layer.paper.text import dump_paper
from support.changes import ALPHA_1, BETA_1, HOME_MADE, UNRELATED_OLD, tree, versions
from support.wheels import Wheel
from support.workshop import run, site_of

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.layer.paper.document import PaperLock
    from support.papers import Bench


def plain(layer: Path) -> dict[str, str]:
    """Return the content of a layer but for what names its directory."""
    own = {"bin/activate", "bin/activate.csh", "bin/activate.fish", "pyvenv.cfg"}
    own |= {"bin/.lamina-script", "bin/alpha", "bin/alpha2", "bin/uv", "bin/pip", "bin/pip3"}
    return {
        path: digest
        for path, digest in tree(layer).items()
        if path not in own and not path.endswith("/RECORD")
    }


def test_a_layer_comes_back_as_it_was(bench: Bench) -> None:
    layer = bench.layer("alpha>=2", "documented")
    again = bench.restore(bench.lock(layer))
    assert plain(again) == plain(layer)
    assert versions(bench.workshop, again, "alpha", "beta", "unrelated") == ["2.0", "2.0", "1.0"]
    assert bench.lock(again) == bench.lock(layer)
    assert bench.hidden() == []


def test_what_it_makes_names_its_own_place(bench: Bench) -> None:
    again = bench.restore(bench.lock(bench.layer("alpha>=2")))
    script = (again / "bin" / "alpha").read_text(encoding="utf-8")
    assert script.startswith(f"#!{again}/bin/python\n")
    assert run([again / "bin" / "alpha"], bench.environ).split() == ["alpha", "2.0"]
    stray = [
        path for path in again.rglob("*") if path.is_file() and b".building" in path.read_bytes()
    ]
    assert stray == []


def test_it_is_a_layer_like_any_other(bench: Bench) -> None:
    again = bench.restore(bench.lock(bench.layer("alpha>=2")))
    plan = change_layer(Request(layer=again, remove=("alpha",)), bench.environ)
    assert dict(plan.uncovered) == {"alpha": "1.0", "beta": "1.0"}
    assert versions(bench.workshop, again, "alpha") == ["1.0"]


@pytest.mark.parametrize("name", ["with space", "Über-日本-'q\""])
def test_unusual_directories(bench: Bench, name: str) -> None:
    again = bench.restore(bench.lock(bench.layer("alpha>=2")), name)
    assert run([again / "bin" / "alpha"], bench.environ).split() == ["alpha", "2.0"]


def test_the_same_layer_gives_the_same_bytes(bench: Bench) -> None:
    one, two = bench.layer("alpha>=2", "gamma"), bench.layer("gamma", "alpha>=2", name="two")
    assert dump_paper(bench.lock(one)) == dump_paper(bench.lock(two))


def test_no_address_is_written_down(bench: Bench) -> None:
    text = dump_paper(bench.lock(bench.layer("alpha>=2", "documented")))
    assert "://" not in text
    paths = [line for line in text.splitlines() if str(bench.path) in line]
    assert [line.partition(" ")[0] for line in paths] == ["given", "prefix", "python"]


def test_exclude_newer_is_written_down(bench: Bench) -> None:
    layer = bench.layer()
    request = Request(layer=layer, add=("gamma",), exclude_newer="2026-06-01")
    change_layer(request, bench.environ)
    lock = bench.lock(layer)
    assert lock.exclude_newer == "2026-06-01"
    assert bench.lock(bench.restore(lock)).exclude_newer == "2026-06-01"


def test_what_somebody_else_installed_is_named(bench: Bench) -> None:
    layer = bench.layer("gamma")
    bench.workshop.add(layer, Wheel(name="own-work", version="0.1"))
    lock = bench.lock(layer)
    assert lock.left_out == ("own-work==0.1",)
    assert not list(site_of(bench.restore(lock)).glob("own_work*"))


def test_a_layer_that_lost_something_is_not_written_down(bench: Bench) -> None:
    layer = bench.layer("gamma")
    for path in site_of(layer).glob("gamma*"):
        shutil.rmtree(path)
    with pytest.raises(IntegrityError, match=r"gamma 1.0: not there") as caught:
        bench.lock(layer)
    assert caught.value.hints == (f"lamina layer check {layer}",)


# --- the base


def test_a_base_of_the_same_content_elsewhere(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))
    other = bench.base("other")
    again = bench.restore(lock, on=str(other))
    code = "import unrelated; print(unrelated.__file__)"
    assert str(other) in run([again / "bin" / "python", "-c", code], bench.environ)
    (bench.path / "base").rename(bench.path / "gone")
    with pytest.raises(IntegrityError, match=r"is not at .*base") as caught:
        bench.restore(lock, "more")
    assert any("--on" in hint for hint in caught.value.hints)
    assert not (bench.path / "more").exists()


def test_another_base_is_refused_with_what_differs(bench: Bench) -> None:
    lock = bench.lock(bench.layer("alpha>=2"))
    newer = Wheel(name="unrelated", version="2.0")
    other = bench.base("other", ALPHA_1, newer, HOME_MADE, Wheel(name="more", version="1.0"))
    with pytest.raises(IntegrityError) as caught:
        bench.restore(lock, on=str(other))
    assert caught.value.message.endswith(
        "no beta 1.0, more 1.0 as well, unrelated 2.0 instead of 1.0"
    )
    assert not (bench.path / "again").exists()


def test_a_base_that_changed_in_its_place(bench: Bench) -> None:
    lock = bench.lock(bench.layer("gamma"))
    Wheel(name="later", version="1.0").unpack(site_of(bench.path / "base"))
    with pytest.raises(IntegrityError, match=r"is not what it was: later 1.0 as well"):
        bench.restore(lock)


def test_a_layer_on_a_layer(bench: Bench) -> None:
    lower = bench.layer("alpha>=2", name="lower")
    upper = bench.layer("gamma", name="upper", base="lower")
    lock = bench.lock(upper)
    files = {one.name: one.file for one in lock.base.packages}
    assert files["alpha"] == "alpha-2.0-py3-none-any.whl"
    assert files["unrelated"] is None
    again = bench.restore(lock)
    assert versions(bench.workshop, again, "gamma", "alpha") == ["1.0", "2.0"]
    change_layer(Request(layer=lower, remove=("alpha",)), bench.environ)
    with pytest.raises(IntegrityError, match=r"alpha 1.0 instead of 2.0"):
        bench.restore(lock, "more")


# --- without a base


@pytest.fixture
def public(bench: Bench) -> PaperLock:
    """Return the lock of a layer on a base whose packages the index has."""
    bench.base("public", ALPHA_1, BETA_1, UNRELATED_OLD)
    layer = bench.layer("alpha>=2", "documented", base="public")
    document = open_layer(layer, bench.environ).document
    return with_files(bench.lock(layer), document.base, bench.environ)


def test_flat(bench: Bench, public: PaperLock) -> None:
    shutil.rmtree(bench.path / "public")
    shutil.rmtree(bench.path / "layer")
    flat = bench.restore(public, flat=True)
    names = {path.name for path in site_of(flat).iterdir()} - {"__pycache__"}
    assert names == {
        f"{name}{end}"
        for name, version in (
            ("alpha", "2.0"), ("beta", "2.0"), ("unrelated", "1.0"), ("documented", "1.0")
        )
        for end in ("", f"-{version}.dist-info")
    }  # fmt: skip
    assert run([flat / "bin" / "alpha"], bench.environ).split() == ["alpha", "2.0"]
    assert (flat / "share" / "man" / "man1" / "documented.1").read_text() == "words\n"
    code = "import sys; print(sys.prefix)"
    assert run([flat / "bin" / "python", "-c", code], bench.environ).strip() == str(flat)
    assert (flat / "lamina-paper.lock").read_text(encoding="utf-8") == dump_paper(public)
    assert bench.hidden() == []


@pytest.mark.shells
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_flat_activates(bench: Bench, public: PaperLock, shell: str) -> None:
    flat = bench.restore(public, "with 'quotes' and space", flat=True)
    quoted = str(flat).replace("'", "'\"'\"'")
    script = f". '{quoted}/bin/activate'; alpha; command -v python; deactivate; command -v alpha"
    answer = subprocess.run(
        [shell, "-c", script], env=bench.environ, capture_output=True, text=True, check=False
    )
    assert answer.stdout.splitlines() == ["alpha 2.0", str(flat / "bin" / "python")]


def test_flat_takes_every_file_by_its_recorded_hash(bench: Bench, public: PaperLock) -> None:
    [only] = [one for one in bench.server.offers["unrelated"] if one.filename.startswith("unre")]
    only.sha256 = "0" * 64
    only.content += b"changed"
    with pytest.raises(IntegrityError, match=r"unrelated-1.0-py3-none-any.whl"):
        bench.restore(public, flat=True)
    assert not (bench.path / "again").exists()


def test_flat_names_what_only_the_base_has(bench: Bench) -> None:
    layer = bench.layer("gamma")
    lock = bench.lock(layer)
    with pytest.raises(UnsatisfiableError) as caught:
        bench.restore(lock, flat=True)
    for name in ("alpha 1.0", "beta 1.0", "home-made 6.30+site", "unrelated 1.0"):
        assert name in caught.value.message
    known = with_files(lock, open_layer(layer, bench.environ).document.base, bench.environ)
    with pytest.raises(UnsatisfiableError, match=r"of the base: home-made 6.30\+site$"):
        bench.restore(known, flat=True)


def test_flat_takes_them_from_directories(bench: Bench) -> None:
    layer = bench.layer("gamma")
    base = open_layer(layer, bench.environ).document.base
    lock = with_files(bench.lock(layer), base, bench.environ)
    (bench.path / "links").mkdir()
    HOME_MADE.write(bench.path / "links")
    Wheel(name="home-made", version="7").write(bench.path / "links")
    flat = bench.restore(lock, flat=True, links=(bench.path / "links",))
    assert versions(bench.workshop, flat, "home_made", "gamma") == ["6.30+site", "1.0"]


def test_flat_without_any_index(bench: Bench, public: PaperLock) -> None:
    links = bench.path / "links"
    links.mkdir()
    for offers in bench.server.offers.values():
        for one in offers:
            (links / one.filename).write_bytes(one.content)
    bench.server.offers.clear()
    bench.server.requests.clear()
    flat = bench.restore(public, flat=True, links=(links,))
    assert bench.server.requests == []
    assert versions(bench.workshop, flat, "alpha", "unrelated") == ["2.0", "1.0"]
    (links / "unrelated-1.0-py3-none-any.whl").write_bytes(b"something else")
    with pytest.raises(IntegrityError, match="is not the file that was locked"):
        bench.restore(public, "more", flat=True, links=(links,))


def test_flat_of_another_platform(bench: Bench, public: PaperLock) -> None:
    base = public.base.model_copy(update={"platform": "macosx-14.0-arm64"})
    with pytest.raises(NotSupportedError, match=r"for macosx-14.0-arm64"):
        bench.restore(public.model_copy(update={"base": base}), flat=True)
