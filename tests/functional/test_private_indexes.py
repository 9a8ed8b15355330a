"""Indexes that want to know who asks: every part of lamina finds the same credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.index_server import LINUX, IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine

USER = "librarian"
PASSWORD = "p@ss/word"
ENTRY = 'tool = { version = "*", index = "ours" }'


@pytest.fixture
def ours(index_server: IndexServer) -> Iterator[IndexServer]:
    """Return the index of the experiment, which is not open to everybody."""
    assert index_server.url
    with IndexServer(credentials=f"{USER}:{PASSWORD}") as server:
        server.wheel("tool", "1.0", ["missing"])
        yield server


@pytest.fixture
def lamina(ours: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, which has not been told any credentials."""
    assert ours.url
    return command_line


@pytest.fixture(params=["variables", "netrc"])
def known(
    request: pytest.FixtureRequest,
    lamina: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Make the credentials known, in each of the ways that the documentation names."""
    assert lamina.directory.is_dir()
    if request.param == "variables":
        monkeypatch.setenv("UV_INDEX_OURS_USERNAME", USER)
        monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", PASSWORD)
    else:
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine 127.0.0.1\nlogin {USER}\npassword {PASSWORD}\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))


def resolve_of(server: IndexServer, *more: str) -> str:
    return "\n".join([f'indexes = {{ ours = "{server.url}" }}', *more])


def spoken(lamina: CommandLine) -> str:
    """Return all that lamina wrote into files that stay."""
    cache = [one for one in lamina.directory.rglob("*") if one.is_file()]
    return "".join(one.read_bytes().decode("utf-8", "replace") for one in cache)


@pytest.mark.usefixtures("known")
def test_a_closed_stack_is_checked(lamina: CommandLine, ours: IndexServer) -> None:
    text = stack_text(ENTRY, resolve=resolve_of(ours, "closed = true"))
    lamina.write("lamina.toml", text)
    answer = lamina("check", expect=4)
    assert "missing is not listed" in answer.stderr


@pytest.mark.usefixtures("known")
def test_a_lock_is_made_and_its_files_are_found_again(
    lamina: CommandLine,
    ours: IndexServer,
    index_server: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index_server.wheel("missing", "1.0")
    lamina.write("lamina.toml", stack_text(ENTRY, resolve=resolve_of(ours)))
    lamina("lock")
    monkeypatch.setenv("XDG_CACHE_HOME", str(lamina.directory / "another-cache"))
    answer = lamina("export", "--as", "explicit", "--target", "linux-64/3.12")
    assert f"tool @ {ours.url.removesuffix('/simple')}/files/tool-1.0" in answer.stdout
    for secret in (PASSWORD, "p%40ss"):
        assert secret not in answer.stdout + spoken(lamina)


@pytest.mark.usefixtures("known")
def test_a_release_is_published(
    lamina: CommandLine, ours: IndexServer, index_server: IndexServer
) -> None:
    index_server.wheel("missing", "1.0")
    text = stack_text(ENTRY, platforms=f'["{current_platform()}"]', resolve=resolve_of(ours))
    lamina.write("lamina.toml", text)
    lamina("publish", "--root", "root")
    assert "tool" in lamina("release", "show", "small", "--root", "root").stdout
    for secret in (PASSWORD, "p%40ss"):
        assert secret not in spoken(lamina)


@pytest.mark.usefixtures("known")
def test_what_has_no_wheel_is_explained(lamina: CommandLine, ours: IndexServer) -> None:
    ours.offers.clear()
    ours.wheel("tool", "1.0", tag=LINUX)
    text = stack_text(ENTRY, platforms='["linux-64", "osx-arm64"]', resolve=resolve_of(ours))
    lamina.write("lamina.toml", text)
    assert "tool 1.0: linux-64" in lamina("lock", expect=4).stderr


@pytest.mark.parametrize(("command", "closed"), [("check", "true"), ("lock", "false")])
def test_without_credentials_the_error_says_so(
    lamina: CommandLine, ours: IndexServer, command: str, closed: str
) -> None:
    text = stack_text(ENTRY, resolve=resolve_of(ours, f"closed = {closed}"))
    lamina.write("lamina.toml", text)
    answer = lamina(command, expect=8)
    assert "401" in answer.stderr
    assert "hint: check" in answer.stderr
    assert "has no package" not in answer.stderr


@pytest.mark.parametrize("how", ["in the address", "by the name of the index"])
def test_versions_stay_where_the_default_index_is_private(
    index_server: IndexServer,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    index_server.credentials = "user:secret"
    index_server.wheel("app", "1.0")
    if how == "in the address":
        address = index_server.url.replace("://", "://user:secret@")
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
    else:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"corp={index_server.url}")
        monkeypatch.setenv("UV_INDEX_CORP_USERNAME", "user")
        monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", "secret")
    command_line.write("lamina.toml", stack_text('app = "*"'))
    command_line("lock")
    index_server.wheel("app", "2.0")
    assert "unchanged" in command_line("lock").stdout
    assert "secret" not in spoken(command_line)
    assert "app 1.0 -> 2.0" in command_line("lock", "--upgrade").stdout
