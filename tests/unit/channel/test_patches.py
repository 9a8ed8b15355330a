"""The language of patches: conditions, changes, and what is said of mistakes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lamina.channel.patch_change import make_change
from lamina.channel.patch_match import glob, matches
from lamina.channel.patch_pins import bound_of, loosened, relaxed, tightened
from lamina.channel.patches import apply_patches, load_patches
from lamina.core.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

RECORD: dict[str, Any] = {
    "name": "uproot", "version": "5.3.1", "build": "pyh123_2", "build_number": 2,
    "subdir": "noarch", "timestamp": 1700000000000, "license": "BSD-3-Clause",
    "depends": ["python >=3.9", "numpy", "awkward >=2.4.6,<3.0a0", "numpy-base 1.2"],
    "constrains": ["hist >=2"], "track_features": "slow odd",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("numpy >=1", "numpy*", True),
        ("numpy-base 1.2", "numpy*", True),
        ("numpy >=1", "numpy?( *)", True),
        ("numpy", "numpy?( *)", True),
        ("numpy-base 1.2", "numpy?( *)", False),
        ("numpy >=1", "numpy", False),
        ("matplotlib 1.3.*", "matplotlib 1.3.[*]", True),
        ("matplotlib 1.3.0", "matplotlib 1.3.[*]", False),
    ],
)
def test_globs(text: str, pattern: str, *, expected: bool) -> None:
    assert glob(text, pattern) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name: uproot", True),
        ("name: upr*", True),
        ("not_name: uproot", False),
        ("name_in: [awkward, uproot]", True),
        ("not_name_in: awkward", True),
        ("version: 5.3.1", True),
        ("version: 5.3.1.0", True),
        ("version: 5.3.*", True),
        ("version: 5.3", False),
        ("version_lt: 5.10.0", True),
        ("version_ge: 5.3.1", True),
        ("version_gt: 5.3.1", False),
        ("version_ne: 5.3.1", False),
        ("build_number: 2", True),
        ("build_number_in: [0, 1]", False),
        ("build_number_le: 2", True),
        ("build: pyh*", True),
        ("timestamp_lt: 1700000000001", True),
        ("timestamp_lt: 1700000000000", False),
        ("subdir_in: [linux-64, noarch]", True),
        ("not_subdir_in: noarch", False),
        ("artifact_in: uproot-5.3.1-pyh123_2.conda", True),
        ("has_depends: numpy", True),
        ("has_depends: [numpy, 'awkward*']", True),
        ("has_depends: [numpy, scipy]", False),
        ("not_has_depends: scipy*", True),
        ("has_constrains: hist?( *)", True),
        ("has_track_features: od*", True),
        ("license: BSD*", True),
        ("license_family: BSD", False),
        ("{name: uproot, version_lt: '5'}", False),
    ],
)
def test_conditions(condition: str, *, expected: bool) -> None:
    conditions = yaml.safe_load(condition)
    found = matches(conditions, "noarch", "uproot-5.3.1-pyh123_2.conda", RECORD)
    assert found is expected


def test_a_record_without_a_time_is_from_the_beginning() -> None:
    assert matches({"timestamp_lt": 1}, "noarch", "x", {"name": "x"})


def test_versions_that_only_conda_knows_are_ordered_as_conda_does() -> None:
    assert matches({"version_lt": "2023d_1"}, "noarch", "x", {"version": "2023c_1"})


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ("add_depends: scipy <=${version}", "depends", [*RECORD["depends"], "scipy <=5.3.1"]),
        ("add_depends: numpy", "depends", RECORD["depends"]),
        ("remove_depends: numpy*", "depends", ["python >=3.9", "awkward >=2.4.6,<3.0a0"]),
        ("reset_depends: [a, 'b $next_version']", "depends", ["a", "b 5.3.2"]),
        ("reset_depends: 'a $major_version.$minor_version'", "depends", ["a 5.3"]),
        ("add_constrains: [x, y]", "constrains", ["hist >=2", "x", "y"]),
        ("remove_constrains: hist*", "constrains", None),
        ("reset_constrains: ${subdir} ${name}", "constrains", ["noarch uproot"]),
        (
            "replace_depends: {old: 'awkward *', new: '${old},!=2.5.0'}",
            "depends",
            ["python >=3.9", "numpy", "awkward >=2.4.6,<3.0a0,!=2.5.0", "numpy-base 1.2"],
        ),
        (
            "replace_depends: {old: numpy, new: numpy-base 1.2}",
            "depends",
            ["python >=3.9", "awkward >=2.4.6,<3.0a0", "numpy-base 1.2"],
        ),
        (
            "rename_depends: {old: awkward, new: awkward-array}",
            "depends",
            ["python >=3.9", "numpy", "awkward-array >=2.4.6,<3.0a0", "numpy-base 1.2"],
        ),
        ("rename_constrains: {old: hist, new: boost-hist}", "constrains", ["boost-hist >=2"]),
        (
            "tighten_depends: {name: 'awk*', upper_bound: '2.7'}",
            "depends",
            ["python >=3.9", "numpy", "awkward >=2.4.6,<2.7.0a0", "numpy-base 1.2"],
        ),
        (
            "loosen_depends: {name: awkward, upper_bound: '4'}",
            "depends",
            ["python >=3.9", "numpy", "awkward >=2.4.6,<4.0a0", "numpy-base 1.2"],
        ),
        ("remove_track_features: slow", "track_features", "odd"),
        ("remove_track_features: ['*']", "track_features", None),
        ("add_track_features: new", "track_features", "slow odd new"),
    ],
)
def test_changes(change: str, field: str, expected: Any) -> None:
    record = copy.deepcopy(RECORD)
    ((kind, value),) = yaml.safe_load(change).items()
    make_change(kind, value, "noarch", record)
    assert record.get(field) == expected
    assert {k: v for k, v in record.items() if k != field} == {
        k: v for k, v in RECORD.items() if k != field
    }


@pytest.mark.parametrize(
    ("spec", "about", "expected"),
    [
        ("x", {"upper_bound": "2"}, "x <2.0a0"),
        ("x", {"max_pin": "x"}, "x"),
        ("x >=1.2.3", {"max_pin": "x.x"}, "x >=1.2.3,<1.3.0a0"),
        ("x >=1.2.3 py_0", {"max_pin": "x"}, "x >=1.2.3,<2.0.0a0 py_0"),
        ("x >=1.2.3", {"upper_bound": "2.0.1"}, "x >=1.2.3,<2.0.1.0a0"),
        ("x >=3", {"upper_bound": "2"}, "x >=3"),
        ("x >=1.2,<3.0a0", {"upper_bound": "2.0"}, "x >=1.2,<2.0a0"),
        ("x >=1.2,<10.0a0", {"upper_bound": "9"}, "x >=1.2,<9.0a0"),
        ("x >=1.2,<2.0a0", {"upper_bound": "3"}, "x >=1.2,<2.0a0"),
        ("x <3", {"upper_bound": "2"}, "x <2.0a0"),
        ("x <=2.0", {"upper_bound": "2"}, "x <2.0a0"),
        ("x <2.0", {"upper_bound": "2"}, "x <2.0"),
        ("x 1.2.*", {"upper_bound": "1"}, "x 1.2.*"),
    ],
)
def test_tighten(spec: str, about: dict[str, str], expected: str) -> None:
    assert tightened(spec, **about) == expected


@pytest.mark.parametrize(
    ("spec", "about", "expected"),
    [
        ("x >=1.2,<2.0a0", {}, "x >=1.2"),
        ("x >=1.2,<2.0a0 b_0", {"upper_bound": "None"}, "x >=1.2 b_0"),
        ("x >=1.2.3,<1.3.0a0", {"max_pin": "x"}, "x >=1.2.3,<2.0.0a0"),
        ("x >=1.2,<9.0a0", {"upper_bound": "10"}, "x >=1.2,<10.0a0"),
        ("x >=1.2,<3.0a0", {"upper_bound": "2"}, "x >=1.2,<3.0a0"),
        ("x >=1.2", {}, "x >=1.2"),
        ("x", {}, "x"),
    ],
)
def test_loosen(spec: str, about: dict[str, str], expected: str) -> None:
    assert loosened(spec, **about) == expected


def test_relax_and_bounds() -> None:
    assert relaxed("x 1.2.3 h_0") == "x >=1.2.3"
    assert relaxed("x 1.2.3 h_0", max_pin="x.x") == "x >=1.2.3,<1.3.0a0"
    assert relaxed("x >=1.2 h_0") == "x >=1.2 h_0"
    assert [bound_of("1.2.3", pin) for pin in ("x", "x.x", "x.x.x.x")] == [
        "2.0.0",
        "1.3.0",
        "1.2.3.1",
    ]


def write(channel: Path, text: str, name: str = "a.yaml") -> Path:
    file = channel / "patches" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_patches_are_applied_in_order(tmp_path: Path) -> None:
    write(tmp_path, "if: {name: uproot}\nthen: [{reset_depends: one}]\n---\n", "a.yaml")
    text = "if: {has_depends: one}\nthen:\n- add_depends: two\n---\nif: {name: no}\nthen: []\n"
    write(tmp_path, text, "b.yml")
    patches = load_patches(tmp_path)
    assert [(one.file.name, one.number) for one in patches] == [
        ("a.yaml", 1),
        ("b.yml", 1),
        ("b.yml", 2),
    ]
    record = copy.deepcopy(RECORD)
    apply_patches(patches, "noarch", "uproot-5.3.1-pyh123_2.conda", record)
    assert record["depends"] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("if: {verson_lt: 1}\nthen: []", "1.if.verson_lt: unknown key (did you mean 'version_lt'?"),
        ("if: {name: x}\nthen: [{add_depend: x}]", "1.then[0].add_depend: unknown key (did you"),
        ("if: {name: x}\nthan: []", "1.than: unknown key (did you mean 'then'?)"),
        ("if: {}\nthen: []", "1.if: not a table of conditions"),
        ("if: {name: x}\nthen: [{rename_depends: {old: x}}]", "rename_depends.new: missing"),
        ("if: {name: x}\nthen: [{tighten_depends: {name: x}}]", "give max_pin or upper_bound"),
        (
            "if: {name: x}\nthen: [{loosen_depends: {name: x, max_pin: 1.0}}]",
            "loosen_depends.max_pin: 1.0; expected x, x.x",
        ),
        ("if: {name: x}\nthen: [{add_depends: 1}]", "expected a text or texts"),
        ("if: [", "not valid YAML"),
        ("just text", "1: not a table"),
    ],
)
def test_every_mistake_is_said_with_its_place(tmp_path: Path, text: str, found: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(DocumentError) as caught:
        load_patches(tmp_path)
    assert found in caught.value.message
    assert str(file) in caught.value.message


def test_what_cannot_be_applied_names_the_package(tmp_path: Path) -> None:
    write(tmp_path, "if: {name: uproot}\nthen: [{add_depends: 'x ${nothing}'}]")
    with pytest.raises(DocumentError, match=r"1\.add_depends: cannot be applied to up\.conda"):
        apply_patches(load_patches(tmp_path), "noarch", "up.conda", copy.deepcopy(RECORD))
