from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.build.wheels.cache import reason_of
from lamina.build.wheels.complaint import explain_failure, last_line
from lamina.build.wheels.order import flags_of
from lamina.build.wheels.system import hint_for, search_for
from lamina.core.errors import BuildFailedError, CommandFailedError, LaminaError, StorageError
from lamina.model.platforms import Platform
from lamina.model.told_versions import all_told
from lamina.stack.builds import BuildTable

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = [
    pytest.param(
        "a.c:1:10: fatal error: zlib.h: No such file or directory",
        "the header zlib.h is missing",
        "zlib1g-dev",
        id="header-gcc",
    ),
    pytest.param(
        "a.c:1:10: fatal error: 'hdf5.h' file not found",
        "the header hdf5.h is missing",
        "hdf5-devel",
        id="header-clang",
    ),
    pytest.param(
        "a.c:1:10: fatal error: nobody_knows.h: No such file or directory",
        "the header nobody_knows.h is missing",
        "dnf provides '*/nobody_knows.h'",
        id="header-unknown",
    ),
    pytest.param(
        "/usr/bin/ld: cannot find -lz: No such file",
        "the library z is missing",
        "zlib1g",
        id="library",
    ),
    pytest.param(
        "error: command 'gcc' failed: No such file or directory",
        "no compiler gcc",
        "gcc",
        id="no-gcc",
    ),
    pytest.param(
        "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
        "no compiler x86",
        "",
        id="gcc-of-a-target",
    ),
    pytest.param("No CMAKE_CXX_COMPILER could be found.", "no compiler c++", "g++", id="cmake"),
    pytest.param(
        "c++: fatal error: Killed signal terminated program cc1plus",
        "killed",
        "jobs = 1",
        id="killed",
    ),
    pytest.param(
        "OSError: [Errno 30] Read-only file system: '/opt/x'",
        "outside of its directory: OSError",
        "$WORK",
        id="outside",
    ),
    pytest.param(
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "reaches for the network",
        "network = true",
        id="network",
    ),
    pytest.param(
        "ModuleNotFoundError: No module named 'numpy'",
        "the module numpy is missing",
        "requires",
        id="module",
    ),
    pytest.param("what\nthe last words\n", "the last words", "", id="else"),
]


def explained(tmp_path: Path, output: str, code: int = 1) -> LaminaError:
    log = tmp_path / "x.log"
    log.write_text(
        f"$ before\nfatal error: old.h: No such file\n[exit 0]\n$ now\n{output}\n[exit 1]\n"
    )
    error = CommandFailedError(program="python", returncode=code, output=output, log=log)
    return explain_failure("pack", error, log, {}, tmp_path)


@pytest.mark.parametrize(("output", "said", "hint"), OUTPUTS)
def test_output_is_explained(tmp_path: Path, output: str, said: str, hint: str) -> None:
    error = explained(tmp_path, output)
    assert isinstance(error, BuildFailedError)
    assert error.message.startswith("pack: its build failed: ")
    assert said in error.message
    assert hint in " ".join(error.hints)
    assert f"less {tmp_path / 'x.log'}" in error.hints
    assert "old.h" not in error.message


def test_a_signal_and_a_full_disk(tmp_path: Path) -> None:
    assert "killed" in explained(tmp_path, "", code=-9).message
    assert isinstance(explained(tmp_path, "No space left on device"), StorageError)


def test_the_last_line_is_the_programs_own() -> None:
    assert last_line("$ make\nfirst\nlast\n[exit 2]\n") == "last"


@pytest.mark.parametrize(
    ("needed", "package"),
    [("zlib.h", "zlib1g-dev"), ("libz", "zlib1g-dev"), ("ssl.h", "libssl-dev"), ("odd", "")],
)
def test_what_to_install(needed: str, package: str) -> None:
    found = hint_for(needed, {})
    assert package in found
    assert bool(found) == bool(package)
    assert hint_for(needed, {needed: "mine"}) == "install mine"


@pytest.mark.parametrize(
    ("needed", "file"),
    [("foo.h", "foo.h"), ("a/b.hpp", "a/b.hpp"), ("libnothere", "libnothere.so"),
     ("bar.pc", "bar.pc"), ("odd", "bin/odd")],
)  # fmt: skip
def test_how_to_find_what_to_install(needed: str, file: str) -> None:
    assert search_for(needed) == f"apt-file search {file}  # or: dnf provides '*/{file}'"


def test_flags_are_those_of_the_stack() -> None:
    table = BuildTable.model_validate(
        {"cflags": "-O3 -g0", "ldflags": ["-Wl,-s"], "march": "x86-64-v3"}
    )
    assert flags_of(table, Platform.LINUX_64) == {
        "CFLAGS": "-march=x86-64-v3 -O3 -g0",
        "CXXFLAGS": "-march=x86-64-v3 -O3 -g0",
        "FFLAGS": "-march=x86-64-v3",
        "LDFLAGS": "-Wl,-s",
        "RUSTFLAGS": "-C target-cpu=x86-64-v3",
    }
    assert flags_of(BuildTable(), Platform.LINUX_64) == {}


def test_flags_are_for_the_platforms_that_have_such_processors() -> None:
    table = BuildTable.model_validate({"cflags": "-O3", "march": "x86-64-v3"})
    assert flags_of(table, Platform.LINUX_AARCH64) == {"CFLAGS": "-O3", "CXXFLAGS": "-O3"}
    both = {"linux-64": "x86-64-v2", "linux-aarch64": "armv8.2-a"}
    table = BuildTable.model_validate({"march": both})
    assert flags_of(table, Platform.LINUX_64)["CFLAGS"] == "-march=x86-64-v2"
    assert flags_of(table, Platform.LINUX_AARCH64)["CFLAGS"] == "-march=armv8.2-a"
    assert flags_of(table, Platform.OSX_ARM64) == {}


NUMPY = {"name": "numpy", "version": "2.0", "sha256": "a"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"env": {"A": "2"}}, "its env changed", id="env"),
        pytest.param({"patches": [], "hooks": {}}, "its patches, its hooks changed", id="two"),
        pytest.param({"requirements": [{**NUMPY, "version": "2.1"}]}, "numpy, which", id="needs"),
        pytest.param({}, "no longer in the cache", id="nothing"),
    ],
)
def test_the_reason_is_what_changed(change: dict[str, object], words: str) -> None:
    before = {"env": {}, "patches": ["x"], "hooks": {"pre-build": "x"}, "requirements": [NUMPY]}
    assert words in reason_of({**before, **change}, before)
    assert reason_of(before, None) == "not built here yet"


def test_variables_that_lamina_sets_to_tell_a_version_are_no_change_of_an_env() -> None:
    env = {"A": "1", **all_told("ours", "1.0")}
    before = {"name": "ours", "version": "1.0", "env": env}
    after = {"name": "ours", "version": "1.2", "env": {"A": "1", **all_told("ours", "1.2")}}
    assert reason_of(after, before) == "its version changed"
    mine = {**before, "env": {**env, "PBR_VERSION": "1.0.1"}}
    assert reason_of(mine, before) == "its env changed"
    # Of an index, nothing is told: what is there is the stack's.
    indexed = {"name": "x", "version": "1.0", "env": {}}
    told = {**indexed, "env": {"PBR_VERSION": "1.0"}}
    assert reason_of(told, indexed) == "its env changed"
