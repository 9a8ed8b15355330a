"""Fetching the archives of records into a directory, each hashed before it gets its name there."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lamina.archive.members import unsafe_name
from lamina.core import fs, report
from lamina.core.errors import IntegrityError, UpstreamUnavailableError
from lamina.core.run import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.core.http import HttpClient
    from lamina.model.conda import CondaRecord

_AT_ONCE = 8


def fetch_archives(
    records: Iterable[CondaRecord], directory: Path, http: HttpClient
) -> dict[CondaRecord, Path]:
    """Return where the archive of each record is: in its own channel, or fetched from there.

    What is in ``directory`` already, with the right hash, is not fetched again. An archive that is
    fetched is in memory as a whole meanwhile. Raises IntegrityError for bytes that are not what a
    record says, UpstreamUnavailableError for a channel that does not have them.
    """
    wanted = list(records)
    with (
        report.step("fetch packages", total=len(wanted)) as step,
        ThreadPoolExecutor(_AT_ONCE) as p,
    ):

        def fetch(record: CondaRecord) -> Path:
            found = _fetch(record, directory, http)
            step.advance()
            return found

        return dict(zip(wanted, p.map(fetch, wanted), strict=True))


def _fetch(record: CondaRecord, directory: Path, http: HttpClient) -> Path:
    digest = record.sha256 or record.md5
    if not digest or unsafe_name(record.file_name) or "/" in record.file_name:
        raise IntegrityError(f"{record}: its record has no digest, or no name for a file")
    if record.url.startswith("file:"):
        return Path(unquote(urlsplit(record.url).path))
    target = directory / digest / record.file_name
    if target.is_file() and not _differs(record, target.read_bytes()):
        return target
    page = http.get(record.url)
    if page.status != 200:
        raise UpstreamUnavailableError(
            f"{redact(record.url)}: HTTP status {page.status}",
            hints=["the channel no longer has it; name a mirror that does"],
        )
    if reason := _differs(record, page.content):
        raise IntegrityError(f"{redact(record.url)}: {reason}")
    fs.make_directory(target.parent)
    fs.write_bytes(target, page.content, durable=False)
    return target


def _differs(record: CondaRecord, data: bytes) -> str:
    """Return what speaks against bytes being those of a record; empty where nothing does."""
    found = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }
    for kind, wanted in (("sha256", record.sha256), ("md5", record.md5)):
        if wanted and wanted.lower() != found[kind]:
            return f"its {kind} is {found[kind]}, and should be {wanted}"
    return ""
