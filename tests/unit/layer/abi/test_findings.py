"""What compiled modules of a union may fail on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from lamina.layer.abi.findings import (
    lost_libraries,
    missing_symbols,
    mixed_pybind11,
    other_interpreters,
)
from lamina.layer.abi.machine import offered_symbols
from support.compiled import binary, distribution, scan

if TYPE_CHECKING:
    from lamina.layer.abi.scan import Scan
    from lamina.model.names import PackageName

ARROW_15 = scan("pyarrow", "15.0", binary("pyarrow/libarrow.so.1500"))
ARROW_26 = scan("pyarrow", "26.0", binary("pyarrow/libarrow.so.2600"))


def by_name(*scans: Scan) -> dict[PackageName, Scan]:
    return {one.name: one for one in scans}


def user(**options: object) -> Scan:
    return scan("plugin", "1.0", binary("plugin/a.so", needs=("libarrow.so.1500", "libc.so.6"),
                **options))  # type: ignore[arg-type] # fmt: skip


def test_a_library_of_a_package_that_has_changed() -> None:
    (bound,) = lost_libraries(by_name(ARROW_15, user()), by_name(ARROW_26, user()))
    assert (bound.package, bound.version, bound.requirement) == ("plugin", "1.0", "pyarrow==15.0")
    assert bound.reason == "plugin 1.0 loads libarrow.so.1500 of pyarrow 15.0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((ARROW_15, user()), (ARROW_15, user()), id="nothing-changed"),
        pytest.param((ARROW_15, user()), (ARROW_26,), id="the-user-is-gone"),
        pytest.param((user(),), (user(), ARROW_26), id="the-systems-library"),
        pytest.param(
            (ARROW_15, user()),
            (scan("pyarrow", "15.1", binary("pyarrow/libarrow.so.1500")), user()),
            id="the-same-library",
        ),
        pytest.param(
            (ARROW_15, user()),
            (ARROW_26, scan("plugin", "2.0", binary("plugin/a.so", needs=("libarrow.so.1500",)))),
            id="the-user-changed-too",
        ),
    ],
)
def test_nothing_is_lost(before: tuple[Scan, ...], after: tuple[Scan, ...]) -> None:
    assert lost_libraries(by_name(*before), by_name(*after)) == ()


def test_its_own_library_is_no_matter_of_others() -> None:
    own = scan("plugin", "1.0", binary("plugin/a.so", needs=("libx.so",)), binary("libx.so"))
    other = scan("another", "1.0", binary("libx.so"))
    assert lost_libraries(by_name(own, other), by_name(own)) == ()


@pytest.mark.parametrize("origin", ["$ORIGIN", "${ORIGIN}"])
def test_a_library_that_the_search_path_still_finds(tmp_path: Path, origin: str) -> None:
    (tmp_path / "pyarrow").mkdir()
    one = scan(
        "plugin",
        "1.0",
        binary("plugin/a.so", needs=("libarrow.so.1500",), search=(f"{origin}/../pyarrow",)),
        location=tmp_path,
    )
    (tmp_path / "plugin").mkdir()
    before, after = by_name(ARROW_15, one), by_name(ARROW_26, one)
    assert lost_libraries(before, after)
    (tmp_path / "pyarrow" / "libarrow.so.1500").touch()
    assert lost_libraries(before, after) == ()


def test_the_layers_own_stays_where_it_is_looked_at_through_the_view() -> None:
    here = scan("plugin", "1.0", binary("a.so", needs=("libarrow.so.1500",)), location="/layer")
    there = scan("plugin", "1.0", binary("a.so", needs=("libarrow.so.1500",)), location="/view")
    assert lost_libraries(by_name(ARROW_15, here), by_name(ARROW_26, there))


def test_symbols_that_the_system_does_not_have() -> None:
    one = scan("fast", "1.0", binary("a.so", symbols=("GLIBC_2.28", "GLIBCXX_3.4.29")),
               binary("b.so", symbols=("GLIBC_2.40",)),
               binary("c.so", symbols=("GLIBC_2.38", "CXXABI_1.3.99")))  # fmt: skip
    offered = {"GLIBC": "2.36", "GLIBCXX": "3.4.30"}
    assert list(missing_symbols([one], offered)) == [
        "fast 1.0 needs GLIBC_2.40 of the system; here is GLIBC_2.36"
    ]


def test_this_machine_offers_what_it_runs_on(tmp_path: Path) -> None:
    offered = offered_symbols({}, tmp_path / "bin" / "python")
    if Path("/lib/x86_64-linux-gnu/libc.so.6").exists():
        assert tuple(map(int, offered["GLIBC"].split("."))) >= (2, 17)


def test_the_loaders_path_goes_first(tmp_path: Path) -> None:
    (tmp_path / "libc.so.6").write_bytes(b"no library")
    found = offered_symbols({"LD_LIBRARY_PATH": str(tmp_path)}, tmp_path / "bin" / "python")
    assert "GLIBC" not in found


@pytest.mark.parametrize(
    ("abis", "found"),
    [
        pytest.param(["cpython-312-x86_64-linux-gnu"], 0, id="this"),
        pytest.param(["cpython-311-x86_64-linux-gnu"], 1, id="another"),
        pytest.param(
            ["cpython-311-x86_64-linux-gnu", "cpython-312-x86_64-linux-gnu"], 0, id="both"
        ),
        pytest.param(
            ["cpython-312-x86_64-linux-gnu", "cpython-311-x86_64-linux-gnu"], 0, id="both, reversed"
        ),
        pytest.param(["cpython-31-x86_64-linux-gnu"], 1, id="a like name"),
        pytest.param(["abi3"], 0, id="abi3"),
        pytest.param([""], 0, id="none"),
    ],
)
def test_modules_for_another_python(abis: list[str], found: int) -> None:
    binaries = [binary(f"pkg/fast.{abi}.so" if abi else "pkg/fast.so", abi=abi) for abi in abis]
    sentences = list(other_interpreters([scan("pkg", "1.0", *binaries)], "3.12"))
    assert len(sentences) == found
    if found:
        assert sentences == ["pkg 1.0: pkg.fast is for another Python than 3.12"]


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        pytest.param(["pkg/a", "pkg/b"], "pkg 1.0: pkg.a and 1 more is for", id="two"),
        pytest.param(["pkg/c", "pkg/b", "pkg/a"], "pkg 1.0: pkg.a and 2 more is for", id="three"),
        pytest.param(["pkg/libx"], None, id="a library is imported by nobody"),
    ],
)
def test_several_modules_for_another_python(paths: list[str], sentence: str | None) -> None:
    abi = "cpython-311-x86_64-linux-gnu"
    one = scan("pkg", "1.0", *(binary(f"{path}.{abi}.so", abi=abi) for path in paths))
    found = list(other_interpreters([one], "3.12"))
    assert [text.startswith(sentence or "") for text in found] == [True] * bool(sentence)


def test_symbols_that_the_system_just_has() -> None:
    one = scan("fast", "1.0", binary("a.so", symbols=("GLIBC_2.36", "CXXABI_1.3")))
    assert list(missing_symbols([one], {"GLIBC": "2.36"})) == []
    older = list(missing_symbols([one], {"GLIBC": "2.9", "CXXABI": "1.2"}))
    assert [text.split()[3] for text in older] == ["CXXABI_1.3", "GLIBC_2.36"]


@pytest.mark.parametrize(
    ("requires", "theirs", "found"),
    [
        pytest.param(['lib; python_version >= "3"'], "11", ["user (4) and lib (11)"], id="marker"),
        pytest.param(["lib"], "11", ["user (4) and lib (11)"], id="mixed"),
        pytest.param(["lib"], "4", [], id="the-same"),
        pytest.param([], "11", [], id="strangers"),
        pytest.param(['lib; extra == "plot"'], "11", [], id="extra"),
        pytest.param(["lib", "not a requirement !"], "", [], id="no-pybind11"),
    ],
)
def test_pybind11_internals(requires: list[str], theirs: str, found: list[str]) -> None:
    scans = by_name(
        scan("user", "1", binary("u.so", pybind11="4")),
        scan("lib", "1", binary("l.so", pybind11=theirs)),
    )
    users = {canonicalize_name("user"): distribution("user", "1", *requires)}
    assert list(mixed_pybind11(scans, users)) == found


def test_what_has_no_pybind11_shares_no_types() -> None:
    scans = by_name(
        scan("user", "1", binary("u.so")), scan("lib", "1", binary("l.so", pybind11="4"))
    )
    users = {canonicalize_name("user"): distribution("user", "1", "lib")}
    assert list(mixed_pybind11(scans, users)) == []
    both = by_name(
        scan("user", "1", binary("u.so", pybind11="4"), binary("v.so", pybind11="11")),
        scan("lib", "1", binary("l.so", pybind11="11")),
    )
    assert list(mixed_pybind11(both, users)) == []
