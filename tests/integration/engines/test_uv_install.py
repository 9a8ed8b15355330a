"""Exactly the given files are installed, by uv, from an index on loopback."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import BuildFailedError, IntegrityError, UpstreamUnavailableError
from lamina.engines.index_addresses import IndexAddresses
from lamina.engines.pylock import install_options
from lamina.engines.uv_install import UvInstaller
from lamina.engines.uv_program import UvProgram
from lamina.engines.uv_python import make_environment
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, IndexName, parse_index_name, parse_package_name
from support.index_server import IndexServer, make_sdist
from support.interpreters import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from support.index_server import Offer


@pytest.fixture
def site(index_server: IndexServer, environ: dict[str, str], tmp_path: Path) -> Path:
    assert index_server.url
    prefix = tmp_path / "prefix"
    uv = UvProgram(environ=environ)
    make_environment(uv, prefix, python=find_interpreter("3.12"), prompt="p")
    return next(prefix.glob("lib/python*/site-packages"))


def artifact(offer: Offer, *, sha256: str = "") -> Artifact:
    name, version = offer.filename.removesuffix(".tar.gz").split("-")[:2]
    return Artifact(
        package=parse_package_name(name),
        version=version,
        index=PUBLIC_INDEX,
        filename=offer.filename,
        sha256=Sha256(sha256 or offer.sha256),
    )


def install(
    index: IndexServer, environ: dict[str, str], site: Path, *wanted: Artifact, log: Path
) -> None:
    indexes = {PUBLIC_INDEX: index.url}
    installer = UvInstaller(uv=UvProgram(environ=environ, log=log), indexes=indexes)
    locator = IndexAddresses(environ, indexes, log.parent / "cache")
    installer.install(wanted, python=site.parents[2] / "bin" / "python", locator=locator)


def distributions(site: Path) -> list[str]:
    return sorted(one.name.partition("-")[0] for one in site.glob("*.dist-info"))


def test_files_are_no_links_to_the_cache(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    wanted = artifact(index_server.wheel("a", "1.0"))
    install(index_server, environ, site, wanted, log=tmp_path / "log")
    files = [one for one in site.rglob("*") if one.is_file()]
    assert files
    assert [one for one in files if one.stat().st_nlink > 1] == []
    assert not list(site.glob("a-1.0.dist-info/direct_url.json"))


def test_what_is_not_wanted_goes_and_dependencies_are_not_looked_at(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    a = artifact(index_server.wheel("a", "1.0", ["missing"]))
    b = artifact(index_server.wheel("b", "1.0"))
    install(index_server, environ, site, a, b, log=tmp_path / "log")
    assert distributions(site) == ["a", "b"]
    install(index_server, environ, site, a, log=tmp_path / "log")
    assert distributions(site) == ["a"]


def test_only_sources_that_are_named_are_built(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    index_server.sdist("a", "1.0")
    a = artifact(index_server.wheel("a", "1.0", note="a wheel"))
    b = artifact(index_server.sdist("b", "1.0"))
    install(index_server, environ, site, a, b, log=tmp_path / "log")
    assert "a wheel" in (site / "a.py").read_text()
    assert "built = True" in (site / "b.py").read_text()


def test_content_that_is_not_what_was_locked(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    offer = index_server.wheel("a", "1.0")
    wanted = artifact(offer)
    good = offer.content
    offer.content = index_server.wheel("b", "1.0").content
    with pytest.raises(IntegrityError, match="Hash mismatch"):
        install(index_server, environ, site, wanted, log=tmp_path / "log")
    assert distributions(site) == []
    # The bad file was not kept: the next try gets the good one.
    offer.content = good
    install(index_server, environ, site, wanted, log=tmp_path / "log")
    assert distributions(site) == ["a"]


def test_a_file_that_is_not_served_any_more(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    wanted = artifact(index_server.wheel("a", "1.0"))
    install_log = tmp_path / "log"
    indexes = {PUBLIC_INDEX: index_server.url}
    IndexAddresses(environ, indexes, tmp_path / "cache").addresses([wanted])
    index_server.failures[f"/files/{wanted.filename}"] = 99
    with pytest.raises(UpstreamUnavailableError, match="503"):
        install(index_server, environ, site, wanted, log=install_log)
    assert "503" in install_log.read_text()


def test_sources_that_do_not_build(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    offer = index_server.sdist("a", "1.0")
    offer.content = make_sdist("b", "1.0")
    wanted = artifact(offer, sha256=hashlib.sha256(offer.content).hexdigest())
    offer.sha256 = wanted.sha256
    with pytest.raises(BuildFailedError) as caught:
        install(index_server, environ, site, wanted, log=tmp_path / "log")
    assert str(tmp_path / "log") in caught.value.hints[-1]


def test_nothing_to_install(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    install(index_server, environ, site, log=tmp_path / "log")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("index", ["public", "ours"])
@pytest.mark.parametrize("end", ["", "/"])
def test_what_is_in_the_cache_is_not_fetched_again(
    index_server: IndexServer, environ: dict[str, str], tmp_path: Path, index: str, end: str
) -> None:
    indexes = {IndexName(index): index_server.url + end}
    environ["UV_DEFAULT_INDEX"] = index_server.url if index == "public" else "http://127.0.0.1:1"
    wanted = dataclasses.replace(
        artifact(index_server.wheel("a", "1.0")), index=parse_index_name(index)
    )
    uv = UvProgram(environ=environ)
    for place in ("one", "two"):
        make_environment(uv, tmp_path / place, python=find_interpreter("3.12"), prompt="p")
        UvInstaller(uv=uv, indexes=indexes).install(
            [wanted],
            python=tmp_path / place / "bin" / "python",
            locator=IndexAddresses(environ, indexes, tmp_path / "addresses"),
        )
        assert list((tmp_path / place).rglob("a.py"))
    assert index_server.requests.count(f"/files/{wanted.filename}") == 1


def test_nothing_that_a_build_needs_comes_from_another_index_than_the_default(
    index_server: IndexServer, environ: dict[str, str], site: Path, tmp_path: Path
) -> None:
    """A source distribution of one index, a wheel of another, which offers a build tool too."""
    source = index_server.sdist("a", "1.0")
    with IndexServer() as ours:
        wheel = dataclasses.replace(artifact(ours.wheel("b", "1.0")), index=IndexName("ours"))
        indexes = {PUBLIC_INDEX: index_server.url, IndexName("ours"): ours.url}
        installer = UvInstaller(uv=UvProgram(environ=environ), indexes=indexes)
        options = list(install_options([artifact(source), wheel], indexes))
        locator = IndexAddresses(environ, indexes, tmp_path / "addresses")
        python = site.parents[2] / "bin" / "python"
        installer.install([artifact(source), wheel], python=python, locator=locator)
    assert "--index" not in options
    assert distributions(site) == ["a", "b"]
