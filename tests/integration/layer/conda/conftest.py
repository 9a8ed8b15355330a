"""A channel and a base for the whole session, and layers on the base for each test."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from support.conda_layers import Ground, Kitchen, install_prefix, stock
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def conda_channel(bootstrapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a channel with Python, libraries, programs and modules; not to be changed."""
    top = tmp_path_factory.mktemp("conda-channel")
    channel = top / "channel"
    shutil.copytree(bootstrapped, channel)
    stock(Kitchen(channel=channel, work=top, python=find_interpreter("3.12")))
    return channel


@pytest.fixture(scope="session")
def conda_base(conda_channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prefix with Python, libinner 1 and two Python packages; not to be changed."""
    prefix = tmp_path_factory.mktemp("conda-base") / "base"
    specs = ("python", "libinner 1.*", "tool-box")
    return install_prefix(conda_channel, prefix, specs, dict(os.environ))


@pytest.fixture
def ground(
    conda_base: Path, conda_channel: Path, tmp_path: Path, environ: dict[str, str]
) -> Ground:
    path = tmp_path / "ground"
    path.mkdir()
    return Ground(base=conda_base, channel=conda_channel, path=path, environ=environ)
