"""The headers that the dynamic loader reads, of sound files and of broken ones."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import pydantic_core
import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection

from lamina.engines.elf import Elf, filled_in, read_elf
from lamina.layer.abi.binary import read_binary
from lamina.layer.abi.machine import offered_symbols
from lamina.layer.doctor.extensions import needs_of
from support.compiled import elf

WANTED = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.38"], "libstdc++.so.6": ["GLIBCXX_3.4.29"]}


@pytest.mark.parametrize("old_path", [False, True], ids=["runpath", "rpath"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("wide", [True, False], ids=["64", "32"])
def test_everything_is_read(*, wide: bool, order: str, old_path: bool) -> None:
    content = elf(
        ["libc.so.6", "libone.so.1", "libc.so.6"], "/one::$ORIGIN/two", WANTED, ["libx", "X_1.0"],
        wide=wide, order=order, old_path=old_path,
    )  # fmt: skip
    assert read_elf(content) == Elf(
        needs=("libc.so.6", "libone.so.1"),
        search=("/one", "$ORIGIN/two"),
        wanted=("GLIBC_2.2.5", "GLIBC_2.38", "GLIBCXX_3.4.29"),
        defined=("libx", "X_1.0"),
    )


def test_what_says_nothing() -> None:
    assert read_elf(elf()) == Elf()
    static = elf(["libc.so.6"]).replace(b"\x02\0\0\0\x05\0\0\0", b"\x04\0\0\0\x05\0\0\0", 1)
    assert read_elf(static) == Elf()


@pytest.mark.skipif(sysconfig.get_platform().startswith("macosx"), reason="ELF is Linux's")
@pytest.mark.parametrize("where", ["extension", "libstdc++"])
def test_real_files_say_what_another_reader_says(where: str) -> None:
    modules = Path(pydantic_core.__file__).parent.glob("_pydantic_core.*.so")
    libraries = Path("/usr/lib").glob("*/libstdc++.so.6")
    path = next(modules if where == "extension" else libraries, None)
    if path is None:
        pytest.skip("no libstdc++ here")
    found = read_elf(path.read_bytes())
    assert found is not None
    with path.open("rb") as stream:
        other = ELFFile(stream)
        dynamic = other.get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        needs = [t.needed for t in dynamic.iter_tags() if t.entry.d_tag == "DT_NEEDED"]  # type: ignore[attr-defined]
        assert list(found.needs) == needs
        wanted = other.get_section_by_name(".gnu.version_r")
        assert isinstance(wanted, GNUVerNeedSection)
        assert list(found.wanted) == [
            one.name for _, all_ in wanted.iter_versions() for one in all_
        ]
        defined = other.get_section_by_name(".gnu.version_d")
        sets = defined.iter_versions() if isinstance(defined, GNUVerDefSection) else ()
        assert list(found.defined) == [next(iter(each)).name for _, each in sets]
        assert bool(found.defined) == (where == "libstdc++")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x7fELF", id="magic alone"),
        pytest.param(b"INPUT(-lm)", id="script"),
        pytest.param(b"\xcf\xfa\xed\xfe" + bytes(100), id="mach-o"),
    ],
)
def test_what_cannot_be_read(content: bytes) -> None:
    assert read_elf(content) is None


def test_a_file_cut_off_anywhere() -> None:
    """It is broken or, cut off behind the last name, says the same."""
    content = elf(["libc.so.6"], "/one", WANTED, ["X_1.0"])
    whole = read_elf(content)
    for length in range(len(content)):
        assert read_elf(content[:length]) in {None, Elf()}, length
    assert read_elf(content + bytes(10)) == whole != Elf()


@pytest.mark.parametrize("wide", [True, False], ids=["64", "32"])
def test_garbage_in_the_headers_ends(*, wide: bool) -> None:
    """Counts, places and steps may be anything: no exception, and no loop without end."""
    content = elf(["libc.so.6"], "/one", WANTED, ["X_1.0"], wide=wide)
    source = random.Random(1)
    for _ in range(2000):
        broken = bytearray(content)
        for _ in range(source.randint(1, 6)):
            broken[source.randrange(4, len(broken))] = source.choice([0, 1, 0x7F, 0xFF])
        read_elf(bytes(broken))


def test_a_chain_that_leads_in_circles() -> None:
    content = elf(["libc.so.6"], "", {"libc.so.6": ["GLIBC_2.2.5"]})
    count = (0x6FFFFFFF).to_bytes(8, "little")
    found = read_elf(content.replace(count + b"\1\0\0\0", count + b"\xff\xff\xff\xff", 1))
    assert found is not None
    assert set(found.wanted) == {"GLIBC_2.2.5"}


def test_origin() -> None:
    search = ["$ORIGIN/../x.libs", "${ORIGIN}", "/opt/$ORIGINAL", r"\1"]
    here = Path(r"/a\g<0>/b")
    assert filled_in(search, here) == (f"{here}/../x.libs", str(here), f"/opt/{here}AL", r"\1")


def test_the_readers_of_files(tmp_path: Path) -> None:
    """Scan, doctor and machine, each of what it looks at."""
    module = tmp_path / "fast.so"
    module.write_bytes(elf(["libone.so.1"], "$ORIGIN/lib", WANTED))
    found = read_binary(tmp_path, "fast.so")
    assert found is not None
    assert (found.needs, found.search) == (("libone.so.1",), ("$ORIGIN/lib",))
    assert found.symbols == ("GLIBC_2.38", "GLIBCXX_3.4.29")
    needs = needs_of(module)
    assert needs is not None
    assert (needs.names, needs.search) == (("libone.so.1",), (f"{tmp_path}/lib",))
    for name in ("empty.so", "text.so"):
        (tmp_path / name).write_bytes(name.encode()[5:])
        assert needs_of(tmp_path / name) is None
    assert needs_of(tmp_path / "gone.so") is None


def test_the_machine_is_what_the_loader_finds_first(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place, versions in (one, ["GLIBCXX_3.4.9", "GLIBCXX_3.4.40"]), (two, ["GLIBCXX_3.4.50"]):
        place.mkdir()
        (place / "libstdc++.so.6").write_bytes(elf(defined=["libstdc++.so.6", *versions]))
    environ = {"LD_LIBRARY_PATH": f":{tmp_path}/gone:{one}:{two}"}
    python = tmp_path / "bin" / "python"
    assert offered_symbols(environ, python)["GLIBCXX"] == "3.4.40"
    (one / "libstdc++.so.6").write_bytes(b"\x7fELF broken")
    assert "GLIBCXX" not in offered_symbols(environ, python)
    (one / "libstdc++.so.6").unlink()
    assert offered_symbols(environ, python)["GLIBCXX"] == "3.4.50"
    # Beside the interpreter comes after LD_LIBRARY_PATH and before the system.
    (tmp_path / "lib").mkdir()
    (two / "libstdc++.so.6").rename(tmp_path / "lib" / "libstdc++.so.6")
    assert offered_symbols({}, python)["GLIBCXX"] == "3.4.50"
