"""What packages of a base are made of that are of no index, without the base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.source_trees import pack_sources
from lamina.core import fs
from lamina.core.errors import IntegrityError, UnsatisfiableError
from lamina.engines.origin_sources import OriginSources
from lamina.engines.probe import content_digest
from lamina.layer.fetching import Shelf
from lamina.layer.paper.document import PaperBasePackage, PaperLock, parse_paper
from lamina.layer.paper.of_no_index import OfNoIndex, find_of_no_index
from lamina.layer.paper.text import dump_paper
from lamina.lock.document import LockedOrigin
from lamina.model.digests import Sha256
from lamina.model.names import IndexName

if TYPE_CHECKING:
    from pathlib import Path

URL, COMMIT = "https://git.example.org/ours.git", "4f1c" * 10
GIT = LockedOrigin(git=URL, commit=COMMIT, requested="branch main", subdirectory="python")
VENDOR = LockedOrigin(path="vendor/ours")
TREE = "ours-1.0.tar.gz"
WHEEL = "ours-1.0-py3-none-any.whl"
PINS = [("ours", "1.0")]


def package(
    origin: LockedOrigin | None, *, index: str = "git", file: str = TREE, sha256: str = "1" * 64
) -> PaperBasePackage:
    return PaperBasePackage(
        name="ours",
        version="1.0",
        index=IndexName(index),
        file=file,
        sha256=Sha256(sha256),
        origin=origin,
    )


def paper_of(one: PaperBasePackage) -> PaperLock:
    digest = content_digest("3.12", "linux-x86_64", PINS)
    base: dict[str, Any] = {
        "kind": "release", "python": "3.12.1", "series": "3.12", "platform": "linux-x86_64",
        "digest": digest, "packages": [one.model_dump()],
        "place": {"given": "a", "prefix": "/a", "python": "/a/bin/python"},
    }  # fmt: skip
    return PaperLock.model_validate({"base": base, "tools": {"lamina": "1", "uv": "1"}})


def found(
    one: PaperBasePackage, environ: dict[str, str], *links: Path, others: bool = False
) -> OfNoIndex:
    shelf = Shelf(environ=environ, indexes={}, links=links)
    return find_of_no_index([one], paper_of(one), shelf, others=others)


def packed(directory: Path) -> str:
    """Put the file of a tree into a directory, and return its digest."""
    fs.make_directory(directory / "tree")
    fs.write_text(directory / "tree" / "pyproject.toml", "")
    return pack_sources(directory / "tree", ["pyproject.toml"], directory / TREE, top="ours")


@pytest.mark.parametrize("origin", [GIT, VENDOR, LockedOrigin(git=URL, commit=COMMIT), None])
def test_a_paper_lock_comes_back_with_its_origins(origin: LockedOrigin | None) -> None:
    lock = paper_of(package(origin))
    text = dump_paper(lock)
    assert parse_paper(text, "paper.lock") == lock
    assert ("origin = {" in text) == (origin is not None)
    if origin is GIT:
        words = f'git = "{URL}", commit = "{COMMIT}", requested = "branch main"'
        assert f'origin = {{ {words}, subdirectory = "python" }}' in text


def test_what_is_of_git_is_made_of_its_repository(environ: dict[str, str]) -> None:
    told = found(package(GIT), environ)
    [one] = told.sources
    assert (one.origin, one.at_hand, told.files, told.others) == (GIT, None, {}, [])
    assert one.text == f"ours 1.0 of git {URL}, python at {COMMIT[:12]} (branch main)"


@pytest.mark.parametrize("origin", [GIT, VENDOR], ids=["git", "path"])
def test_files_at_hand_come_first(
    environ: dict[str, str], tmp_path: Path, origin: LockedOrigin
) -> None:
    digest = packed(tmp_path / "links")
    wanted = package(origin, sha256=digest)
    [one] = found(wanted, environ, tmp_path / "links").sources
    assert (one.at_hand, one.origin) == (tmp_path / "links" / TREE, origin)
    kept = OriginSources(environ=environ).keep(tmp_path / "links" / TREE, Sha256(digest), TREE)
    [one] = found(wanted, environ).sources
    assert one.at_hand == kept


def test_a_wheel_of_a_path_is_installed_as_it_is(environ: dict[str, str], tmp_path: Path) -> None:
    fs.write_text(tmp_path / WHEEL, "x")
    wanted = package(VENDOR, index="path", file=WHEEL, sha256=fs.sha256_of(tmp_path / WHEEL))
    told = found(wanted, environ, tmp_path)
    assert list(told.files.values()) == [(tmp_path / WHEEL).as_uri()]
    assert not told.sources


@pytest.mark.parametrize(
    ("one", "where"),
    [
        pytest.param(package(VENDOR, index="path"), "path vendor/ours", id="path"),
        pytest.param(package(VENDOR, index="path", file=WHEEL), "path vendor/ours", id="wheel"),
        pytest.param(package(None), "git, not recorded where", id="older-lock"),
    ],
)
def test_what_is_nowhere_is_named(
    environ: dict[str, str], one: PaperBasePackage, where: str
) -> None:
    for others in (False, True):
        with pytest.raises(UnsatisfiableError, match=rf"sources: ours 1\.0 \({where}\)$") as caught:
            found(one, environ, others=others)
        assert any("--find-links DIR --unpatched" in hint for hint in caught.value.hints)


@pytest.mark.parametrize("file", [WHEEL, TREE])
@pytest.mark.parametrize("origin", [GIT, VENDOR], ids=["git", "path"])
def test_others_are_taken_where_they_will_do(
    environ: dict[str, str], tmp_path: Path, origin: LockedOrigin, file: str
) -> None:
    fs.write_text(tmp_path / file, "of somebody")
    told = found(package(origin), environ, tmp_path, others=True)
    assert told.others == ["ours"]
    if file == WHEEL:
        assert list(told.files.values()) == [(tmp_path / WHEEL).as_uri()]
    else:
        # Not the tree of the repository: what was a subdirectory there is none here.
        [one] = told.sources
        assert (one.origin, one.at_hand) == (None, tmp_path / TREE)
        with pytest.raises(IntegrityError, match="is not the file that was locked"):
            found(package(origin), environ, tmp_path)
