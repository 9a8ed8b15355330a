"""Compare ``lamina lock`` with ``uv lock`` for the same set: python benchmarks/lock.py [STACK].

Both sides run in turns in one go with the same warm cache; medians of five are printed with
their ratio and the load of the machine. STACK is a lamina.toml [examples/hep-large/lamina.toml].
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uv

from lamina.core.run import base_environment
from lamina.engines.uv_lock import dump_project
from lamina.resolve.project import plan_project
from lamina.stack.files import load_stack

ROUNDS = 5
PROMISE = 1.2


def seconds(argv: list[str], directory: Path, env: dict[str, str]) -> float:
    """Return how long a command takes from a directory without any lock."""
    for name in ("uv.lock", "lamina.lock"):
        (directory / name).unlink(missing_ok=True)
    start = time.monotonic()
    done = subprocess.run(argv, cwd=directory, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - start


def main() -> None:
    """Measure and print."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/hep-large/lamina.toml")
    environ = dict(os.environ)
    project = plan_project(load_stack(path), environ)
    options = ["--no-build"] if project.only_binary else []
    for name in project.source:
        options += ["--no-binary-package", name]
    for name in project.prereleases:
        options += ["--prerelease-package", f"{name}=allow"]
    if project.exclude_newer is not None:
        options += ["--exclude-newer", project.exclude_newer.isoformat()]
    ours = [sys.executable, "-m", "lamina", "lock", "--quiet"]
    theirs = [uv.find_uv_bin(), "lock", "--no-config", "--python", sys.executable, *options]
    uv_environment = base_environment(environ) | {
        "UV_DEFAULT_INDEX": project.default_index,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        shutil.copy(path, here / "lamina.toml")
        (here / "pyproject.toml").write_text(dump_project(project), encoding="utf-8")
        seconds(theirs, here, uv_environment)  # fills the cache for both
        times: dict[str, list[float]] = {"lamina lock": [], "uv lock": []}
        for _ in range(ROUNDS):
            times["lamina lock"].append(seconds(ours, here, environ))
            times["uv lock"].append(seconds(theirs, here, uv_environment))
    medians = {name: statistics.median(many) for name, many in times.items()}
    for name, many in times.items():
        runs = ", ".join(f"{one:.2f}" for one in many)
        print(f"{name}: median {medians[name]:.2f} s ({runs})")
    ratio = medians["lamina lock"] / medians["uv lock"]
    print(f"ratio {ratio:.2f} (promise: at most {PROMISE}); load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
