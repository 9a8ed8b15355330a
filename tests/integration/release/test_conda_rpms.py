"""RPMs of a release whose Python is a conda package: built, installed and moved for real."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.rpm.writing import RpmRequest, write_rpms
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.rpms import Installed, call

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.export.rpm.writing import Written
    from support.conda_releases import Published

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("rpm") is None, reason="rpm is not there"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root installs RPMs"),
]


@pytest.fixture(scope="module")
def written(published: Published, tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, Path]:
    """Return the RPMs of a conda release, and where they are."""
    directory = tmp_path_factory.mktemp("conda-rpms")
    request = RpmRequest(
        release=published.outcome.release, directory=directory, environ=dict(os.environ),
        split="per-package", prefix=None, side_by_side=False, relocatable=True, builder="nfpm",
        repository=False, clobbered=True,
    )  # fmt: skip
    return write_rpms(request), directory


def test_each_conda_package_is_an_rpm_that_rpm_finds_in_order(
    written: tuple[Written, Path], tmp_path: Path
) -> None:
    rpms, directory = written
    names = {one.name.partition("+")[2] for one in rpms.packages}
    assert {"conda-python", "conda-tool-box", "caller"} <= names
    paths = [directory / one.file_name for one in rpms.packages]
    root = Installed(tmp_path / "root", directory)
    root.rpm("-i", "--nodeps", *paths)
    # Nothing is written where it is at its own prefix.
    assert root.rpm("-Va", "--nodeps") == []
    release = release_at(root.top / rpms.prefix[1:])
    assert release is not None
    assert verify_release(release).sound
    fs.remove_tree(root.top)


def test_it_runs_elsewhere(written: tuple[Written, Path], tmp_path: Path) -> None:
    rpms, directory = written
    there, database = tmp_path / "there", tmp_path / "db"
    paths = [directory / one.file_name for one in rpms.packages]
    moved = f"{rpms.prefix}={there}"
    call("rpm", "--dbpath", database, "-i", "--nodeps", "--relocate", moved, *paths)
    said = subprocess.check_output([there / "bin" / "caller"], env={"PATH": ""}, text=True)
    assert said == "called 42\n"
    release = release_at(there)
    assert release is not None
    assert verify_release(release).sound
    call("rpm", "--dbpath", database, "-e", "--nodeps", *(one.name for one in rpms.packages))
    assert not there.exists()
