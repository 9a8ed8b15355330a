"""Archives fetched from a channel: hashed before they get a name, and not fetched twice."""

from __future__ import annotations

import functools
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.reading import read_archive
from lamina.channel.directory import record_of
from lamina.core.errors import IntegrityError, UpstreamUnavailableError
from lamina.core.http import HttpClient
from lamina.engines.conda_fetch import fetch_archives
from lamina.model.conda import CondaRecord, record_of_json
from support.archives import write_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_package(tmp_path / "channel" / "linux-64", tmp_path / "work")


@pytest.fixture
def served(archive: Path) -> Iterator[tuple[CondaRecord, list[str]]]:
    """Serve a channel on loopback; yield the record of its package, and what is asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            asked.append(str(words[1]))

    serving = functools.partial(Handler, directory=str(archive.parents[1]))
    with ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        url = f"{address}linux-64/{archive.name}"
        entry = record_of(read_archive(archive))
        yield record_of_json(entry, file_name=archive.name, channel=address, url=url), asked
        server.shutdown()
        thread.join()


@pytest.fixture
def http(environ: dict[str, str]) -> Iterator[HttpClient]:
    with HttpClient({**environ, "UV_HTTP_RETRIES": "0"}) as client:
        yield client


def test_an_archive_is_fetched_once(
    served: tuple[CondaRecord, list[str]], http: HttpClient, archive: Path, tmp_path: Path
) -> None:
    record, asked = served
    found = fetch_archives([record], tmp_path / "kept", http)
    assert found[record].read_bytes() == archive.read_bytes()
    assert fetch_archives([record], tmp_path / "kept", http) == found
    assert len(asked) == 1
    found[record].write_bytes(b"damaged")
    assert fetch_archives([record], tmp_path / "kept", http)[record].read_bytes() != b"damaged"
    assert len(asked) == 2


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_trap_01_http_is_hashed_by_both(
    served: tuple[CondaRecord, list[str]], http: HttpClient, tmp_path: Path, kind: str
) -> None:
    record, _ = served
    wrong = replace(record, sha256="0" * 64) if kind == "sha256" else replace(record, md5="0" * 32)
    with pytest.raises(IntegrityError, match=rf"one-1\.0-h0_0\.conda: its {kind} is"):
        fetch_archives([wrong], tmp_path / "kept", http)
    assert not (tmp_path / "kept").exists()


def test_what_a_channel_no_longer_has_is_named(
    served: tuple[CondaRecord, list[str]], http: HttpClient, archive: Path, tmp_path: Path
) -> None:
    archive.unlink()
    with pytest.raises(UpstreamUnavailableError, match=r"one-1\.0-h0_0\.conda: HTTP status 404"):
        fetch_archives([served[0]], tmp_path, http)


def test_a_channel_of_files_is_used_where_it_is(
    served: tuple[CondaRecord, list[str]], http: HttpClient, archive: Path, tmp_path: Path
) -> None:
    record = replace(served[0], url=archive.as_uri())
    assert fetch_archives([record], tmp_path / "kept", http) == {record: archive}
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("name", ["../up-1-0.conda", "/abs-1-0.conda", ".."])
def test_a_name_that_leads_elsewhere_is_refused(
    served: tuple[CondaRecord, list[str]], http: HttpClient, tmp_path: Path, name: str
) -> None:
    with pytest.raises(IntegrityError, match="no name for a file"):
        fetch_archives([replace(served[0], file_name=name)], tmp_path, http)
