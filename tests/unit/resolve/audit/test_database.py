"""Databases as they are found: whole, broken, odd."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name

from lamina.core.errors import DocumentError
from lamina.resolve.audit.database import read_database
from support.osv import Advisories, advisory, package, versions_from

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.resolve.audit.database import Database

LIB = canonicalize_name("lib")
ABOUT_LIB = advisory("X-1", package("Lib", versions_from("0")), aliases=["CVE-2026-1"])
ABOUT_OTHER = advisory("X-2", package("other", versions_from("0")))


@pytest.fixture
def advisories(tmp_path: Path) -> Advisories:
    """Return a database of two advisories."""
    made = Advisories(tmp_path / "db")
    made.add(ABOUT_LIB, ABOUT_OTHER)
    return made


def ids(database: Database) -> list[str]:
    return [one.id for one in database.advisories.get(LIB, ())]


def test_a_directory_and_a_zip_say_the_same(advisories: Advisories, tmp_path: Path) -> None:
    deep = Advisories(advisories.path / "2026" / "11")
    deep.add(advisory("X-3", package("lib", versions_from("0"))))
    for path in (advisories.path, advisories.zipped(tmp_path / "all.zip")):
        found = read_database(path, {LIB})
        assert sorted(ids(found)) == ["X-1", "X-3"]
        assert (found.documents, found.unreadable) == (3, ())
        assert found.known == {"X-1", "X-2", "X-3", "CVE-2026-1"}
        assert set(found.advisories) == {LIB}


def test_what_was_withdrawn_is_not_in_force(advisories: Advisories) -> None:
    gone = advisory("X-4", package("lib", versions_from("0")), withdrawn="2026-10-02T00:00:00Z")
    advisories.add(gone)
    found = read_database(advisories.path, {LIB})
    assert ids(found) == ["X-1"]
    assert found.withdrawn == {"X-4"}


NO_LIST: dict[str, Any] = advisory("X-9") | {"affected": 5}
NO_NAME: dict[str, Any] = advisory("X-9") | {"affected": [{"package": {"ecosystem": "PyPI"}}]}
BAD_ALIASES: dict[str, Any] = advisory("X-9") | {"aliases": 5}
BAD_EVENT: dict[str, Any] = advisory(
    "X-9", package("lib", {"type": "ECOSYSTEM", "events": [{"introduced": 1}]})
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(json.dumps(ABOUT_LIB).encode()[:200], "not JSON", id="cut-off"),
        pytest.param(b"[" * 100_000, "not JSON", id="deep"),
        pytest.param(b'"\xff"', "not JSON", id="bytes"),
        pytest.param(b"[]", "it has no id", id="a-list"),
        pytest.param(b'{"name": "x"}', "it has no id", id="something-else"),
        pytest.param(json.dumps(NO_LIST).encode(), "not in the OSV format", id="no-list"),
        pytest.param(json.dumps(NO_NAME).encode(), "not in the OSV format", id="no-name"),
        pytest.param(json.dumps(BAD_ALIASES).encode(), "not in the OSV format", id="aliases"),
        pytest.param(
            json.dumps(BAD_EVENT).encode(),
            "affected.0.ranges.0.events.0.introduced: Input should be a valid string",
            id="no-version",
        ),
    ],
)
def test_what_is_no_advisory_is_named(
    advisories: Advisories, tmp_path: Path, content: bytes, words: str
) -> None:
    (advisories.path / "bad.json").write_bytes(content)
    for path in (advisories.path, advisories.zipped(tmp_path / "all.zip")):
        found = read_database(path, {LIB})
        assert ids(found) == ["X-1"]
        assert [one.where for one in found.unreadable] == ["bad.json"]
        assert words in found.unreadable[0].found


def test_nulls_are_as_good_as_nothing(advisories: Advisories) -> None:
    empty = dict.fromkeys(("aliases", "severity", "summary", "withdrawn", "database_specific"))
    advisories.add(ABOUT_LIB | empty)
    assert ids(read_database(advisories.path, {LIB})) == ["X-1"]


def test_files_that_cannot_be_read_are_named(advisories: Advisories) -> None:
    os.mkfifo(advisories.path / "pipe.json")
    (advisories.path / "dead.json").symlink_to("nowhere")
    with (advisories.path / "large.json").open("wb") as stream:
        stream.truncate(65 * 2**20)
    found = {one.where: one.found for one in read_database(advisories.path, {LIB}).unreadable}
    assert found == {
        "pipe.json": "not a file",
        "dead.json": "not a file",
        "large.json": "larger than 64 MiB",
    }


def test_what_is_beside_the_advisories_is_passed_over(advisories: Advisories) -> None:
    for name in ("README.md", ".index.json", "list.csv"):
        (advisories.path / name).write_text("x")
    (advisories.path / ".git").mkdir()
    (advisories.path / ".git" / "x.json").write_text("x")
    (advisories.path / "loop").symlink_to(".")
    assert read_database(advisories.path, {LIB}).unreadable == ()


def test_odd_members_of_a_zip(advisories: Advisories, tmp_path: Path) -> None:
    path = advisories.zipped(tmp_path / "all.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../up.json", json.dumps(advisory("X-5", package("lib"))))
        archive.writestr("/top.json", "{")
        archive.writestr("folder.json/", "")
        archive.writestr("__MACOSX/._X-1.json", "\0")
        archive.writestr("notes.txt", "x")
        archive.writestr("spoilt.json", json.dumps(ABOUT_LIB))
    data = path.read_bytes()
    at = data.rindex(b'"schema_version"')
    path.write_bytes(data[:at] + b"x" + data[at + 1 :])
    found = read_database(path, {LIB})
    assert sorted(ids(found)) == ["X-1", "X-5"]
    problems = {one.where: one.found for one in found.unreadable}
    assert list(problems) == ["/top.json", "spoilt.json"]
    assert "cannot be unpacked: Bad CRC" in problems["spoilt.json"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.zip", "db"]


def test_a_member_with_a_password_is_named(advisories: Advisories, tmp_path: Path) -> None:
    path = advisories.zipped(tmp_path / "all.zip")
    data = bytearray(path.read_bytes())
    # The bit that says so, in the first local header and in its entry of the directory.
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    (problem,) = read_database(path, {LIB}).unreadable
    assert "cannot be unpacked" in problem.found
    assert "password required" in problem.found


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param("nothing", "no such directory", id="nothing"),
        pytest.param("empty", "no JSON files in it", id="empty"),
        pytest.param("file", "neither a directory nor a zip file", id="file"),
        pytest.param("empty-zip", "no JSON files in it", id="empty-zip"),
    ],
)
def test_no_database(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "db"
    if kind == "empty":
        path.mkdir()
    if kind == "file":
        path.write_text("{}")
    if kind == "empty-zip":
        zipfile.ZipFile(path, "w").close()
    with pytest.raises(DocumentError, match=words) as caught:
        read_database(path, {LIB})
    assert caught.value.exit_code == 3
    assert caught.value.hints


def test_a_directory_that_may_not_be_read_is_named(advisories: Advisories) -> None:
    shut = advisories.path / "shut"
    shut.mkdir(mode=0)
    found = read_database(advisories.path, {LIB})
    if os.geteuid() == 0:
        assert found.unreadable == ()
    else:
        assert [one.where for one in found.unreadable] == ["shut"]
