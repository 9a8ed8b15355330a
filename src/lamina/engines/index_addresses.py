"""Where the files of a lock are: remembered from locking, else looked up on the index's pages."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from lamina.core import fs
from lamina.core.errors import (
    IntegrityError,
    LaminaError,
    StorageError,
)
from lamina.engines.index_pages import project_files
from lamina.engines.index_settings import public_index
from lamina.model.digests import digest_of_bytes, parse_sha256
from lamina.model.names import OF_NO_INDEX, PUBLIC_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lamina.engines.index_pages import Offer
    from lamina.model.artifacts import Artifact
    from lamina.model.digests import Sha256
    from lamina.model.names import IndexName


class IndexAddresses:
    """Finds the address of each artifact on the index that it names, and on no other.

    ``indexes`` gives the address of each named index; the public one is found in ``environ``. What
    is learnt is kept in ``cache_directory``, one file an index, without credentials. ``refresh``
    passes over what is kept there.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        indexes: Mapping[IndexName, str],
        cache_directory: Path,
        *,
        refresh: bool = False,
    ) -> None:
        self._environ = environ
        self._indexes = indexes
        self._directory = cache_directory / "addresses"
        self._refresh = refresh

    def index_address(self, index: IndexName) -> str:
        """Return the address of an index; raises LaminaError when the name is not known."""
        if index in self._indexes:
            return self._indexes[index]
        if index == PUBLIC_INDEX:
            return public_index(self._environ)
        raise LaminaError(
            f"nothing says where the index {index!r} is",
            hints=[f'[resolve] indexes = {{ {index} = "https://..." }} in lamina.toml'],
        )

    def remember(self, index: IndexName, found: Mapping[Sha256, str]) -> None:
        """Keep addresses for later runs; a cache that cannot be written is none."""
        path = self._cache_file(index)
        known = _read(path)
        lines = [
            json.dumps({"sha256": digest, "address": bare}, ensure_ascii=False)
            for digest, address in sorted(found.items())
            if known.get(digest) != (bare := without_credentials(address))
        ]
        if not lines:
            return
        try:
            fs.make_directory(path.parent)
            fs.append_line(path, "\n".join(lines))
        except StorageError:
            return

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        """Return an address for each artifact.

        Raises IntegrityError when its index offers the file with another digest, LaminaError when
        it does not offer it at all, UpstreamUnavailableError when it does not answer.
        """
        every = list(artifacts)
        wanted = [one for one in every if one.index not in OF_NO_INDEX]
        found: dict[Artifact, str] = {}
        for index in sorted({one.index for one in wanted}):
            here = [one for one in wanted if one.index == index]
            known = {} if self._refresh else _read(self._cache_file(index))
            found |= {one: known[one.sha256] for one in here if one.sha256 in known}
            if missing := [one for one in here if one not in found]:
                looked_up = self._look_up(index, missing)
                self.remember(index, {one.sha256: where for one, where in looked_up.items()})
                found |= looked_up
        there = {one: with_credentials(found[one], self.index_address(one.index)) for one in wanted}
        return there | {one: self._kept(one) for one in every if one.index in OF_NO_INDEX}

    def _kept(self, artifact: Artifact) -> str:
        """Return where the file of a package of no index is kept on this machine."""
        path = sources_directory(self._directory.parent) / artifact.sha256[:24] / artifact.filename
        if not path.is_file() or fs.sha256_of(path) != artifact.sha256:
            raise LaminaError(
                f"{artifact.filename} is of no index, and not in the cache of this machine",
                hints=["lamina build"],
            )
        return path.resolve().as_uri()

    def _cache_file(self, index: IndexName) -> Path:
        address = without_credentials(self.index_address(index)).rstrip("/")
        return self._directory / f"{digest_of_bytes(address.encode())[:24]}.jsonl"

    def _look_up(self, index: IndexName, artifacts: list[Artifact]) -> dict[Artifact, str]:
        from lamina.core.http import HttpClient

        base = self.index_address(index).rstrip("/")
        packages = sorted({one.package for one in artifacts})
        with HttpClient(self._environ) as client, ThreadPoolExecutor(16) as pool:
            pages = pool.map(lambda name: project_files(client, base, name), packages)
            offers = dict(zip(packages, pages, strict=True))
        return {one: _choose(one, offers[one.package]) for one in artifacts}


def _choose(artifact: Artifact, offers: Mapping[str, list[Offer]]) -> str:
    """Return the address of the one file that has the recorded digest."""
    candidates = offers.get(artifact.filename, [])
    # Where a page gives no digest, the engine that downloads the file checks the recorded one.
    for wanted in (artifact.sha256, None):
        for one in candidates:
            if one.sha256 == wanted:
                return one.address
    if candidates:
        raise IntegrityError(
            f"{artifact.filename} on the index {artifact.index!r} is not the file that was locked: "
            f"sha256 {candidates[0].sha256}, locked {artifact.sha256}",
            hints=["find out why it changed; lamina lock takes the index as it is now"],
        )
    raise LaminaError(
        f"the index {artifact.index!r} does not offer {artifact.filename} (any more)",
        hints=[f"lamina lock --upgrade-package {artifact.package}"],
    )


def _read(path: Path) -> dict[Sha256, str]:
    """Return what the cache holds; lines that another process tore are passed over."""
    found: dict[Sha256, str] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            found[parse_sha256(entry["sha256"])] = str(entry["address"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def without_credentials(address: str) -> str:
    """Return the address as it may be written down."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def with_credentials(address: str, index_address: str) -> str:
    """Return the address with the index's credentials where both are on the same host."""
    file, index = urlsplit(address), urlsplit(index_address)
    user, _, host = index.netloc.rpartition("@")
    if user and file.netloc == host and file.scheme == index.scheme:
        return urlunsplit(file._replace(netloc=index.netloc))
    return address


def filename_of(address: str) -> str:
    """Return the file name at the end of an address."""
    return unquote(urlsplit(address).path.rpartition("/")[2])


def sources_directory(cache: Path) -> Path:
    """Return where sources are kept below lamina's cache, each by the digest of its file."""
    return cache / "builds" / "sources"


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return the user's cache directory for lamina."""
    from pathlib import Path

    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "lamina"
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".cache" / "lamina"
