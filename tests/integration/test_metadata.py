"""Metadata of files, against a server on loopback."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError, LaminaError
from lamina.core.http import HttpClient
from lamina.engines.index_pages import project_files
from lamina.model.names import parse_package_name
from lamina.resolve.metadata import FileMetadata, MetadataReader
from support.index_server import IndexServer

if TYPE_CHECKING:
    from pathlib import Path

A = parse_package_name("a")


def read(server: IndexServer, environ: dict[str, str], cache: Path) -> FileMetadata:
    with HttpClient(environ) as client:
        [[offer]] = project_files(client, server.url, A).values()
        return MetadataReader(client, cache).read(offer)


@pytest.mark.parametrize("ranges", [False, True], ids=["whole", "parts"])
def test_a_wheel(environ: dict[str, str], tmp_path: Path, *, ranges: bool) -> None:
    with IndexServer(ranges=ranges) as server:
        server.wheel("a", "1.0", ["b>=2", "c ; extra == 'x'"])
        found = read(server, environ, tmp_path)
        assert [str(one) for one in found.requirements] == ["b>=2", 'c; extra == "x"']
        assert found.is_final


def test_of_a_big_wheel_only_parts_are_fetched(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer(ranges=True) as server:
        offer = server.wheel("a", "1.0", ["b>=2"])
        big = io.BytesIO(offer.content)
        with zipfile.ZipFile(big, "a") as archive:
            archive.writestr("big.bin", os.urandom(3_000_000))
        offer.content = big.getvalue()
        assert [str(one) for one in read(server, environ, tmp_path).requirements] == ["b>=2"]
        assert server.sent < 200_000


def test_metadata_is_kept_by_digest(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        server.wheel("a", "1.0", ["b"])
        first = read(server, environ, tmp_path)
        server.requests.clear()
        assert read(server, environ, tmp_path) == first
        assert server.requests == ["/simple/a/"]


def test_sources_that_say_what_they_need(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        server.sdist("a", "1.0", ["b"])
        found = read(server, environ, tmp_path)
        assert (found.is_final, [str(one) for one in found.requirements]) == (True, ["b"])


def test_content_that_is_not_what_the_page_says(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        server.wheel("a", "1.0").content += b"x"
        with pytest.raises(IntegrityError, match="its page says"):
            read(server, environ, tmp_path)
        assert not (tmp_path / "metadata").exists()


def test_a_file_that_is_no_wheel(environ: dict[str, str], tmp_path: Path) -> None:
    with IndexServer() as server:
        offer = server.wheel("a", "1.0")
        offer.content = b"nothing"
        offer.sha256 = hashlib.sha256(offer.content).hexdigest()
        with pytest.raises(LaminaError, match="has no metadata"):
            read(server, environ, tmp_path)


@pytest.mark.parametrize("left", [20, 150])
def test_sources_that_were_cut_off(environ: dict[str, str], tmp_path: Path, left: int) -> None:
    with IndexServer() as server:
        offer = server.sdist("a", "1.0", ["b"])
        offer.content = offer.content[:left]
        offer.sha256 = hashlib.sha256(offer.content).hexdigest()
        with pytest.raises(LaminaError, match=r"a-1\.0\.tar\.gz has no metadata"):
            read(server, environ, tmp_path)
