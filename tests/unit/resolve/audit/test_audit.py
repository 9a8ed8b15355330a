"""Audits of locks for several targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.model.document import validate
from lamina.model.platforms import Target
from lamina.resolve.audit.advisory import Advisory
from lamina.resolve.audit.audit import audit, merged
from lamina.stack.document import Stack
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry
from support.osv import Advisories, advisory, package, versions_from

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.resolve.audit.findings import AuditReport


def only(name: str, version: str, target: str, **more: Any) -> dict[str, Any]:
    """Return a locked package for one target."""
    file = file_entry(f"{name}-{version}-py3-none-any.whl", target)
    return package_entry(name, version, targets=[target], artifacts=[file]) | more


LOCK = make_lock(
    package_entry("app"),
    only("lib", "1.0", LINUX, **{"requested-by": ["app"]}),
    only("lib", "2.0", MACOS, **{"requested-by": ["mac"]}),
    only("mac", "1.0", MACOS),
    package_entry("tool", index="ours"),
)
STACK = validate(
    Stack,
    {
        "stack": {"name": "small", "version": "1.0", "python": "3.12"}
        | {"platforms": ["linux-64", "osx-arm64"]},
        "resolve": {"indexes": {"ours": "https://index.example.org/simple"}},
        "packages": {
            "app": "*",
            "mac": {"version": "*", "platforms": ["osx-arm64"]},
            "tool": {"version": "<2", "index": "ours", "platforms": ["linux-64"]},
        },
        "groups": {"apple": ["tool<3 ; sys_platform == 'darwin'", "tool!=2.5"]},
    },
    "lamina.toml",
)


def report(path: Path, *targets: str, **affected: dict[str, Any]) -> AuditReport:
    """Return what a database with one advisory a package says."""
    made = Advisories(path / "db")
    made.add(*(advisory(f"X-{name}", package(name, one)) for name, one in affected.items()))
    return audit(STACK, LOCK, made.path, targets=tuple(map(Target.parse, targets)))


def test_each_version_is_looked_at_where_it_is(tmp_path: Path) -> None:
    found = report(tmp_path, lib=versions_from("0")).vulnerabilities
    assert [(one.version, list(map(str, one.targets)), one.chain) for one in found] == [
        ("1.0", [LINUX], ("app", "lib")),
        ("2.0", [MACOS], ("mac", "lib")),
    ]
    assert found[0].lines() == [
        f"lib 1.0: X-lib [{LINUX}]",
        "  What X-lib is about.",
        "  no version is named in which it is fixed",
        "  the stack asks for app -> lib",
    ]


def test_only_the_versions_that_are_affected(tmp_path: Path) -> None:
    (found,) = report(tmp_path, lib=versions_from("0", fixed="2.0")).vulnerabilities
    assert found.version == "1.0"
    (found,) = report(tmp_path, app=versions_from("0"), lib=versions_from("9")).vulnerabilities
    assert (found.package, found.targets) == ("app", ())


def test_one_target_of_a_release(tmp_path: Path) -> None:
    found = report(tmp_path, MACOS, lib=versions_from("0"), tool=versions_from("0"))
    assert [(one.package, one.version) for one in found.vulnerabilities] == [
        ("lib", "2.0"), ("tool", "1.0"),
    ]  # fmt: skip
    assert {one.targets for one in found.vulnerabilities} == {()}
    assert found.packages == 4


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        pytest.param(
            LINUX, {"2.1": ["packages.tool = '<2'"], "3.1": ["packages.tool = '<2'"]}, id="linux"
        ),
        pytest.param(
            MACOS, {"2.1": [], "3.1": ["groups.apple: \"tool<3 ; sys_platform == 'darwin'\""]},
            id="macos",
        ),
    ],
)  # fmt: skip
def test_what_refuses_a_fix_is_what_is_in_force_there(
    tmp_path: Path, target: str, refused: dict[str, list[str]]
) -> None:
    both = {
        "type": "ECOSYSTEM",
        "events": [{"introduced": "0"}, {"fixed": "2.1"}, {"introduced": "3.0"}, {"fixed": "3.1"}],
    }
    (found,) = report(tmp_path, target, tool=both).vulnerabilities
    assert {one.version: list(one.refused_by) for one in found.fixes} == refused
    assert found.index == "ours"
    assert found.lines()[-1].startswith("  taken from the index ours; ")


def test_two_lines_may_refuse_a_fix(tmp_path: Path) -> None:
    (found,) = report(tmp_path, LINUX, tool=versions_from("0", fixed="2.5")).vulnerabilities
    assert str(found.fixes[0]) == (
        "2.5, which packages.tool = '<2' and groups.apple: 'tool!=2.5' does not allow"
    )


def test_the_pin_of_a_parent_refuses_a_fix(tmp_path: Path) -> None:
    """Also where the stack is that of a release, without what its parents bring."""
    made = Advisories(tmp_path / "db")
    made.add(advisory("X-core", package("core", versions_from("0", fixed="1.1"))))
    lock = make_lock(package_entry("core") | {"requested-by": ["stack:base/1.0"]})
    (found,) = audit(STACK, lock, made.path).vulnerabilities
    assert str(found.fixes[0]) == "1.1, which core==1.0 of base/1.0 does not allow"


def test_aliases_join_what_is_one_over_several_steps() -> None:
    made = [
        Advisory.model_validate(advisory(name, aliases=aliases))
        for name, aliases in (
            ("GHSA-1", ["CVE-1"]),
            ("PYSEC-1", ["CVE-2"]),
            ("OSV-1", ["CVE-1", "CVE-2"]),
            ("GHSA-2", []),
        )
    ]
    for some in (made, made[::-1]):
        groups = [[one.id for one in group] for group in merged(some)]
        assert sorted(groups) == [["GHSA-1", "PYSEC-1", "OSV-1"], ["GHSA-2"]]
    assert len(merged([made[0], made[1], made[3]])) == 3
