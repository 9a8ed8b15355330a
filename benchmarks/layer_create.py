"""Time ``lamina layer create`` against uv venv, python -m venv and virtualenv.

    python benchmarks/layer_create.py [BASE_PREFIX] [ROUNDS]

All sides take turns in one run; printed are medians, ratios to uv venv and the load before and
after. A layer also has the base's packages and scripts, which the others do not: they are empty.
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


def make_base(directory: Path) -> Path:
    """Make a base with a few packages from the index."""
    base = directory / "base"
    uv_bin = uv.find_uv_bin()
    subprocess.run([uv_bin, "venv", "-q", "--python", sys.executable, base], check=True)
    packages = ["numpy", "packaging", "click", "pytest", "rich"]
    subprocess.run([uv_bin, "pip", "install", "-q", "--python", base, *packages], check=True)
    return base


def competitors(directory: Path, base: Path) -> dict[str, list[str | Path]]:
    """Return the command of each side; the directory to make comes last."""
    uv_bin = uv.find_uv_bin()
    lamina = Path(sys.executable).with_name("lamina")
    tools = directory / "tools"
    subprocess.run([uv_bin, "venv", "-q", "--python", sys.executable, tools], check=True)
    subprocess.run([uv_bin, "pip", "install", "-q", "--python", tools, "virtualenv"], check=True)
    python = base / "bin" / "python"
    return {
        "uv venv": [uv_bin, "venv", "-q", "--no-project", "--no-config", "--python", python],
        "lamina layer create": [lamina, "layer", "create", "--on", base],
        "python -c pass": [sys.executable, "-c", "pass"],
        "virtualenv": [tools / "bin" / "virtualenv", "-q", "--python", python],
        "python -m venv": [python, "-m", "venv"],
    }


def measure(directory: Path, base: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round by side, the sides taking turns."""
    commands = competitors(directory, base)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            target = directory / "made"
            start = time.perf_counter()
            subprocess.run([*command, target], check=True, stdout=subprocess.DEVNULL)
            if number:  # The first round warms the caches of all sides.
                seconds[name].append(time.perf_counter() - start)
            shutil.rmtree(target, ignore_errors=True)
    return seconds


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        base = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else make_base(directory)
        before = os.getloadavg()[0]
        seconds = measure(directory, base, rounds)
    median = {side: statistics.median(values) for side, values in seconds.items()}
    print(f"base {base}, medians of {rounds}, load {before:.2f} -> {os.getloadavg()[0]:.2f}")
    for side, value in sorted(median.items(), key=lambda item: item[1]):
        low, high = min(seconds[side]), max(seconds[side])
        ratio = value / median["uv venv"]
        print(f"{side:22} {value:7.3f} s  ({low:.3f} - {high:.3f})  {ratio:6.2f} x uv venv")


if __name__ == "__main__":
    main()
