"""The pages of an index: what it offers of a package (PEP 503, 658, 691 and 700)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from lamina.core.errors import UpstreamUnavailableError
from lamina.engines.index_settings import CREDENTIALS_HINT
from lamina.model.digests import Sha256, parse_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.core.http import HttpClient, Page
    from lamina.model.names import PackageName

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file on an index's page of a package."""

    filename: str
    address: str
    sha256: Sha256 | None
    """None where the page gives no such digest."""
    metadata_sha256: Sha256 | None
    """Digest of the wheel's metadata where the index offers it beside the wheel (PEP 658)."""
    requires_python: str
    """PEP 440 range of the Pythons it is for, empty where the page gives none."""
    uploaded: datetime | None
    yanked: bool


def project_files(
    client: HttpClient, index_address: str, package: PackageName
) -> dict[str, list[Offer]]:
    """Return what an index offers of a package, by file name; nothing where it is not there.

    Raises UpstreamUnavailableError when there is no usable page.
    """
    page = client.get(f"{index_address.rstrip('/')}/{package}/", accept=_ACCEPT)
    if page.status == 404:
        return {}
    if page.status != 200:
        raise UpstreamUnavailableError(
            f"the index refuses its page of {package}: HTTP status {page.status}",
            hints=[CREDENTIALS_HINT] if page.status in {401, 403} else (),
        )
    offers: dict[str, list[Offer]] = {}
    for one in _offers_of(page, package):
        offers.setdefault(one.filename, []).append(one)
    return offers


def _offers_of(page: Page, package: PackageName) -> list[Offer]:
    try:
        if page.content_type.partition(";")[0].strip() == _JSON:
            return [_json_offer(one, page.address) for one in json.loads(page.content)["files"]]
        return _html_offers(page, package)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpstreamUnavailableError(
            f"the index answers with a page of {package} that is no index page"
        ) from error


def _html_offers(page: Page, package: PackageName) -> list[Offer]:
    """Read the page of PEP 503; some indexes give the time of upload there too, as uv reads it."""
    from pypi_simple import DistributionPackage, parse_links_stream

    text = page.content.decode("utf-8", "replace")
    offers = []
    for link in parse_links_stream([text], base_url=page.address):
        one = DistributionPackage.from_link(link, package)
        offers.append(
            Offer(
                filename=one.filename,
                address=one.url,
                sha256=_digest(one.digests),
                metadata_sha256=_digest(one.metadata_digests),
                requires_python=one.requires_python or "",
                uploaded=_moment(link.get_str_attrib("data-upload-time")),
                yanked=one.is_yanked,
            )
        )
    return offers


def _json_offer(one: dict[str, Any], base: str) -> Offer:
    metadata = one.get("core-metadata") or one.get("dist-info-metadata") or {}
    filename, address = one["filename"], one["url"]
    if not (isinstance(filename, str) and isinstance(address, str)):
        raise TypeError("a file without a name or address")
    return Offer(
        filename=filename,
        address=urljoin(base, address),
        sha256=_digest(one["hashes"]),
        metadata_sha256=_digest(metadata) if isinstance(metadata, dict) else None,
        requires_python=one.get("requires-python") or "",
        uploaded=_moment(one.get("upload-time")),
        yanked=bool(one.get("yanked")),
    )


def _digest(digests: Mapping[str, str] | None) -> Sha256 | None:
    """Return the SHA-256 among digests; it becomes a path, so that nothing else may pass."""
    given = (digests or {}).get("sha256")
    return parse_sha256(given.lower()) if given else None


def _moment(text: str | None) -> datetime | None:
    """Read a time of upload, which is in UTC where it has no zone (PEP 700)."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
