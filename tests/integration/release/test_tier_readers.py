"""Who reads a tier sees one release or the other, whole, at every moment."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from lamina.core import fs
from lamina.model.names import TierName
from lamina.release.tiers import point_to, promote
from support.roots import HEP, Clock, release_of, root_with

if TYPE_CHECKING:
    from pathlib import Path

FLIPS = 10_000

READER = """
import os, sys
tier, stop = sys.argv[1:]
names = os.path.join(tier, os.listdir(tier)[0], ".lamina", "release.toml")
seen = {}
print("ready", flush=True)
while not os.path.exists(stop):
    for _ in range(100):
        try:
            with open(names) as stream:
                what = stream.read()
        except OSError as error:
            what = repr(error)
        seen[what] = seen.get(what, 0) + 1
print(sorted(seen), min(seen.values()))
"""


def test_a_tier_is_never_missing(tmp_path: Path) -> None:
    root, clock = root_with(tmp_path / "root", "1.0", "1.1"), Clock()
    stable = TierName("stable")
    promote(root, release_of(root, "1.0"), [stable], clock.change())
    tier, stop = root.path / "tiers" / "hep" / "stable", tmp_path / "stop"
    argv = [sys.executable, "-c", READER, str(tier), str(stop)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(FLIPS):
            point_to(root, HEP, stable, release_of(root, ("1.1", "1.0")[number % 2]).version)
        fs.write_text(stop, "")
        seen, least = reader.stdout.read().rsplit(" ", 1)
    assert seen == "['1.0', '1.1']"
    assert int(least) > 100
