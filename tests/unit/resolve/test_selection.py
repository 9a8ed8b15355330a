from __future__ import annotations

import pytest

from lamina.model.platforms import PythonSeries, SystemFloor, Target
from lamina.resolve.selection import choose_wheel, installable_targets

FLOOR = SystemFloor(glibc=(2, 28), macos=(14, 0))


@pytest.mark.parametrize(
    ("tags", "target", "expected"),
    [
        pytest.param(["py3-none-any"], "linux-64/3.12", 0, id="pure"),
        pytest.param(
            ["py3-none-any", "cp312-cp312-manylinux_2_17_x86_64"], "linux-64/3.12", 1, id="native"
        ),
        pytest.param(
            ["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"],
            "linux-64/3.12",
            1,
            id="newest within the floor",
        ),
        pytest.param(["cp312-cp312-manylinux_2_34_x86_64"], "linux-64/3.12", None, id="too new"),
        pytest.param(["cp312-cp312-musllinux_1_2_x86_64"], "linux-64/3.12", None, id="musl"),
        pytest.param(["cp311-abi3-manylinux2014_x86_64"], "linux-64/3.12", 0, id="abi3"),
        pytest.param(["cp313-abi3-manylinux2014_x86_64"], "linux-64/3.12", None, id="later abi3"),
        pytest.param(["cp312-cp312-manylinux1_x86_64"], "linux-64/3.12", 0, id="manylinux1"),
        pytest.param(["cp312-cp312-macosx_11_0_arm64"], "osx-arm64/3.12", 0, id="macos"),
        pytest.param(["cp312-cp312-macosx_15_0_arm64"], "osx-arm64/3.12", None, id="late macos"),
        pytest.param(["cp312-cp312-macosx_10_9_universal2"], "osx-arm64/3.12", 0, id="universal"),
        pytest.param(["cp312-cp312-win_amd64"], "win-64/3.12", 0, id="windows"),
        pytest.param(["py2.py3-none-any"], "win-64/3.12", 0, id="compressed tags"),
        pytest.param(["cp312-cp312t-manylinux2014_x86_64"], "linux-64/3.12", None, id="threads"),
    ],
)
def test_choice(tags: list[str], target: str, expected: int | None) -> None:
    files = [f"pkg-1.0-{tag}.whl" for tag in tags]
    chosen = choose_wheel(files, Target.parse(target), FLOOR)
    assert chosen == (None if expected is None else files[expected])


def test_the_highest_build_number_wins() -> None:
    files = [f"pkg-1.0-{build}py3-none-any.whl" for build in ("", "9-", "10-", "10a-")]
    chosen = choose_wheel(files, Target.parse("linux-64/3.12"), FLOOR)
    assert chosen == "pkg-1.0-10a-py3-none-any.whl"


def test_the_order_of_the_files_does_not_matter() -> None:
    files = [f"pkg-1.0-{tag}-none-any.whl" for tag in ("py3", "py2.py3", "py312")]
    chosen = {
        choose_wheel(order, Target.parse("linux-64/3.12"), FLOOR) for order in (files, files[::-1])
    }
    assert len(chosen) == 1


def test_platforms_that_have_a_wheel() -> None:
    files = ["pkg-1.0-cp312-cp312-manylinux_2_39_x86_64.whl", "pkg-1.0-cp312-cp312-win_amd64.whl"]
    found = installable_targets(files, [PythonSeries(3, 12), PythonSeries(3, 13)])
    assert [str(one) for one in found] == ["linux-64/3.12", "win-64/3.12"]
