"""Outcomes, what is accepted of them, and the report for continuous integration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from lamina.testing.junit import dump_junit
from lamina.testing.outcome import Outcome, TestReport, accepted, unused

if TYPE_CHECKING:
    from lamina.testing.outcome import Kind, Status


def outcome(package: str, kind: Kind, subject: str, status: Status, detail: str = "") -> Outcome:
    return Outcome(package=package, kind=kind, subject=subject, status=status, detail=detail)


FINE = outcome("numpy", "import", "numpy", "passed")
NO_HELP = outcome("numpy", "program", "f2py", "failed", "exit code 2")
SUITE = outcome("uproot", "suite", "uproot-5.0.tar.gz", "blocked", "no tests")


def report(*outcomes: Outcome) -> TestReport:
    moment = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
    return TestReport(release="hep/1.0", platform="linux-64", tested=moment, outcomes=outcomes)


@pytest.mark.parametrize(
    ("one", "label"),
    [
        pytest.param(FINE, "import numpy", id="import"),
        pytest.param(NO_HELP, "program f2py", id="program"),
        pytest.param(SUITE, "suite uproot", id="suite"),
    ],
)
def test_labels_are_what_is_accepted(one: Outcome, label: str) -> None:
    assert one.label == label
    [found] = accepted([one], {label: "known"})
    expected = "passed" if one.status == "passed" else "accepted"
    assert found.status == expected
    assert unused([found], {label: "known"}) == ([label] if one.status == "passed" else [])


def test_what_is_accepted_keeps_why_it_failed() -> None:
    [found] = accepted([NO_HELP], {"program f2py": "needs a compiler"})
    assert found.detail == "needs a compiler (exit code 2)"


@pytest.mark.parametrize(
    ("outcomes", "sound"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([FINE], True, id="passed"),
        pytest.param([FINE, NO_HELP], False, id="failed"),
        pytest.param([FINE, SUITE], False, id="blocked"),
        pytest.param(accepted([NO_HELP], {"program f2py": "so"}), True, id="accepted"),
    ],
)
def test_sound_is_what_hides_nothing(outcomes: list[Outcome], sound: bool) -> None:
    assert report(*outcomes).sound is sound


def test_failures_are_told_first_and_what_passed_is_counted() -> None:
    told = report(FINE, SUITE, NO_HELP)
    assert told.summary == "1 of 3 passed, 1 failed, 1 blocked"
    assert told.lines() == [
        "hep/1.0: 1 of 3 passed, 1 failed, 1 blocked",
        "  failed    numpy: program f2py: exit code 2",
        "  blocked   uproot: suite uproot: no tests",
    ]


def test_junit_has_a_suite_a_package() -> None:
    known = accepted([NO_HELP], {"program f2py": "so"})
    odd = outcome("odd", "import", "odd", "failed", "Error: \x00\x1b[31m<red> & \u2028")
    top = ET.fromstring(dump_junit(report(SUITE, odd, FINE, *known)))
    suites = {one.get("name"): one for one in top}
    assert list(suites) == ["numpy", "odd", "uproot"]
    counts = {
        name: [one.get(word) for word in ("tests", "failures", "errors", "skipped")]
        for name, one in suites.items()
    }
    assert counts == {
        "numpy": ["2", "0", "0", "1"],
        "odd": ["1", "1", "0", "0"],
        "uproot": ["1", "0", "1", "0"],
    }
    [failure] = suites["odd"].iter("failure")
    assert failure.get("message") == "Error: [31m<red> & "
    assert suites["numpy"].get("timestamp") == "2026-11-01T12:30:00"


@pytest.mark.parametrize(
    "said",
    ["\0", "\x1b[31mred", "\x07\x08\x0b\x0c", "\x80\x9f", "\ud800", "\ufffe\uffff", "]]>", "<&'\""],
    ids=["nul", "colour", "bells", "c1", "surrogate", "no-characters", "end", "markup"],
)
def test_junit_is_well_formed_whatever_was_said(said: str) -> None:
    told = outcome("numpy", "program", "f2py", "failed", f"before {said} after\nagain\tthere")
    text = dump_junit(report(told))
    [failure] = ET.fromstring(text.encode("utf-8")).iter("failure")
    message = failure.get("message", "")
    assert message.startswith("before ")
    assert "after\nagain\tthere" in message
