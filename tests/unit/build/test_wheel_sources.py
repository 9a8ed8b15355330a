"""Archives of sources that are not what they should be, and what they say of their build."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.build.wheels.fetching import check_identity, unpack
from lamina.core.errors import BuildFailedError, IntegrityError
from lamina.engines.build_backend import read_build_system
from lamina.model.artifacts import Artifact
from lamina.model.digests import digest_of_bytes
from lamina.model.names import IndexName, PackageName

if TYPE_CHECKING:
    from pathlib import Path

TOP: tuple[str, dict[str, Any]] = ("pack-1.0/setup.py", {})
DIRECTORY = {"type": tarfile.DIRTYPE}
HOSTILE: list[Any] = [
    pytest.param([TOP, ("pack-1.0/../../out", {})], "outside the destination", id="above"),
    pytest.param([TOP, ("/other/out", {})], "has 2 directories", id="absolute"),
    pytest.param(
        [TOP, ("pack-1.0/l", {"type": tarfile.SYMTYPE, "linkname": "/etc"})],
        "link to an absolute path",
        id="link-to-root",
    ),
    pytest.param(
        [TOP, ("pack-1.0/l", {"type": tarfile.SYMTYPE, "linkname": "../.."}),
         ("pack-1.0/l/out", {})],
        "outside the destination",
        id="link-above",
    ),
    pytest.param(
        [TOP, ("pack-1.0/l", {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"})],
        "outside the destination",
        id="hard-link",
    ),
    pytest.param(
        [TOP, ("pack-1.0/d", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})],
        "special file",
        id="device",
    ),
    pytest.param([TOP, ("pack-1.0/p", {"type": tarfile.FIFOTYPE})], "special file", id="pipe"),
    pytest.param([TOP, ("other/setup.py", {})], "has 2 directories", id="two-tops"),
    pytest.param([("setup.py", {})], "has 0 directories", id="no-top"),
    pytest.param([TOP, ("pack-1.0/" + "n" * 300, {})], "no file can have", id="long-name"),
]  # fmt: skip


def tar(path: Path, members: list[tuple[str, dict[str, Any]]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, changes in members:
            member = tarfile.TarInfo(name)
            for key, value in changes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO())
    return path


@pytest.mark.parametrize(("members", "said"), HOSTILE)
def test_nothing_is_unpacked_beside_its_directory(
    tmp_path: Path, members: list[tuple[str, dict[str, Any]]], said: str
) -> None:
    path = tar(tmp_path / "pack-1.0.tar.gz", members)
    with pytest.raises(IntegrityError, match=said) as caught:
        unpack(path, tmp_path / "in" / "here")
    assert caught.value.message.startswith("pack-1.0.tar.gz: ")
    assert "\n" not in caught.value.message
    assert [one.name for one in (tmp_path / "in").iterdir()] == ["here"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00cut"])
@pytest.mark.parametrize("name", ["pack-1.0.tar.gz", "pack-1.0.zip"])
def test_what_is_no_archive(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be unpacked") as caught:
        unpack(tmp_path / name, tmp_path / "here")
    assert "\n" not in caught.value.message


def test_an_archive_that_ends_early(tmp_path: Path) -> None:
    path = tar(tmp_path / "pack-1.0.tar.gz", [TOP] * 50)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        unpack(path, tmp_path / "here")


def test_modes_are_tamed(tmp_path: Path) -> None:
    members: list[Any] = [
        ("pack-1.0/suid", {"mode": 0o6777}),
        ("pack-1.0/shut", DIRECTORY | {"mode": 0}),
    ]
    top = unpack(tar(tmp_path / "pack-1.0.tar.gz", members), tmp_path / "here")
    assert (top / "suid").stat().st_mode & 0o7777 == 0o755
    (top / "shut" / "new").write_text("x")


def test_programs_in_a_zip_stay_programs(tmp_path: Path) -> None:
    path = tmp_path / "pack-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("configure", 0o755), ("setup.py", 0o644), ("../out", 0o644)):
            member = zipfile.ZipInfo(f"pack-1.0/{name}")
            member.external_attr = mode << 16
            archive.writestr(member, "x")
    top = unpack(path, tmp_path / "here")
    assert (top / "configure").stat().st_mode & 0o111
    assert not (top / "setup.py").stat().st_mode & 0o111
    assert sorted(one.name for one in (tmp_path / "here").rglob("out")) == ["out"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ("Name: Some_Pack\nVersion: 1.0\n", True),
        ("Name: some.pack\nVersion: 1.0.0\n", True),
        ("Name: some-pack\n", True),
        ("", True),
        ("Name: some-pack\nVersion: 1.1\n", False),
        ("Name: other\nVersion: 1.0\n", False),
        ("Name: some-pack\nVersion: of today\n", False),
    ],
)
def test_metadata_have_to_be_those_of_the_file_name(tmp_path: Path, told: str, fits: bool) -> None:
    (tmp_path / "PKG-INFO").write_text(f"Metadata-Version: 2.1\n{told}")
    artifact = Artifact(
        package=PackageName("some-pack"),
        version="1.0",
        index=IndexName("pypi"),
        filename="some_pack-1.0.tar.gz",
        sha256=digest_of_bytes(b""),
    )
    if fits:
        check_identity(tmp_path, artifact)
        return
    with pytest.raises(BuildFailedError, match="it should be some-pack"):
        check_identity(tmp_path, artifact)


WRONG = {
    "build-system = 3": "is no table",
    "[build-system]\nrequires = 3": "requires that is no array",
    '[build-system]\nrequires = "tool"': "requires that is no array",
    "[build-system]\nrequires = [3]": "requires that is no array",
    '[build-system]\nrequires = ["no requirement!"]': "requires: ",
    "[build-system]\nrequires = []\nbuild-backend = 4": "build-backend that is no text",
    '[build-system]\nrequires = []\nbackend-path = "."': "backend-path that is no array",
    '[build-system]\nrequires = []\nbackend-path = ["../.."]': "outside of the sources: ../..",
    '[build-system]\nrequires = []\nbackend-path = ["/opt"]': "outside of the sources: /opt",
    "[build-system\n": "cannot be read",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_a_build_system_that_makes_no_sense(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(BuildFailedError, match="pack: ") as caught:
        read_build_system(tmp_path, "pack")
    assert said in caught.value.message


def test_without_a_build_system_it_is_setuptools(tmp_path: Path) -> None:
    with pytest.raises(BuildFailedError, match="neither pyproject"):
        read_build_system(tmp_path, "pack")
    (tmp_path / "setup.py").touch()
    found = read_build_system(tmp_path, "pack")
    assert (found.backend, found.requires, found.path) == (
        "setuptools.build_meta:__legacy__",
        ("setuptools",),
        (),
    )
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(BuildFailedError, match="cannot be read"):
        read_build_system(tmp_path, "pack")
