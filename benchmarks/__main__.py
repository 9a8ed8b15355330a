"""Run the benchmarks: python -m benchmarks [NAME ...] [--rounds N]."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    build,
    closed,
    conda,
    export,
    layer_add,
    layer_create,
    lock,
    operations,
    publish,
    release_next,
    startup,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.sides import Comparison

EXAMPLES = Path(__file__).parents[1] / "examples"
BENCHMARKS: dict[
    str, tuple[Callable[[Path, Path, int], Comparison | startup.Report | export.Shipping], str]
] = {
    "lock": (lock.run, "hep-large"),
    "publish": (publish.run, "hep-small"),
    "release-next": (release_next.run, "hep-analysis"),
    "layer-create": (layer_create.run, "hep-small"),
    "layer-add": (layer_add.run, "hep-small"),
    "export": (export.run, "hep-small"),
    "verify": (operations.verify, "hep-analysis"),
    "tiers": (operations.tiers, "hep-analysis"),
    "gc": (operations.collect, "hep-analysis"),
    "impact": (operations.impact, "hep-analysis"),
    "conda-lock": (conda.lock, "hep-small"),
    "conda-solve": (conda.solve, "hep-small"),
    "conda-install": (conda.install, "hep-small"),
    "conda-realise": (conda.realise, "hep-small"),
    "build": (build.run, "source-stack"),
    "closed": (closed.run, "hep-large"),
    "startup": (startup.run, "hep-start"),
}


def main() -> None:
    """Run the benchmarks asked for, all when none is named, and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each side runs [5]")
    parser.add_argument("--stack", type=Path, help="directory of another lamina.toml")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {min(unknown)!r}; there are {', '.join(BENCHMARKS)}")
    # An active environment or its settings would bend what the other side does.
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "LAMINA_ROOT"):
        os.environ.pop(name, None)
    for name in options.names or BENCHMARKS:
        run, example = BENCHMARKS[name]
        with tempfile.TemporaryDirectory(prefix="lamina-benchmark-") as work:
            comparison = run(options.stack or EXAMPLES / example, Path(work), options.rounds)
        print("\n".join(comparison.lines()), flush=True)


if __name__ == "__main__":
    main()
