"""A damaged start-up index changes no program: one line says so, and ``verify`` finds it."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.release.publish import publish
from lamina.release.verify import verify_release
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.indexed import Answer, Indexed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="indexes are for Linux")

_PROGRAM = """
import subprocess, sys, warnings
warnings.simplefilter("ignore")
depth = int(sys.argv[1])
import nested.deep.leaf, cold, lazy, both_ways, portion.one, pkgutil, no_code
import importlib.metadata as metadata, importlib.resources as resources
print(depth, nested.deep.leaf.double(3), cold.answer, both_ways.kind, cold.__cached__)
print(sorted(one.name for one in pkgutil.iter_modules(nested.__path__)))
print(metadata.version("whole"), len(metadata.distribution("whole").entry_points))
with resources.open_text("nested.deep", "data.txt", encoding="utf-8") as stream:
    print(stream.read())
sys.stdout.flush()
for _ in range(2 if depth else 0):
    subprocess.run([sys.executable, __file__, str(depth - 1)], check=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program that uses all of an index, and starts others that do."""
    path = tmp_path / "program.py"
    path.write_text(_PROGRAM)
    return path


@pytest.fixture
def spoilt(odd: Indexed, tmp_path: Path) -> Iterator[Indexed]:
    """Return the prefix; its index, and what reads it, are as they were afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(odd.index, kept / "index")
    (kept / "__pycache__").mkdir()
    ours = [*odd.library.glob("_lamina_*"), *odd.library.glob("__pycache__/_lamina_*")]
    for path in ours:
        shutil.copy2(path, kept / path.relative_to(odd.library))
    library = odd.library
    yield odd
    shutil.rmtree(odd.index, ignore_errors=True)
    shutil.copytree(kept / "index", odd.index)
    for path in ours:
        if path.is_dir():
            path.rmdir()
        shutil.copy2(kept / path.relative_to(library), path)


def _flip(path: Path, *offsets: int) -> None:
    data = bytearray(path.read_bytes())
    for offset in offsets:
        data[offset] ^= 1 << offset % 8
    path.write_bytes(data)


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _write_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped": lambda path: _flip(path, *range(0, path.stat().st_size, 40)),
    "empty": lambda path: _cut(path, 0),
    "short": lambda path: _cut(path, 60),
    "directory": _replace_by_directory,
    "missing": Path.unlink,
    "zeros": _write_zeros,
}


def _told(answer: Answer) -> list[str]:
    return [line for line in answer.err.splitlines() if line.startswith("lamina:")]


def _said(plain: str, depth: int) -> str:
    """Return what the program says that starts others, from what one says that starts none."""
    assert plain.startswith("0 ")
    return f"{depth}{plain[1:]}" + (2 * _said(plain, depth - 1) if depth else "")


def _check(spoilt: Indexed, program: Path) -> list[str]:
    """Run it with a damaged index and without any; return what is told of the damage."""
    plain = spoilt.run(program, "0", use=False)
    answer = spoilt.run(program, "2")
    assert plain.code == 0
    assert plain.err == ""
    assert answer.out == _said(plain.out, 2)
    assert answer.code == 0
    assert answer.err.splitlines() == _told(answer)
    return _told(answer)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name", ["start.index", "hot.pack", "packs/+modules.pack", "packs/lazy.pack"]
)
def test_a_damaged_file(spoilt: Indexed, program: Path, name: str, damage: str) -> None:
    DAMAGES[damage](spoilt.index / name)
    assert len(_check(spoilt, program)) == 1


def test_no_index_at_all(spoilt: Indexed, program: Path) -> None:
    shutil.rmtree(spoilt.index)
    assert len(_check(spoilt, program)) == 1


def test_a_bit_anywhere(spoilt: Indexed, program: Path) -> None:
    """Most of the index is not read by one program."""
    chance = random.Random(spoilt.series)
    whole = (spoilt.index / "start.index").read_bytes()
    tail = int.from_bytes(whole[40:48], "little")
    places = [chance.randrange(80) for _ in range(4)]
    places += [chance.randrange(80, len(whole)) for _ in range(4)]
    places += [chance.randrange(tail, len(whole)) for _ in range(2)]
    told = []
    for offset in places:
        (spoilt.index / "start.index").write_bytes(whole)
        _flip(spoilt.index / "start.index", offset)
        lines = _check(spoilt, program)
        assert len(lines) <= 1
        told += lines
    assert len(told) >= 6


def test_each_section(spoilt: Indexed) -> None:
    """Whatever a program asks of the index may be what is damaged."""
    whole = (spoilt.index / "start.index").read_bytes()
    tail = int.from_bytes(whole[40:48], "little")
    marks = (b"Requires-Dist", b"data.txt", b"leaf", b"a.group")
    places = {mark: whole.find(mark, 80, tail) for mark in marks}
    places = {mark: at for mark, at in places.items() if at > 0}
    assert len(places) > 1
    for mark, at in places.items():
        _flip(spoilt.index / "start.index", at)
        code = "import importlib.metadata as m, importlib.resources as r, pkgutil, nested.deep\n"
        code += "print(m.requires('whole'), m.metadata('whole')['Name'], m.version('older'))\n"
        code += "print(r.read_text('nested.deep', 'data.txt', encoding='utf-8'))\n"
        code += "print([str(one) for one in m.distribution('whole').entry_points])\n"
        code += "print([one.name for one in pkgutil.iter_modules(nested.deep.__path__)])\n"
        answer = spoilt.run("-W", "ignore", "-c", code)
        assert answer.out == spoilt.run("-W", "ignore", "-c", code, use=False).out
        # Without a bundled library, nothing but imports asks the index.
        expected = (spoilt.prefix / "python").is_dir()
        assert len(_told(answer)) == expected, mark
        (spoilt.index / "start.index").write_bytes(whole)


@pytest.mark.parametrize("at", [16, 32], ids=["another release", "another Python"])
def test_an_index_that_is_not_for_this(spoilt: Indexed, program: Path, at: int) -> None:
    code = (
        "import sys; sys.path.insert(0, %r); import _lamina_start as s; h = %r; h = bytearray(h)\n"
    )
    code += "h[%d] ^= 1; h[72:] = s.checksum(bytes(h[:72])); print(h.hex())"
    path = spoilt.index / "start.index"
    data = path.read_bytes()
    answer = spoilt.run("-c", code % (str(spoilt.library), data[:80], at), use=False)
    path.write_bytes(bytes.fromhex(answer.out) + data[80:])
    [line] = _check(spoilt, program)
    assert ("another Python" in line) == (at == 32)


@pytest.mark.parametrize("name", ["_lamina_start", "_lamina_start_answers"])
@pytest.mark.parametrize("how", ["missing", "broken", "raises", "empty"])
def test_what_reads_the_index_is_damaged(
    spoilt: Indexed, program: Path, name: str, how: str
) -> None:
    source = spoilt.library / f"{name}.py"
    for path in spoilt.library.glob(f"__pycache__/{name}.*"):
        path.unlink()
    shutil.rmtree(spoilt.index)
    source.unlink()
    if how != "missing":
        text = {"broken": "def half(:\n", "raises": "raise OSError('no')\n", "empty": ""}[how]
        source.write_text(text)
    plain = spoilt.run(program, "2", use=False)
    answer = spoilt.run(program, "2")
    assert (answer.code, answer.out) == (plain.code, plain.out)
    assert answer.code == 0
    if (spoilt.prefix / "python").is_dir():
        assert answer.err.splitlines() == _told(answer)
        assert len(_told(answer)) == 1


def test_verify_finds_the_damage(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"imports": ["greeter"]})
    release = publish(publish_request(tmp_path, environ, stack=stack)).release
    index = release.internal / "index"
    site = release.prefix / "lib" / "python3.12" / "site-packages"
    files = [*index.rglob("*.index"), *index.rglob("*.pack"), *site.glob("*lamina*")]
    assert len(files) >= 6
    for path in (one for one in files if one.stat().st_size):
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        path.chmod(0o444)
        findings = verify_release(release)
        assert not findings.sound
        assert path.name in str(findings)
        path.chmod(0o644)
        path.write_bytes(data)
        path.chmod(0o444)
    assert verify_release(release).sound
