"""Installers and packs on another release of Debian, which has no Python, for somebody not root."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_header import dump_header
from lamina.export.installer_promotion import Promotion, promote_installer, read_header
from lamina.model.versions import parse_release_version
from support.installers import RC
from support.other_systems import make_other_system
from support.packs import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.other_systems import OtherSystem
    from support.packs import Shipped

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=["bullseye", "trixie"])
def system(
    request: pytest.FixtureRequest,
    shipped: Shipped,
    installer: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OtherSystem]:
    """Return a system which sees the pack, its installer, and the same as a newer version."""
    top = tmp_path_factory.mktemp("other-system")
    made = make_other_system(request.param, top)
    assert made.run("command -v python3").code
    shutil.copy(installer, made.shared / "small.sh")
    run("zstd", "-dq", shipped.archive, "-o", made.shared / "small.tar")
    version = parse_release_version("1.1")
    newer = made.shared / "newer.sh"
    promote_installer(Promotion(source=installer, version=version, target=newer))
    yield made
    fs.remove_tree(top)


def too_old(system: OtherSystem) -> bool:
    """Tell whether programs of this machine cannot be started there at all."""
    glibc = read_header(system.shared / "small.sh").glibc
    return bool(glibc) and int(glibc.removeprefix("2.")) > system.glibc


def test_a_c_library_that_is_too_old_is_said_before(system: OtherSystem) -> None:
    header = read_header(system.shared / "small.sh")
    future = system.shared / "future.sh"
    shutil.copy(system.shared / "small.sh", future)
    with future.open("r+b") as stream:
        stream.write(dump_header(header.model_copy(update={"glibc": "2.99"})))
    files = ["future.sh", *(["small.sh"] if too_old(system) else [])]
    for name in files:
        answer = system.run(f"sh /mnt/{name} -b -p a/b; echo code $?; ls")
        needs = "2.99" if name == "future.sh" else header.glibc
        assert f"needs glibc {needs}, and this machine has 2.{system.glibc}" in answer.text
        assert answer.text.endswith("code 2\n"), answer.text


def test_it_installs_is_tested_upgraded_and_goes_back(system: OtherSystem) -> None:
    if too_old(system):
        pytest.skip("its C library is too old for the programs of this machine")
    prefix = "/srv/area/wîth a blank"
    answer = system.run(f"sh /mnt/small.sh -b -t -p '{prefix}' && . '{prefix}/{RC}' && greet")
    assert answer.code == 0, answer.text
    assert "running its tests" in answer.text
    assert answer.text.endswith(f"hello from {prefix}\n")
    runs = ("small.sh --upgrade", "newer.sh --upgrade", "newer.sh --rollback")
    script = "; ".join(
        f"sh /mnt/{words} server >said || cat said; readlink server/pro; server/pro/bin/greet"
        for words in runs
    )
    told = system.run(script).text.splitlines()
    links = [told[0], told[2], told[4]]
    assert links == ["versions/1.0", "versions/1.1", "versions/1.0"], told
    assert told[1::2] == [f"hello from /srv/area/server/{one}" for one in links]


def test_a_pack_is_unpacked_where_tmp_has_no_exec(system: OtherSystem) -> None:
    if too_old(system):
        pytest.skip("its C library is too old for the programs of this machine")
    answer = system.run(
        "mkdir pack && tar -xf /mnt/small.tar -C pack && pack/bin/conda-unpack && pack/bin/greet"
    )
    assert answer.code == 0, answer.text
    assert answer.text.endswith("hello from /srv/area/pack\n")
    answer = system.run(
        "mkdir /tmp/pack && tar -xf /mnt/small.tar -C /tmp/pack && sh /tmp/pack/bin/lamina-unpack"
    )
    assert answer.code == 2
    assert "a file system without exec" in answer.text
