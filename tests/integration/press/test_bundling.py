"""Conda packages with compiled modules as wheels that run without conda."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.package import PLACEHOLDER
from lamina.channel.index import add_packages
from lamina.core.errors import IntegrityError, NotSupportedError, UnsatisfiableError
from lamina.engines.elf import read_elf
from lamina.press.pressing import PressRequest, press
from lamina.press.wheel_file import read_wheel
from support.archives import MOMENT
from support.pressing import (
    ENTRY_POINTS,
    INFO,
    SITE,
    Compiled,
    as_tar_bz2,
    install,
    libraries,
    native_files,
    said,
    write_files,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.press.outcome import Pressed

PYTHON = "python >=3.12,<3.13.0a0"
DEPENDS = (PYTHON, "python_abi 3.12.* *_cp312", "outer >=1", "data-pack", "libgcc >=13")


class Bench:
    """A directory with packages to be pressed."""

    def __init__(self, path: Path, compiled: Compiled, environ: dict[str, str]) -> None:
        self.path, self.compiled, self.environ = path, compiled, environ

    def package(self, *, linked: bool = True, **about: Any) -> Path:
        """Write ``native``, whose module needs two libraries of other packages."""
        module = self.compiled.linked if linked else self.compiled.module
        suffix = about.pop("suffix", self.compiled.suffix)
        files = native_files(module, suffix, with_info=about.pop("with_info", True))
        files |= about.pop("files", {})
        about = {"depends": DEPENDS} | about
        return write_files(self.path, self.path / "work", "native", files, **about)

    def libraries(self) -> dict[str, Path]:
        """Write ``inner`` and ``outer``."""
        return libraries(self.path, self.path / "work", self.compiled)

    def press(self, *files: Path, out: str = "out", **options: Any) -> Sequence[Pressed]:
        """Press files into a directory."""
        request = PressRequest(
            files=files, directory=self.path / out, environ=self.environ, **options
        )
        return press(request)

    def wheel(self, *files: Path, **options: Any) -> Path:
        """Press one file and return the wheel."""
        (made,) = self.press(*files, **options)
        out: str = options.get("out", "out")
        return self.path / out / made.archive.name


@pytest.fixture
def bench(tmp_path: Path, compiled: Compiled, environ: dict[str, str]) -> Bench:
    return Bench(tmp_path, compiled, environ)


def judged(wheel: Path) -> str:
    """Return the platform tag that the program of auditwheel finds."""
    program = Path(sys.executable).with_name("auditwheel")
    words = [str(program), "show", "--json", str(wheel)]
    answer = subprocess.run(words, check=True, capture_output=True, text=True)
    found = re.search(r"(?:many)?linux_\w+", json.loads(answer.stdout)["overall_tag"])
    assert found is not None
    return found[0]


def test_libraries_of_other_packages_come_along(bench: Bench, venv: Path) -> None:
    given = list(bench.libraries().values())
    (made,) = bench.press(bench.package(), given=given)
    wheel = bench.path / "out" / made.archive.name
    assert made.kind.startswith("cp312-cp312-manylinux")
    assert [(one.library, one.package) for one in made.bundled] == [
        ("libouter.so.2", "outer-1.0-h0_0"),
        ("libinner.so.1", "inner-1.0-h0_0"),
    ]
    assert made.conda_only == ("data-pack",)
    read = read_wheel(wheel)
    libs = sorted(one for one in read.members if one.startswith("native.libs/"))
    assert [one[:21] for one in libs] == ["native.libs/libinner-", "native.libs/libouter-"]
    assert f"{INFO}/INSTALLER" not in read.members
    assert judged(wheel) == made.kind.rpartition("-")[2].rpartition(".")[2]
    install(venv, wheel)
    # Nothing of the packages is left that could answer instead.
    assert said(venv, "native") == "native 43"
    assert said(venv, "python", "-c", "import native; print(native.answer())") == "43"


def test_what_is_bundled_finds_its_own(bench: Bench) -> None:
    wheel = bench.wheel(bench.package(), given=list(bench.libraries().values()))
    with zipfile.ZipFile(wheel) as archive:
        elves = {one: read_elf(archive.read(one)) for one in archive.namelist() if ".so" in one}
    by_name = {name.rpartition("/")[2].split("-")[0]: elf for name, elf in elves.items()}
    inner, outer, module = by_name["libinner"], by_name["libouter"], by_name["_native.cpython"]
    assert inner is not None
    assert outer is not None
    assert module is not None
    assert module.search == ("$ORIGIN/../native.libs",)
    assert outer.search == ("$ORIGIN",)
    assert inner.search == ()
    assert [one for one in module.needs if "outer" in one] == [
        name.rpartition("/")[2] for name in elves if "libouter" in name
    ]


def test_a_channel_is_asked_for_what_was_not_given(bench: Bench) -> None:
    made = bench.libraries()
    channel = bench.path / "channel"
    python = write_files(bench.path, bench.path / "work", "python", {}, version="3.12.1")
    abi = write_files(bench.path, bench.path / "work", "python_abi", {}, version="3.12",
                      build="0_cp312")  # fmt: skip
    rest = [
        write_files(bench.path, bench.path / "work", name, {"share/x": "x"}, version="14.1")
        for name in ("data-pack", "libgcc")
    ]
    add_packages(channel, [*made.values(), python, abi, *rest])
    (one,) = bench.press(bench.package(), given=[made["outer"]], channels=[str(channel)])
    assert [found.package for found in one.bundled] == ["outer-1.0-h0_0", "inner-1.0-h0_0"]
    (other,) = bench.press(bench.package(), channels=[str(channel)], out="other")
    first, second = (bench.path / out / one.archive.name for out in ("out", "other"))
    assert other.bundled == one.bundled
    assert first.read_bytes() == second.read_bytes()


def test_a_library_that_nobody_has_is_named(bench: Bench) -> None:
    outer = bench.libraries()["outer"]
    with pytest.raises(UnsatisfiableError) as caught:
        bench.press(bench.package())
    assert "libouter.so.2, which native/_native.cpython-312" in caught.value.message
    assert "depends on outer >=1, data-pack" in caught.value.message
    assert "--with outer-" in caught.value.hints[0]
    with pytest.raises(UnsatisfiableError, match=r"libinner\.so\.1, which native\.libs/libouter-"):
        bench.press(bench.package(), given=[outer])
    assert not (bench.path / "out").exists()


def test_the_same_package_is_the_same_wheel_in_both_forms(bench: Bench) -> None:
    given = list(bench.libraries().values())
    package = bench.package()
    old = as_tar_bz2(package, bench.path / "work")
    wheels = [
        bench.wheel(file, given=given, out=str(n)) for n, file in enumerate((package, package, old))
    ]
    assert len({one.name for one in wheels}) == 1
    assert len({one.read_bytes() for one in wheels}) == 1
    with zipfile.ZipFile(wheels[0]) as archive:
        assert {one.date_time for one in archive.infolist()} == {MOMENT.timetuple()[:6]}


def test_a_package_without_metadata_gets_some(bench: Bench) -> None:
    # click by a name that is given, pytables by our table; nobody says that libfoo is Python's.
    depends = (PYTHON, "click >=8,<9.0a0", "pytables 3.*", "libfoo")
    names = {"click": "click"}
    package = bench.package(linked=False, with_info=False, depends=depends, summary="A\nB")
    (made,) = bench.press(package, names=names)
    assert made.needs == ("click>=8,<9.0", "tables==3.*")
    assert made.conda_only == ("libfoo",)
    with zipfile.ZipFile(bench.path / "out" / made.archive.name) as archive:
        text = archive.read(f"{INFO}/METADATA").decode()
    assert text.splitlines() == [
        "Metadata-Version: 2.2",
        "Name: native",
        "Version: 1.0",
        "Summary: A B",
        "Requires-Python: >=3.12,<3.13.0",
        "Requires-Dist: click>=8,<9.0",
        "Requires-Dist: tables==3.*",
    ]


@pytest.mark.parametrize(
    ("suffix", "stable", "tag"),
    [
        (".abi3.so", True, "cp312-abi3-"),
        (".so", False, "cp312-cp312-"),
    ],
)
def test_tags_of_other_modules(bench: Bench, suffix: str, stable: bool, tag: str) -> None:
    module = bench.compiled.stable if stable else bench.compiled.module
    files: dict[str, bytes | str] = {f"{SITE}/native/_native{suffix}": module}
    package = bench.package(linked=False, files=files, suffix=suffix)
    assert bench.press(package)[0].kind.startswith(tag)


def test_modules_of_another_python_are_refused(bench: Bench) -> None:
    package = bench.package(linked=False, suffix=".cpython-311-x86_64-linux-gnu.so")
    with pytest.raises(IntegrityError, match=r"modules for Python 3\.11 in lib/python3\.12"):
        bench.press(package)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ("Name: ../../../x\nVersion: 1.0\n", "its metadata: .*name"),
        ("Name: /tmp/x\nVersion: 1.0\n", "its metadata: .*name"),
        ("Name: native\nVersion: ../1\n", "its metadata: .*version"),
        ("Name: native\n", "no name or no version"),
    ],
)
def test_metadata_that_would_lead_elsewhere(bench: Bench, about: str, reason: str) -> None:
    files: dict[str, bytes | str] = {f"{SITE}/{INFO}/METADATA": about}
    with pytest.raises(IntegrityError, match=f"(?i){reason}"):
        bench.press(bench.package(linked=False, files=files))
    assert not (bench.path / "out").exists()


def test_scripts_and_data_find_their_places(bench: Bench, venv: Path) -> None:
    files: dict[str, bytes | str] = {
        "bin/native": "#!/x/bin/python3.12\nnot this one\n",
        "bin/native-say": f"#!{PLACEHOLDER}/bin/python3.12\nimport native\nprint('said')\n",
        "bin/native-sh": "#!/bin/sh\necho '\n#!/usr/bin/python\n'\n",
        "share/native/data.txt": "data\n",
        "etc/conda/activate.d/native.sh": "export X=1\n",
        "bin/.native-post-link.sh": "echo\n",
        "lib/libunused.so.1": bench.compiled.inner,
    }
    package = bench.package(linked=False, files=files)
    (made,) = bench.press(package)
    install(venv, bench.path / "out" / made.archive.name)
    assert said(venv, "native") == "native 41"
    assert said(venv, "native-say") == "said"
    assert said(venv, "native-sh") == "#!/usr/bin/python"
    assert (venv / "share/native/data.txt").read_text(encoding="utf-8") == "data\n"
    assert [one.partition(":")[0] for one in made.warnings] == [
        "bin/.native-post-link.sh",
        "etc/conda/activate.d/native.sh",
        "lib/libunused.so.1",
    ]


def test_files_that_name_the_prefix_are_refused(bench: Bench) -> None:
    text = f"prefix = '{PLACEHOLDER}'\n"
    package = bench.package(linked=False, files={f"{SITE}/native/where.py": text})
    with pytest.raises(NotSupportedError, match=r"native/where\.py: names the prefix"):
        bench.press(package)


def test_programs_that_need_a_library_are_refused(bench: Bench) -> None:
    files: dict[str, bytes | str] = {"bin/tool": bench.compiled.linked}
    package = bench.package(linked=False, files=files)
    with pytest.raises(NotSupportedError, match=r"tool needs libouter\.so\.2"):
        bench.press(package, given=list(bench.libraries().values()))


def test_what_has_no_modules_is_refused(bench: Bench) -> None:
    with pytest.raises(NotSupportedError, match="no Python modules"):
        bench.press(bench.libraries()["outer"])
    both: dict[str, bytes | str] = {
        f"{SITE}/other-2.dist-info/METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 2\n"
    }
    with pytest.raises(IntegrityError, match=r"has native-1\.0\.dist-info, other-2\.dist-info"):
        bench.press(bench.package(linked=False, files=both))


def test_entry_points_are_those_of_the_package(bench: Bench) -> None:
    wheel = bench.wheel(bench.package(linked=False))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"{INFO}/entry_points.txt").decode() == ENTRY_POINTS
