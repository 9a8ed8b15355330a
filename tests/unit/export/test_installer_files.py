"""The header and the parts of installers, and what their scripts say."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import DocumentError, IntegrityError, UsageError
from lamina.export.cargo import Cargo, Part
from lamina.export.installer_cargo import environment_text, script_of_tests
from lamina.export.installer_header import BLOCK, MOST_PARTS, Header, dump_header, parse_header
from lamina.export.installer_parts import PartsStream, checked_payload, part_size
from lamina.model.digests import parse_sha256
from lamina.model.names import StackName
from lamina.model.platforms import Platform
from lamina.model.versions import parse_release_version
from lamina.release.manifest import ManifestTest
from lamina.release.mtree import Entry

HERE = Path("x.sh")


def header_of(payload: bytes, size: int = BLOCK) -> Header:
    parts = PartsStream(io.BytesIO(), size)
    parts.write(payload)
    version = parse_release_version("1.0")
    return Header(
        name=StackName("small"),
        version=version,
        tested_version=version,
        platform=Platform.LINUX_64,
        system="Linux x86_64",
        disk_kilobytes=4,
        files=1,
        payload_size=parts.size,
        payload_digest=parse_sha256(parts.digest),
        part_size=size,
        parts=tuple(map(parse_sha256, parts.parts)),
    )


@given(st.lists(st.integers(0, 3 * BLOCK), max_size=6).map(lambda sizes: [bytes(n) for n in sizes]))
def test_parts_do_not_depend_on_how_they_were_written(blocks: list[bytes]) -> None:
    stream = io.BytesIO()
    parts = PartsStream(stream, 2 * BLOCK)
    for block in blocks:
        parts.write(block)
    whole = b"".join(blocks)
    assert stream.getvalue() == whole
    assert parts.digest == sha256(whole).hexdigest()
    assert list(parts.parts) == [
        sha256(whole[at : at + 2 * BLOCK]).hexdigest() for at in range(0, len(whole), 2 * BLOCK)
    ]


@pytest.mark.parametrize("bound", [0, 1 << 20, 3 << 30, 1 << 40])
def test_there_are_never_more_parts_than_the_header_has_room_for(bound: int) -> None:
    size = part_size(bound)
    assert size % BLOCK == 0
    assert bound <= size * MOST_PARTS
    full = header_of(b"x").model_copy(update={"parts": (header_of(b"").payload_digest,) * 64})
    assert len(dump_header(full)) == BLOCK


def test_a_header_is_read_as_it_was_written() -> None:
    header = header_of(bytes(BLOCK + 1))
    block = dump_header(header)
    assert (len(block), block[:10], block[-1:]) == (BLOCK, b"#!/bin/sh\n", b"\n")
    assert parse_header(block, HERE) == header
    assert dump_header(parse_header(block, HERE)) == block


def test_another_file_and_an_altered_header_are_told_apart() -> None:
    block = dump_header(header_of(b"x"))
    with pytest.raises(UsageError, match="no installer"):
        parse_header(b"#!/bin/sh\n" * 10, HERE)
    for bad in (block[:-1], block.replace(b"name=small", b"name=smell"), block[:-2] + b"#\n\n"):
        with pytest.raises(IntegrityError, match="cut off or altered"):
            parse_header(bad, HERE)


def test_a_header_that_somebody_wrote_is_checked() -> None:
    block = dump_header(header_of(b"x").model_copy(update={"version": "../x"}))
    with pytest.raises(DocumentError, match="version"):
        parse_header(block, HERE)


def test_damage_of_the_payload_names_the_part() -> None:
    payload = bytes(3 * BLOCK - 7)
    header = header_of(payload)
    whole = bytes(BLOCK) + payload
    assert b"".join(checked_payload(io.BytesIO(whole), header, HERE)) == payload
    wrong = {
        "part 2 of 3 is altered": whole[: 2 * BLOCK] + b"x" + whole[2 * BLOCK + 1 :],
        "cut off in part 3 of 3": whole[:-1],
        "more after its last": whole + b"x",
    }
    for why, data in wrong.items():
        with pytest.raises(IntegrityError, match=why):
            list(checked_payload(io.BytesIO(data), header, HERE))


def cargo_with(*paths: str) -> Cargo:
    return Cargo(
        name="small/1.0",
        platform=Platform.LINUX_64,
        seconds=0,
        parts=(Part(prefix="/the prefix", inside=""),),
        entries={path: Entry(kind="file") for path in paths},
        sources={},
        interpreter="bin/python",
    )


def test_conda_packages_are_activated_by_the_script_of_the_release() -> None:
    assert "activate" not in environment_text(cargo_with("bin/python", "bin/activate"))
    text = environment_text(cargo_with("conda-meta", "bin/activate"))
    assert text.endswith('export LAMINA_PREFIX="/the prefix"\n. "/the prefix/bin/activate"\n')
    tests = [ManifestTest(kind="command", subject="true")]
    assert '\n. "$PREFIX/bin/activate"\n' in script_of_tests(tests, activate=True)


def test_tests_are_quoted_and_say_what_failed(tmp_path: Path) -> None:
    tests = [
        ManifestTest(kind="command", subject='echo "it\'s" here; exit 3'),
        ManifestTest(kind="command", subject="true"),
    ]
    script = tmp_path / "tests.sh"
    script.write_text(script_of_tests(tests))
    done = subprocess.run(
        ["sh", script], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PREFIX": "/"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "failed: echo \"it's\" here; exit 3\n    it's here\n"
    assert script_of_tests([]) == ""


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("size", [600, 3000, 12000, 20000, BLOCK - 1])
def test_a_script_that_is_cut_off_says_so_and_does_nothing(
    tmp_path: Path, shell: str, size: int
) -> None:
    path = tmp_path / "cut.sh"
    path.write_bytes(dump_header(header_of(b"x"))[:size])
    words = [shell, "cut.sh", "-b", "-p", "there"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    said = f"error: cut.sh: cut off in its first part, the script: {size} bytes\nhint: get it once"
    assert done.stderr.startswith(said)
    # Through a pipe, where no file can be asked, its last line is missing, which starts it.
    piped = subprocess.run(
        [shell, "-s", "--", "-b", "-p", "there"],
        cwd=tmp_path, input=path.read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    assert b"unpacking" not in piped.stdout
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("script", ["installer", "rc", "tests"])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, script: str) -> None:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert program is not None
    texts = {
        "installer": dump_header(header_of(b"x")).decode(),
        "rc": environment_text(cargo_with("bin/python")),
        "tests": script_of_tests([ManifestTest(kind="import", subject="greeter")]),
    }
    path = tmp_path / "script.sh"
    path.write_text(texts[script])
    done = subprocess.run(
        [program, "--shell=sh", path], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
