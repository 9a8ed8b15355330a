from __future__ import annotations

import pytest
from packaging.markers import Marker

from lamina.model.platforms import (
    Platform,
    PythonSeries,
    SystemFloor,
    Target,
    current_platform,
)

_FLOOR = SystemFloor()


def _tags(target: str, floor: SystemFloor = _FLOOR) -> list[str]:
    return [str(tag) for tag in Target.parse(target).wheel_tags(floor)]


@pytest.mark.parametrize("platform", Platform)
def test_a_marker_holds_on_its_platform_only(platform: Platform) -> None:
    python = PythonSeries(3, 12)
    holds = {
        other: Marker(platform.marker).evaluate(Target(other, python).marker_environment())
        for other in Platform
    }
    assert [other for other, value in holds.items() if value] == [platform]


def test_this_machine_has_a_platform() -> None:
    assert current_platform() in set(Platform)


@pytest.mark.parametrize("text", ["3", "3.12.1", "3.12rc1", "v3.12", "three", "", "3.012", "1!3.2"])
def test_what_is_no_series(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Python series"):
        PythonSeries.parse(text)


def test_series_are_ordered_by_number() -> None:
    assert PythonSeries.parse("3.9") < PythonSeries.parse("3.10")


@pytest.mark.parametrize("text", ["linux-64/3.12", "win-64/3.9"])
def test_a_target_reads_what_it_writes(text: str) -> None:
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize("text", ["linux-64", "linux-46/3.12", "linux-64/3.12/", "/3.12"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("target", "tag"),
    [
        pytest.param("linux-64/3.12", "cp312-cp312-manylinux_2_28_x86_64", id="at the floor"),
        pytest.param("linux-64/3.12", "cp312-cp312-manylinux2014_x86_64", id="alias of 2.17"),
        pytest.param("linux-64/3.12", "cp312-abi3-manylinux_2_17_x86_64", id="stable ABI"),
        pytest.param("linux-64/3.12", "cp38-abi3-manylinux1_x86_64", id="older stable ABI"),
        pytest.param("linux-64/3.12", "py3-none-any", id="pure"),
        pytest.param("linux-64/3.12", "py312-none-manylinux_2_28_x86_64", id="no ABI"),
        pytest.param("linux-aarch64/3.11", "cp311-cp311-manylinux_2_17_aarch64", id="arm"),
        pytest.param("osx-arm64/3.12", "cp312-cp312-macosx_11_0_arm64", id="macOS on arm"),
        pytest.param("osx-arm64/3.12", "cp312-cp312-macosx_11_0_universal2", id="universal"),
        pytest.param("osx-64/3.12", "cp312-cp312-macosx_10_9_x86_64", id="macOS on Intel"),
        pytest.param("win-64/3.12", "cp312-cp312-win_amd64", id="Windows"),
    ],
)
def test_wheels_that_install(target: str, tag: str) -> None:
    assert tag in _tags(target)


@pytest.mark.parametrize(
    ("target", "tag"),
    [
        pytest.param("linux-64/3.12", "cp312-cp312-manylinux_2_34_x86_64", id="newer glibc"),
        pytest.param("linux-64/3.12", "cp313-cp313-manylinux_2_28_x86_64", id="newer Python"),
        pytest.param("linux-64/3.12", "cp312-cp312-manylinux_2_28_aarch64", id="other processor"),
        pytest.param("linux-64/3.12", "cp312-cp312-musllinux_1_2_x86_64", id="musl"),
        pytest.param("linux-aarch64/3.12", "cp312-cp312-manylinux1_aarch64", id="no such alias"),
        pytest.param("osx-arm64/3.12", "cp312-cp312-macosx_15_0_arm64", id="newer macOS"),
        pytest.param("osx-64/3.12", "cp312-cp312-macosx_11_0_arm64", id="arm on Intel"),
        pytest.param("win-64/3.12", "cp312-cp312-win32", id="32 bits"),
    ],
)
def test_wheels_that_do_not(target: str, tag: str) -> None:
    assert tag not in _tags(target)


def test_better_wheels_come_first() -> None:
    tags = _tags("linux-64/3.12")
    wanted = [
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux2014_x86_64",
        "cp312-cp312-linux_x86_64",
        "cp312-abi3-manylinux_2_28_x86_64",
        "cp311-abi3-manylinux_2_28_x86_64",
        "py3-none-any",
    ]
    assert [tag for tag in tags if tag in wanted] == wanted


def test_a_lower_floor_takes_fewer_wheels() -> None:
    low = SystemFloor(glibc=(2, 17), macos=(11, 0))
    assert "cp312-cp312-manylinux_2_28_x86_64" not in _tags("linux-64/3.12", low)
    assert "cp312-cp312-macosx_14_0_arm64" not in _tags("osx-arm64/3.12", low)
