"""What a layer can stand on, and what not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, UsageError
from lamina.engines.probe import dump_probe, load_probe, moved, probe
from lamina.layer.base import find_place, look_at
from lamina.layer.create import create_layer, layer_directory
from lamina.layer.document import load_layer
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = Wheel(name="alpha", version="1.0")


def test_the_record(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, ALPHA)
    layer = workshop.layer(base)
    document = load_layer(layer)
    assert document.requests == ()
    assert (document.base.kind, document.base.prefix) == ("prefix", str(base))
    home = (layer / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()[0]
    assert home == f"home = {python.resolve().parent}"
    assert (layer / "bin" / "python3.12").exists()
    assert str((layer / "bin" / "python").readlink()) == str(python.resolve())


def test_an_interpreter_itself(workshop: Workshop, python: Path) -> None:
    layer = workshop.layer(python)
    code = "import sys; print(sys.prefix)"
    assert run([layer / "bin" / "python", "-c", code], workshop.environ).strip() == str(layer)


def test_through_a_views_link(workshop: Workshop, python: Path) -> None:
    """A view has links to an interpreter and no standard library of its own."""
    view = workshop.path / "view"
    (view / "bin").mkdir(parents=True)
    (view / "bin" / "python3").symlink_to(python)
    layer = workshop.layer(view)
    run([layer / "bin" / "python", "-c", "import json"], workshop.environ)


def test_an_empty_directory_is_taken_and_a_full_one_is_not(
    workshop: Workshop, python: Path
) -> None:
    base = workshop.base(python)
    (workshop.path / "layer").mkdir()
    layer = workshop.layer(base)
    before = sorted(layer.rglob("*"))
    with pytest.raises(ConflictError) as caught:
        workshop.layer(base)
    assert caught.value.exit_code == 7
    assert sorted(layer.rglob("*")) == before


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda p: p.mkdir(), "no Python there", id="empty"),
        pytest.param(lambda _: None, "no such directory", id="missing"),
        pytest.param(
            lambda p: script(p / "bin" / "python", "#!/bin/sh\necho oops >&2; exit 3\n"),
            r"not a Python that works \(oops\)",
            id="broken",
        ),
        pytest.param(
            lambda p: script(p / "bin" / "python", "#!/bin/sh\necho hello\n"),
            "not a Python that lamina can use",
            id="other-program",
        ),
        pytest.param(lambda p: script(p, "#!/bin/sh\necho hello\n"), "not a Python", id="file"),
        pytest.param(
            lambda p: script(p / "bin" / "python", "").chmod(0o644), "not a program",
            id="not-executable",
        ),
    ],
)  # fmt: skip
def test_what_is_no_base(workshop: Workshop, make: Callable[[Path], object], message: str) -> None:
    base = workshop.path / "odd"
    make(base)
    with pytest.raises(UsageError, match=message):
        workshop.layer(base)
    assert not (workshop.path / "layer").exists()


@pytest.mark.parametrize("series", ["3.6", "3.7"])
def test_pythons_that_are_too_old(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str
) -> None:
    with pytest.raises(UsageError, match=r"needs Python 3\.8 or newer"):
        workshop.layer(interpreter(series))


def test_a_python_without_site_packages(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python)
    site_of(base).rmdir()
    with pytest.raises(UsageError, match="no site-packages"):
        workshop.layer(base)


def test_a_name_that_means_nothing(workshop: Workshop) -> None:
    (workshop.path / "root").mkdir()
    (workshop.path / "root" / "lamina-root.toml").write_text("schema = 1\n", encoding="utf-8")
    for name in ("Not A Name!", "unknown-stack", "unknown-stack@stable"):
        with pytest.raises(UsageError):
            find_place(name, root=workshop.path / "root", environ=workshop.environ)


def test_what_an_interpreter_says_can_be_kept_and_moved(
    workshop: Workshop, python: Path, tmp_path: Path
) -> None:
    base = workshop.base(python, ALPHA)
    described = probe(base / "bin" / "python", environ=workshop.environ)
    kept = tmp_path / "base.json"
    kept.write_text(dump_probe(described), encoding="utf-8")
    assert load_probe(kept) == described
    there = moved(described, base, Path("/final"))
    assert there.prefix == "/final"
    assert there.interpreter == described.interpreter
    assert there.distributions[0].location == str(Path("/final") / site_of(base).relative_to(base))
    assert there.digest == described.digest


def test_a_cached_description_follows_changes(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python)
    place = find_place(str(base), root=workshop.path, environ=workshop.environ)
    assert look_at(place, environ=workshop.environ).probe.distributions == ()
    ALPHA.unpack(site_of(base))
    (one,) = look_at(place, environ=workshop.environ).probe.distributions
    assert one.key == "alpha"


def test_a_release_is_described_by_itself(workshop: Workshop, python: Path) -> None:
    """Its base.json is read, and no interpreter started: the one here would fail."""
    base = workshop.base(python, ALPHA, name="linux-64")
    described = probe(base / "bin" / "python", environ=workshop.environ)
    (base / ".lamina").mkdir()
    (base / ".lamina" / "release.toml").write_text("", encoding="utf-8")
    (base / ".lamina" / "base.json").write_text(dump_probe(described), encoding="utf-8")
    (base / "bin" / "python").unlink()
    script(base / "bin" / "python", "#!/bin/sh\nexit 1\n")
    place = find_place(str(base), root=workshop.path, environ=workshop.environ)
    assert place.kind == "release"
    create_layer(layer_directory(workshop.path / "layer"), look_at(place, environ={}))
    code = "import alpha; print(alpha.__version__)"
    layer = workshop.path / "layer"
    assert run([layer / "bin" / "python", "-c", code], workshop.environ).strip() == "1.0"


def test_the_program_makes_the_second_layer_from_memory(workshop: Workshop, python: Path) -> None:
    base = workshop.base(python, ALPHA)
    program = [sys.executable, "-m", "lamina", "layer", "create"]
    answers = [
        run([*program, workshop.path / name, "--on", base], workshop.environ)
        for name in ("one", "two")
    ]
    assert answers[1] == answers[0].replace("/one/", "/two/")
    one, two = (
        {path.relative_to(workshop.path / name) for path in (workshop.path / name).rglob("*")}
        for name in ("one", "two")
    )
    assert one == two
    later = Wheel(name="later", version="1", scripts={"later": "later:main"})
    later.unpack(site_of(base))
    run([*program, workshop.path / "three", "--on", base], workshop.environ)
    assert (workshop.path / "three" / "bin" / "later").is_symlink()
