"""``lamina publish`` of a locked stack against ``uv venv``, ``uv pip sync`` and compileall.

Both sides work from a warm cache, one after the other in each round. Publishing hashes every file,
runs no tests here, and flushes to disk; the other side does neither.

    python benchmarks/publish.py examples/hep-small --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import uv

from lamina.engines.index_addresses import IndexAddresses, cache_directory
from lamina.engines.index_settings import public_index
from lamina.engines.interpreters import MachineInterpreters
from lamina.engines.pylock import PylockSettings, dump_pylock
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.names import PUBLIC_INDEX
from lamina.model.platforms import Target, current_platform
from lamina.stack.files import STACK_NAME, load_stack

PROMISE = 1.5


def timed(*commands: list[str | Path]) -> float:
    start = time.monotonic()
    for command in commands:
        # compileall exits with 1 for files that are not for this Python.
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode != 0 and "compileall" not in command:
            sys.exit(answer.stderr)
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    environ = dict(os.environ)
    lamina = Path(sysconfig.get_path("scripts")) / "lamina"
    with tempfile.TemporaryDirectory(prefix="lamina-benchmark-", dir=Path.cwd()) as name:
        work = Path(name)
        for file in (STACK_NAME, LOCK_NAME):
            if (options.stack / file).exists():
                shutil.copy(options.stack / file, work)
        publish: list[str | Path] = [lamina, "publish", "--stack", work, "--no-test", "--quiet"]
        timed([*publish, "--root", work / "warm"])
        subprocess.run(["rm", "-rf", work / "warm"], check=True)
        stack = load_stack(work / STACK_NAME)
        target = Target(current_platform(), max(stack.stack.python))
        artifacts = load_lock(work / LOCK_NAME).artifacts_for(target)
        python = MachineInterpreters(environ=environ).find(target.python)
        indexes = {PUBLIC_INDEX: public_index(environ)} | stack.resolve.indexes
        locator = IndexAddresses(environ, stack.resolve.indexes, cache_directory(environ))
        listing = work / "pylock.toml"
        settings = PylockSettings(indexes=indexes)
        listing.write_text(dump_pylock(artifacts, locator.addresses(artifacts), settings))
        ours, theirs = [], []
        for turn in range(options.rounds):
            venv, root = work / f"venv{turn}", work / f"root{turn}"
            quiet = ["--quiet", "--no-config"]
            theirs.append(
                timed(
                    [uv.find_uv_bin(), "venv", venv, "--python", python, "--no-project", *quiet],
                    [
                        *(
                            uv.find_uv_bin(),
                            "pip",
                            "sync",
                            listing,
                            "--python",
                            venv / "bin/python",
                        ),
                        *("--preview-features", "pylock", *quiet),
                    ],
                    [
                        *(venv / "bin/python", "-m", "compileall", "-q", "-j", "0"),
                        *("--invalidation-mode", "unchecked-hash", venv / "lib"),
                    ],
                )
            )
            ours.append(timed([*publish, "--root", root]))
            subprocess.run(["rm", "-rf", venv, root], check=True)
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(
            json.dumps(
                {
                    "packages": len(artifacts),
                    "rounds": options.rounds,
                    "publish": round(statistics.median(ours), 2),
                    "uv and compileall": round(statistics.median(theirs), 2),
                    "ratio": round(ratio, 2),
                    "promised": PROMISE,
                    "load": os.getloadavg(),
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    main()
