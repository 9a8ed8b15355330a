"""Two hundred librarians killed at random moments: what they acknowledged holds, all is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.model.versions import parse_release_version
from lamina.release.history import read_history
from lamina.release.publish import publish
from lamina.release.rebuild import rebuild
from lamina.release.repair import repair
from lamina.release.root import open_root
from lamina.release.verify import verify_release
from support.librarian_at_work import SMALL
from support.releases import NOW, publish_request

if TYPE_CHECKING:
    from lamina.release.root import Root

ROUNDS = 200
SEED = 20261121


def _start(work: Path, environ: dict[str, str], seed: int) -> subprocess.Popen[bytes]:
    tests = str(Path(__file__).parents[2])
    with (work / "errors").open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "support.librarian_at_work", str(work), str(seed)],
            env=environ | {"PYTHONPATH": tests},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def _begun(work: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while not (work / "done").exists() or (work / "done").read_text().count("begin") < count:
        assert time.monotonic() < deadline, (work / "errors").read_text()
        time.sleep(0.01)


def _check(work: Path, root: Root, environ: dict[str, str]) -> None:
    """See that what is there is whole, and that what was acknowledged is there."""
    there = {one.version: one for one in root.releases()}
    moves = read_history(root.path, SMALL)
    collected = {one.after for one in moves if one.action == "collect"}
    done = [line.split() for line in (work / "done").read_text().splitlines()]
    published = {words[1] for words in done if words[0] == "publish"}
    assert published <= {*there, *collected}
    promoted = Counter((words[1], words[2]) for words in done if words[0] == "promote")
    written = Counter((one.after, one.tier) for one in moves if one.action == "promote")
    assert set(promoted) <= set(written)
    for tier, version in root.tiers(SMALL).items():
        last = [one.after for one in moves if one.tier == tier]
        assert version in there
        assert version in last[-2:], (tier, version, last)
    _check_files(work, root, environ)


def _check_files(work: Path, root: Root, environ: dict[str, str]) -> None:
    hurt = (work / "damaged").read_text().split() if (work / "damaged").exists() else []
    unsound = [one for one in root.releases() if not verify_release(one).sound]
    # A file that several releases share is damaged in all of them.
    assert hurt or not unsound
    for one in unsound:
        findings = verify_release(one)
        assert (findings.missing, findings.extra) == ((), ())
        assert set(findings.changed) <= {
            "lib/python3.12/site-packages", "lib/python3.12/site-packages/numbers_of_ours.py",
        }  # fmt: skip
        request = publish_request(work, environ, version=one.version)
        anew = partial(rebuild, request, one, root)
        repair(one, root, anew, environ=environ, now=NOW)
        assert verify_release(one).sound


@pytest.mark.heavy
def test_killed_two_hundred_times(tmp_path: Path, environ: dict[str, str]) -> None:
    root = open_root(tmp_path / "root", create=True)
    chance = random.Random(SEED)
    begun = 0
    for turn in range(ROUNDS):
        several = 2 if turn % 4 == 0 else 1
        workers = [_start(tmp_path, environ, SEED + 2 * turn + one) for one in range(several)]
        begun += several
        _begun(tmp_path, begun)
        time.sleep(chance.uniform(0.0, 2.0))
        for one in workers:
            assert one.poll() is None, (tmp_path / "errors").read_text()
            one.kill()
            one.wait()
        _check(tmp_path, root, environ)
    said = Counter(line.split()[0] for line in (tmp_path / "done").read_text().splitlines())
    assert min(said[word] for word in ("publish", "promote", "collect", "repair")) > 5, said
    _last_one_sweeps(tmp_path, root, environ)


def _last_one_sweeps(work: Path, root: Root, environ: dict[str, str]) -> None:
    """See that nothing is left once the programs that lost their parent have ended."""
    version = parse_release_version("9999.0")
    deadline = time.monotonic() + 60
    while True:
        publish(publish_request(work, environ, version=version))
        if not any(root.staging.iterdir()):
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    strays = list((root.path / "tiers" / SMALL).glob(".*"))
    assert len(strays) <= 1  # of a move that was killed; the next one clears it away
