"""A layer takes each package from the index that the stack of its release names for it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.model.platforms import Platform, current_platform
from support.index_server import IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command_line import CommandLine

HERE = current_platform()
ELSEWHERE = next(one for one in Platform if one != HERE)
LOGIN = "librarian:p@ss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The program with two indexes: the public one has foreign packages of our names."""

    lamina: CommandLine
    public: IndexServer
    ours: IndexServer

    def publish(self, packages: str, *, resolve: str = "", platforms: str = f'["{HERE}"]') -> None:
        """Publish a stack and make a layer on its release."""
        indexes = f'indexes = {{ ours = "{self.ours.url}" }}\n{resolve}'
        text = stack_text(packages, resolve=indexes, platforms=platforms)
        self.lamina.write("lamina.toml", text)
        self.lamina("publish")
        self.lamina("layer", "create", "mine", "--on", "small")

    def placed(self, layer: str = "mine") -> dict[str, tuple[str, str]]:
        """Return version and index of each package of a layer."""
        lock: dict[str, Any] = tomllib.loads(
            (self.lamina.directory / layer / "lamina-layer.lock").read_text()
        )
        return {one["name"]: (one["version"], one["index"]) for one in lock.get("package", [])}


@pytest.fixture
def site(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    index_server.wheel("tool", "99.0", note="foreign")
    index_server.wheel("user", "1.0", ["tool>=2"])
    index_server.wheel("plain", "1.0")
    with IndexServer() as ours:
        for version in ("1.0", "2.0"):
            ours.wheel("tool", version, note="ours")
        yield Site(lamina=command_line, public=index_server, ours=ours)
    fs.remove_tree(command_line.directory / "root")


TOOL = 'tool = { version = "==1.0", index = "ours" }'


@pytest.mark.parametrize("request_", ["tool>=2", "user", "tool"], ids=["asked", "needed", "there"])
def test_a_package_is_lifted_from_its_own_index(site: Site, request_: str) -> None:
    site.publish(TOOL)
    site.public.requests.clear()
    site.lamina("layer", "add", "mine", request_)
    assert site.placed().get("tool", ("2.0", "ours")) == ("2.0", "ours")
    assert not [path for path in site.public.requests if "tool" in path]


def test_what_is_installed_is_ours(site: Site) -> None:
    site.publish(TOOL)
    site.lamina("layer", "add", "mine", "user")
    [module] = (site.lamina.directory / "mine").glob("lib/python*/site-packages/tool.py")
    assert "note = 'ours'" in module.read_text()
    assert site.placed()["user"] == ("1.0", "pypi")


def test_a_layer_on_a_layer(site: Site) -> None:
    site.publish(TOOL)
    site.lamina("layer", "create", "upper", "--on", site.lamina.directory / "mine")
    site.lamina("layer", "add", "upper", "user")
    assert site.placed("upper")["tool"] == ("2.0", "ours")


def test_a_package_that_the_release_has_on_another_platform_only(site: Site) -> None:
    line = f'plain = "*"\ntool = {{ version = "*", index = "ours", platforms = ["{ELSEWHERE}"] }}'
    site.publish(line, platforms=f'["{HERE}", "{ELSEWHERE}"]')
    site.lamina("layer", "add", "mine", "user")
    assert site.placed()["tool"] == ("2.0", "ours")


def test_the_default_index_of_the_stack_is_that_of_its_layers(site: Site) -> None:
    site.ours.wheel("new", "1.0")
    site.public.wheel("new", "99.0")
    site.publish(
        'tool = "==1.0"\nplain = { version = "*", index = "pypi" }', resolve='index="ours"'
    )
    site.public.wheel("plain", "2.0")
    site.lamina("layer", "add", "mine", "new", "plain>=2")
    assert site.placed() == {"new": ("1.0", "ours"), "plain": ("2.0", "pypi")}


def test_an_index_that_wants_credentials(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ours.credentials = LOGIN
    user, _, password = LOGIN.partition(":")
    monkeypatch.setenv("UV_INDEX_OURS_USERNAME", user)
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", password)
    site.publish(TOOL)
    answer = site.lamina("layer", "add", "mine", "tool>=2", "--verbose")
    assert site.placed()["tool"] == ("2.0", "ours")
    files = [one for one in (site.lamina.directory / "mine").rglob("*") if one.is_file()]
    spoken = answer.stdout + answer.stderr
    spoken += "".join(one.read_bytes().decode("utf-8", "replace") for one in files)
    assert password not in spoken
    assert "p%40ss" not in spoken


def test_a_refusal_speaks_of_the_request(site: Site) -> None:
    site.publish(TOOL)
    answer = site.lamina("layer", "add", "mine", "tool>=5", expect=4)
    assert "only tool<=2.0 is available and you require tool>=5" in answer.stderr


def test_a_release_that_does_not_tell(site: Site) -> None:
    site.publish(TOOL)
    [stack] = (site.lamina.directory / "root").glob("releases/*/*/*/.lamina/stack.toml")
    fs.set_mode(stack.parent, 0o755)
    fs.remove_file(stack)
    assert "stack.toml" in site.lamina("layer", "add", "mine", "user", expect=3).stderr
