"""Which RPM a file comes into, and what RPMs are called."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, NotSupportedError, UsageError
from lamina.engines.rpm_package import NAME, RpmFile, RpmPackage, require_program
from lamina.engines.rpm_rpmbuild import render_spec
from lamina.export.rpm.needs import Needs
from lamina.export.rpm.owners import Owned, Owner, find_owners
from lamina.export.rpm.plan import plan_rpms
from lamina.export.rpm.shape import Shape, arch_of
from lamina.model.names import StackName
from lamina.model.platforms import Platform
from lamina.model.rpm_versions import RpmVersion, rpm_version, rpm_version_of_conda
from lamina.model.versions import ReleaseVersion
from lamina.release.mtree import Entry, read_tree

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.12/site-packages"
NOTHING = Needs(edges={}, times={}, licences={}, former=(), empty=frozenset())
SHAPE = Shape(
    stack=StackName("hep-base"),
    version=ReleaseVersion("2026.11.0"),
    platform=Platform.LINUX_64,
    prefix="/opt/lamina/hep-base",
    split="per-package",
    side_by_side=False,
    relocatable=True,
    seconds=1_800_000_000,
    latest=None,
)


@pytest.mark.parametrize(
    ("text", "epoch", "version"),
    [
        ("1.0", 0, "1.0"),
        ("1.0rc1", 0, "1.0~rc1"),
        ("1.0+local.2", 0, "1.0+local.2"),
        ("2!1.0", 2, "1.0"),
        ("1.0.dev3", 0, "1.0~~dev3"),
        ("1.0b1.dev3", 0, "1.0~b1~dev3"),
        ("1.0.post1", 0, "1.0.post1"),
        ("v1.0-alpha.1", 0, "1.0~a1"),
    ],
)
def test_versions_of_the_index(text: str, epoch: int, version: str) -> None:
    assert rpm_version(text) == RpmVersion(epoch, version)


@pytest.mark.parametrize(
    ("text", "epoch", "version"),
    [
        ("2023c", 0, "2023c"),
        ("1.1.1w", 0, "1.1.1w"),
        ("3.13.0rc2", 0, "3.13.0~rc2"),
        ("1!2_0-x", 1, "2_0_x"),
    ],
)
def test_versions_of_conda(text: str, epoch: int, version: str) -> None:
    assert rpm_version_of_conda(text) == RpmVersion(epoch, version)


def test_a_version_that_rpm_cannot_have_is_named() -> None:
    owned = Owned(owners=(Owner("conda", "odd", "1*0"),), paths={})
    with pytest.raises(UsageError, match=r"odd: '1\*0'"):
        plan_rpms(SHAPE, {}, owned, NOTHING)
    with pytest.raises(NotSupportedError, match="osx-64"):
        arch_of(Platform.OSX_64)
    with pytest.raises(Exception, match="no-such-program is not there"):
        require_program("no-such-program", {"PATH": "/usr/bin"}, [])


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_tree(top: Path, *lines: str) -> Path:
    """Make a prefix with a package of the index, one of conda that has one, and an interpreter."""
    put(top / SITE / "one" / "__init__.py")
    put(top / SITE / "one" / "__pycache__" / "__init__.cpython-312.pyc")
    put(top / SITE / "unknown.py")
    put(top / "bin" / "one")
    put(top / "python" / "bin" / "python3.12")
    record = ["one/__init__.py,,", "../../../bin/one,,", "one-1.0.dist-info/RECORD,,", *lines]
    put(top / SITE / "one-1.0.dist-info" / "RECORD", "\n".join(record) + "\n")
    put(top / SITE / "conda_brought.py")
    put(top / SITE / "conda_brought-2.dist-info" / "RECORD",
        "conda_brought.py,,\nconda_brought-2.dist-info/RECORD,,\nlate.py,,\n")  # fmt: skip
    put(top / SITE / "late.py")
    brought = (f"{SITE}/conda_brought.py", f"{SITE}/conda_brought-2.dist-info/RECORD")
    paths = [{"_path": one, "path_type": "hardlink"} for one in brought]
    document = {"name": "conda-brought", "version": "2", "build": "0", "build_number": 0,
                "fn": "conda-brought-2-0.conda", "depends": [], "subdir": "noarch",
                "license": "MIT", "paths_data": {"paths": paths}}  # fmt: skip
    put(top / "conda-meta" / "conda-brought-2-0.json", json.dumps(document))
    return top


def owners_of(top: Path) -> dict[str, str]:
    entries, _ = read_tree(top)
    owned = find_owners(top, "/opt/x", entries, Owner("python", "python", "3.12.1"))
    return {path: f"{one.kind} {one.name}" for path, one in owned.paths.items()}


def test_each_file_is_the_one_that_brought_it(tmp_path: Path) -> None:
    found = owners_of(make_tree(tmp_path, "/opt/x/bin/one,,", "gone.py,,"))
    assert found["bin/one"] == found[f"{SITE}/one/__init__.py"] == "pypi one"
    assert found[f"{SITE}/one/__pycache__/__init__.cpython-312.pyc"] == "pypi one"
    brought = ("conda_brought.py", "late.py", "conda_brought-2.dist-info/RECORD")
    assert {found[f"{SITE}/{one}"] for one in brought} == {"conda conda-brought"}
    assert found["conda-meta/conda-brought-2-0.json"] == "conda conda-brought"
    assert found["python/bin/python3.12"] == "python python"
    assert f"{SITE}/unknown.py" not in found
    assert f"{SITE}/gone.py" not in found
    assert "pypi conda-brought" not in found.values()


@pytest.mark.parametrize("line", ["../../../../outside.txt,,", "/etc/one.conf,,"])
def test_a_file_outside_of_the_release_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(NotSupportedError, match=r"one-1\.0 has a file outside of the release"):
        owners_of(make_tree(tmp_path / "top", line))


def plan(owners: tuple[Owner, ...], paths: dict[str, Owner], data: str = "0") -> list[RpmPackage]:
    file = Entry(kind="file", mode=0o444, size=1, sha256=data * 64)
    entries = {"a": Entry(kind="dir", mode=0o755)} | {f"a/{one.name}": file for one in owners}
    return plan_rpms(SHAPE, entries | {"rest": file}, Owned(owners=owners, paths=paths), NOTHING)


def test_names_tell_apart_what_stacks_and_kinds_share() -> None:
    owners = (Owner("pypi", "graphviz", "1.0"), Owner("conda", "graphviz", "9.0"))
    packages = plan(owners, {})
    assert [one.name for one in packages] == [
        "lamina-hep-base+conda-graphviz", "lamina-hep-base+graphviz", "lamina-hep-base"
    ]  # fmt: skip
    with pytest.raises(ConflictError, match=r"two packages would be lamina-hep-base\+x"):
        plan((Owner("pypi", "x", "1"), Owner("pypi", "x", "2")), {})


def test_the_release_of_an_rpm_says_what_is_in_it() -> None:
    owner = Owner("pypi", "one", "1.0")
    one, meta = plan((owner,), {"a/one": owner})
    again, _ = plan((owner,), {"a/one": owner})
    other, other_meta = plan((owner,), {"a/one": owner}, data="1")
    assert one == again
    assert one.release != other.release
    assert meta.requires == (f"lamina-hep-base+one = 1.0-{one.release}",)
    assert meta.release != other_meta.release
    assert [file.path.removeprefix(SHAPE.prefix) for file in one.files] == ["", "/a", "/a/one"]
    assert [file.path.removeprefix(SHAPE.prefix) for file in meta.files] == ["", "/rest"]


def test_a_spec_says_names_as_they_are() -> None:
    _, meta = plan((Owner("pypi", "one", "1.0"),), {})
    files = (RpmFile(path='/opt/100% "a" [b]', kind="file", mode=0o444),)
    package = RpmPackage(
        **{name: getattr(meta, name) for name in meta.__slots__} | {"files": files}
    )
    text = render_spec(package)
    assert r'%attr(0444, root, root) "/opt/100???a???b?"' in text
    assert "%posttrans -p <lua>" in text


def test_a_file_that_two_packages_claim_is_of_the_one_whose_digest_it_has(tmp_path: Path) -> None:
    """Both have a line for it; the one that was installed last has written it."""
    shared = "shared.py,sha256={digest},1\n"
    empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    first = shared.format(digest="a" * 43)
    top = make_tree(tmp_path, first.strip())
    put(top / SITE / "two-1.0.dist-info" / "RECORD",
        shared.format(digest=empty) + "two-1.0.dist-info/RECORD,,\n")  # fmt: skip
    put(top / SITE / "shared.py")
    assert owners_of(top)[f"{SITE}/shared.py"] == "pypi two"
    put(top / SITE / "shared.py", "neither's")
    assert owners_of(top)[f"{SITE}/shared.py"] in {"pypi one", "pypi two"}


@pytest.mark.parametrize("version", ["2026.11.0", "1!2.0", "1.0+local.1", "3.0rc1"])
def test_side_by_side_the_version_is_in_all_names_as_rpm_can_have_it(version: str) -> None:
    shape = dataclasses.replace(SHAPE, version=ReleaseVersion(version), side_by_side=True)
    owners = (Owner("pypi", "one", "1.0"),)
    packages = plan_rpms(shape, {}, Owned(owners=owners, paths={}), NOTHING)
    stem = f"lamina-hep-base-{version.replace('!', '_').replace('+', '_')}"
    assert [one.name for one in packages] == [f"{stem}+one", stem]
    assert all(NAME.fullmatch(one.name) for one in packages)
    assert len({one.partition("+")[0] for one in (one.name for one in packages)}) == 1


@pytest.mark.parametrize("name", ["od d", "odd/name", "odd~name", "odd(x)", "odd\n"])
def test_a_name_that_rpm_cannot_have_is_refused(name: str) -> None:
    owned = Owned(owners=(Owner("conda", name, "1.0"),), paths={})
    with pytest.raises(UsageError, match="od"):
        plan_rpms(SHAPE, {}, owned, NOTHING)
