"""Installers of releases that are compiled for a micro-architecture."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.export.installer_header import BLOCK, dump_header, parse_header
from lamina.model.processors import features_of
from support.packs import PLAIN_ENVIRON

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.namespaces


@pytest.fixture(scope="module")
def compiled(installer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the installer, as that of a release compiled for x86-64-v3 would be."""
    whole = installer.read_bytes()
    needed = " ".join(sorted(features_of("x86-64-v3")))
    changes = {"micro_architecture": "x86-64-v3", "needed_features": needed}
    header = parse_header(whole[:BLOCK], installer).model_copy(update=changes)
    path = tmp_path_factory.mktemp("compiled") / "small.sh"
    path.write_bytes(dump_header(header) + whole[BLOCK:])
    return path


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ("flags\t\t: fpu {needed} abm\n", 0, "small 1.0 is in "),
        ("flags\t\t: fpu\n\nflags\t\t: {needed}\n", 2, "lacks abm"),
        ("flags\t\t: fpu {most}\n", 2, "compiled for x86-64-v3, and the processor of this machine"),
        ("Features\t: asimd\n", 2, "lacks abm"),
        ("model name : of its own\n", 0, "small 1.0 is in "),
    ],
    ids=["able", "only-the-second", "one-missing", "arm", "silent"],
)
def test_it_looks_at_the_processor_first(
    compiled: Path, tmp_path: Path, told: str, code: int, words: str
) -> None:
    needed = sorted(features_of("x86-64-v3"))
    most = [one if one != "avx2" else "avx2_" for one in needed]
    text = told.format(needed=" ".join(needed), most=" ".join(most))
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{text}")
    script = 'mount --bind "$0" /proc/cpuinfo && exec "$@"'
    into = tmp_path / "into"
    argv: list[str | Path] = [
        "sh",
        "-c",
        script,
        tmp_path / "cpuinfo",
        "sh",
        compiled,
        "-b",
        "-p",
        into,
    ]
    ended = subprocess.run(
        ["unshare", "--mount", "--map-root-user", *argv],
        capture_output=True, text=True, check=False, env=PLAIN_ENVIRON,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert words in ended.stdout + ended.stderr
    assert os.path.lexists(into) is (code == 0)
