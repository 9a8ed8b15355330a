"""What the pages of an index say, and what they may not say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from lamina.core.errors import UpstreamUnavailableError
from lamina.core.http import HttpClient, Page
from lamina.engines.index_pages import Offer, project_files
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX = "https://index.example.org/simple"
TOOL = parse_package_name("tool")
JSON = "application/vnd.pypi.simple.v1+json"
FILE = "tool-1.0-py3-none-any.whl"
ONE, TWO = "1" * 64, "2" * 64


@dataclass(frozen=True)
class Served:
    """A client that gets one page."""

    content: str
    content_type: str = JSON
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def get(self, address: str, *, accept: str) -> Page:
        self.asked.append(address)
        assert "json" in accept
        assert "html" in accept
        return Page(
            address=address,
            status=self.status,
            content_type=self.content_type,
            content=self.content.encode(),
        )

    def offers(self, index: str = INDEX) -> list[Offer]:
        found = project_files(cast("HttpClient", self), index, TOOL)
        return [one for many in found.values() for one in many]


def json_page(**more: Any) -> Served:
    entry: Mapping[str, Any] = {"filename": FILE, "url": f"../../f/{FILE}", "hashes": {}} | more
    return Served(json.dumps({"files": [entry]}))


def html_page(attributes: str = "", fragment: str = "") -> Served:
    link = f'<a href="../../f/{FILE}{fragment}" {attributes}>{FILE}</a>'
    return Served(f"<!DOCTYPE html><html><body>{link}</body></html>", "text/html; charset=utf-8")


OFFER = Offer(
    filename=FILE,
    address=f"https://index.example.org/f/{FILE}",
    sha256=None,
    metadata_sha256=None,
    requires_python="",
    uploaded=None,
    yanked=False,
)


@pytest.mark.parametrize("page", [json_page(), html_page()], ids=["json", "html"])
def test_the_least_that_a_page_says(page: Served) -> None:
    assert page.offers() == [OFFER]
    assert page.offers(f"{INDEX}/") == [OFFER]
    assert set(page.asked) == {f"{INDEX}/tool/"}


FULL = json_page(
    **{
        "hashes": {"sha256": ONE.upper()},
        "core-metadata": {"sha256": TWO},
        "requires-python": ">=3.9",
        "upload-time": "2026-01-02T03:04:05Z",
        "yanked": "a bad one",
    }
)
FULL_HTML = html_page(
    f'data-core-metadata="sha256={TWO}" data-requires-python="&gt;=3.9"'
    ' data-upload-time="2026-01-02T03:04:05Z" data-yanked="a bad one"',
    f"#sha256={ONE}",
)


@pytest.mark.parametrize("page", [FULL, FULL_HTML], ids=["json", "html"])
def test_all_that_a_page_says(page: Served) -> None:
    [found] = page.offers()
    assert (found.sha256, found.metadata_sha256) == (ONE, TWO)
    assert found.requires_python == ">=3.9"
    assert found.uploaded == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.yanked


def test_metadata_under_its_older_name() -> None:
    assert json_page(**{"dist-info-metadata": {"sha256": TWO}}).offers()[0].metadata_sha256 == TWO
    assert json_page(**{"dist-info-metadata": True}).offers()[0].metadata_sha256 is None


def test_a_time_without_zone_is_in_utc() -> None:
    [found] = json_page(**{"upload-time": "2026-01-02T03:04:05"}).offers()
    assert found.uploaded == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(json_page(hashes={"sha256": "../../../../.bashrc"}), id="a path"),
        pytest.param(json_page(**{"core-metadata": {"sha256": "../x"}}), id="a path of metadata"),
        pytest.param(json_page(**{"upload-time": "yesterday"}), id="no time"),
        pytest.param(json_page(filename=None, url=None), id="no file"),
        pytest.param(Served("{}"), id="no files"),
        pytest.param(Served("[]"), id="no object"),
        pytest.param(Served("<html>"), id="no JSON"),
    ],
)
def test_a_page_that_is_none(page: Served) -> None:
    with pytest.raises(UpstreamUnavailableError, match="page of tool that is no index page"):
        page.offers()


def test_a_package_that_is_not_there() -> None:
    assert Served("", status=404).offers() == []


@pytest.mark.parametrize(
    ("status", "hints"), [(401, 1), (403, 1), (410, 0)], ids=["who", "forbidden", "gone"]
)
def test_a_refusal_names_credentials_where_they_are_the_matter(status: int, hints: int) -> None:
    with pytest.raises(UpstreamUnavailableError, match=f"HTTP status {status}") as caught:
        Served("", status=status).offers()
    assert len(caught.value.hints) == hints
