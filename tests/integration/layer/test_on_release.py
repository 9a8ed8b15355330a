"""Layers over real releases: which one a name means, and what becomes of it later."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.layer.base import find_place, look_at
from lamina.layer.change import Request, change_layer
from lamina.layer.create import create_layer
from lamina.layer.document import load_layer
from lamina.model.platforms import current_platform
from lamina.model.versions import parse_release_version
from lamina.release.publish import publish
from support.releases import publish_request
from support.shells import SHELLS, find_shell
from support.wheels import FileIndex, Wheel
from support.workshop import run

VERSIONS = ("1.0", "1.1")

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Site:
    """A root with two releases of one stack; its tier ``stable`` is the older one."""

    path: Path
    environ: dict[str, str]

    @property
    def root(self) -> Path:
        return self.path / "root"

    def prefix(self, version: str) -> Path:
        return self.root / "releases" / "small" / version / current_platform()

    def move_tier(self, version: str) -> None:
        fs.make_directory(self.root / "tiers" / "small")
        fs.symlink(self.root / "tiers/small/stable", f"../../releases/small/{version}")

    def layer(self, given: str, name: str = "layer", *, root: Path | None = None) -> Path:
        place = find_place(given, root=root or self.root, environ=self.environ)
        create_layer(self.path / name, look_at(place, environ=self.environ))
        return self.path / name

    def program(self, *words: str | Path) -> str:
        argv = [sys.executable, "-m", "lamina", *words]
        return run([*argv, "--root", self.root], self.environ)

    def base_of(self, layer: Path) -> Path:
        """Return the release whose module the layer's Python imports."""
        code = "import greeter; print(greeter.__file__)"
        return Path(run([layer / "bin" / "python", "-c", code], self.environ).strip()).parents[4]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Publish once; every test gets a copy at the same place."""
    top = tmp_path_factory.mktemp("published")
    yield top
    fs.remove_tree(top)


@pytest.fixture
def site(published: Path, environ: dict[str, str]) -> Iterator[Site]:
    kept, site = published / "kept", Site(published / "site", environ)
    if not kept.exists():
        for version in VERSIONS:
            publish(publish_request(site.path, environ, version=parse_release_version(version)))
        shutil.copytree(site.path, kept, symlinks=True)
    else:
        shutil.copytree(kept, site.path, symlinks=True)
    site.move_tier("1.0")
    yield site
    fs.remove_tree(site.path)


@pytest.mark.parametrize(
    ("given", "version"),
    [
        pytest.param("small", "1.1", id="stack"),
        pytest.param("small/1.0", "1.0", id="version"),
        pytest.param("small@stable", "1.0", id="tier"),
    ],
)
def test_what_a_name_means(site: Site, given: str, version: str) -> None:
    layer = site.layer(given)
    assert site.base_of(layer) == site.prefix(version)
    base = load_layer(layer).base
    assert (base.given, base.kind, base.release) == (given, "release", f"small/{version}")
    assert base.prefix == str(site.prefix(version))


def test_a_tier_that_moves_takes_no_layer_along(site: Site) -> None:
    """By its name or by its path: a layer stays on the release that it was made over."""
    tier = site.root / "tiers" / "small" / "stable" / current_platform()
    layers = [site.layer("small@stable", "one"), site.layer(str(tier), "two")]
    site.move_tier("1.1")
    for layer in layers:
        assert load_layer(layer).base.prefix == str(site.prefix("1.0"))
        assert load_layer(layer).base.release == "small/1.0"
        assert site.base_of(layer) == site.prefix("1.0")


def test_the_program_follows_names_that_move(site: Site) -> None:
    """What it remembers of a base never stands in for what the name means now."""
    tier = site.root / "tiers" / "small" / "stable" / current_platform()
    for number, version in enumerate(("1.0", "1.0", "1.1", "1.0")):
        site.move_tier(version)
        for what, given in (("name", "small@stable"), ("path", str(tier))):
            layer = site.path / f"{what}-{number}"
            site.program("layer", "create", layer, "--on", given)
            assert site.base_of(layer) == site.prefix(version)
    site.program("layer", "create", site.path / "newest", "--on", "small")
    fs.remove_tree(site.prefix("1.1").parent)
    site.program("layer", "create", site.path / "then", "--on", "small")
    assert site.base_of(site.path / "then") == site.prefix("1.0")


def test_what_is_remembered_of_one_root_is_not_taken_for_another(site: Site) -> None:
    site.program("layer", "create", site.path / "one", "--on", "small/1.0")
    argv: list[str | Path] = [sys.executable, "-m", "lamina", "layer", "create", site.path / "two"]
    answer = subprocess.run(
        [*argv, "--on", "small/1.0"], env=site.environ, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2, "the default root has no such release"
    assert not (site.path / "two").exists()


@pytest.mark.parametrize("name", [pytest.param(one, id=one) for one in SHELLS])
@pytest.mark.shells
def test_a_shell_says_in_which_release_it_is(site: Site, name: str) -> None:
    environ = site.environ | {"SHELL": str(find_shell(name)), "TERM": "dumb"}
    answer = subprocess.run(
        [sys.executable, "-m", "lamina", "shell", "small@stable", "--root", site.root],
        input='echo "[$VIRTUAL_ENV_PROMPT]"\n',
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "[small/1.0]" in answer.stdout


def test_a_copy_of_a_root_is_a_base_of_its_own(site: Site) -> None:
    """What a release keeps of itself names the place that it was published at."""
    copy = site.path / "copy"
    shutil.copytree(site.root, copy, symlinks=True)
    layer = site.layer("small/1.0", root=copy)
    assert site.base_of(layer).is_relative_to(copy)


def test_a_root_that_was_moved(site: Site) -> None:
    layer = site.layer("small/1.0")
    index = FileIndex(site.path / "index")
    index.add(Wheel(name="alpha", version="1.0"))
    site.root.rename(site.path / "elsewhere")
    environ = site.environ | {"UV_DEFAULT_INDEX": index.address}
    with pytest.raises(IntegrityError, match="its base is gone") as caught:
        change_layer(Request(layer=layer, add=("alpha",)), environ)
    assert str(site.prefix("1.0")) in caught.value.message
    words: list[str | Path] = [layer / "bin" / "python", "-c", "import json; import greeter"]
    answer = subprocess.run(words, env=site.environ, capture_output=True, text=True, check=False)
    first, *_, last = answer.stderr.splitlines()
    assert first.startswith(f"lamina: the base of this layer is gone: {site.prefix('1.0')}")
    assert last == "ModuleNotFoundError: No module named 'greeter'"
    (site.path / "elsewhere").rename(site.root)
    change_layer(Request(layer=layer, add=("alpha",)), environ)
    run([layer / "bin" / "python", "-c", "import alpha, greeter"], site.environ)


@pytest.mark.shells
def test_the_prompt_of_a_shell_names_the_release(site: Site) -> None:
    shell = find_shell("dash")
    environ = site.environ | {"SHELL": str(shell), "TERM": "dumb", "PS1": "$ "}
    argv = [sys.executable, "-m", "lamina", "shell", "small/1.0", "--root", str(site.root)]
    answer = subprocess.run(
        argv, env=environ, input="exit\n", capture_output=True, text=True, check=False
    )
    assert "(small/1.0) " in answer.stdout + answer.stderr
