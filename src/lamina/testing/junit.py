"""Reports as JUnit XML, which continuous integration systems show."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from lamina.testing.outcome import Outcome, TestReport


def dump_junit(report: TestReport) -> str:
    """Return the XML: a suite a package, a case for each thing that was tried."""
    top = ET.Element("testsuites", name=report.release)
    ordered = sorted(report.outcomes, key=lambda one: one.package)
    for package, outcomes in groupby(ordered, key=lambda one: one.package):
        top.append(_suite(package, list(outcomes), report))
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _suite(package: str, outcomes: list[Outcome], report: TestReport) -> ET.Element:
    counts = {
        "tests": len(outcomes),
        "failures": sum(one.status == "failed" for one in outcomes),
        "errors": sum(one.status == "blocked" for one in outcomes),
        "skipped": sum(one.status == "accepted" for one in outcomes),
    }
    about = {
        "name": package,
        "timestamp": report.tested.strftime("%Y-%m-%dT%H:%M:%S"),
        "time": f"{sum(one.seconds for one in outcomes):.3f}",
    }
    suite = ET.Element("testsuite", about | {word: str(count) for word, count in counts.items()})
    for one in outcomes:
        case = ET.SubElement(
            suite, "testcase", classname=package, name=one.label, time=f"{one.seconds:.3f}"
        )
        kind = {"failed": "failure", "blocked": "error", "accepted": "skipped"}.get(one.status)
        if kind is not None:
            ET.SubElement(case, kind, message=_printable(one.detail))
    return suite


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(one for one in text if one.isprintable() or one in "\t\n")
