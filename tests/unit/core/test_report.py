from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lamina.core import report


class Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def step_started(self, title: str, total: int | None) -> None:
        self.events.append(("started", title, total))

    def step_advanced(self, title: str, done: int) -> None:
        self.events.append(("advanced", title, done))

    def step_finished(self, title: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.events.append(("finished", title, outcome))

    def note(self, message: str) -> None:
        self.events.append(("note", message))

    def warn(self, message: str) -> None:
        self.events.append(("warn", message))


def test_a_step_tells_start_progress_and_outcome() -> None:
    recorder = Recorder()
    with report.use(recorder), report.step("download", total=3) as step:
        step.advance()
        step.advance(2)
        step.outcome = "3 files"
    assert recorder.events == [
        ("started", "download", 3),
        ("advanced", "download", 1),
        ("advanced", "download", 3),
        ("finished", "download", "3 files"),
    ]


def test_a_step_that_raises_has_failed() -> None:
    recorder = Recorder()
    with report.use(recorder), pytest.raises(KeyError), report.step("resolve"):
        raise KeyError
    assert recorder.events == [("started", "resolve", None), ("finished", "resolve", "failed")]


def test_a_step_advanced_by_threads_counts_every_unit() -> None:
    recorder = Recorder()
    with report.use(recorder), report.step("hash") as step, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: step.advance(), range(50)))
    assert [event for event in recorder.events if event[0] == "advanced"] == [
        ("advanced", "hash", number) for number in range(1, 51)
    ]


def test_words_go_to_the_reporter_in_force_and_to_none_outside() -> None:
    outer, inner = Recorder(), Recorder()
    with report.use(outer):
        report.note("one")
        with report.use(inner):
            report.warn("two")
        report.warn("three")
    report.note("nobody hears this")
    assert outer.events == [("note", "one"), ("warn", "three")]
    assert inner.events == [("warn", "two")]


def test_without_a_reporter_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with report.step("quiet", total=1) as step:
        step.advance()
        report.note("a")
        report.warn("b")
    assert capsys.readouterr() == ("", "")
