"""Which versions an advisory is about, for every form that the specification allows."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lamina.resolve.audit.advisory import Advisory, Affected, fixes_after, judge
from support.osv import advisory, package, versions_from

NAME = canonicalize_name("lib")


def places(*ranges: dict[str, Any], **more: Any) -> tuple[Affected, ...]:
    return Advisory.model_validate(advisory("X-1", package("lib", *ranges, **more))).about(NAME)


def events(*given: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"type": kind, "events": list(given)}


SEVERAL = events(
    {"introduced": "1.0"}, {"fixed": "1.0.2"}, {"introduced": "3.0"}, {"fixed": "3.2.5"}
)
SHUFFLED = events(
    {"fixed": "3.2.5"}, {"introduced": "3.0"}, {"fixed": "1.0.2"}, {"introduced": "1.0"}
)
AGAIN = events({"introduced": "0"}, {"introduced": "1.0"}, {"fixed": "1.0"}, {"fixed": "2.0"})


@pytest.mark.parametrize(
    ("given", "affected", "clear"),
    [
        pytest.param(versions_from("0"), "0.dev0 1.0a1 9999", "", id="every-version"),
        pytest.param(
            versions_from("0", fixed="1.0.2"), "0.1 1.0.2rc1", "1.0.2 1.0.2.post1", id="fixed"
        ),
        pytest.param(
            versions_from("1.0", last_affected="2.0"), "1.0 2.0 2 2.0+local", "0.9 1.0b1 2.0.post1",
            id="last-affected",
        ),
        pytest.param(versions_from("1.0", limit="2.0"), "1.0 1.9", "0.9 2.0 3.0", id="limit"),
        pytest.param(versions_from("1.0", limit="*"), "1.0 1!0.1", "0.9", id="no-limit"),
        pytest.param(
            events({"introduced": "1.0"}, {"limit": "1.5"}, {"limit": "2.0"}), "1.7", "2.1",
            id="two-limits",
        ),
        pytest.param(SEVERAL, "1.0 1.0.1 3.2", "0.9 1.0.2 2.0 3.2.5", id="two-intervals"),
        pytest.param(SHUFFLED, "1.0 1.0.1 3.2", "0.9 1.0.2 2.0 3.2.5", id="order-of-events"),
        pytest.param(
            events({"introduced": "1.0", "fixed": "1.0.2"}), "1.0", "0.9 1.0.2", id="two-in-one"
        ),
        pytest.param(AGAIN, "0.5 1.0 1.5", "2.0", id="fixed-and-introduced-at-once"),
        pytest.param(
            events({"introduced": "0"}, {"fixed": "1.0"}, kind="SEMVER"), "0.9", "1.0", id="semver"
        ),
        pytest.param(versions_from("0", fixed="1.10"), "1.9", "1.10 1.11", id="order-is-pep-440"),
        pytest.param(versions_from("0", fixed="2.0"), "1.9+cu12", "2.0+cu12", id="local-build"),
        pytest.param(
            versions_from("0", fixed="2.0+ours.2"), "2.0 2.0+ours.1", "2.0+ours.2", id="local-fix"
        ),
    ],
)  # fmt: skip
def test_ranges(given: dict[str, Any], affected: str, clear: str) -> None:
    found = {one: judge(Version(one), places(given)) for one in f"{affected} {clear}".split()}
    assert found == dict.fromkeys(affected.split(), "affected") | dict.fromkeys(
        clear.split(), "clear"
    )


def test_several_ranges_add_up() -> None:
    both = places(versions_from("0", fixed="1.0"), versions_from("2.0", fixed="2.5"))
    assert [judge(Version(one), both) for one in ("0.5", "1.5", "2.2")] == [
        "affected", "clear", "affected",
    ]  # fmt: skip


def test_listed_versions_add_to_ranges() -> None:
    both = places(versions_from("2.0", fixed="2.5"), versions=["1.0", "1.1rc1", "2004d"])
    assert [judge(Version(one), both) for one in ("1.0.0", "1.1rc1", "1.1", "2.1", "1.0+x")] == [
        "affected", "affected", "clear", "affected", "affected",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ranges", "versions", "verdict"),
    [
        pytest.param([events({"introduced": "a" * 40}, kind="GIT")], [], "unclear", id="commits"),
        pytest.param(
            [events({"introduced": "a" * 40}, kind="GIT")], ["0.9"], "clear", id="commits-and-list"
        ),
        pytest.param([versions_from("0", fixed="2004d")], [], "unclear", id="no-version"),
        pytest.param([versions_from("0", fixed="2004d")], ["0.9"], "clear", id="list-answers"),
        pytest.param(
            [versions_from("2004d"), versions_from("0", fixed="2")], [], "affected", id="one-of-two"
        ),
        pytest.param(
            [versions_from("2004d"), versions_from("2")], [], "unclear", id="the-other-may-be"
        ),
        pytest.param([], [], "unclear", id="nothing-said"),
        pytest.param([events({"fixed": "0.5"})], [], "unclear", id="no-beginning"),
        pytest.param([events()], [], "unclear", id="no-events"),
    ],
)
def test_what_cannot_be_compared(
    ranges: list[dict[str, Any]], versions: list[str], verdict: str
) -> None:
    assert judge(Version("1.0"), places(*ranges, versions=versions)) == verdict


def test_only_the_package_of_the_ecosystem_counts() -> None:
    one = Advisory.model_validate(
        advisory(
            "X-1",
            package("LIB", versions_from("0")),
            package("lib", versions_from("0"), ecosystem="npm"),
            package("lib", versions_from("0"), ecosystem="PyPI:somewhere"),
            package("lib-more", versions_from("0")),
            {"ranges": [versions_from("0")]},
        )
    )
    assert len(one.about(NAME)) == 2


def test_fixes_are_later_and_not_affected_themselves() -> None:
    given = places(SEVERAL, versions_from("1.0", fixed="1.0.1"), versions_from("0", fixed="2004d"))
    assert list(map(str, fixes_after(Version("1.0"), given))) == ["1.0.2", "3.2.5"]
    assert list(map(str, fixes_after(Version("1.0.2"), given))) == ["3.2.5"]
    assert fixes_after(Version("4.0"), given) == []


def test_severity_is_the_word_and_the_scores() -> None:
    vector = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:N/A:N"
    one = Advisory.model_validate(
        advisory(
            "X-1",
            package("lib", severity=[{"type": "CVSS_V2", "score": "AV:L"}]),
            severity=[{"type": "CVSS_V3", "score": vector}],
            database_specific={"severity": "HIGH", "cwe_ids": ["CWE-1"]},
        )
    )
    assert list(one.severities(NAME)) == ["HIGH", vector, "AV:L"]
    assert list(one.severities(canonicalize_name("other"))) == ["HIGH", vector]


@pytest.mark.parametrize(
    ("more", "title"),
    [
        pytest.param({"summary": "Short"}, "Short", id="summary"),
        pytest.param({}, "What X-1 is about.", id="details"),
        pytest.param({"details": None}, "", id="nothing"),
        pytest.param({"summary": "word " * 50}, f"{'word ' * 31}...", id="long"),
    ],
)
def test_title(more: dict[str, Any], title: str) -> None:
    assert Advisory.model_validate(advisory("X-1", **more)).title == title
