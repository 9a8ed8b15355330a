from __future__ import annotations

import pytest

from lamina.core import report
from lamina.core.errors import LaminaError
from lamina.engines.absence import Absence


class Kept(report.SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(f"note: {message}")

    def warn(self, message: str) -> None:
        self.lines.append(f"warning: {message}")


def seen(absence: Absence, *looks: tuple[int, float]) -> list[str]:
    """Return what is said after looks, each as how many workers there are, and when."""
    kept = Kept()
    with report.use(kept):
        for workers, now in looks:
            absence.saw(workers, now)
    return kept.lines


def absence(patience: float) -> Absence:
    return Absence(cluster="Dask at head:1", patience=patience, hints=["dask worker tcp://head:1"])


def test_a_cluster_with_workers_is_not_spoken_of() -> None:
    assert seen(absence(0.0), (2, 5.0), (1, 500.0), (7, 5000.0)) == []


def test_absence_is_said_at_once_and_again_each_minute() -> None:
    first = (
        "warning: Dask at head:1 has no workers left; builds wait for one to join, "
        "for 10 minutes at most"
    )
    looks = [(1, 1000.0), (0, 1010.0), *((0, 1010.0 + second) for second in range(1, 125))]
    assert seen(absence(600.0), *looks) == [
        first,
        "warning: Dask at head:1 still has no workers, for 60 seconds now",
        "warning: Dask at head:1 still has no workers, for 2 minutes now",
    ]


def test_who_comes_back_begins_anew() -> None:
    one = absence(100.0)
    said = seen(one, (0, 0.0), (0, 59.0), (1, 61.0), (0, 90.0), (0, 149.0))
    assert [line.partition(": ")[2].removeprefix("Dask at head:1 ")[:14] for line in said] == [
        "has no workers", "has workers ag", "has no workers",
    ]  # fmt: skip
    assert said[1].startswith("note: ")


def test_it_is_given_up_in_the_end_and_for_everybody() -> None:
    one = absence(100.0)
    assert len(seen(one, (0, 0.0), (0, 50.0), (0, 99.0))) == 2
    for now in (100.0, 101.0):
        with pytest.raises(
            LaminaError, match=f"has had no workers for {now:.0f} seconds"
        ) as caught:
            one.saw(0, now)
        assert (caught.value.exit_code, caught.value.hints) == (1, ("dask worker tcp://head:1",))
    assert seen(one, (1, 102.0)) == ["note: Dask at head:1 has workers again"]
