"""Bills of locks for several targets, made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from lamina.model.platforms import Target
from lamina.release.contents import Content
from lamina.release.sbom import Subject, dump_sbom
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry

if TYPE_CHECKING:
    from lamina.lock.document import Lock

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


def bill(
    target: str = LINUX, python: str | None = "3.12.1", *, lock: Lock = LOCK, **app: str
) -> dict[str, Any]:
    """Return a bill; what ``app`` says of itself are the keywords."""
    told = {"licence": "unknown", "home_page": None} | app
    about = Content(name=canonicalize_name("app"), version="1.0", size=1, **told)  # type: ignore[arg-type]
    subject = Subject(
        stack="hep",
        version="1.0",
        target=Target.parse(target),
        python=python,
        created=MOMENT,
        tools={"lamina": "1.0"},
        installed={about.name: about} if app else {},
    )
    text = dump_sbom(subject, lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    value: dict[str, Any] = json.loads(text)
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


def test_what_a_parent_brings_hangs_on_the_stack_or_on_a_package() -> None:
    parent = {"requested-by": ["stack:base/1.0"]}
    lock = make_lock(
        package_entry("app", dependencies=[{"name": "lib"}]),
        package_entry("lib") | parent,
        package_entry("tool", dependencies=[{"name": "part"}]) | parent,
        package_entry("part") | parent,
    )
    edges = {one["ref"]: one.get("dependsOn", []) for one in bill(lock=lock)["dependencies"]}
    reached = {one.rpartition("/")[2] for one in edges["hep/1.0"]}
    assert reached == {"cpython@3.12.1", "app@1.0", "tool@1.0"}


def test_the_time_is_in_whole_seconds() -> None:
    stamp = datetime.fromisoformat(bill()["metadata"]["timestamp"])
    assert stamp == MOMENT.replace(microsecond=0)
    assert stamp.astimezone(UTC).hour == 11


def app_of(value: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in value["components"] if one["name"] == "app")


@pytest.mark.parametrize(
    ("licence", "kind", "written"),
    [
        pytest.param("apache-2.0", "id", "Apache-2.0", id="id"),
        pytest.param("MIT", "id", "MIT", id="short"),
        pytest.param("MIT/X11", "name", "MIT/X11", id="name"),
        pytest.param("MIT AND", "name", "MIT AND", id="half-an-expression"),
        pytest.param("(MIT", "name", "(MIT", id="bracket"),
        pytest.param('"Ü"\x07', "name", '"Ü"\x07', id="odd-characters"),
    ],
)
def test_a_licence_is_written_as_what_it_is(licence: str, kind: str, written: str) -> None:
    (found,) = app_of(bill(licence=licence))["licenses"]
    assert found["license"][kind] == written


def test_an_expression_is_one() -> None:
    (found,) = app_of(bill(licence="MIT AND (BSD-3-Clause OR GPL-2.0-only)"))["licenses"]
    assert found["expression"] == "MIT AND (BSD-3-Clause OR GPL-2.0-only)"


@pytest.mark.parametrize(
    ("address", "there"),
    [
        pytest.param("https://example.org/{x}|<y>", True, id="unusual"),
        pytest.param("https://example.org/%zz", False, id="no-address"),
    ],
)
def test_a_home_page_that_is_no_address_is_left_out(address: str, there: bool) -> None:
    assert ("externalReferences" in app_of(bill(home_page=address))) is there
