"""A file that two packages claim with different contents is named with both."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError
from lamina.export.clobber import check_owners

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = hashlib.sha256(b"one"), hashlib.sha256(b"other")


def wheel(prefix: Path, name: str, digest: hashlib._Hash) -> None:
    info = prefix / "lib" / "python3.12" / "site-packages" / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    text = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    lines = [f"{path},sha256={text},3\n" for path in ("tests/__init__.py", "../../../bin/it")]
    (info / "RECORD").write_text("".join([*lines, f"{info.name}/RECORD,,\n"]))


def conda(prefix: Path, name: str, path: str, digest: hashlib._Hash) -> None:
    meta = prefix / "conda-meta"
    meta.mkdir(exist_ok=True)
    paths = [{"_path": path, "path_type": "hardlink", "sha256": digest.hexdigest()}]
    document = {"name": name, "version": "2", "paths_data": {"paths": paths}}
    (meta / f"{name}-2-0.json").write_text(json.dumps(document))


def test_wheels_with_the_same_file_are_no_conflict(tmp_path: Path) -> None:
    wheel(tmp_path, "here", ONE)
    wheel(tmp_path, "there", ONE)
    check_owners(tmp_path, allow=False)


def test_wheels_with_different_files_are_named(tmp_path: Path) -> None:
    wheel(tmp_path, "here", ONE)
    wheel(tmp_path, "there", OTHER)
    with pytest.raises(ConflictError) as caught:
        check_owners(tmp_path, allow=False)
    assert "bin/it: both here-1.0 and there-1.0" in caught.value.message
    assert "site-packages/tests/__init__.py: both" in caught.value.message
    check_owners(tmp_path, allow=True)


def test_a_wheel_over_a_conda_package_is_named(tmp_path: Path) -> None:
    wheel(tmp_path, "here", ONE)
    conda(tmp_path, "mine", "bin/it", OTHER)
    with pytest.raises(ConflictError, match=r"bin/it: both mine-2 and here-1\.0"):
        check_owners(tmp_path, allow=False)
