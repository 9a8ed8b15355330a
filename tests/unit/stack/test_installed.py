from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import PythonSeries
from lamina.stack.installed import read_installed, site_packages_of

if TYPE_CHECKING:
    from pathlib import Path

_DEFAULT = PythonSeries(3, 11)


class _Prefix:
    """A prefix with metadata and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "lib" / "python3.12" / "site-packages"
        self.site.mkdir(parents=True)

    def install(self, name: str, version: str = "1.0", *needs: str, direct: object = None) -> None:
        place = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        place.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {one}" for one in needs]
        (place / "METADATA").write_text("\n".join(lines) + "\n")
        if direct is not None:
            (place / "direct_url.json").write_text(json.dumps(direct))

    def asked(self) -> list[str]:
        return [str(one) for one in read_installed(self.root, _DEFAULT).requirements]


@pytest.fixture
def prefix(tmp_path: Path) -> _Prefix:
    return _Prefix(tmp_path / "prefix")


def test_only_what_nobody_needs_is_taken(prefix: _Prefix) -> None:
    prefix.install("coffea", "2026.9.0", "awkward >=2", "uproot")
    prefix.install("uproot", "5.0", "Awkward")
    prefix.install("awkward", "2.0", "not-installed")
    prefix.install("Hist", "1.5")
    imported = read_installed(prefix.root, _DEFAULT)
    assert [str(one) for one in imported.requirements] == ["coffea>=2026.9.0", "hist>=1.5"]
    assert imported.left_behind == ("2 packages that others need: they come by themselves",)
    assert imported.python == PythonSeries(3, 12)


@pytest.mark.parametrize(
    ("need", "asked"),
    [
        pytest.param("b", ["a>=1.0"], id="always"),
        pytest.param("b; python_version >= '3.12'", ["a>=1.0"], id="marker of this Python"),
        pytest.param("b; python_version < '3.12'", ["a>=1.0", "b>=1.0"], id="marker of another"),
        pytest.param("b; extra == 'x'", ["a>=1.0", "b>=1.0"], id="extra that nobody asked for"),
        pytest.param("b !! nonsense", ["a>=1.0", "b>=1.0"], id="malformed"),
    ],
)
def test_needs_are_those_of_this_environment(prefix: _Prefix, need: str, asked: list[str]) -> None:
    prefix.install("a", "1.0", need)
    prefix.install("b")
    assert prefix.asked() == asked


def test_an_extra_counts_where_somebody_asks_for_it(prefix: _Prefix) -> None:
    prefix.install("top", "1.0", "middle[x]")
    prefix.install("middle", "1.0", "low; extra == 'x'")
    prefix.install("low")
    assert prefix.asked() == ["top>=1.0"]


def test_a_circle_is_entered_somewhere(prefix: _Prefix) -> None:
    prefix.install("b", "1.0", "a")
    prefix.install("a", "1.0", "b", "a[x]")
    assert prefix.asked() == ["a>=1.0"]


def test_what_every_environment_has_is_not_asked_for(prefix: _Prefix) -> None:
    for name in ("pip", "setuptools", "wheel", "numpy"):
        prefix.install(name)
    assert prefix.asked() == ["numpy>=1.0"]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param("2.1+cpu", "torch: the local part of its version, +cpu", id="local"),
        pytest.param("not-a-version", "torch: its metadata cannot be read", id="malformed"),
    ],
)
def test_versions_that_an_index_does_not_have(prefix: _Prefix, version: str, said: str) -> None:
    prefix.install("torch", version)
    imported = read_installed(prefix.root, _DEFAULT)
    assert said in imported.left_behind
    assert [str(one) for one in imported.requirements] == (["torch>=2.1"] if "+" in version else [])


def test_working_copies_are_left_behind(prefix: _Prefix) -> None:
    prefix.install("mine", direct={"url": "file:///home/me/mine", "dir_info": {"editable": True}})
    prefix.install("index", direct={})
    imported = read_installed(prefix.root, _DEFAULT)
    assert [str(one) for one in imported.requirements] == ["index>=1.0"]
    assert "mine: installed from an address or a working copy" in imported.left_behind[0]


def test_a_conda_prefix_says_that_not_all_is_Python(prefix: _Prefix) -> None:  # noqa: N802
    (prefix.root / "conda-meta").mkdir()
    (prefix.root / "conda-meta" / "zlib-1.json").write_text("{}")
    assert "conda" in read_installed(prefix.root, _DEFAULT).left_behind[0]


def test_where_packages_are(tmp_path: Path, prefix: _Prefix) -> None:
    assert site_packages_of(prefix.root) == [prefix.site.resolve()]
    assert site_packages_of(tmp_path / "nothing") == []
    prefix.install("numpy")
    assert site_packages_of(prefix.site) == [prefix.site]
    (prefix.root / "lib64").symlink_to("lib")
    assert site_packages_of(prefix.root) == [prefix.site.resolve()]
