"""Bills of locks for several targets, made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lamina.model.platforms import Target
from lamina.release.sbom import Subject, dump_sbom
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry

LOCK = make_lock(
    package_entry(
        "app",
        dependencies=[
            {"name": "app", "extra": "all"},
            {"name": "lib"},
            {"name": "mac", "marker": "sys_platform == 'darwin'"},
            {"name": "new", "marker": "python_full_version >= '3.12.5'"},
        ],
    ),
    package_entry("lib") | {"requested-by": ["app"]},
    package_entry("mac"),
    package_entry("new"),
    package_entry(
        "only",
        targets=[MACOS],
        artifacts=[file_entry("only-1.0-py3-none-any.whl", MACOS)],
    ),
)
MOMENT = datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=1)))


def bill(target: str = LINUX, python: str | None = "3.12.1") -> dict[str, Any]:
    subject = Subject(
        stack="hep",
        version="1.0",
        target=Target.parse(target),
        python=python,
        created=MOMENT,
        tools={"lamina": "1.0"},
    )
    value: dict[str, Any] = json.loads(dump_sbom(subject, LOCK))
    return value


def needs(value: dict[str, Any], name: str) -> list[str]:
    """Return the names of what one needs."""
    edges = {one["ref"]: one.get("dependsOn", []) for one in value["dependencies"]}
    chosen = next(ref for ref in edges if ref.rpartition("/")[2].startswith(f"{name}@"))
    return [one.rpartition("/")[2].partition("@")[0] for one in edges[chosen]]


@pytest.mark.parametrize(
    ("target", "python", "names"),
    [
        pytest.param(LINUX, "3.12.1", ["lib"], id="linux"),
        pytest.param(LINUX, "3.12.9", ["lib", "new"], id="later-patch-level"),
        pytest.param(LINUX, None, ["lib", "new"], id="patch-level-unknown"),
        pytest.param(MACOS, "3.12.1", ["lib", "mac"], id="macos"),
    ],
)
def test_edges_are_those_in_force(target: str, python: str | None, names: list[str]) -> None:
    assert needs(bill(target, python), "app") == names


def test_only_the_packages_of_the_target_are_in() -> None:
    assert "only" not in {one["name"] for one in bill()["components"]}
    assert "only" in {one["name"] for one in bill(MACOS)["components"]}
    assert bill()["serialNumber"] != bill(MACOS)["serialNumber"]


def test_the_time_is_in_whole_seconds() -> None:
    stamp = datetime.fromisoformat(bill()["metadata"]["timestamp"])
    assert stamp == MOMENT.replace(microsecond=0)
    assert stamp.astimezone(UTC).hour == 11
