"""What every test gets: no network beyond loopback, an environment of its own, the command line."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.command_line import CommandLine
from support.index_server import IndexServer
from support.interpreters import find_interpreter
from support.matrix import Matrix, describe, take_part
from support.places import Place
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", type=Path, metavar="FILE", help="write what holds over which base")
    cvmfs = parser.getgroup("cvmfs", "a real stratum 0, in place of the stand-in")
    cvmfs.addoption("--cvmfs-server", type=Path, metavar="PATH", help="its cvmfs_server")
    cvmfs.addoption("--cvmfs-repository", metavar="NAME", help="published into by the tests")
    cvmfs.addoption("--cvmfs-client", type=Path, metavar="DIR", help="where a client mounts it")


def pytest_configure(config: pytest.Config) -> None:
    # A shim of pyenv is a script that starts dozens of others before a Python, or before it says
    # that this one was not chosen. Tests that are about shims have their own.
    kept = [one for one in os.environ["PATH"].split(os.pathsep) if Path(one).name != "shims"]
    os.environ["PATH"] = os.pathsep.join(kept)
    if config.getoption("--matrix") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Matrix(page=config.getoption("--matrix")), "matrix")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--matrix"):
        items[:] = [item for item in items if describe(item) is not None]
        take_part(items)


@pytest.fixture(autouse=True, scope="session")
def _signals_end_programs() -> None:
    """Have signals end what tests start: shells let programs in the background ignore some."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            heard = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, heard)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests connect to loopback only, unless they are marked for the package index."""
    if request.node.get_closest_marker("index"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in {"", "127.0.0.1", "::1", "localhost"}:
            pytest.fail(f"a test without the mark 'index' connects to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a home of its own and the machine's index and certificates."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("SSL_", "UV_", "LC_"))
        or name in {"PATH", "LANG", "PYENV_ROOT", "REQUESTS_CA_BUNDLE", "TMPDIR"}
        or name.lower().endswith("_proxy")
    }
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    return kept | {
        "HOME": str(home),
        "UV_CACHE_DIR": cache,
        "UV_PYTHON_DOWNLOADS": "never",
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
    }


@pytest.fixture
def index_server(environ: dict[str, str], tmp_path: Path) -> Iterator[IndexServer]:
    """Return an empty index on loopback that ``environ`` names as the default one.

    Ask for it before ``command_line``, so that the program sees it too.
    """
    with IndexServer() as server:
        environ["UV_DEFAULT_INDEX"] = server.url
        environ["UV_CACHE_DIR"] = empty_cache(tmp_path / "uv-cache")
        environ["UV_HTTP_RETRIES"] = "0"
        yield server


@pytest.fixture
def command_line(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Return the program, run in this process, in a directory and environment of its own."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in set(os.environ) - set(environ) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return CommandLine(directory=work, environ=environ)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return where all tests of a file can be, one after the other; see ``Place``."""
    with IndexServer() as server:
        yield Place(top=tmp_path_factory.mktemp("place"), server=server)


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a channel with a Python, a noarch package and a compiled one; not to be changed."""
    from support.channels import SERIES, make_channel, write_wheels

    top = tmp_path_factory.mktemp("bootstrapped")
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    wheels = write_wheels(top / "wheels")
    make_channel(top / "channel", wheels, find_interpreter(SERIES), environ)
    return top / "channel"


@pytest.fixture(scope="session")
def interpreter() -> Callable[[str], Path]:
    """Return a function that finds the interpreter of a series such as ``3.12``."""
    return find_interpreter
