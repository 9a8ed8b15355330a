"""The files that a conda package consists of, read from its archive without installing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rattler import Client
from rattler.package_streaming import fetch_raw_package_file_from_url

from lamina.archive.reading import read_archive
from lamina.core import report
from lamina.core.errors import LaminaError
from lamina.core.run import redact
from lamina.engines.conda_boundary import call
from lamina.engines.conda_fetch import fetch_archives

if TYPE_CHECKING:
    from lamina.core.http import HttpClient
    from lamina.model.conda import CondaRecord


def archive_paths(record: CondaRecord, directory: Path, http: HttpClient) -> tuple[str, ...]:
    """Return the paths of a package's files, below its prefix.

    An archive on this machine is hashed before. Of a ``.conda`` on a server only its list of files
    is fetched, by ranges of bytes; where the server gives none, the whole goes to ``directory``.
    Raises IntegrityError, UpstreamUnavailableError.
    """
    if record.url.startswith("file:"):
        return _local(record, Path(unquote(urlsplit(record.url).path)))
    listed = _listed(record)
    if listed is not None:
        return listed
    return _local(record, fetch_archives([record], directory, http)[record])


def _local(record: CondaRecord, path: Path) -> tuple[str, ...]:
    contents = read_archive(path, sha256=record.sha256, md5=record.md5)
    return tuple(one.path for one in contents.paths)


def _listed(record: CondaRecord) -> tuple[str, ...] | None:
    """Return what the archive on a server lists; None where that cannot be had by itself."""
    if not record.file_name.endswith(".conda"):
        return None
    try:
        data = call(
            lambda: fetch_raw_package_file_from_url(
                Client.default_client(), record.url, "info/paths.json"
            ),
            record.url,
        )
        return tuple(str(one["_path"]) for one in json.loads(data)["paths"])
    except (LaminaError, OSError, ValueError, KeyError, TypeError) as error:
        why = redact(str(error))
        report.note(f"{record.file_name} is fetched whole, its list of files cannot be had: {why}")
        return None
