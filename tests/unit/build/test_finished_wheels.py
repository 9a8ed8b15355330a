"""Wheels as back ends and hooks leave them: only the right one is kept, the same each time."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.build.wheels.wheel import finish_wheel
from lamina.core.errors import BuildFailedError
from lamina.model.artifacts import Artifact
from lamina.model.digests import digest_of_bytes
from lamina.model.names import IndexName, PackageName
from lamina.model.platforms import Target

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target.parse("linux-64/3.12")
SDIST = Artifact(
    package=PackageName("pack"),
    version="1.0",
    index=IndexName("pypi"),
    filename="pack-1.0.tar.gz",
    sha256=digest_of_bytes(b""),
)
METADATA = "Metadata-Version: 2.1\nName: pack\nVersion: 1.0\n"


def make(path: Path, files: dict[str, str] | None = None, mode: int = 0o644) -> Path:
    contents = {
        "pack.py": "value = 1\n",
        "pack-1.0.dist-info/METADATA": METADATA,
        "pack-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\n",
        "pack-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (contents if files is None else files).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, text)
    return path


def finish(built: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return finish_wheel(built, out, SDIST, TARGET, {"name": "pack"})


FITTING = ["py3-none-any", "py2.py3-none-any", "py312-none-any", "cp312-cp312-linux_x86_64",
           "cp312-cp312-manylinux_2_39_x86_64", "cp311-abi3-linux_x86_64", "py3-none-linux_x86_64",
           "cp312-none-manylinux2014_x86_64"]  # fmt: skip
FOREIGN = ["cp312-cp312-win_amd64", "cp312-cp312-linux_aarch64", "cp313-abi3-linux_x86_64",
           "cp311-cp311-linux_x86_64", "cp27-cp27mu-linux_x86_64", "py2-none-any",
           "pp310-pypy310_pp73-linux_x86_64", "py3-none-macosx_14_0_arm64"]  # fmt: skip


@pytest.mark.parametrize("tag", FITTING)
def test_a_wheel_for_the_target_is_kept(tmp_path: Path, tag: str) -> None:
    name = f"pack-1.0-{tag}.whl"
    assert finish(make(tmp_path / name), tmp_path).name == name


@pytest.mark.parametrize("tag", FOREIGN)
def test_a_wheel_for_another_target_is_not(tmp_path: Path, tag: str) -> None:
    name = f"pack-1.0-{tag}.whl"
    with pytest.raises(BuildFailedError, match="is not for linux-64") as caught:
        finish(make(tmp_path / name), tmp_path)
    assert name in caught.value.message
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pack-2.0-py3-none-any.whl", "it should be pack 1.0"),
        ("other-1.0-py3-none-any.whl", "it should be pack 1.0"),
        ("pack.whl", "is no wheel"),
        ("pack-1.0.zip", "is no wheel"),
        ("pack-of_today-py3-none-any.whl", "is no wheel"),
    ],
)
def test_a_wheel_of_another_name(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BuildFailedError, match=said):
        finish(make(tmp_path / name), tmp_path)


INFO = "pack-1.0.dist-info"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pack.py": ""}, "no metadata of its own"),
        ({f"{INFO}/METADATA": METADATA, "b-1.dist-info/METADATA": ""}, "no metadata of its own"),
        ({f"{INFO}/METADATA": METADATA.replace("pack", "other")}, "it should be pack 1.0"),
        ({f"{INFO}/METADATA": METADATA.replace("1.0", "3.0")}, "it should be pack 1.0"),
    ],
    ids=["none", "two", "name", "version"],
)
def test_a_wheel_with_other_metadata_inside(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    with pytest.raises(BuildFailedError, match=said):
        finish(make(tmp_path / "pack-1.0-py3-none-any.whl", files), tmp_path)


@pytest.mark.parametrize("how", ["gone", "text", "cut", "directory"])
def test_what_is_no_wheel(tmp_path: Path, how: str) -> None:
    path = make(tmp_path / "pack-1.0-py3-none-any.whl")
    match how:
        case "cut":
            path.write_bytes(path.read_bytes()[:-30])
        case "text":
            path.write_text("made by hand")
        case _:
            path.unlink()
    if how == "directory":
        path.mkdir()
    with pytest.raises(BuildFailedError, match="made no wheel" if how[0] in "gd" else "no wheel:"):
        finish(path, tmp_path)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    name = "pack-1.0-py3-none-any.whl"
    contents = {f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": "", "a.py": "", "b/run": "#!/bin/sh"}
    first = finish(make(tmp_path / name, contents, 0o755), tmp_path).read_bytes()
    turned = dict(reversed(contents.items()))
    assert finish(make(tmp_path / name, turned, 0o700), tmp_path).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "out" / name) as archive:
        assert "b/run,sha256=" in archive.read(f"{INFO}/RECORD").decode()
        assert archive.getinfo("b/run").external_attr >> 16 & 0o111
        assert archive.read(f"{INFO}/lamina-build.json") == b'{\n  "name": "pack"\n}\n'


def test_names_in_a_wheel_stay_inside(tmp_path: Path) -> None:
    contents = {f"{INFO}/METADATA": METADATA, "../../../out.py": "", "/etc/out.py": ""}
    finish(make(tmp_path / "pack-1.0-py3-none-any.whl", contents), tmp_path)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["pack-1.0-py3-none-any.whl"]
    assert not list(tmp_path.rglob("out.py"))
