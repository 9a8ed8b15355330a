"""Paper locks over other bases than a prefix, under other Pythons, on other disks, for real."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError, StorageError
from lamina.engines.uv_program import UvProgram
from lamina.layer.base import find_place, look_at
from lamina.layer.change import Request, change_layer
from lamina.layer.check.run import check_layer
from lamina.layer.create import create_layer
from lamina.layer.migrate import MigrateRequest, migrate_layer, render_migration
from lamina.layer.opened import open_layer
from lamina.layer.paper.document import parse_paper
from lamina.layer.paper.lookup import with_files
from lamina.layer.paper.restore import RestoreRequest, plan_restore, restore
from lamina.layer.paper.text import dump_paper
from lamina.layer.paper.writing import paper_lock
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import current_platform
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
from support.changes import ALPHA_1, UNRELATED_OLD, tree, versions
from support.papers import TOOLS, Bench, offer
from support.releases import publish_request
from support.stacks import stack_text
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERIES = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]


@pytest.mark.parametrize("series", SERIES)
def test_every_series(bench: Bench, interpreter: Callable[[str], Path], series: str) -> None:
    """Locked, restored, checked and flat, each by programs that run in that Python."""
    bench.base("of-it", ALPHA_1, UNRELATED_OLD, python=interpreter(series))
    layer = bench.layer("alpha>=2", base="of-it")
    lock = bench.lock(layer)
    assert lock.base.series == series
    again = bench.restore(lock)
    assert versions(bench.workshop, again, "alpha", "unrelated") == ["2.0", "1.0"]
    found = check_layer(again, root=bench.path / "root", environ=bench.environ)
    assert found.sound
    assert found.looked_at["modules"] == 1
    base = open_layer(layer, bench.environ).document.base
    flat = bench.restore(with_files(lock, base, bench.environ), "flat", flat=True)
    assert versions(bench.workshop, flat, "alpha", "unrelated") == ["2.0", "1.0"]
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    assert run([flat / "bin" / "python", "-c", code], bench.environ).strip() == series


def test_migrating_through_every_series(bench: Bench, interpreter: Callable[[str], Path]) -> None:
    layer = bench.layer("alpha>=2", "gamma")
    for series in SERIES:
        base = bench.base(f"base-{series}", ALPHA_1, python=interpreter(series))
        bench.migrate(layer, base, discard=True)
        assert versions(bench.workshop, layer, "alpha", "gamma") == ["2.0", "1.0"]
        assert [one.name for one in (layer / "lib").iterdir()] == [f"python{series}"]


# --- the environment as it was set up


@pytest.fixture
def view(bench: Bench) -> dict[str, str]:
    """Return an environment as a view's set-up script leaves it."""
    site = site_of(bench.path / "base")
    programs = bench.path / "view" / "bin"
    programs.mkdir(parents=True)
    (programs / "python3").symlink_to(bench.python)
    return bench.environ | {
        "PATH": f"{programs}:{bench.environ['PATH']}",
        "PYTHONPATH": str(site),
    }


def layer_on(bench: Bench, environ: dict[str, str], *requests: str, name: str = "layer") -> Path:
    place = find_place("env", root=bench.path / "root", environ=environ)
    create_layer(bench.path / name, look_at(place, environ=environ))
    change_layer(Request(layer=bench.path / name, add=requests), environ)
    return bench.path / name


def test_an_environment_comes_back_without_being_set_up(bench: Bench, view: dict[str, str]) -> None:
    lock = bench.lock(layer_on(bench, view, "alpha>=2"))
    assert lock.base.kind == "env"
    assert lock.base.place.search == view["PYTHONPATH"]
    again = bench.restore(lock)
    assert versions(bench.workshop, again, "alpha", "unrelated") == ["2.0", "1.0"]
    code = "import alpha; print(alpha.__version__)"
    assert run([again / "bin" / "python", "-c", code], view).strip() == "2.0"
    assert check_layer(again, root=bench.path / "root", environ=view).sound


def test_an_environment_set_up_elsewhere(bench: Bench, view: dict[str, str]) -> None:
    lock = bench.lock(layer_on(bench, view, "alpha>=2"))
    (bench.path / "base").rename(bench.path / "moved")
    with pytest.raises(IntegrityError):
        bench.restore(lock)
    there = view | {"PYTHONPATH": str(site_of(bench.path / "moved"))}
    request = RestoreRequest(
        lock=lock, directory=bench.path / "again", root=bench.path / "root", environ=there, on="env"
    )
    restore(plan_restore(request))
    assert versions(bench.workshop, bench.path / "again", "alpha", "unrelated") == ["2.0", "1.0"]


# --- releases


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    top = tmp_path_factory.mktemp("published")
    yield top
    fs.remove_tree(top)


@pytest.fixture
def root(published: Path, environ: dict[str, str]) -> Path:
    """Return a root with two releases of the same packages, published once."""
    text = stack_text("", platforms=f'["{current_platform()}"]')
    if not (published / "root").exists():
        for version in ("1.0", "1.1"):
            parsed = parse_release_version(version)
            publish(publish_request(published, environ, version=parsed, stack_text=text))
    return published / "root"


def over(bench: Bench, root: Path, name: str, *requests: str) -> Path:
    place = find_place("small/1.0", root=root, environ=bench.environ)
    create_layer(bench.path / name, look_at(place, environ=bench.environ))
    change_layer(Request(layer=bench.path / name, add=requests), bench.environ)
    return bench.path / name


def test_a_release_has_recorded_its_files(bench: Bench, root: Path) -> None:
    layer = over(bench, root, "layer", "gamma")
    upper = bench.layer("unrelated", name="upper", base="layer")
    for one, names in ((layer, set()), (upper, {"alpha", "gamma"})):
        lock = bench.lock(one)
        files = {package.name: package.artifact() for package in lock.base.packages}
        assert files.keys() == {"greeter", "numbers-of-ours", *names}
        assert all(files.values())
        # Nothing more to be asked for, least of all of the public index.
        bench.server.requests.clear()
        document = open_layer(one, bench.environ).document
        assert with_files(lock, document.base, bench.environ) == lock
        assert bench.server.requests == []
    assert bench.lock(layer).base.release == "small/1.0"


def test_nothing_over_a_release_is_looked_up(bench: Bench, root: Path) -> None:
    """A package of the release's own may be somebody else's on the public index."""
    offer(bench.server, Wheel(name="greeter", version="1.0"))
    layer = over(bench, root, "layer", "gamma")
    lock = bench.lock(layer)
    bare = tuple(
        one.model_copy(update={"file": None, "index": None, "sha256": None})
        for one in lock.base.packages
    )
    lock = lock.model_copy(update={"base": lock.base.model_copy(update={"packages": bare})})
    for above in (layer, bench.layer("unrelated", name="upper", base="layer")):
        base = open_layer(above, bench.environ).document.base
        assert with_files(lock, base, bench.environ) == lock


def test_from_release_to_release(bench: Bench, root: Path) -> None:
    layer = over(bench, root, "layer", "gamma")
    request = MigrateRequest(layer=layer, to="small/1.1", root=root, environ=bench.environ)
    done = migrate_layer(request)
    assert render_migration(done).splitlines() == [
        "from small/1.0 to small/1.1",
        "  = alpha 2.0",
        "  = gamma 1.0",
        "2 carried over, 0 changed or new, 0 dropped",
    ]
    assert done.kept == bench.path / "layer.before-small-1.0"
    assert open_layer(layer, bench.environ).document.base.release == "small/1.1"
    assert check_layer(layer, root=root, environ=bench.environ).sound


def test_a_release_of_the_same_content_will_do(bench: Bench, root: Path) -> None:
    """1.0 and 1.1 have the same packages: one stands in for the other, and keeps its name."""
    lock = bench.lock(over(bench, root, "layer", "gamma"))
    gone = lock.base.place.model_copy(update={"prefix": "/gone", "python": "/gone/bin/python"})
    lock = lock.model_copy(update={"base": lock.base.model_copy(update={"place": gone})})
    request = RestoreRequest(
        lock=lock, directory=bench.path / "again", root=root, environ=bench.environ
    )
    restore(plan_restore(request))
    base = open_layer(bench.path / "again", bench.environ).document.base
    assert (base.given, base.release) == ("small/1.0", "small/1.0")
    with pytest.raises(IntegrityError, match=r"no release in .* has the same content"):
        bench.restore(lock, "more")


# --- disks

MOUNTED = """
import os, subprocess, sys
place, options, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
os.execvp(command[0], command)
"""


@pytest.mark.namespaces
@pytest.mark.parametrize("options", ["size=64k", "ro"], ids=["full", "read-only"])
def test_a_disk_without_room(bench: Bench, options: str) -> None:
    (bench.path / "paper.lock").write_text(
        dump_paper(bench.lock(bench.layer("alpha>=2"))), encoding="utf-8"
    )
    disk = bench.path / "disk"
    disk.mkdir()
    script = bench.path / "mounted.py"
    script.write_text(MOUNTED, encoding="utf-8")
    lamina = [sys.executable, "-m", "lamina", "layer", "restore", str(bench.path / "paper.lock")]
    mount = ["unshare", "--mount", "--map-root-user", sys.executable, str(script), str(disk)]
    listed = ["sh", "-c", '"$@"; code=$?; ls -A "$0"; exit $code', str(disk)]
    answer = subprocess.run(
        [*mount, options, *listed, *lamina, "--to", str(disk / "again")],
        env=bench.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == StorageError.exit_code, answer.stderr
    word = "no space left" if options != "ro" else "read-only"
    assert word in answer.stderr.lower()
    assert answer.stdout == ""  # nothing is left there


# --- the real index


@pytest.mark.index
def test_the_newer_numpy_for_the_paper(
    workshop: Workshop, python: Path, environ: dict[str, str]
) -> None:
    """Compiled wheels, scripts and data, from lock to flat, with the base gone in the end."""
    base = workshop.base(python)
    UvProgram(environ=environ).call(
        "pip", "install", "--python", base / "bin" / "python",
        "numpy==1.26.4", "packaging==23.0", "click==8.1.0",
    )  # fmt: skip
    layer = workshop.layer(base)
    change_layer(Request(layer=layer, add=("numpy>=2", "rich")), environ)
    opened = open_layer(layer, environ)
    lock = with_files(paper_lock(opened, TOOLS), opened.document.base, environ)
    lock = parse_paper(dump_paper(lock), "paper.lock")
    assert all(one.artifact() for one in lock.base.packages)

    def again(name: str, *, flat: bool) -> Path:
        request = RestoreRequest(
            lock=lock, directory=workshop.path / name, root=workshop.path / "root",
            environ=environ, flat=flat,
        )  # fmt: skip
        restore(plan_restore(request))
        return workshop.path / name

    restored = again("restored", flat=False)
    found = check_layer(restored, root=workshop.path / "root", environ=environ)
    assert found.sound
    assert found.looked_at["files"] > 500
    before, after = tree(layer), tree(restored)
    differ = {name for name in before if before[name] != after.get(name)}
    assert all(name.startswith("bin/") or name.endswith(("RECORD", ".cfg")) for name in differ)
    shutil.rmtree(base)
    flat = again("flat", flat=True)
    code = "import click, numpy, packaging, rich; print(numpy.__version__, packaging.__version__)"
    numpy, packaging = run([flat / "bin" / "python", "-c", code], environ).split()
    assert (numpy[0], packaging) == ("2", "23.0")
    assert ("numpy", numpy) in {(one.name, one.version) for one in lock.packages}
    assert {one.index for one in lock.packages} == {PUBLIC_INDEX}
