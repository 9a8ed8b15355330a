"""Which versions of an index count for a stack."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

import pytest

from lamina.core.http import HttpClient, Page
from lamina.model.document import validate
from lamina.model.names import parse_package_name
from lamina.resolve.wheels import offered_versions
from lamina.stack.document import Stack

PUBLIC, OURS = "https://index.example.org/simple", "https://ours.example.org/simple"
TOOL = parse_package_name("tool")
ENVIRON = {"UV_DEFAULT_INDEX": PUBLIC}


@dataclass(frozen=True)
class Served:
    """A client that gets one page of files."""

    files: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    def get(self, address: str, *, accept: str) -> Page:
        assert accept
        self.asked.append(address)
        return Page(
            address=address,
            status=200,
            content_type="application/vnd.pypi.simple.v1+json",
            content=json.dumps({"files": self.files}).encode(),
        )


def entry(version: str, uploaded: str | None = "2026-01-01T00:00:00Z", **more: Any) -> Any:
    name = f"tool-{version}-py3-none-any.whl"
    return {"filename": name, "url": name, "hashes": {}, "upload-time": uploaded, **more}


def versions(*files: Any, **resolve: Any) -> list[str]:
    client = Served(list(files))
    table = {"name": "small", "version": "1", "python": "3.12", "platforms": ["linux-64"]}
    packages = {"tool": {"index": "ours"} if "indexes" in resolve else "*"}
    stack = validate(
        Stack, {"stack": table, "resolve": resolve, "packages": packages}, "lamina.toml"
    )
    found = offered_versions(stack, ENVIRON, TOOL, cast("HttpClient", client))
    assert client.asked == [f"{OURS if 'indexes' in resolve else PUBLIC}/tool/"]
    return [str(one) for one in found]


def test_the_newest_comes_first() -> None:
    assert versions(entry("1.9"), entry("1.10"), entry("1.2")) == ["1.10", "1.9", "1.2"]


def test_files_of_one_version_are_together() -> None:
    sdist = {"filename": "tool-1.0.tar.gz", "url": "x", "hashes": {}}
    assert versions(entry("1.0"), sdist) == ["1.0"]


def test_what_was_yanked_does_not_count() -> None:
    assert versions(entry("2.0", yanked=True), entry("1.1", yanked="bad"), entry("1.0")) == ["1.0"]


def test_what_is_no_package_does_not_count() -> None:
    other = {"filename": "tool-9.0.exe", "url": "x", "hashes": {}}
    assert versions(other, entry("1.0")) == ["1.0"]


@pytest.mark.parametrize(
    ("uploaded", "counts"),
    [
        ("2026-11-01T23:59:59.999Z", True),
        ("2026-11-02T00:00:00Z", False),
        ("2026-11-02T01:00:00+02:00", True),
        (None, False),
    ],
    ids=["before", "at the limit", "before, in another zone", "not known"],
)
def test_time(uploaded: str | None, *, counts: bool) -> None:

    day = date(2026, 11, 1)
    assert versions(entry("1.0", uploaded), **{"exclude-newer": day}) == (["1.0"] if counts else [])
    assert versions(entry("1.0", uploaded)) == ["1.0"]


def test_a_package_is_looked_for_on_its_own_index() -> None:
    assert versions(entry("1.0"), indexes={"ours": OURS}) == ["1.0"]
