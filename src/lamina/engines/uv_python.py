"""Environments made by uv: the directories, links and activation scripts of PEP 405."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.uv_program import UvProgram


def make_environment(
    uv: UvProgram, prefix: Path, *, python: Path, prompt: str, over: bool = False
) -> None:
    """Make ``prefix`` an environment of ``python``; files that are there already stay.

    ``over``: the packages of that Python are seen in it, after its own.
    """
    uv.call(
        *("venv", prefix, "--python", python, "--prompt", prompt),
        *("--no-project", "--allow-existing"),
        *(["--system-site-packages"] if over else []),
    )


def version_of_uv(uv: UvProgram) -> str:
    """Return uv's version."""
    return uv.call("--version").stdout.split()[1]
