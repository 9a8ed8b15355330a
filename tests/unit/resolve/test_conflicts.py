from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lamina.model.names import parse_package_name
from lamina.model.platforms import Target
from lamina.resolve.conflicts import Need, conflicts_on
from lamina.resolve.demands import Demand
from lamina.resolve.findings import (
    Finding,
    FindingKind,
    closure_error,
    merge_findings,
)

LIB = parse_package_name("lib")
VERSIONS = [Version(one) for one in ("3.0", "2.0", "1.0")]
LINUX, MACOS = Target.parse("linux-64/3.12"), Target.parse("osx-arm64/3.12")


def needs(*specifiers: str) -> list[Need]:
    return [
        Need(by=parse_package_name(f"p{n}"), version="1", specifier=SpecifierSet(text))
        for n, text in enumerate(specifiers)
    ]


def asks(specifier: str) -> list[Demand]:
    return [
        Demand(
            name=LIB,
            specifier=SpecifierSet(specifier),
            extras=(),
            marker=None,
            where="packages.lib",
        )
    ]


@pytest.mark.parametrize(
    ("wanted", "listed", "kinds"),
    [
        pytest.param([">=1", "<3"], "", [], id="none"),
        pytest.param([">=2"], "==1.0", ["outside"], id="pinned outside"),
        pytest.param([">=2"], ">=1", [], id="a range that can give way"),
        pytest.param(["<2", ">=2"], "", ["excluded"], id="two exclude each other"),
        pytest.param(["<2", ">=2", ">=3"], "", ["excluded"] * 2, id="each pair"),
        pytest.param(["<3", "!=2.0", ">=2"], "", ["excluded"], id="three together"),
        pytest.param(["<2", ">=2"], "==1.0", ["outside", "excluded"], id="both kinds"),
        pytest.param([">=9"], "", ["outside"], id="no version at all"),
        pytest.param([">=9", "<2"], "", ["outside"], id="impossible is not excluded"),
    ],
)
def test_kinds(wanted: list[str], listed: str, kinds: list[str]) -> None:
    found = conflicts_on(LIB, needs(*wanted), asks(listed), VERSIONS)
    assert [kind for kind, _, _ in found] == kinds


def test_an_unlisted_package_is_not_outside() -> None:
    assert list(conflicts_on(LIB, needs(">=9"), [], VERSIONS)) == []


def test_a_finding_of_all_targets_names_none() -> None:
    finding = Finding(kind=FindingKind.MISSING, package=LIB, message="m")
    other = Finding(kind=FindingKind.MISSING, package=LIB, message="n")
    merged = merge_findings([(LINUX, finding), (MACOS, finding), (MACOS, other)], [LINUX, MACOS])
    assert [(str(one), one.targets) for one in merged] == [
        ("m", ()),
        ("n [osx-arm64/3.12]", (MACOS,)),
    ]
    assert merged[1].as_json()["targets"] == ["osx-arm64/3.12"]


def test_the_error_offers_to_add_what_is_missing() -> None:
    missing = Finding(kind=FindingKind.MISSING, package=LIB, message="lib is not listed")
    outside = Finding(kind=FindingKind.OUTSIDE, package=LIB, message="too old")
    error = closure_error([missing, outside])
    assert error.exit_code == 4
    assert "2 problems" in error.message
    assert error.hints[0] == "lamina add lib"
    assert closure_error([outside]).hints == ()
