"""What no single field of a lock shows."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.lock.consistency import check_lock
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry

ELSEWHERE = "win-64/3.12"


def problems(*packages: dict[str, Any]) -> list[str]:
    return [str(one) for one in check_lock(make_lock(*packages))]


@pytest.mark.parametrize(
    "packages",
    [
        pytest.param([], id="empty"),
        pytest.param([package_entry("a"), package_entry("b", targets=[LINUX])], id="plain"),
        pytest.param(
            [
                package_entry("a", "1.0", targets=[LINUX]),
                package_entry("a", "2.0", targets=[MACOS]),
            ],
            id="a version for each target",
        ),
        pytest.param(
            [
                package_entry(
                    "a", artifacts=[file_entry("a-1.whl", LINUX), file_entry("a-2.whl", MACOS)]
                )
            ],
            id="a file for each target",
        ),
        pytest.param(
            [package_entry("a", dependencies=[{"name": "b"}]), package_entry("b")], id="needed"
        ),
    ],
)
def test_a_lock_in_order(packages: list[dict[str, Any]]) -> None:
    assert problems(*packages) == []


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        pytest.param(
            [package_entry("a", "1.0", targets=[LINUX]), package_entry("a", "2.0")],
            ["package[1]: a 2.0 beside 1.0 for linux-64/3.12; one version a target"],
            id="two versions",
        ),
        pytest.param(
            [package_entry("a", targets=[LINUX]), package_entry("a", targets=[LINUX])],
            ["package[1]: a 1.0 beside 1.0 for linux-64/3.12; one version a target"],
            id="twice the same",
        ),
        pytest.param(
            [package_entry("a", targets=[LINUX, ELSEWHERE])],
            ["package[0].targets: for win-64/3.12, which is not locked"],
            id="a target that the lock is not for",
        ),
        pytest.param(
            [package_entry("a", artifacts=[file_entry("a-1.whl", LINUX)])],
            [
                "package[0].artifacts: no files of a for osx-arm64/3.12; one file a target",
            ],
            id="no file",
        ),
        pytest.param(
            [package_entry("a", artifacts=[file_entry("a-1.whl"), file_entry("a-2.whl", LINUX)])],
            ["package[0].artifacts: 2 files of a for linux-64/3.12; one file a target"],
            id="two files",
        ),
        pytest.param(
            [
                package_entry(
                    "a",
                    targets=[LINUX],
                    artifacts=[file_entry("a-1.whl", LINUX), file_entry("a-2.whl", MACOS)],
                )
            ],
            ["package[0].artifacts: for osx-arm64/3.12, which is not locked"],
            id="a file for a target that the package is not for",
        ),
        pytest.param(
            [package_entry("a", dependencies=[{"name": "b"}])],
            ["package[0].dependencies: a needs b, which is not locked"],
            id="a dependency that is not there",
        ),
    ],
)
def test_every_problem_is_found(packages: list[dict[str, Any]], found: list[str]) -> None:
    assert problems(*packages) == found


def test_all_problems_at_once() -> None:
    packages = [
        package_entry("a", dependencies=[{"name": "gone"}]),
        package_entry("a"),
        package_entry("b", artifacts=[file_entry("b.whl", LINUX)]),
    ]
    assert len(problems(*packages)) == 4
