"""What the benchmark of starts takes out of traces and listings, and what it says of promises."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from benchmarks.startup import calls, kinds
from benchmarks.startup.prefixes import SITE, files_of, link_tree, split_by_package
from benchmarks.startup.promises import Promise, table

TRACE = """\
41 execve("/p/bin/python", ["/p/bin/python", "-c", "pass"], 0x7ffe /* 3 vars */) = 0
41 openat(AT_FDCWD</home>, "/p/lib/a.py", O_RDONLY|O_CLOEXEC) = 3</p/lib/a.py>
41 newfstatat(3</p/lib/a.py>, "", {st_mode=S_IFREG|0644, st_size=6, ...}, AT_EMPTY_PATH) = 0
41 ioctl(3</p/lib/a.py>, TCGETS, 0x7ffe) = -1 ENOTTY (Inappropriate ioctl for device)
42 read(3</p/lib/a.py>, "a = \\"/p/lib/other\\"", 4096) = 17
41 openat(4</p/lib>, "b.py", O_RDONLY) = -1 ENOENT (No such file or directory)
41 getdents64(4</p/lib>, 0x55 /* 3 entries */, 32768) = 80
41 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 5</p/lib/c.so>, 0) = 0x7f
41 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f
42 openat(AT_FDCWD</home>, "/p/lib/../d", O_RDONLY <unfinished ...>
42 <... openat resumed>) = 6</p/d>
41 newfstatat(AT_FDCWD</home>, "", 0x7ffe, 0) = -1 ENOENT (No such file or directory)
41 +++ exited with 0 +++
"""


def test_calls_are_told_by_path_or_descriptor() -> None:
    found = [(one.name, one.path, one.by_path, one.failed) for one in parsed()]
    assert found == [
        ("execve", "/p/bin/python", True, None),
        ("openat", "/p/lib/a.py", True, None),
        ("newfstatat", "/p/lib/a.py", False, None),
        ("ioctl", "/p/lib/a.py", False, "ENOTTY"),
        ("read", "/p/lib/a.py", False, None),
        ("openat", "/p/lib/b.py", True, "ENOENT"),
        ("getdents64", "/p/lib", True, None),
        ("mmap", "/p/lib/c.so", False, None),
        ("openat", "/p/d", True, None),
        ("newfstatat", "/home", False, "ENOENT"),
    ]


def test_both_numbers_of_a_trace() -> None:
    assert calls.counts(parsed()) == (5, 5)


def parsed() -> list[calls.Call]:
    return list(calls.parse(iter(TRACE.splitlines(keepends=True))))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a site-packages with two distributions that share a directory."""
    top = tmp_path / "venv" / SITE
    for name, files in (("one-1.0", ["ns/a.py"]), ("two_more-2.0", ["ns/b.so", "two.py"])):
        for file in [*files, f"{name}.dist-info/METADATA"]:
            (top / file).parent.mkdir(parents=True, exist_ok=True)
            (top / file).write_text(file)
        rows = [*files, f"{name}.dist-info/METADATA", "../../../bin/tool", "gone.py"]
        record = "".join(f"{row},,\n" for row in rows)
        (top / f"{name}.dist-info" / "RECORD").write_text(record)
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "bin" / "tool").touch()
    (top / "ns" / "__pycache__").mkdir()
    (top / "ns" / "__pycache__" / "a.cpython-312.pyc").write_text("code")
    return top


def test_files_of_a_distribution_have_their_byte_code(site: Path) -> None:
    assert set(files_of(site / "one-1.0.dist-info")) == {
        "ns/a.py",
        "ns/__pycache__/a.cpython-312.pyc",
        "one-1.0.dist-info/METADATA",
    }


def test_a_view_has_links_to_the_files_of_each_package(site: Path, tmp_path: Path) -> None:
    split_by_package(site, tmp_path)
    view = tmp_path / "view" / SITE
    two = tmp_path / "packages" / "two_more" / "2.0" / SITE
    assert (view / "ns" / "b.so").readlink() == two / "ns" / "b.so"
    assert not (view / "ns").is_symlink()
    assert (two / "ns" / "b.so").samefile(site / "ns" / "b.so")
    assert not (two / "ns" / "a.py").exists()
    assert (view / "ns" / "__pycache__" / "a.cpython-312.pyc").read_text() == "code"


def test_a_linked_tree_can_be_written_to(site: Path, tmp_path: Path) -> None:
    (site / "link").symlink_to("two.py")
    (site / "ns").chmod(0o555)
    link_tree(site, tmp_path / "copy")
    assert (tmp_path / "copy" / "link").readlink() == Path("two.py")
    assert (tmp_path / "copy" / "two.py").samefile(site / "two.py")
    (tmp_path / "copy" / "ns" / "new").touch()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "directories"),
        ("ns/a.py", "modules of packages"),
        ("ns/gone.py", "modules of packages"),
        ("ns/b.so", "shared objects"),
        ("ns/gone.so.1", "libraries looked for in vain"),
        ("ns/glibc-hwcaps/x86-64-v3", "libraries looked for in vain"),
        ("ns/__init__.abi3.so", "packages tried as shared objects"),
        ("one-1.0.dist-info/METADATA", "metadata of distributions"),
        ("ns/gone", "names that are not there"),
        ("ns/data.json", "data files"),
        ("../re/__init__.py", "modules of the standard library"),
        ("../../../pyvenv.cfg", "the interpreter"),
    ],
)
def test_kinds_of_files(site: Path, path: str, kind: str) -> None:
    (site / "ns" / "data.json").touch()
    (site.parents[2] / "pyvenv.cfg").touch()
    assert kinds.kind_of((site / path).resolve()) == kind
    assert kind in kinds.KINDS


def test_requests_that_wait_by_kind_of_file(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("LOOKUP ./ns\nREAD ./ns/a b.json\nIOCTL ./two.py\nREAD ./two.py\n")
    (site / "ns" / "a b.json").touch()
    assert kinds.of_requests(site, log) == Counter(
        {"directories": 1, "data files": 1, "modules of packages": 1}
    )


@pytest.mark.parametrize(
    ("measured", "least", "most", "kept"),
    [(5, 5, None, True), (4.9, 5, None, False), (1, None, 1, True), (1.1, None, 1, False)],
)
def test_a_promise_is_kept_or_not(
    measured: float, least: float | None, most: float | None, *, kept: bool
) -> None:
    promise = Promise(text="fast", measured=measured, least=least, most=most)
    assert promise.kept is kept
    assert promise.line().endswith(": kept" if kept else ": not met")


def test_columns_are_as_wide_as_they_need() -> None:
    assert table(["a", "number"], [["long", "1"]]) == ["  a     number", "  long       1"]
