"""What one compiled file says of itself."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pydantic_core
import pytest
from elftools.elf.elffile import ELFFile

from lamina.layer.abi.binary import newest_symbols, read_binary
from support.compiled import (
    C_FOR_NUMPY_1,
    C_FOR_NUMPY_2,
    PYBIND11_FOR_NUMPY_1,
    SUFFIX,
    binary,
)


def described(tmp_path: Path, content: str, name: str = f"fast.{SUFFIX}") -> tuple[object, ...]:
    (tmp_path / name).write_text(content, encoding="latin-1")
    found = read_binary(tmp_path, name)
    assert found is not None
    return found.numpy, found.direct, found.floor, found.pybind11


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("\x7fELF nothing", ("", False, "", ""), id="no-numpy"),
        pytest.param(C_FOR_NUMPY_1, ("one", True, "", ""), id="c-1"),
        pytest.param(C_FOR_NUMPY_2, ("either", True, "1.23", ""), id="c-2"),
        pytest.param(PYBIND11_FOR_NUMPY_1, ("one", False, "", "4"), id="pybind11-1"),
        pytest.param(
            PYBIND11_FOR_NUMPY_1 + C_FOR_NUMPY_1, ("one", True, "", "4"), id="pybind11-and-c-1"
        ),
        pytest.param(
            "\x7fELF __pyx_capi__ numpy.core.multiarray _ARRAY_API",
            ("one", True, "", ""),
            id="cython-1",
        ),
        pytest.param(
            "\x7fELF __pyx_capi__ numpy.core.multiarray numpy._core.multiarray _ARRAY_API",
            ("either", True, "", ""),
            id="cython-2",
        ),
        pytest.param(
            C_FOR_NUMPY_2.replace("_ARRAY_API", ""), ("", False, "", ""), id="words alone"
        ),
        pytest.param(
            "\x7fELF __pybind11_internals_v11_x", ("", False, "", "11"), id="pybind11-alone"
        ),
    ],
)
def test_what_the_bytes_say(tmp_path: Path, content: str, expected: tuple[object, ...]) -> None:
    assert described(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(f"fast.{SUFFIX}", ("cpython-312-x86_64-linux-gnu", "4"), id="tagged"),
        pytest.param("fast.abi3.so", ("abi3", "4"), id="abi3"),
        pytest.param("fast.so", ("", "4"), id="plain"),
        pytest.param(f"libfast.{SUFFIX}", ("", ""), id="library"),
        pytest.param("fast.so.1", ("", ""), id="versioned"),
    ],
)
def test_a_library_is_no_module(tmp_path: Path, name: str, expected: tuple[str, str]) -> None:
    """Its name has no ABI, and pybind11 in it is somebody else's."""
    (tmp_path / name).write_text(PYBIND11_FOR_NUMPY_1, encoding="latin-1")
    found = read_binary(tmp_path, name)
    assert found is not None
    assert (found.abi, found.pybind11) == expected


@pytest.mark.parametrize(
    ("name", "size", "numpy"),
    [
        pytest.param("libbig.so.1", 16 * 2**20, "", id="big library"),
        pytest.param("libsmall.so.1", 16 * 2**20 - 1, "one", id="library"),
        pytest.param("big.abi3.so", 17 * 2**20, "one", id="big module"),
    ],
)
def test_what_is_too_big_is_not_searched(tmp_path: Path, name: str, size: int, numpy: str) -> None:
    with (tmp_path / name).open("wb") as stream:
        stream.write(C_FOR_NUMPY_1.encode("latin-1"))
        stream.truncate(size)
    found = read_binary(tmp_path, name)
    assert found is not None
    assert found.numpy == numpy


@pytest.mark.skipif(sysconfig.get_platform().startswith("macosx"), reason="ELF is Linux's")
def test_the_headers_at_the_end_do_not_hide_what_stands_before_them(tmp_path: Path) -> None:
    path = Path(pydantic_core.__file__).parent
    content = bytearray(next(path.glob("_pydantic_core.*.so")).read_bytes())
    with next(path.glob("_pydantic_core.*.so")).open("rb") as stream:
        # Nobody here reads the symbols themselves, and they stand before their names.
        symbols = ELFFile(stream).get_section_by_name(".dynsym")
        assert symbols is not None
        start, size = symbols["sh_offset"], symbols["sh_size"]
    assert size > len(C_FOR_NUMPY_2)
    content[start : start + len(C_FOR_NUMPY_2)] = C_FOR_NUMPY_2.encode("latin-1")
    (tmp_path / f"fast.{SUFFIX}").write_bytes(content)
    found = read_binary(tmp_path, f"fast.{SUFFIX}")
    assert found is not None
    assert (found.numpy, found.floor) == ("either", "1.23")
    assert "libc.so.6" in found.needs


@pytest.mark.skipif(sysconfig.get_platform().startswith("macosx"), reason="ELF is Linux's")
def test_a_real_extension_module() -> None:
    location = Path(pydantic_core.__file__).parents[1]
    module = next(location.glob("pydantic_core/_pydantic_core.*.so"))
    found = read_binary(location, str(module.relative_to(location)))
    assert found is not None
    assert found.module == "pydantic_core._pydantic_core"
    assert found.abi == sysconfig.get_config_var("SOABI")
    assert "libc.so.6" in found.needs
    (glibc,) = (one for one in found.symbols if one.startswith("GLIBC_"))
    assert glibc.startswith("GLIBC_2.")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"INPUT(-lm)", id="linker-script"),
        pytest.param(b"\x7f", id="short"),
    ],
)
def test_what_is_no_compiled_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.so").write_bytes(content)
    assert read_binary(tmp_path, "x.so") is None


def test_what_is_not_there(tmp_path: Path) -> None:
    assert read_binary(tmp_path, "gone.so") is None


def test_a_truncated_file_needs_nothing(tmp_path: Path) -> None:
    path = Path(pydantic_core.__file__).parent
    whole = next(path.glob("_pydantic_core.*.so")).read_bytes()
    (tmp_path / "x.so").write_bytes(whole[:5000])
    found = read_binary(tmp_path, "x.so")
    assert found is not None
    assert (found.needs, found.symbols) == ((), ())


@pytest.mark.parametrize(
    ("path", "module"),
    [
        pytest.param(f"pkg/sub/fast.{SUFFIX}", "pkg.sub.fast", id="tagged"),
        pytest.param("pkg/fast.abi3.so", "pkg.fast", id="abi3"),
        pytest.param("fast.so", "fast", id="plain"),
        pytest.param("pkg/libfast.so", None, id="library"),
        pytest.param("pkg.libs/fast-1.so", None, id="brought-along"),
        pytest.param("pkg/fast.so.1", None, id="versioned"),
    ],
)
def test_the_name_it_is_imported_by(path: str, module: str | None) -> None:
    assert binary(path).module == module


def test_the_newest_symbols() -> None:
    names = ["GLIBC_2.9", "GLIBC_2.28", "GLIBC_PRIVATE", "GLIBCXX_3.4.9", "GLIBCXX_3.4.21", "X_1"]
    assert newest_symbols(names) == ("GLIBC_2.28", "GLIBCXX_3.4.21")
