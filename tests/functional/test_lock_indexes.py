"""A package is only ever taken from its own index."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.index_server import LINUX, IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine

BOTH = '["linux-64", "osx-arm64"]'


@pytest.fixture
def ours() -> Iterator[IndexServer]:
    """Return the index of the experiment; the public one has a higher version of its package."""
    with IndexServer() as server:
        server.wheel("tool", "1.0", note="ours")
        yield server


@pytest.fixture
def public(index_server: IndexServer) -> IndexServer:
    """Return the default index, with a foreign package of the same name."""
    index_server.wheel("tool", "99.0", note="foreign")
    index_server.wheel("user", "1.0", ["tool"])
    return index_server


@pytest.fixture
def lamina(public: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, with the public index as its default one."""
    assert public.url
    return command_line


def packages(lamina: CommandLine) -> dict[str, dict[str, Any]]:
    lock = tomllib.loads((lamina.directory / "lamina.lock").read_text())
    return {one["name"]: one for one in lock["package"]}


def ours_in(server: IndexServer) -> str:
    return f'indexes = {{ ours = "{server.url}" }}'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('tool = { version = "*", index = "ours" }', id="asked for"),
        pytest.param('tool = { version = "*", index = "ours" }\nuser = "*"', id="and needed"),
        pytest.param(
            'tool = { version = "*", index = "ours", platforms = ["linux-64"] }\nuser = "*"',
            id="asked for on one platform, needed on both",
        ),
        pytest.param(
            'tool = { version = "*", index = "ours", marker = "python_version < \'3\'" }\n'
            'user = "*"',
            id="never asked for, needed",
        ),
    ],
)
def test_a_package_comes_from_its_own_index(
    lamina: CommandLine, ours: IndexServer, line: str
) -> None:
    lamina.write("lamina.toml", stack_text(line, platforms=BOTH, resolve=ours_in(ours)))
    lamina("lock")
    tool = packages(lamina)["tool"]
    assert (tool["version"], tool["index"]) == ("1.0", "ours")
    assert "targets" not in tool


def test_a_limited_package_that_nothing_else_needs_stays_limited(
    lamina: CommandLine, ours: IndexServer
) -> None:
    ours.wheel("native", "1.0", tag=LINUX)
    line = 'native = { version = "*", index = "ours", platforms = ["linux-64"] }'
    lamina.write("lamina.toml", stack_text(line, platforms=BOTH, resolve=ours_in(ours)))
    lamina("lock")
    assert packages(lamina)["native"]["targets"] == ["linux-64/3.12"]


def test_a_package_that_its_index_lacks_is_not_taken_from_another(
    lamina: CommandLine, ours: IndexServer, public: IndexServer
) -> None:
    public.wheel("absent", "1.0")
    line = 'absent = { version = "*", index = "ours" }'
    lamina.write("lamina.toml", stack_text(line, resolve=ours_in(ours)))
    assert "the index 'ours' has no package 'absent'" in lamina("lock", expect=4).stderr


def test_a_package_of_the_public_index_is_not_looked_for_in_ours(
    lamina: CommandLine, ours: IndexServer
) -> None:
    lamina.write("lamina.toml", stack_text('user = "*"', resolve=ours_in(ours)))
    lamina("lock")
    assert packages(lamina)["tool"]["version"] == "99.0"
    assert ours.requests == []


def test_the_default_index_may_be_ours(
    lamina: CommandLine, ours: IndexServer, public: IndexServer
) -> None:
    ours.wheel("needs", "1.0", ["tool"])
    line = 'needs = "*"\nuser = { version = "*", index = "pypi" }'
    resolve = f'index = "ours"\n{ours_in(ours)}'
    lamina.write("lamina.toml", stack_text(line, resolve=resolve))
    lamina("lock")
    found = {name: one["index"] for name, one in packages(lamina).items()}
    assert found == {"needs": "ours", "tool": "ours", "user": "pypi"}
    assert all("tool" not in path for path in public.requests)


@pytest.mark.parametrize(
    "variable", ["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL"]
)
def test_further_indexes_of_the_machine_add_no_candidates(
    lamina: CommandLine,
    ours: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    ours.wheel("user", "50.0")
    monkeypatch.setenv(variable, ours.url)
    lamina.write("lamina.toml", stack_text('user = "*"'))
    lamina("lock")
    assert packages(lamina)["user"]["version"] == "1.0"
    assert ours.requests == []


def test_settings_of_uv_bend_nothing(
    lamina: CommandLine, ours: IndexServer, public: IndexServer
) -> None:
    ours.wheel("user", "50.0")
    public.wheel("user", "2.0a1")
    settings = lamina.directory / "uv.toml"
    settings.write_text(f'extra-index-url = ["{ours.url}"]\nprerelease = "allow"\n')
    for place in (Path(lamina.environ["HOME"]) / ".config", lamina.directory / "config"):
        (place / "uv").mkdir(parents=True)
        (place / "uv" / "uv.toml").write_text(settings.read_text())
    lamina.write("lamina.toml", stack_text('user = "*"'))
    lamina("lock")
    assert packages(lamina)["user"]["version"] == "1.0"
    assert ours.requests == []


def test_sources_of_another_index_are_never_built(
    lamina: CommandLine, ours: IndexServer, public: IndexServer
) -> None:
    public.offers["tool"].clear()
    public.sdist("tool", "99.0")
    ours.sdist("tool", "2.0")
    line = (
        'tool = { version = "*", index = "ours", source = true, platforms = ["linux-64"] }\n'
        'user = "*"'
    )
    lamina.write("lamina.toml", stack_text(line, platforms=BOTH, resolve=ours_in(ours)))
    lamina("lock")
    assert packages(lamina)["tool"]["version"] == "2.0"
    assert all("tool" not in path for path in public.requests)
