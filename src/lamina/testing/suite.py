"""The own tests of a package, run against the package as it is installed.

What the tests need besides is added to a layer over the release, which is thrown away. Where that
would put another version over one of the release's, the suite does not run: it would test
something else.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from lamina.core.errors import LaminaError, NotSupportedError, TookTooLongError, UnsatisfiableError
from lamina.core.run import Completed, base_environment, run
from lamina.layer.change import Request, change_layer
from lamina.layer.create import create_layer
from lamina.layer.imports.modules import modules_of
from lamina.testing.outcome import Outcome
from lamina.testing.sources import fetch_sources, find_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.core.http import HttpClient
    from lamina.engines.probe import Distribution
    from lamina.layer.base import Base
    from lamina.release.place import Place
    from lamina.testing.outcome import Status
    from lamina.testing.sources import Sources

_NO_TESTS = 5
"""What pytest ends with when it has found no tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where suites run."""

    base: Base
    environ: Mapping[str, str]
    http: HttpClient
    place: Place
    """Where the release runs."""
    seconds: float
    """How long one suite may take."""
    log: Path

    def try_suite(self, package: Distribution, index: str | None) -> Outcome:
        """Run the suite of one package; what keeps it from running is part of the outcome.

        ``index``: the address of its index; None: it comes from a git revision or a path, and what
        an index has under its name is somebody else's.
        """
        began = time.monotonic()
        subject, status, detail = package.name, "blocked", ""
        with tempfile.TemporaryDirectory(prefix="lamina-suite-") as name:
            work = Path(name).resolve()
            try:
                if index is None:
                    raise NotSupportedError("it comes from a git revision or a path, of no index")
                offer = find_sources(self.http, index, package.key, package.version)  # type: ignore[arg-type]
                subject = offer.filename
                sources = fetch_sources(self.http, offer, _made(work / "sources"))
                self._prepare(sources, package, work / "layer")
                status, detail = self._run(sources, package, work)
            except TookTooLongError:
                detail = f"not done after {self.seconds:g} s"
            except LaminaError as error:
                detail = error.message.splitlines()[0]
        return Outcome(
            package=package.key,
            kind="suite",
            subject=subject,
            status=status,  # type: ignore[arg-type]
            detail=detail,
            seconds=time.monotonic() - began,
        )

    def _prepare(self, sources: Sources, package: Distribution, layer: Path) -> None:
        """Make the layer; raises UnsatisfiableError where it would change what is tested."""
        create_layer(layer, self.base)
        wanted = ("pytest", *sources.requirements)
        plan = change_layer(Request(layer=layer, add=wanted, probe=False), self.environ)
        if over := [f"{one.name} {one.version}" for one in plan.placed if one.over is not None]:
            raise UnsatisfiableError(
                f"the tests of {package.name} need other versions than the release has: "
                + ", ".join(over)
            )

    def _run(self, sources: Sources, package: Distribution, work: Path) -> tuple[Status, str]:
        modules = modules_of(package)
        if sources.tests():
            sources.hide(modules)
        # What is hidden may have been a file of tests: one that is installed as a module.
        tests: list[str | Path] = [*sources.tests()] or ["--pyargs", *modules]
        answers = work / "answers.xml"
        words: list[str | Path] = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
        words = [work / "layer/bin/python", *words, f"--junitxml={answers}", *tests]
        view = self.place.namespace
        ended = run(
            view.command(*words) if view is not None else words,
            env=self._environment(_made(work / "home")),
            cwd=sources.directory,
            timeout=self.seconds,
            log=self.log,
            check=False,
        )
        return _judged(ended, answers)

    def _environment(self, home: Path) -> dict[str, str]:
        kept = base_environment(self.environ)
        kept = {name: value for name, value in kept.items() if not name.startswith("XDG_")}
        return kept | {"HOME": str(home), "TMPDIR": str(home), "MPLBACKEND": "Agg"}


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _judged(ended: Completed, answers: Path) -> tuple[Status, str]:
    """Return how a suite went, by what pytest wrote and its exit code."""
    try:
        # Written by pytest a moment ago, from tests that have run with our rights already.
        suites = list(ET.parse(answers).getroot().iter("testsuite"))  # noqa: S314
    except (OSError, ET.ParseError):
        suites = []
    counts = {
        word: sum(int(one.get(word, "0")) for one in suites)
        for word in ("tests", "failures", "errors", "skipped")
    }
    if ended.returncode == _NO_TESTS or (not ended.returncode and not counts["tests"]):
        return "blocked", "its sources have no tests that pytest finds"
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    if not ended.returncode:
        return "passed", told
    if counts["failures"] or counts["errors"]:
        first = next((f": {case}" for one in suites for case in _failing(one)), "")
        return "failed", told + first
    lines = (ended.stdout.strip() or ended.stderr.strip()).splitlines()
    return "blocked", f"pytest ended with {ended.returncode}: {lines[-1] if lines else 'no word'}"


def _failing(suite: ET.Element) -> list[str]:
    return [
        f"{case.get('classname', '')}::{case.get('name', '')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
