"""An installer of a release of conda packages: activated, tested, moved into their programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.installers import RC, install, make_installer
from support.packs import Shipped, pack, run, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from support.conda_releases import Published


@pytest.mark.shells
def test_it_installs_is_tested_and_activated(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    shipped = Shipped(release=published.outcome.release, archive=tmp_path, environ=machine)
    installer = make_installer(shipped, tmp_path / "boxed.sh")
    prefix = tmp_path / "there"
    answer = install(installer, "-bt", "-p", prefix)
    assert answer.code == 0, answer.text
    for shell in ("dash", "bash", "zsh"):
        script = f". '{prefix}/{RC}'"
        asked = f'{script}; {script}; echo "$CONDA_PREFIX $BOX_OF $PATH"; tool-box'
        told = run("env", "LD_LIBRARY_PATH=/x", shell, "-c", asked)
        assert told.startswith(f"{prefix} {prefix}/share {prefix}/bin:/usr/bin:/bin\n")
    release = release_at(prefix)
    assert release is not None
    findings = verify_release(release)
    assert findings.sound, findings.lines()
    fs.remove_tree(prefix)


def test_an_unpacked_one_is_packed_again_byte_for_byte(
    published: Published, machine: dict[str, str], tmp_path: Path
) -> None:
    archive = tmp_path / "boxed.tar"
    pack(published.outcome.release, archive, machine)
    top = unpacked(archive, tmp_path / "there")
    run(top / "bin" / "lamina-unpack")
    release = release_at(top)
    assert release is not None
    again = tmp_path / "again.tar"
    pack(release, again, machine)
    assert again.read_bytes() == archive.read_bytes()
    fs.remove_tree(top)
