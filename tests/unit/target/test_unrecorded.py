"""What a probe sees that no metadata, or broken ones, tell of."""

from __future__ import annotations

import ast
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from lamina import _target
from lamina._target.probe import distributions, unrecorded


def put(path: Path, text: str | bytes = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def names(*locations: Path) -> dict[str, tuple[str, ...]]:
    return {one["name"]: tuple(one["modules"]) for one in unrecorded(map(str, locations))}


def test_the_directory_of_root(tmp_path: Path) -> None:
    """Modules lie among libraries; none of them has metadata."""
    lib = tmp_path / "lib"
    for name in ("ROOT", "cppyy", "cppyy_backend", "JupyROOT", "cmake-data", "no_module"):
        (lib / name).mkdir(parents=True)
    for name in ("ROOT", "cppyy", "cppyy_backend", "JupyROOT"):
        put(lib / name / "__init__.py")
    put(lib / "JsMVA.py")
    put(lib / f"pythonizer{EXTENSION_SUFFIXES[0]}")
    for name in (
        "libCore.so",
        "libHist.so.6.30",
        "libROOTPythonizations3_12.so",
        "other.cpython-2-x.so",
    ):
        put(lib / name)
    put(lib / "_private.py")
    put(lib / "setup.py")
    modules = ("JsMVA", "JupyROOT", "ROOT", "cppyy", "cppyy_backend", "pythonizer")
    assert names(lib) == {name: (name,) for name in modules}
    assert {one["location"] for one in unrecorded([str(lib)])} == {str(lib)}


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"yaml-6.dist-info/METADATA": "Name: pyyaml\nVersion: 6\n",
                      "yaml-6.dist-info/RECORD": "yaml/__init__.py,,\n_yaml.py,,\n"}, id="record"),
        pytest.param({"PyYAML.egg-info/PKG-INFO": "Name: pyyaml\nVersion: 6\n",
                      "PyYAML.egg-info/top_level.txt": "_yaml\nyaml\n"}, id="top-level"),
        pytest.param({"PyYAML.egg-info/PKG-INFO": "Name: pyyaml\nVersion: 6\n",
                      "PyYAML.egg-info/installed-files.txt": "../yaml/__init__.py\nPKG-INFO\n"},
                     id="installed-files"),
        pytest.param({"yaml-6.egg-info": "Name: YAML\nVersion: 6\n"}, id="same-name"),
        pytest.param({"EGG-INFO/PKG-INFO": "Name: pyyaml\nVersion: 6\n",
                      "EGG-INFO/top_level.txt": "yaml\n"}, id="egg"),
    ],
)  # fmt: skip
def test_what_metadata_tell_of(tmp_path: Path, metadata: dict[str, str]) -> None:
    put(tmp_path / "yaml" / "__init__.py")
    put(tmp_path / "bare.py")
    for path, text in metadata.items():
        put(tmp_path / path, text)
    assert names(tmp_path) == {"bare": ("bare",)}
    assert [one["version"] for one in distributions([str(tmp_path)])] == ["6"]


def test_a_zipped_egg(tmp_path: Path) -> None:
    egg = tmp_path / "old-1.2-py3.12.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: Old\nVersion: 1.2\n")
        archive.writestr("EGG-INFO/requires.txt", "six\n")
        archive.writestr("EGG-INFO/top_level.txt", "old\n")
        archive.writestr("old.py", "")
    (one,) = distributions([str(egg)])
    assert (one["key"], one["version"], one["requires"], one["modules"]) == (
        "old", "1.2", ["six"], ["old"],
    )  # fmt: skip
    assert names(egg) == {}
    put(tmp_path / "broken.egg", b"PK\x03\x04 cut off")
    put(tmp_path / "file.zip", b"")
    assert names(tmp_path / "broken.egg", tmp_path / "file.zip") == {"broken": ()}


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        pytest.param({"METADATA": ""}, "some_thing", id="empty"),
        pytest.param({}, "some_thing", id="no-metadata"),
        pytest.param({"METADATA": "Version: 2\n\nName: text\n"}, "some_thing", id="no-name"),
        pytest.param({"METADATA": "Name: Some.Thing\n"}, "Some.Thing", id="no-version"),
        pytest.param({"METADATA": b"Name: some-thing\nVersion: 2\nX: \xff\n"}, None, id="bytes"),
        pytest.param({"METADATA": b"\xff\xfeN\x00a\x00"}, "some_thing", id="utf-16"),
    ],
)  # fmt: skip
def test_broken_metadata_are_seen_and_named(
    tmp_path: Path, metadata: dict[str, str | bytes], name: str | None
) -> None:
    info = tmp_path / "some_thing-2.dist-info"
    info.mkdir()
    for file, text in metadata.items():
        put(info / file, text)
    put(info / "RECORD", "other/__init__.py,,\n")
    put(tmp_path / "other" / "__init__.py")
    assert names(tmp_path) == ({name: ("other",)} if name else {})
    found = [(one["key"], one["version"]) for one in distributions([str(tmp_path)])]
    assert found == ([] if name else [("some-thing", "2")])


def test_what_comes_first_is_imported(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        put(place / "same.py")
    put(one / "theirs.py")
    put(two / "theirs-1.dist-info" / "METADATA", "Name: theirs\nVersion: 1\n")
    put(two / "mine-1.dist-info" / "METADATA", "Name: mine\nVersion: 1\n")
    put(two / "mine-1.dist-info" / "RECORD", "mine.py,,\nlater.py,,\n")
    put(two / "mine.py")
    found = {each["name"]: each["location"] for each in unrecorded([str(one), str(two)])}
    assert found == {"same": str(one), "theirs": str(one)}


@pytest.mark.parametrize(
    "path", sorted(Path(_target.__file__).parent.glob("*.py")), ids=lambda p: p.name
)
def test_the_code_is_of_the_oldest_python(path: Path) -> None:
    """The oldest and the newest interpreter of a base can read it."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
