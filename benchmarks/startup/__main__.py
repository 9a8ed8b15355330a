"""Measure how fast a release starts, or a part of it: python -m benchmarks.startup [...]."""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import latency
from benchmarks.startup import DELAYS, PARTS, Asked, Report, measure
from benchmarks.startup.prefixes import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXAMPLE = Path(__file__).parents[2] / "examples" / "hep-start"


def main() -> None:
    """Measure what is asked for and print each part when it is done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each side starts [3]")
    parser.add_argument("--parts", type=_some_of(PARTS), default=PARTS, help=", ".join(PARTS))
    parser.add_argument("--sides", type=_some_of(SIDES), default=SIDES, help=", ".join(SIDES))
    parser.add_argument(
        "--delays", type=_numbers, default=DELAYS, metavar="MS", help="milliseconds [1,5]"
    )
    parser.add_argument(
        "--kept",
        type=float,
        default=latency.KEPT,
        metavar="S",
        help="seconds that the kernel keeps entries and attributes of a cold start [3600]",
    )
    parser.add_argument("--stack", type=Path, default=EXAMPLE, help="directory of a lamina.toml")
    parser.add_argument("--release", type=Path, help="prefix of a release that is published")
    parser.add_argument("--work", type=Path, help="directory to keep what is made, and to use it")
    options = parser.parse_args()
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "LAMINA_ROOT"):
        os.environ.pop(name, None)
    asked = Asked(
        rounds=options.rounds,
        parts=options.parts,
        sides=options.sides,
        delays=options.delays,
        kept=options.kept,
        release=options.release,
    )
    report = Report(show=functools.partial(print, flush=True))
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        measure(options.stack, options.work, asked, report)
        return
    with tempfile.TemporaryDirectory(prefix="lamina-benchmark-") as work:
        measure(options.stack, Path(work), asked, report)


def _some_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
        return names

    return parse


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


if __name__ == "__main__":
    main()
