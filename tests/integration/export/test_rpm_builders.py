"""nfpm and rpmbuild on small packages: what RPM itself says of the results."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import LaminaError
from lamina.engines.rpm_nfpm import NFPM_HINTS, Nfpm
from lamina.engines.rpm_package import RpmFile, RpmPackage, require_program
from lamina.engines.rpm_repository import require_createrepo
from lamina.engines.rpm_rpmbuild import RPMBUILD_HINTS, Rpmbuild
from lamina.model.rpm_versions import rpm_version
from support.rpms import call

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.rpm_package import RpmBuilder

pytestmark = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="rpmbuild is not there")
PREFIX = "/opt/lamina/odd"


def builder(name: str, scratch: Path) -> RpmBuilder:
    environ, log = dict(os.environ), scratch / "log"
    scratch.mkdir(exist_ok=True)
    if name == "nfpm":
        program = require_program("nfpm", environ, NFPM_HINTS)
        return Nfpm(program=program, environ=environ, scratch=scratch, log=log)
    program = require_program("rpmbuild", environ, RPMBUILD_HINTS)
    return Rpmbuild(program=program, environ=environ, scratch=scratch, log=log)


def package(name: str, version: str, *files: RpmFile) -> RpmPackage:
    return RpmPackage(
        name=name, version=rpm_version(version), release="1.d0123456789", arch="x86_64",
        summary=f"{name}: 100% of it", licence="MIT AND (BSD-3-Clause)", seconds=1_700_000_000,
        prefix=PREFIX, relocatable=True, relocates=False, requires=("lamina-odd+python",),
        obsoletes=("lamina-odd+old <= 1:2.0~rc1",),
        files=(RpmFile(path=PREFIX, kind="dir", mode=0o755), *files),
    )  # fmt: skip


NAMES = [
    ("lamina-odd+PyYAML", "6.0"),
    ("lamina-odd+conda-libstdcxx", "1.0rc1"),
    ("lamina-odd-2026.11_1+a.b_c", "1.0+local.2"),
    ("lamina-odd+epoch", "2!1.0"),
    ("lamina-odd+dev", "1.0.post1.dev3"),
]


@pytest.mark.parametrize("how", ["nfpm", "rpmbuild"])
@pytest.mark.parametrize(("name", "version"), NAMES)
def test_odd_names_and_versions_are_as_planned(
    tmp_path: Path, how: str, name: str, version: str
) -> None:
    wanted = package(name, version)
    (tmp_path / "root" / PREFIX[1:]).mkdir(parents=True)
    target = tmp_path / "made" / wanted.file_name
    target.parent.mkdir()
    builder(how, tmp_path / "scratch").build(wanted, tmp_path / "root", target)
    form = "%{NAME}|%{EPOCHNUM}|%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}|%{SUMMARY}"
    assert call("rpm", "-qp", "--qf", form, target).split("|") == [
        name, str(wanted.version.epoch), f"{wanted.version.version}-1.d0123456789", "x86_64",
        "MIT AND (BSD-3-Clause)", f"{name}: 100% of it",
    ]  # fmt: skip
    assert f"{name} = {wanted.full_version}" in call("rpm", "-qp", "--provides", target)
    assert "lamina-odd+python\n" in call("rpm", "-qp", "--requires", target)
    assert call("rpm", "-qp", "--obsoletes", target) == "lamina-odd+old <= 1:2.0~rc1\n"


@pytest.mark.parametrize("how", ["nfpm", "rpmbuild"])
def test_the_same_package_gives_the_same_bytes(tmp_path: Path, how: str) -> None:
    root = tmp_path / "root"
    top = root / PREFIX[1:]
    top.mkdir(parents=True)
    (top / "it has blanks, 100% [odd]").write_text("x")
    (top / "link").symlink_to("it has blanks, 100% [odd]")
    wanted = package(
        "lamina-odd+same", "1.0",
        RpmFile(path=f"{PREFIX}/it has blanks, 100% [odd]", kind="file", mode=0o444),
        RpmFile(path=f"{PREFIX}/link", kind="link", target="it has blanks, 100% [odd]"),
    )  # fmt: skip
    made = []
    times = [(2_000_000_000, 2_000_000_000), (2_000_001_000, 2_000_001_000)]
    for number in range(2):
        target = tmp_path / f"made-{number}" / wanted.file_name
        target.parent.mkdir()
        os.utime(top / "it has blanks, 100% [odd]", times[number])
        builder(how, tmp_path / f"scratch-{number}").build(wanted, root, target)
        made.append(target.read_bytes())
    assert made[0] == made[1]
    listed = call("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", target).splitlines()
    assert f"-r--r--r-- {PREFIX}/it has blanks, 100% [odd]" in listed
    assert any(one.startswith("l") and one.endswith(f" {PREFIX}/link") for one in listed)


@pytest.mark.parametrize(
    ("program", "hints"),
    [("nfpm-that-is-not", NFPM_HINTS), ("rpmbuild-that-is-not", RPMBUILD_HINTS)],
)
def test_what_is_missing_comes_with_how_to_get_it(
    tmp_path: Path, program: str, hints: list[str]
) -> None:
    with pytest.raises(LaminaError, match="is not there") as caught:
        require_program(program, {"PATH": str(tmp_path)}, hints)
    assert caught.value.hints == tuple(hints)
    assert len(hints) >= 2 or "install" in hints[0]
    with pytest.raises(LaminaError, match="createrepo_c is not there") as caught:
        require_createrepo({"PATH": str(tmp_path)})
    assert "dnf install createrepo_c" in caught.value.hints
