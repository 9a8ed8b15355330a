"""RPMs of a release: real nfpm, rpmbuild, rpm and dnf, into roots with nothing else in them."""

from __future__ import annotations

import itertools
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, StorageError, UsageError
from lamina.model.rpm_versions import rpm_version
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.command_line import CommandLine
from support.mounts import mounted
from support.packs import run
from support.rpms import Installed, call, publish_next, publish_older, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lamina.export.rpm.writing import Written
    from support.packs import Shipped

pytestmark = [
    pytest.mark.skipif(shutil.which("dnf") is None, reason="dnf is not there"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root installs RPMs"),
]
PREFIX = "opt/lamina/small"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a directory for the RPMs of the first release, and later of the next."""
    top = tmp_path_factory.mktemp("rpms")
    yield top / "repo"
    fs.remove_tree(top)


@pytest.fixture(scope="module")
def first(shipped: Shipped, repository: Path) -> Written:
    """Return the RPMs of the first release, in the repository."""
    return write(shipped, repository, repository=True)


@pytest.fixture(scope="module")
def moved(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return one RPM of the whole release, by rpmbuild, that may be installed elsewhere."""
    directory = tmp_path_factory.mktemp("whole")
    environ = shipped.environ | {"SOURCE_DATE_EPOCH": "1000"}
    wanted = {"split": "whole", "builder": "rpmbuild", "relocatable": True, "environ": environ}
    write(shipped, directory, **wanted)
    yield next(directory.glob("*.rpm"))
    fs.remove_tree(directory)


def installed_files(top: Path) -> set[str]:
    found = (one for one in top.rglob("*") if one.is_symlink() or not one.is_dir())
    return {f"/{PREFIX}/{one.relative_to(top)}" for one in found}


def sound(top: Path) -> str:
    """Return the release that is there, as it was exported."""
    release = release_at(top)
    assert release is not None
    findings = verify_release(release)
    assert findings.sound, findings.lines()
    return release.name


def test_every_file_is_in_exactly_one_rpm(first: Written, repository: Path, tmp_path: Path) -> None:
    listed: list[str] = []
    for one in first.packages:
        asked = call("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\\n]",
                     repository / one.file_name)  # fmt: skip
        rows = [line.split(" ", 1) for line in asked.splitlines()]
        listed += [path for mode, path in rows if not mode.startswith("d")]
    assert len(listed) == len(set(listed)) > 1000
    root = Installed(tmp_path / "root", repository)
    root.rpm("-i", *(repository / one.file_name for one in first.packages))
    assert set(listed) == installed_files(root.top / PREFIX)
    assert sound(root.top / PREFIX) == "small/1.0"
    assert root.rpm("-Va") == []
    owner = root.rpm("-qf", f"/{PREFIX}/lib/python3.12/site-packages/greeter/__pycache__")
    assert owner[0].startswith("lamina-small+greeter-1.0-1.")
    assert all(one.stat().st_uid == 0 for one in (root.top / PREFIX).rglob("*"))
    fs.remove_tree(root.top)


def test_nothing_is_required_or_provided_but_the_release(first: Written, repository: Path) -> None:
    for one in first.packages:
        path = repository / one.file_name
        for asked in ("--requires", "--provides"):
            words = call("rpm", "-qp", asked, path).splitlines()
            assert all(word.startswith(("lamina-small", "rpmlib(")) for word in words), words
    wanted = [f"{one.name} = {one.full_version}" for one in first.packages[:-1]]
    assert first.metapackage.requires == tuple(wanted)


def test_the_same_release_gives_the_same_bytes(
    shipped: Shipped, first: Written, repository: Path, tmp_path: Path
) -> None:
    write(shipped, tmp_path / "again")
    for one in first.packages:
        data = (tmp_path / "again" / one.file_name).read_bytes()
        assert data == (repository / one.file_name).read_bytes()
        assert os.uname().nodename.encode() not in data[:5000]
    assert [one.name for one in (tmp_path / "again").iterdir() if one.suffix != ".rpm"] == []


def test_dnf_upgrades_to_the_next_release_and_back(
    shipped: Shipped, first: Written, repository: Path, tmp_path: Path
) -> None:
    root = Installed(tmp_path / "root", repository)
    root.dnf("install", "lamina-small")
    before = ["lamina-small+greeter-1.0", "lamina-small+numbers-of-ours-2.0",
              "lamina-small+python-3.12.1", "lamina-small-1.0"]  # fmt: skip
    assert [one.rsplit(".", 1)[0] for one in root.names()] == [
        one.rsplit(".", 1)[0] for one in before
    ]
    top = root.top / PREFIX
    release = publish_next(shipped, tmp_path)
    second = write(shipped, repository, release=release, repository=True)
    same = {one.file_name for one in first.packages} & {one.file_name for one in second.packages}
    assert set(second.kept) == same
    assert [one.split("-3.12")[0] for one in same] == ["lamina-small+python"]
    edges = {one.name: one.requires for one in second.packages}
    assert edges["lamina-small+greeter"] == ("lamina-small+fresh", "lamina-small+python")
    assert edges["lamina-small+fresh"] == ("lamina-small+python",)
    root.dnf("upgrade", "lamina-small")
    assert sound(top) == "small/1.1"
    assert not any("numbers" in one for one in root.names())
    assert "lamina-small+fresh-3.0~rc1" in root.names()
    root.dnf("history", "undo", "last")
    assert sound(top) == "small/1.0"
    new, old = (
        [repository / one.file_name for one in written.packages if one.file_name not in same]
        for written in (second, first)
    )
    root.rpm("-U", *new)
    assert sound(top) == "small/1.1"
    root.rpm("-U", "--oldpackage", *old)
    root.rpm("-e", "lamina-small+fresh")
    assert sound(top) == "small/1.0"
    fs.remove_tree(root.top)


@pytest.mark.heavy
def test_the_printed_line_installs_a_release_whatever_is_older_in_it(
    shipped: Shipped, first: Written, repository: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Of packages built anew, the digest is lower one way or the other."""
    monkeypatch.setenv("HOME", shipped.environ["HOME"])
    mine = tmp_path / "repo"
    mine.mkdir()
    for one in first.packages:
        os.link(repository / one.file_name, mine / one.file_name)
    release = publish_older(shipped, tmp_path)
    command = CommandLine(directory=tmp_path, environ=shipped.environ)
    words = ("--as", "rpm", "--fixed", "--repo", "-o", mine)
    [_, new] = command("export", release.prefix, *words).stdout.splitlines()
    [_, old] = command("export", shipped.release.prefix, *words).stdout.splitlines()
    root = Installed(tmp_path / "installed", mine)
    top = root.top / PREFIX
    for line, name in ((old, "1.0"), (new, "1.2"), (old, "1.0")):
        assert line.startswith(f"dnf --repofrompath=lamina,{mine.as_uri()} --repo=lamina install")
        root.dnf("install", line.split()[-1])
        assert sound(top) == f"small/{name}"
    root.dnf("upgrade", "lamina-small")
    assert sound(top) == "small/1.0"  # skipped, without an error: why no page says so
    root.dnf("distro-sync", "lamina-small*")
    assert sound(top) == "small/1.2"
    fs.remove_tree(root.top)


@pytest.mark.heavy
def test_two_releases_are_installed_side_by_side(shipped: Shipped, tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    write(shipped, repository, side_by_side=True)
    release = publish_next(shipped, tmp_path) if not _next(shipped).exists() else None
    other = release or release_at(_next(shipped))
    write(shipped, repository, release=other, side_by_side=True, repository=True)
    root = Installed(tmp_path / "root", repository)
    root.dnf("install", "lamina-small-1.0", "lamina-small-1.1")
    assert sound(root.top / PREFIX / "1.0") == "small/1.0"
    assert sound(root.top / PREFIX / "1.1") == "small/1.1"
    root.dnf("remove", "lamina-small-1.0")
    assert sound(root.top / PREFIX / "1.1") == "small/1.1"


def _next(shipped: Shipped) -> Path:
    return shipped.release.prefix.parents[1] / "1.1" / shipped.release.platform


def test_rpm_installs_it_elsewhere_and_it_works_there(moved: Path, tmp_path: Path) -> None:
    there, database = tmp_path / "else where", tmp_path / "db"
    call("rpm", "--dbpath", database, "-i", "--prefix", there, moved)
    assert run(there / "bin" / "greet") == f"hello from {there}\n"
    assert sound(there) == "small/1.0"
    call("rpm", "--dbpath", database, "-e", "lamina-small")
    assert not there.exists()


def test_what_nfpm_builds_is_moved_too(shipped: Shipped, tmp_path: Path) -> None:
    written = write(shipped, tmp_path / "rpms", relocatable=True)
    there, paths = tmp_path / "there", sorted((tmp_path / "rpms").iterdir())
    assert "/bin/sh" in call("rpm", "-qp", "--requires", tmp_path / "rpms" /
                             written.metapackage.file_name)  # fmt: skip
    relocation = f"/{PREFIX}={there}"
    database = tmp_path / "db"
    call("rpm", "--dbpath", database, "-i", "--nodeps", "--relocate", relocation, *paths)
    assert run(there / "bin" / "greet") == f"hello from {there}\n"
    assert sound(there) == "small/1.0"
    fs.remove_tree(there)


def test_rpmbuild_makes_what_an_empty_root_takes(moved: Path, tmp_path: Path) -> None:
    root = Installed(tmp_path / "root", moved.parent)
    root.rpm("-i", moved)
    assert sound(root.top / PREFIX) == "small/1.0"
    assert root.rpm("-Va") == []
    times = call("rpm", "-qp", "--qf", "%{BUILDTIME} [%{FILEMTIMES} ]", moved)
    assert set(times.split()) == {"1000"}
    words = call("rpm", "-qp", "--requires", "--provides", moved).split("\n")
    assert all(not one or one.startswith(("lamina-small ", "lamina-small(", "rpmlib(")) for one in
               words), words  # fmt: skip
    fs.remove_tree(root.top)


@pytest.mark.heavy
def test_rpmbuild_gives_the_same_bytes_and_takes_odd_names(
    shipped: Shipped, tmp_path: Path
) -> None:
    there = _next(shipped)
    release = release_at(there) if there.exists() else publish_next(shipped, tmp_path)
    for name in ("one", "other"):
        write(shipped, tmp_path / name, release=release, builder="rpmbuild")
    ones = sorted((tmp_path / "one").iterdir())
    assert len(ones) == 4
    assert [one.read_bytes() for one in ones] == [
        (tmp_path / "other" / one.name).read_bytes() for one in ones
    ]
    asked = call("rpm", "-qpl", next(one for one in ones if "fresh" in one.name))
    assert "/fresh data/100% [a]{b}.txt\n" in asked


def test_versions_are_in_order_for_rpm_as_well() -> None:
    ordered = ["1.0.dev1", "1.0a1.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0rc1.post1", "1.0",
               "1.0+local.1", "1.0.post1.dev1", "1.0.post1", "1.0.1", "1.10", "2!0.1"]  # fmt: skip
    versions = [rpm_version(one) for one in ordered]
    for one, other in itertools.pairwise(versions):
        if one.epoch == other.epoch:
            script = f"%{{lua:print(rpm.vercmp('{one.version}', '{other.version}'))}}"
            assert call("rpm", "--eval", script).strip() == "-1", (one, other)


def test_what_is_there_is_not_overwritten(shipped: Shipped, first: Written, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConflictError, match="no directory"):
        write(shipped, tmp_path / "file")
    other = tmp_path / "repo" / first.metapackage.file_name
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(ConflictError, match="is no RPM"):
        write(shipped, other.parent)
    assert [one.name for one in other.parent.iterdir()] == [other.name]


@pytest.mark.parametrize("prefix", ["opt/here", "/", "/opt/a b", "/opt/../etc", "/opt/[a]"])
def test_a_prefix_that_rpm_cannot_have_is_refused(
    shipped: Shipped, tmp_path: Path, prefix: str
) -> None:
    with pytest.raises(UsageError):
        write(shipped, tmp_path / "rpms", prefix=prefix)
    assert not (tmp_path / "rpms").exists()


@pytest.mark.parametrize(
    ("changes", "package"),
    [({"builder": "rpmbuild"}, "rpm-build"), ({"repository": True}, "createrepo")],
    ids=["rpmbuild", "createrepo_c"],
)
def test_a_missing_program_is_named_with_its_package(
    shipped: Shipped, tmp_path: Path, changes: dict[str, str], package: str
) -> None:
    environ = shipped.environ | {"PATH": str(tmp_path)}
    with pytest.raises(LaminaError, match="is not there") as caught:
        write(shipped, tmp_path / "rpms", environ=environ, **changes)
    assert any(package in hint for hint in caught.value.hints)


def test_what_a_builder_says_is_kept_when_it_fails(shipped: Shipped, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "rpmbuild"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'no such macro' >&2\nexit 3\n")
    program.chmod(0o755)
    environ = shipped.environ | {"PATH": f"{program.parent}:/usr/bin:/bin"}
    with pytest.raises(LaminaError, match="no such macro"):
        write(shipped, tmp_path / "rpms", builder="rpmbuild", environ=environ)
    assert "no such macro" in (tmp_path / "rpms" / "lamina-rpm.log").read_text()
    assert [one.name for one in (tmp_path / "rpms").iterdir()] == ["lamina-rpm.log"]


@pytest.mark.parametrize("there", [False, True], ids=["made", "there"])
def test_nothing_is_left_where_it_is_interrupted(
    shipped: Shipped, tmp_path: Path, *, there: bool
) -> None:
    program = tmp_path / "bin" / "rpmbuild"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho begun\nkill -INT {os.getpid()}\nsleep 1\n")
    program.chmod(0o755)
    if there:
        (tmp_path / "rpms").mkdir()
    environ = shipped.environ | {"PATH": f"{program.parent}:/usr/bin:/bin"}
    with pytest.raises(KeyboardInterrupt):
        write(shipped, tmp_path / "rpms", builder="rpmbuild", environ=environ, split="whole")
    assert (tmp_path / "rpms").exists() is there
    assert not list(tmp_path.glob("rpms/*"))


def test_they_are_on_disk_before_they_are_seen(shipped: Shipped, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "rpmbuild"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")  # It makes none, so that the first cannot be put in place.
    program.chmod(0o755)
    environ = shipped.environ | {"PATH": f"{program.parent}:/usr/bin:/bin"}
    changes: list[str] = []
    with fs.observe(lambda operation, _: changes.append(operation)), pytest.raises(StorageError):
        write(shipped, tmp_path / "rpms", builder="rpmbuild", environ=environ, split="whole")
    assert "sync" in changes[: changes.index("rename")]


def test_a_damaged_release_is_not_exported(shipped: Shipped, tmp_path: Path) -> None:
    path = shipped.release.prefix / "bin" / "greet"
    before = path.read_bytes()
    fs.write_bytes(path, before + b"#", mode=0o555)
    try:
        with pytest.raises(IntegrityError, match="greet"):
            write(shipped, tmp_path / "rpms")
        assert not (tmp_path / "rpms").exists()
    finally:
        fs.write_bytes(path, before, mode=0o555)


def test_a_full_disk_is_said_before_anything_is_written(shipped: Shipped, tmp_path: Path) -> None:
    there = tmp_path / "small"
    there.mkdir()
    with mounted(there, "size=8m"):
        with pytest.raises(LaminaError, match="MB are free"):
            write(shipped, there)
        assert list(there.iterdir()) == []


def test_the_command_says_what_to_install(
    shipped: Shipped, first: Written, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", shipped.environ["HOME"])
    command = CommandLine(directory=repository, environ=shipped.environ)
    words = ("export", shipped.release.prefix, "--as", "rpm", "--fixed", "-o", repository)
    value = command(*words, "--json").json
    assert value["metapackage"] == first.metapackage.file_name
    assert all(one["kept"] for one in value["packages"])
    assert command(*words, "--repo").stdout.endswith(" install lamina-small-1.0\n")
    answer = command("export", shipped.release.prefix, "--as", "rpm", expect=2)
    assert "lamina export STACK/VERSION --as rpm -o DIRECTORY" in answer.stderr
