"""What is said when a stack of both sides cannot be locked, and closed stacks of both sides."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from support.mixed import PINNED, build, mixed_stack, offer, python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("mixed-errors")
    made = top / "made"
    return offer(
        top / "channel",
        python(made),
        build(made, "nump", "1.9", PINNED),
        build(made, "nump", "2.1", PINNED),
        build(made, "gfal2", "2.23", ["libfoo >=1"]),
        build(made, "libfoo", "1.2"),
        build(made, "plotter", "1.0", [*PINNED, "nump >=2"]),
        build(made, "gpu", "1.0", ["__cuda >=12"]),
        build(made, "modern", "1.0", ["__glibc >=2.37,<3.0.a0"]),
        build(made, "misnamed", "2.0", PINNED, provides="misnamed-1.0"),
    )


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine, channel: Path) -> CommandLine:
    (command_line.directory / "channel").symlink_to(channel)
    index_server.wheel("uproo", "4.1", ["nump<2"])
    index_server.wheel("helper", "1.0", ["nump>=3"])
    index_server.wheel("fine", "1.0", ["nump", "extra-piece"])
    index_server.wheel("extra-piece", "1.0")
    index_server.wheel("misnamed", "2.0")
    return command_line


def refused(lamina: CommandLine, packages: str, conda: str, code: int = 4, **about: Any) -> str:
    lamina.write("lamina.toml", mixed_stack(packages, conda, **about))
    said = lamina("lock", expect=code).stderr
    assert not (lamina.directory / "lamina.lock").exists()
    return said


def test_both_sides_are_named_with_their_lines(lamina: CommandLine) -> None:
    said = refused(lamina, 'uproo = "==4.1"', 'nump = ">=2"')
    assert "uproo needs nump<2 (packages.uproo = '==4.1')" in said
    assert "conda.nump = '>=2'" in said
    assert "linux-64/3.12" in said


def test_a_conda_package_in_between_is_named_too(lamina: CommandLine) -> None:
    said = refused(lamina, 'uproo = "*"', 'plotter = "*"')
    assert "uproo needs nump<2" in said
    assert "nump >=2" in said
    assert "conda.plotter = '*'" in said


def test_what_no_channel_has_is_said(lamina: CommandLine) -> None:
    said = refused(lamina, 'helper = "*"', 'nump = "*"')
    assert "needs nump>=3" in said
    assert "no nump >=3 can come from the channels" in said


def test_a_range_under_packages_that_no_build_meets(lamina: CommandLine) -> None:
    said = refused(lamina, 'nump = "<1"', 'nump = "*"')
    assert "packages.nump = '<1'" in said
    assert "conda.nump = '*'" in said


def test_what_is_inside_counts_not_what_the_package_is_called(lamina: CommandLine) -> None:
    said = refused(lamina, 'misnamed = "==2.0"', 'misnamed = "*"')
    assert "misnamed 2.0 h0_0 has misnamed 1.0 inside" in said


def test_a_virtual_package_that_is_missing(lamina: CommandLine) -> None:
    said = refused(lamina, "", 'gpu = "*"')
    assert "__cuda" in said
    assert 'linux-64 = { __cuda = "VERSION" }' in said
    assert "conda.gpu = '*'" in said


def test_a_system_that_is_older_is_said_with_the_line_that_mends_it(lamina: CommandLine) -> None:
    said = refused(lamina, "", 'modern = "*"')
    assert '[resolve] glibc = "2.37"' in said


def test_an_unknown_package(lamina: CommandLine) -> None:
    said = refused(lamina, "", 'gfal3 = "*"')
    assert "gfal3: no channel has it for linux-64" in said


def test_no_python_of_the_series(lamina: CommandLine) -> None:
    assert "python 3.11.*" in refused(lamina, "", 'gfal2 = "*"', python='"3.11"')


def test_no_channel(lamina: CommandLine) -> None:
    assert "resolve.channels names none" in refused(lamina, "", 'gfal2 = "*"', 2, channels="[]")


def test_a_channel_of_the_entry_that_is_not_listed(lamina: CommandLine) -> None:
    conda = 'gfal2 = { version = "*", channel = "ours" }'
    said = refused(lamina, "", conda, 3)
    assert "'ours' is not among resolve.channels" in said


def test_a_directory_that_is_not_there(lamina: CommandLine) -> None:
    said = refused(lamina, "", 'gfal2 = "*"', 2, channels='["./missing"]')
    assert "is not a directory" in said


def test_a_channel_that_does_not_answer(lamina: CommandLine) -> None:
    said = refused(lamina, "", 'gfal2 = "*"', 8, channels='["http://127.0.0.1:9/ours"]')
    assert "127.0.0.1:9/ours" in said


def test_half_of_a_list_of_packages(lamina: CommandLine, tmp_path: Path) -> None:
    ours = offer(lamina.directory / "ours", python(tmp_path / "made"))
    for file in (ours / "linux-64").glob("repodata*"):
        file.write_bytes(file.read_bytes()[:-40])
    said = refused(lamina, "", 'gfal2 = "*"', 8, channels='["./ours"]')
    assert "ours" in said


def test_a_package_without_a_sha256_is_not_locked(lamina: CommandLine, tmp_path: Path) -> None:
    old = shutil.copytree(lamina.directory / "channel", tmp_path / "old")
    for form in old.glob("linux-64/repodata*"):
        if form.name != "repodata.json":
            form.unlink()
    path = old / "linux-64" / "repodata.json"
    document = json.loads(path.read_bytes())
    for record in document["packages.conda"].values():
        del record["sha256"]
    path.write_text(json.dumps(document), encoding="utf-8")
    said = refused(lamina, "", 'libfoo = "*"', 6, channels=f'["{old}"]')
    assert f"libfoo 1.2 h0_0: channel {old} gives no SHA-256 of it" in said


def test_a_damaged_package_is_not_trusted(lamina: CommandLine, tmp_path: Path) -> None:
    made = tmp_path / "made"
    ours = offer(lamina.directory / "ours", python(made), build(made, "nump", "1.9", PINNED))
    archive = next((ours / "linux-64").glob("nump-*"))
    archive.write_bytes(archive.read_bytes() + b"x")
    assert "nump-1.9-h0_0.conda" in refused(lamina, "", 'nump = "*"', 6, channels='["./ours"]')


def test_a_later_channel_has_what_the_first_has_not(lamina: CommandLine, tmp_path: Path) -> None:
    made = tmp_path / "made"
    offer(lamina.directory / "ours", python(made), build(made, "gfal2", "2.20"))
    both = '["./ours", "./channel"]'
    said = refused(lamina, "", 'gfal2 = ">=2.22"', channels=both)
    assert "./channel has gfal2 2.23, but ./ours comes first" in said
    assert 'channel = "./channel"' in said


@pytest.fixture
def served(channel: Path) -> Iterator[str]:
    """Serve the channel on loopback, without parts of files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None: ...

    serving = functools.partial(Quiet, directory=str(channel))
    with ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_server_gives_the_lock_that_a_directory_gives(lamina: CommandLine, served: str) -> None:
    locks = []
    for channels in ('["./channel"]', f'["{served}"]'):
        text = mixed_stack('fine = "*"', 'nump = "*"', channels=channels)
        lamina.write("lamina.toml", text)
        lamina("lock", "--upgrade")
        lock = (lamina.directory / "lamina.lock").read_text().replace(served, "./channel")
        locks.append([one for one in lock.splitlines() if "stack-digest" not in one])
    assert locks[0] == locks[1]
    assert '    { name = "nump", version = "2.1" },' in locks[0]


CLOSED = "closed = true"


def test_a_closed_stack_lists_what_comes_from_channels(lamina: CommandLine) -> None:
    said = refused(lamina, 'fine = "*"', 'gfal2 = "*"\nplotter = "*"', resolve=CLOSED)
    assert "libfoo is not listed under [conda]: gfal2 needs it" in said
    assert "nump is not listed under [conda]: plotter needs it" in said
    assert "extra-piece is not listed: fine needs it" in said
    assert "lamina add --conda libfoo nump" in said


def test_a_closed_stack_that_lists_all_of_it(lamina: CommandLine) -> None:
    text = mixed_stack(
        'fine = "*"\nextra-piece = "*"\nnump = ">=2"',
        'gfal2 = "*"\nlibfoo = "*"\nplotter = "*"',
        resolve=CLOSED,
    )
    lamina.write("lamina.toml", text)
    lamina("lock")
    assert "mixed is in order" in lamina("check").stdout


def test_check_names_what_a_lock_has_and_the_stack_has_not(lamina: CommandLine) -> None:
    conda = 'gfal2 = "*"\nplotter = "*"'
    lamina.write("lamina.toml", mixed_stack('fine = "*"', conda))
    lamina("lock")
    lamina.write("lamina.toml", mixed_stack('fine = "*"', conda, resolve=CLOSED))
    said = lamina("check", expect=4)
    assert "extra-piece is not listed" in said.stderr


def test_check_of_a_stack_without_a_lock_knows_what_conda_lists(lamina: CommandLine) -> None:
    text = mixed_stack('fine = "*"', 'nump = "*"', resolve=CLOSED)
    lamina.write("lamina.toml", text)
    said = lamina("check", expect=4).stderr
    assert "extra-piece is not listed" in said
    assert "nump is not listed" not in said


def test_parents_with_conda_packages_are_refused(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", mixed_stack("", 'gfal2 = "*"'))
    lamina("lock")
    parent = lamina.directory / "parent"
    parent.mkdir()
    for name in ("lamina.toml", "lamina.lock"):
        (lamina.directory / name).rename(parent / name)
    text = mixed_stack('fine = "*"', "").replace(
        'version = "1.0"', 'version = "1.0"\nextends = [{ lock = "parent" }]'
    )
    lamina.write("lamina.toml", text.replace('name = "mixed"', 'name = "child"'))
    assert "mixed has conda packages" in lamina("lock", expect=2).stderr
