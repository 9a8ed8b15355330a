"""Installers run with nothing but a system: real shells, accounts, mounts and processes."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_header import dump_header
from lamina.export.installer_promotion import read_header
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.accounts import make_read_only, somebody
from support.installers import RC, busybox, install, make_installer, stand_in
from support.mounts import mounted
from support.packs import PLAIN_ENVIRON, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.packs import Shipped


@pytest.fixture(scope="module")
def place(installer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where it was installed, with its hook and tests, by dash."""
    top = tmp_path_factory.mktemp("installed")
    answer = install(installer, "-bt", "-p", top / "deep" / "with a blank", shell="dash")
    assert answer.code == 0, answer.text
    yield top / "deep" / "with a blank"
    fs.remove_tree(top)


def is_sound(prefix: Path) -> bool:
    release = release_at(prefix)
    assert release is not None
    findings = verify_release(release)
    assert findings.sound, findings.lines()
    return True


def test_it_works_where_it_was_installed(installer: Path, place: Path) -> None:
    assert run(place / "bin" / "greet") == f"hello from {place}\n"
    assert run(place / "bin" / "greet-script") == f"hello from {place}\n"
    assert is_sound(place)
    assert list(place.parent.iterdir()) == [place]
    assert "nothing to do" in run(place / "bin" / "lamina-unpack")


@pytest.mark.shells
def test_bash_and_busybox_do_the_same(installer: Path, tmp_path: Path) -> None:
    own = tmp_path / "its-own-place.sh"
    own.hardlink_to(installer)
    answer = install("-b", shell="./its-own-place.sh", cwd=tmp_path)
    assert answer.code == 0, answer.text
    assert run(tmp_path / "small-1.0" / "bin" / "greet") == f"hello from {tmp_path}/small-1.0\n"
    assert install("its-own-place.sh", "--check", shell="bash", cwd=tmp_path).code == 0
    programs = busybox(tmp_path / "programs")
    target = tmp_path / "there"
    answer = install(
        os.path.relpath(own, "/"), "-bstp", target, shell=programs / "sh", path=str(programs),
        cwd=tmp_path.__class__("/"),
    )  # fmt: skip
    assert answer.code == 0, answer.text
    assert "hook" not in answer.text
    assert is_sound(target)
    fs.remove_tree(tmp_path)


@pytest.mark.shells
@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
def test_the_file_to_source_sets_everything_up(place: Path, shell: str) -> None:
    asked = (
        f". '{place}/{RC}'; . '{place}/{RC}'; echo \"$PATH\"; greet; "
        'echo "${LD_LIBRARY_PATH-no} ${PYTHONPATH-no} ${PYTHONHOME-no} ${PERL5LIB-no}"'
    )
    told = run(
        "env", "LD_LIBRARY_PATH=/x", "PYTHONPATH=/x", "PYTHONHOME=/x", "PERL5LIB=/x",
        shell, "-c", asked,
    )  # fmt: skip
    assert told.splitlines() == [
        f"{place}/bin:/usr/bin:/bin", f"hello from {place}", "no no no no",
    ]  # fmt: skip


def test_another_account_installs_it_whatever_its_umask_and_home(installer: Path) -> None:
    with somebody({"PATH": "/usr/bin:/bin"}) as (account, directory):
        shared = directory / "installer.sh"
        shutil.copy(installer, shared)
        area = account.home / "area"
        account.run("mkdir", area)
        make_read_only(account.home)
        area.chmod(0o755)
        words = ["env", "-i", "PATH=/usr/bin:/bin"]
        script = f"umask 077; exec sh {shared} -b -p {area}/small"
        told = account.run(*words, "sh", "-c", script).stdout
        assert f"small 1.0 is in {area}/small" in told
        assert account.run(*words, f"{area}/small/bin/greet").stdout == f"hello from {area}/small\n"
        assert is_sound(area / "small")
        refused = account.run(*words, "sh", shared, "-b", "-p", account.home / "x", expect=1)
        assert f"{account.home}: cannot be written to" in refused.stderr
        fs.set_mode(account.home, 0o755)


def test_what_it_says_without_installing(installer: Path) -> None:
    assert "Installs small 1.0 for linux-64: sh small-1.0.sh" in install(installer, "-h").text
    assert install(installer, "--version").text == "small 1.0 for linux-64\n"
    assert "5 parts, all as they were written" in install(installer, "--check").text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-x"], "-x: no such option"),
        (["-b", "-p"], "-p needs a directory"),
        (["-b", "-p", ""], "-p needs a directory"),
        (["--upgrade"], "--upgrade needs a directory"),
        (["--upgrade", "x", "-p", "y"], "goes with neither -p"),
        ([], "nobody to ask"),
        (["-b", "-p", "a'b"], "cannot be a prefix"),
        (["-b", "-p", "/"], "error: /: not a directory that can be made"),
        (["-b", "-u", "-p", "x"], "nothing to update"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_words_that_have_no_meaning(
    installer: Path, tmp_path: Path, words: list[str], why: str
) -> None:
    answer = install(installer, *words, cwd=tmp_path)
    assert (answer.code, why in answer.text) == (2, True), answer.text
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_refused(installer: Path, tmp_path: Path) -> None:
    answer = install("-c", f"cat '{installer}' | sh -s -- -b", cwd=tmp_path)
    assert answer.code == 2
    assert "not through a pipe" in answer.text
    assert list(tmp_path.iterdir()) == []


def test_another_script_that_reads_it_is_refused(installer: Path, tmp_path: Path) -> None:
    script = tmp_path / "mine.sh"
    script.write_text(f". '{installer}'\n")
    answer = install(script, "-b", cwd=tmp_path)
    assert (answer.code, "nor by another script" in answer.text) == (2, True), answer.text
    assert list(tmp_path.iterdir()) == [script]


def test_a_program_that_is_missing_is_named(installer: Path, tmp_path: Path) -> None:
    for name in ("sh", "dd", "sed", "tar", "gzip", "wc"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    answer = install("-c", f"PATH={tmp_path} /bin/sh '{installer}' -b")
    assert (answer.code, "grep: no such program, and it is needed" in answer.text) == (1, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("truncate -s 3000 $1", "cut off in its first part, the script: 3000 bytes"),
        ("truncate -s 30000000 $1", "cut off in part 4 of 5: 30000000 of"),
        ("echo >> $1", "1 bytes after its last part"),
        ("printf X | dd of=$1 bs=1 seek=9000000 conv=notrunc", "part 2 of 5 is altered"),
        ("printf X | dd of=$1 bs=1 seek=65000 conv=notrunc", "its first part, the script"),
    ],
    ids=["cut off early", "cut off", "longer", "a byte", "the script"],
)
def test_damage_is_named_and_nothing_installed(
    installer: Path, tmp_path: Path, change: str, why: str
) -> None:
    copy = tmp_path / "copy.sh"
    shutil.copy(installer, copy)
    run("sh", "-c", change, "sh", copy)
    for words in (["--check"], ["-b", "-p", tmp_path / "a" / "b"]):
        answer = install(copy, *words)
        assert (answer.code, why in answer.text) == (6, True), answer.text
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({"uname": "echo Plan9"}, "this machine is Plan9 Plan9"),
        ({"getconf": "echo glibc 2.4"}, "and this machine has 2.4"),
        ({"getconf": "exit 1", "ldd": "echo 'musl libc (x86_64)'"}, "this machine has musl"),
        ({"df": "echo; echo none 9 9 1000 1% /"}, "needs 87 MB, and 0 MB are free"),
    ],
    ids=["platform", "glibc", "musl", "space"],
)
def test_other_machines_are_told_before_anything_happens(
    installer: Path, tmp_path: Path, programs: dict[str, str], why: str
) -> None:
    path = stand_in(tmp_path / "programs", **programs)
    answer = install(installer, "-b", "-p", tmp_path / "a" / "b", path=path)
    assert answer.code in {1, 2}
    assert why in answer.text
    assert not (tmp_path / "a").exists()


def test_a_prefix_that_does_not_fit_is_refused_before(installer: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sh"
    shutil.copy(installer, copy)
    prefix = tmp_path / "ünï"
    size = len(os.fsencode(prefix))
    for room in (size - 1, size):
        header = read_header(copy).model_copy(update={"longest_prefix": room})
        with copy.open("r+b") as stream:
            stream.write(dump_header(header))
        answer = install(copy, "-b", "-p", prefix, shell="bash")
        assert (answer.code, prefix.exists()) == ((2, False) if room < size else (0, True))
        assert room == size or f"has {size} bytes, and there is room for {room}" in answer.text
    fs.remove_tree(prefix)


def test_somebody_at_a_terminal_is_asked_where(installer: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["sh", installer, "-s"], cwd=tmp_path, env=PLAIN_ENVIRON, stdin=theirs,
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.write(ours, b"here\n")
        told, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert f"87 MB on disk\ninto [{tmp_path}/small-1.0]: " in told
    assert run(tmp_path / "here" / "bin" / "greet") == f"hello from {tmp_path}/here\n"
    fs.remove_tree(tmp_path / "here")


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ("size=4m", 1, "needs 87 MB, and 4 MB are free"),
        ("size=300m,nr_inodes=200", 1, "not unpacked"),
        ("size=300m,noexec", 2, "a file system without exec"),
    ],
    ids=["full", "full meanwhile", "noexec"],
)
def test_file_systems_that_cannot_have_it_are_left_empty(
    installer: Path, tmp_path: Path, options: str, code: int, why: str
) -> None:
    top = tmp_path / "mounted"
    top.mkdir()
    with mounted(top, options):
        answer = install(installer, "-b", "-p", top / "a" / "b")
        assert (answer.code, why in answer.text) == (code, True), answer.text
        assert list(top.iterdir()) == []


def test_the_same_release_gives_the_same_installer(
    shipped: Shipped, installer: Path, tmp_path: Path
) -> None:
    again = make_installer(shipped, tmp_path / "again.sh")
    assert again.read_bytes() == installer.read_bytes()
    assert again.stat().st_mode & 0o777 == 0o755
