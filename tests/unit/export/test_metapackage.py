"""Metapackages: exact requirements, the groups as extras."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from lamina.archive.reading import read_archive
from lamina.core.errors import NotSupportedError, UsageError
from lamina.export.metapackage import (
    Metapackage,
    has_own_name,
    wheel_metadata,
    write_metaconda,
    write_metawheel,
)
from lamina.lock.document import Lock
from lamina.model.document import validate
from lamina.model.platforms import Target
from lamina.model.versions import parse_release_version

if TYPE_CHECKING:
    from pathlib import Path

LINUX, MAC = Target.parse("linux-64/3.12"), Target.parse("osx-arm64/3.13")
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def package(
    name: str, by: list[str], needs: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    artifact = {"file": f"{name}-1.0-py3-none-any.whl", "sha256": "0" * 64}
    needed = [one if isinstance(one, dict) else {"name": one} for one in needs or []]
    whole = {"name": name, "version": "1.0", "index": "pypi", "requested-by": by}
    return whole | {"dependencies": needed, "artifacts": [artifact]} | more


CONDA = {
    "name": "numpy", "version": "2.1", "build": "py_3", "channel": "ours", "subdir": "linux-64",
    "file": "numpy-2.1-py_3.conda", "sha256": "0" * 64, "requested-by": ["stack"],
    "provides": [{"name": "numpy", "version": "2.1"}], "targets": ["linux-64/3.12"],
}  # fmt: skip


def made(
    *packages: dict[str, Any],
    targets: tuple[Target, ...] = (LINUX,),
    groups: dict[str, tuple[str, ...]] | None = None,
    conda: tuple[dict[str, Any], ...] = (),
    listed: tuple[str, ...] = (),
) -> Metapackage:
    data = {
        "stack": "hep-small",
        "stack-digest": "1" * 64,
        "targets": [str(one) for one in targets],
        "package": list(packages),
        "conda": list(conda),
    }
    return Metapackage(
        lock=validate(Lock, data, "lamina.lock"),
        version=parse_release_version("2026.11.0"),
        targets=targets,
        groups=groups or {},
        listed=frozenset(listed),
        moment=MOMENT,
    )


def requirements(text: str, extra: str = "", **environment: str) -> set[str]:
    """Return what is to be installed with an extra, as pip evaluates it."""
    lines = HeaderParser().parsestr(text).get_all("Requires-Dist", [])
    found = map(Requirement, lines)
    there = LINUX.marker_environment() | environment | {"extra": extra}
    return {
        f"{one.name}{one.specifier}"
        for one in found
        if one.marker is None or one.marker.evaluate(there)
    }


def test_all_of_a_lock_is_pinned() -> None:
    text = wheel_metadata(
        made(package("uproot", ["stack"], ["awkward"]), package("awkward", ["uproot"]))
    )
    assert requirements(text) == {"uproot==1.0", "awkward==1.0"}
    headers = HeaderParser().parsestr(text)
    assert (headers["Name"], headers["Version"]) == ("hep-small", "2026.11.0")
    assert headers["Requires-Python"] == ">=3.12,<3.13"


def test_groups_are_extras_with_what_they_alone_bring() -> None:
    text = wheel_metadata(
        made(
            package("uproot", ["stack"], ["shared"]),
            package("shared", ["uproot", "jupyterlab"]),
            package("jupyterlab", ["stack"], ["shared", "tornado"]),
            package("tornado", ["jupyterlab"]),
            package("ipympl", ["stack"]),
            groups={"notebook": ("jupyterlab>=4",), "plots": ("ipympl",), "more": ("uproot",)},
            listed=("uproot",),
        )
    )
    assert requirements(text) == {"uproot==1.0", "shared==1.0"}
    assert requirements(text, "notebook") - requirements(text) == {
        "jupyterlab==1.0",
        "tornado==1.0",
    }
    assert requirements(text, "plots") - requirements(text) == {"ipympl==1.0"}
    everything = {"uproot", "shared", "jupyterlab", "tornado", "ipympl"}
    assert requirements(text, "all") == {f"{name}==1.0" for name in everything}


def test_extras_and_markers_lead_only_where_they_hold() -> None:
    needs = [
        {"name": "with-extra", "extra": "more"},
        {"name": "without", "extra": "other"},
        {"name": "elsewhere", "marker": "sys_platform == 'win32'"},
    ]
    text = wheel_metadata(
        made(
            package("lab", ["stack"], needs),
            package("with-extra", ["lab"]),
            package("without", ["someone"]),
            package("elsewhere", ["someone"]),
            groups={"notebook": ("lab[more]",)},
        )
    )
    # What nothing explains is never left out.
    assert requirements(text) == {"without==1.0", "elsewhere==1.0"}
    assert requirements(text, "notebook") - requirements(text) == {"lab==1.0", "with-extra==1.0"}


def test_what_is_for_one_target_has_its_marker() -> None:
    text = wheel_metadata(
        made(
            package("uproot", ["stack"]),
            package("root", ["stack"], targets=[str(LINUX)]),
            package("gui", ["stack"], targets=[str(MAC)]),
            targets=(LINUX, MAC),
            groups={"graphical": ("gui",)},
        )
    )
    mac = {name: text for name, text in MAC.marker_environment().items() if name != "extra"}
    assert requirements(text) == {"uproot==1.0", "root==1.0"}
    assert requirements(text, **mac) == {"uproot==1.0"}
    assert requirements(text, "graphical", **mac) == {"uproot==1.0", "gui==1.0"}
    assert requirements(text, "graphical") == {"uproot==1.0", "root==1.0"}
    assert ">=3.12,<3.14" in text


def test_what_conda_provides_is_pinned_too() -> None:
    text = wheel_metadata(made(package("uproot", ["stack"], ["numpy"]), conda=(CONDA,)))
    assert requirements(text) == {"uproot==1.0", "numpy==2.1"}


def test_the_wheel_is_the_same_each_time(tmp_path: Path) -> None:
    one = made(package("uproot", ["stack"]))
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()
    files = [write_metawheel(one, place) for place in places]
    assert files[0].name == "hep_small-2026.11.0-py3-none-any.whl"
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as archive:
        assert archive.read("hep_small-2026.11.0.dist-info/METADATA").decode() == wheel_metadata(
            one
        )


def test_conda_gets_exact_builds_and_the_names_it_knows(tmp_path: Path) -> None:
    one = made(package("matplotlib", ["stack"]), package("tool", ["stack"]), conda=(CONDA,))
    read = read_archive(write_metaconda(one, tmp_path))
    pins = ["matplotlib-base ==1.0", "numpy ==2.1 py_3", "python 3.12.*", "tool ==1.0"]
    assert read.index["depends"] == pins
    assert (read.index["name"], read.index["subdir"]) == ("hep-small", "linux-64")


def test_conda_wants_one_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="for one target"):
        write_metaconda(made(targets=(LINUX, MAC)), tmp_path)


def test_the_name_of_a_wheel_is_one_that_pip_reads(tmp_path: Path) -> None:
    whole = made(package("uproot", ["stack"]))
    lock = whole.lock.model_copy(update={"stack": "hep--small.v_2"})
    wheel = write_metawheel(replace(whole, lock=lock), tmp_path)
    assert parse_wheel_filename(wheel.name)[0] == canonicalize_name("hep--small.v_2")
    with zipfile.ZipFile(wheel) as archive:
        assert "hep_small_v_2-2026.11.0.dist-info/METADATA" in archive.namelist()


def test_conda_gets_python_beside_packages_that_bring_none(tmp_path: Path) -> None:
    tool = {**CONDA, "name": "tool", "file": "tool-2.1-py_3.conda", "provides": []}
    depends = read_archive(
        write_metaconda(made(package("uproot", ["stack"]), conda=(tool,)), tmp_path)
    ).index["depends"]
    assert depends == ["python 3.12.*", "tool ==2.1 py_3", "uproot ==1.0"]


def test_conda_cannot_have_a_package_of_an_index_over_its_own(tmp_path: Path) -> None:
    whole = made(package("numpy", ["stack"]), conda=(CONDA,))
    with pytest.raises(NotSupportedError, match=r"those of conda: numpy 1\.0 \(over numpy 2\.1\)"):
        write_metaconda(whole, tmp_path)
    assert requirements(wheel_metadata(whole)) == {"numpy==1.0"}


def test_conda_cannot_have_two_packages_of_one_name(tmp_path: Path) -> None:
    """A program of conda and a package of the index that have but the name in common."""
    tool = {**CONDA, "name": "tool", "file": "tool-2.1-py_3.conda", "provides": []}
    whole = made(package("tool", ["stack"]), conda=(tool,))
    with pytest.raises(NotSupportedError, match=r"other packages have here: tool 1\.0$"):
        write_metaconda(whole, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("name", "wheel", "conda"),
    [
        pytest.param("hep-small", False, False, id="of nothing inside"),
        pytest.param("tool.box", True, False, id="as pip reads it"),
        pytest.param("tool-box", True, True, id="of both"),
        pytest.param("native", False, True, id="of a conda package"),
        pytest.param("numpy", True, False, id="of what a conda package has"),
    ],
)
def test_a_metapackage_cannot_need_its_own_name(name: str, wheel: bool, conda: bool) -> None:
    native = {**CONDA, "name": "native", "file": "native-2.1-py_3.conda"}
    whole = made(package("tool-box", ["stack"]), conda=(native,))
    named = replace(whole, lock=whole.lock.model_copy(update={"stack": name}))
    assert (has_own_name(named, "wheel"), has_own_name(named, "conda")) == (wheel, conda)
