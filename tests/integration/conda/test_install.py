"""Installing into a prefix: all that was hashed, where it belongs, or nothing at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.package import PLACEHOLDER
from lamina.archive.reading import read_archive
from lamina.archive.writing import write_conda
from lamina.channel.directory import record_of
from lamina.core.errors import ConflictError, IntegrityError, LaminaError, UsageError
from lamina.engines.conda_install import STAGE_MARK, InstallRequest, install_new
from lamina.engines.conda_prefix import check_prefix, read_prefix
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.conda import CondaRecord, record_of_json
from lamina.model.platforms import Platform, SystemFloor
from support.archives import a_package, write_package
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

LINUX = Platform.LINUX_64


def a_record(archive: Path) -> CondaRecord:
    entry = record_of(read_archive(archive))
    url = f"https://channel.example.org/{entry['subdir']}/{archive.name}"
    return record_of_json(
        entry, file_name=archive.name, channel="https://channel.example.org/", url=url
    )


def request(prefix: Path, *archives: Path, final: Path | None = None) -> InstallRequest:
    return InstallRequest(
        archives={a_record(one): one for one in archives},
        prefix=prefix,
        platform=LINUX,
        final=final,
        requested=["one>=1"],
    )


@pytest.fixture
def one(tmp_path: Path) -> Path:
    files = {"bin/one": f"#!{PLACEHOLDER}/bin/sh\n", "share/one.txt": "one\n"}
    return write_package(tmp_path / "made", tmp_path / "work", "one", "1.0", files=files)


def stages(directory: Path) -> Sequence[Path]:
    return list(directory.glob(f".*{STAGE_MARK}*"))


def test_a_prefix_from_a_bootstrapped_channel_works(bootstrapped: Path, tmp_path: Path) -> None:
    channels = CondaChannels(addresses=[str(bootstrapped)], cache=tmp_path / "cache")
    virtual = virtual_packages(LINUX, floor=SystemFloor(glibc=(2, 99)))
    solution = solve(channels, SolveRequest(specs=["tool-box"], platform=LINUX, virtual=virtual))
    assert [one.name for one in solution] == ["native-part", "python", "python_abi", "tool-box"]
    archives = {one: bootstrapped / one.subdir / one.file_name for one in solution}
    prefix = install_new(
        InstallRequest(archives=archives, prefix=tmp_path / "prefix", platform=LINUX)
    )
    env = {"PATH": os.defpath}
    for program, said in (
        ("tool-box", "tool-box 1.2"),
        ("native-part", "native-part 1.5"),
        ("native-part-script", str(prefix / "bin" / "native-part-script")),
    ):
        words = [str(prefix / "bin" / program)]
        answer = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
        assert answer.stdout.strip() == said
    code = "import sys, ssl, sqlite3, tool_box; print(sys.prefix, tool_box.__file__)"
    words = [str(prefix / "bin" / "python"), "-c", code]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    site = prefix / "lib" / "python3.12" / "site-packages"
    assert answer.stdout.split() == [str(prefix), str(site / "tool_box" / "__init__.py")]
    # Running it has compiled what it imported, and changed nothing.
    assert check_prefix(prefix) == []
    assert read_prefix(prefix)[0].record == solution[0]


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_trap_01_what_is_not_its_digest_is_not_installed(
    one: Path, tmp_path: Path, kind: str
) -> None:
    good = a_record(one)
    wrong = replace(good, sha256="0" * 64) if kind == "sha256" else replace(good, md5="0" * 32)
    prefix = tmp_path / "prefix"
    wanted = InstallRequest(archives={wrong: one}, prefix=prefix, platform=LINUX)
    with pytest.raises(IntegrityError, match=rf"one-1\.0-h0_0\.conda: its {kind} is"):
        install_new(wanted)
    assert not prefix.exists()
    bare = replace(a_record(one), sha256="", md5="")
    with pytest.raises(IntegrityError, match=r"one 1\.0 h0_0: its record has no digest"):
        install_new(replace(wanted, archives={bare: one}))


def test_trap_02_no_file_has_a_second_name(one: Path, tmp_path: Path) -> None:
    prefix = install_new(request(tmp_path / "prefix", one))
    files = [path for path in prefix.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {path.stat().st_nlink for path in files} == {1}
    (prefix / "share" / "one.txt").write_text("changed in place\n", encoding="utf-8")
    other = install_new(request(tmp_path / "other", one))
    assert (other / "share" / "one.txt").read_text(encoding="utf-8") == "one\n"


def test_trap_06_what_was_asked_for_is_noted(one: Path, tmp_path: Path) -> None:
    prefix = install_new(request(tmp_path / "prefix", one))
    document = json.loads((prefix / "conda-meta" / "one-1.0-h0_0.json").read_bytes())
    assert document["requested_specs"] == ["one>=1"]
    assert document["url"] == "https://channel.example.org/linux-64/one-1.0-h0_0.conda"
    assert str(tmp_path) not in json.dumps(document)


def test_the_same_packages_make_the_same_prefix(one: Path, tmp_path: Path) -> None:
    final = tmp_path / "final"
    trees = []
    for name in ("first", "second"):
        prefix = install_new(request(tmp_path / name, one, final=final))
        files = sorted(path for path in prefix.rglob("*") if path.is_file())
        trees.append({str(path.relative_to(prefix)): path.read_bytes() for path in files})
    assert trees[0] == trees[1]
    assert trees[0]["bin/one"] == f"#!{final}/bin/sh\n".encode()


def test_trap_11_changed_and_missing_files_are_found(one: Path, tmp_path: Path) -> None:
    prefix = install_new(request(tmp_path / "prefix", one))
    assert check_prefix(prefix) == []
    (prefix / "bin" / "one").write_text("#!/bin/sh\n", encoding="utf-8")
    (prefix / "share" / "one.txt").unlink()
    assert check_prefix(prefix) == [
        "bin/one: changed (one 1.0 h0_0)",
        "share/one.txt: missing (one 1.0 h0_0)",
    ]


def test_trap_15_a_relative_prefix_is_written_whole(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prefix = install_new(request(Path("here"), one))
    assert prefix == tmp_path / "here"
    assert (prefix / "bin" / "one").read_text(encoding="utf-8") == f"#!{prefix}/bin/sh\n"


def test_trap_15_a_prefix_that_is_too_long_is_refused(tmp_path: Path) -> None:
    files = {"lib/data.bin": f"\0{PLACEHOLDER}/lib\0"}
    archive = write_package(tmp_path / "made", tmp_path / "work", "big", "1.0", files=files)
    fits = Path("/" + "x" * 254)
    install_new(request(tmp_path / "fits", archive, final=fits))
    assert (tmp_path / "fits" / "lib" / "data.bin").read_bytes() == f"\0{fits}/lib\0".encode()
    with pytest.raises(
        UsageError, match=r"256 bytes, and lib/data\.bin of big 1\.0 h0_0 has room for 255"
    ):
        install_new(request(tmp_path / "prefix", archive, final=Path(f"{fits}x")))
    assert not (tmp_path / "prefix").exists()


def test_a_file_that_two_packages_have_is_named_with_both(one: Path, tmp_path: Path) -> None:
    files = {"share/one.txt": "another\n"}
    two = write_package(tmp_path / "made", tmp_path / "work", "two", "2.0", files=files)
    with pytest.raises(
        ConflictError, match=r"share/one\.txt: in one 1\.0 h0_0 and in two 2\.0 h0_0"
    ):
        install_new(request(tmp_path / "prefix", one, two))
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_a_file_below_what_is_no_directory_of_another_is_refused(
    one: Path, tmp_path: Path, *, link: bool
) -> None:
    top = tmp_path / "odd"
    (top / "real").mkdir(parents=True)
    (top / "real" / "data").write_text("data\n", encoding="utf-8")
    if link:
        (top / "share").symlink_to("real")
    else:
        (top / "share").write_text("no directory\n", encoding="utf-8")
    odd = write_conda(a_package("odd"), top, tmp_path / "made")
    wanted = replace(request(tmp_path / "prefix", one, odd), allow_clobber=True)
    said = r"share/one\.txt: in one 1\.0 h0_0, and share is no directory in odd 1\.0 h0_0"
    with pytest.raises(ConflictError, match=said):
        install_new(wanted)
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize("path", ["conda-meta/one-1.0-h0_0.json", "__clobbers__/one"])
def test_records_of_the_prefix_are_no_files_of_packages(tmp_path: Path, path: str) -> None:
    archive = write_package(tmp_path / "made", tmp_path / "work", "two", files={path: "{}\n"})
    with pytest.raises(IntegrityError, match=rf"two-1\.0-h0_0\.conda: {path} is not a package's"):
        install_new(request(tmp_path / "prefix", archive))


def test_python_does_not_send_packages_out_of_the_prefix(tmp_path: Path) -> None:
    python = write_package(
        tmp_path / "made", tmp_path / "work", "python", "3.12.1", site_packages="../outside"
    )
    pure = write_package(
        tmp_path / "made", tmp_path / "work", "pure", subdir="noarch", noarch="python",
        files={"site-packages/pure.py": "pure = True\n"},
    )  # fmt: skip
    with pytest.raises(IntegrityError, match=r"'\.\./outside', where Python .* path that goes up"):
        install_new(request(tmp_path / "prefix", python, pure))
    assert not (tmp_path / "outside").exists()


def test_a_program_that_installing_would_make_counts_too(one: Path, tmp_path: Path) -> None:
    pure = write_package(
        tmp_path / "made", tmp_path / "work", "pure", "1.0",
        subdir="noarch", noarch="python", entry_points=("one = pure:main",),
    )  # fmt: skip
    with pytest.raises(ConflictError, match=r"bin/one: in one .* and in pure"):
        install_new(request(tmp_path / "prefix", one, pure))


def test_a_truncated_archive_is_named(one: Path, tmp_path: Path) -> None:
    wanted = request(tmp_path / "prefix", one)
    one.write_bytes(one.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match=r"one-1\.0-h0_0\.conda: its sha256"):
        install_new(wanted)


def test_what_is_there_stays(one: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    (prefix / "mine").touch()
    with pytest.raises(ConflictError, match="is there already"):
        install_new(request(prefix, one))
    (prefix / "mine").unlink()
    install_new(request(prefix, one))
    assert (prefix / "bin" / "one").is_file()


def test_trap_17_killed_anywhere_the_prefix_is_whole_or_not_there(
    bootstrapped: Path, tmp_path: Path
) -> None:
    python = next((bootstrapped / "linux-64").glob("python-3*.conda"))
    prefix = tmp_path / "prefix"
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from integration.conda.test_install import request
from lamina.engines.conda_install import install_new
install_new(request(Path({str(prefix)!r}), Path({str(python)!r})))
"""
    partial = 0
    for pause in (0.0, 0.1, 0.3, 0.6):
        known = set(stages(tmp_path))
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            while set(stages(tmp_path)) == known and process.poll() is None:
                time.sleep(0.01)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
        partial += set(stages(tmp_path)) > known
        if prefix.exists():
            break
    assert partial > 0
    if not prefix.exists():
        install_new(request(prefix, python))
    assert check_prefix(prefix) == []


def test_trap_17_of_two_at_once_one_makes_the_prefix(one: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"

    def attempt(_: int) -> str:
        try:
            return str(install_new(request(prefix, one)))
        except ConflictError as error:
            return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))
    assert outcomes == [str(prefix), *["ConflictError"] * 3]
    assert check_prefix(prefix) == []
    assert stages(tmp_path) == []


def test_link_scripts_are_not_run_and_that_is_said(tmp_path: Path) -> None:
    files = {"bin/.one-post-link.sh": "#!/bin/sh\ntouch $PREFIX/ran\n"}
    archive = write_package(tmp_path / "made", tmp_path / "work", files=files)
    with kept_warnings() as warned:
        prefix = install_new(request(tmp_path / "prefix", archive))
    assert warned == ["one 1.0 h0_0: its link script is not run"]
    assert not (prefix / "ran").exists()


def test_python_packages_without_a_python_are_said(tmp_path: Path) -> None:
    about: dict[str, Any] = {"subdir": "noarch", "noarch": "python"}
    files = {"site-packages/pure.py": "x = 1\n"}
    pure = write_package(tmp_path / "made", tmp_path / "work", "pure", "1.0", files=files, **about)
    with pytest.raises(LaminaError, match="no python version specified"):
        install_new(request(tmp_path / "prefix", pure))
    assert not (tmp_path / "prefix").exists()
    assert stages(tmp_path) == []


def test_a_stage_that_cannot_be_renamed_is_gone(one: Path, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("no directory\n", encoding="utf-8")
    with pytest.raises(ConflictError):
        install_new(request(place, one))
    assert stages(tmp_path) == []
