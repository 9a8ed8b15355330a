"""What the doctor reads: metadata, scripts, records of conda, names of compiled modules."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from lamina.layer.doctor.checks.duplicate_metadata import is_as_recorded, wrong_files
from lamina.layer.doctor.checks.pythonpath_other_series import series_of
from lamina.layer.doctor.conda import CondaPackage, conda_packages
from lamina.layer.doctor.extensions import contains, extensions_of, needs_of, start_of
from lamina.layer.doctor.installed import Copy, read_directories
from lamina.layer.doctor.libraries import library_directories
from lamina.layer.doctor.places import environment_of, inside
from lamina.layer.doctor.programs import read_scripts
from lamina.layer.scripts import interpreter_of
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

ALPHA = Wheel(name="alpha", version="1.0", files={"odd, name.py": "", "alpha/data.txt": "x"})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    ALPHA.unpack(tmp_path / "site")
    return tmp_path / "site"


def only_copy(site: Path) -> Copy:
    (directory,) = read_directories([str(site), str(site / "missing")])
    (copy,) = directory.copies
    return copy


def test_a_copy(site: Path) -> None:
    (site / "alpha-1.0.dist-info" / "INSTALLER").write_text("conda\n", encoding="utf-8")
    copy = only_copy(site)
    assert (copy.key, copy.title, copy.installer) == ("alpha", "alpha 1.0", "conda")
    # The RECORD of this wheel does not quote the name with a comma, as a sloppy builder.
    assert copy.tops == {"alpha", "odd"}


def test_a_record_with_quotes(site: Path) -> None:
    record = site / "alpha-1.0.dist-info" / "RECORD"
    record.write_text('"odd, name.py",sha256=abc,0\n../../bin/x,,\n\n', encoding="utf-8")
    assert only_copy(site).record == (("odd, name.py", "sha256=abc"), ("../../bin/x", ""))
    assert only_copy(site).tops == {"odd, name.py"}


def test_an_egg_says_what_is_its_own(tmp_path: Path) -> None:
    egg = tmp_path / "old.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: Old\nVersion: 3\n", encoding="utf-8")
    (egg / "top_level.txt").write_text("old\n_old\n", encoding="utf-8")
    (egg / "installed-files.txt").write_text("../older/__init__.py\nPKG-INFO\n", encoding="utf-8")
    copy = only_copy(tmp_path)
    assert copy.tops == {"old", "_old", "older"}
    assert copy.record == ()


def test_modules_and_broken_metadata(site: Path) -> None:
    (site / "namespace").mkdir()
    (site / "single.py").touch()
    (site / "fast.cpython-312-x86_64-linux-gnu.so").touch()
    (site / "notes.txt").touch()
    (site / "gone-1.dist-info").mkdir()
    (site / "~ld-1.dist-info").mkdir()
    (directory,) = read_directories([str(site)])
    assert directory.modules == {"alpha", "single", "fast", "odd, name"} - {"odd, name"}
    assert directory.broken == ("gone-1.dist-info",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("#!/a/bin/python3 -s\nx", "/a/bin/python3", id="plain"),
        pytest.param("#! /a/bin/python\n", "/a/bin/python", id="space"),
        pytest.param("#!/usr/bin/env python3\n", "/usr/bin/env", id="env"),
        pytest.param("#!python\n", None, id="relative"),
        pytest.param("#!\n", None, id="nothing"),
        pytest.param("\x7fELF", None, id="binary"),
        pytest.param("", None, id="empty"),
        pytest.param(
            "#!/bin/sh\n'''exec' '/a b/bin/python' \"$0\" \"$@\"\n' '''\n", "/a b/bin/python",
            id="long",
        ),
        pytest.param(
            '#!/bin/sh\n\'\'\'exec\' "/a b/python" "$0" "$@"\n\' \'\'\'\n', "/a b/python", id="pip"
        ),
        pytest.param("#!/bin/sh\n'''exec' '/a \"$0\"\n", None, id="unclosed"),
    ],
)  # fmt: skip
def test_the_interpreter_of_a_script(tmp_path: Path, text: str, expected: str | None) -> None:
    (tmp_path / "script").write_text(text, encoding="utf-8")
    assert interpreter_of(tmp_path / "script") == expected


def test_scripts_of_a_prefix(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("two", "one", "python3.12-gdb.py"):
        (programs / name).write_text("#!/a/python\n", encoding="utf-8")
    (programs / "link").symlink_to("one")
    (programs / "directory").mkdir()
    assert [one.path.name for one in read_scripts(tmp_path)] == ["one", "two"]
    assert read_scripts(tmp_path / "missing") == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v/lib/python3.11/site-packages", "3.11"),
        ("/v/lib/python3.13t/site-packages/x", "3.13"),
        ("/usr/lib/python3/dist-packages", None),
        ("/home/python3.9-things", None),
    ],
)
def test_the_series_that_a_path_names(path: str, expected: str | None) -> None:
    assert series_of(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v/lib/python3.11/site-packages", "/v"),
        ("/v/lib/python3.11/site-packages/numpy/core", "/v"),
        ("/usr/lib/python3/dist-packages", "/usr"),
        ("/view/site-packages", "/"),
        ("/home/sources", None),
    ],
)
def test_the_environment_of_a_path(path: str, expected: str | None) -> None:
    found = environment_of(path)
    assert (str(found) if found else None) == expected


def test_inside_through_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert inside(tmp_path / "link" / "x", tmp_path / "real")
    assert inside(tmp_path / "real", tmp_path / "link")
    assert not inside(tmp_path / "really", tmp_path / "real")


def test_records_of_conda(tmp_path: Path) -> None:
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    (meta / "bad.json").write_text("{", encoding="utf-8")
    (meta / "list.json").write_text("[]", encoding="utf-8")
    (meta / "a.json").write_text('{"name": "a", "version": "1"}', encoding="utf-8")
    assert conda_packages(tmp_path) == (CondaPackage(name="a", version="1", files=()),)
    site = "lib/python3.12/site-packages"
    package = CondaPackage(
        name="pkgs",
        version="1",
        files=(
            f"{site}/My_Pkg-1.2.dist-info/METADATA",
            f"{site}/old-3-py3.12.egg-info",
            "bin/tool",
        ),
    )
    assert package.python_metadata == {
        "my-pkg": f"{site}/My_Pkg-1.2.dist-info",
        "old": f"{site}/old-3-py3.12.egg-info",
    }


def test_names_of_compiled_modules(site: Path) -> None:
    names = (
        "alpha/_a.cpython-312-x86_64-linux-gnu.so",
        "alpha/_b.abi3.so",
        "alpha/_c.cp312-win_amd64.pyd",
        "alpha/libd.so",
        "alpha/_e.pypy310-pp73-x86_64-linux-gnu.so",
        "../bin/_f.abi3.so",
    )
    with (site / "alpha-1.0.dist-info" / "RECORD").open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name},,\n" for name in names)
    found = list(extensions_of(only_copy(site)))
    assert [(one.stem, one.tag) for one in found] == [
        ("_a", "cpython-312-x86_64-linux-gnu"),
        ("_b", "abi3"),
        ("_c", "cp312-win_amd64"),
        ("_e", "pypy310-pp73-x86_64-linux-gnu"),
    ]
    suffixes = (".cpython-312-x86_64-linux-gnu.so", ".abi3.so", ".so")
    assert [one.usable(suffixes) for one in found] == [True, True, False, False]


def test_bytes_of_files(tmp_path: Path) -> None:
    one, empty = tmp_path / "one", tmp_path / "empty"
    elf = b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 62) + b"_ARRAY_API numpy._core"
    one.write_bytes(elf)
    empty.touch()
    assert contains(one, b"_ARRAY_API")
    assert not contains(one, b"_ARRAY_API", b"numpy._core")
    assert not contains(empty, b"x")
    assert not contains(tmp_path / "missing", b"x")
    assert start_of(one) == b"\x7fELF\x02\x01\x3e\x00"
    assert start_of(tmp_path / "missing") == b""
    assert needs_of(one) is None
    assert needs_of(empty) is None


def test_files_as_recorded(site: Path) -> None:
    copy = only_copy(site)
    assert wrong_files(copy) == 0
    path, recorded = copy.record[0]
    assert path == "alpha/__init__.py"
    assert is_as_recorded(copy, path, recorded)
    assert is_as_recorded(copy, path, "crc32=0")
    assert not is_as_recorded(copy, "missing", recorded)
    (site / path).write_text("changed", encoding="utf-8")
    assert not is_as_recorded(copy, path, recorded)
    (site / "alpha" / "data.txt").unlink()
    assert wrong_files(only_copy(site)) == pytest.approx(2 / 3)


def test_directories_of_libraries(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    environ = {"LD_LIBRARY_PATH": f"{tmp_path}/gone::{given}"}
    found = library_directories(environ, tmp_path)
    assert found[:2] == [str(given), str(tmp_path)]
    assert len(found) == len(set(found))
