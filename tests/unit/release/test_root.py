from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import ConflictError, DocumentError, LaminaError, UsageError
from lamina.model.names import StackName
from lamina.model.platforms import Platform
from lamina.model.references import ReleaseReference
from lamina.model.versions import parse_release_version
from lamina.release.root import Root, open_root

if TYPE_CHECKING:
    from pathlib import Path

HERE = Platform.LINUX_64


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Return a root with releases of three stacks and two tiers."""
    root = open_root(tmp_path / "our root", create=True)
    for stack, version, platform in (
        ("hep", "2026.9.0", HERE),
        ("hep", "2026.10.0", HERE),
        ("hep", "2026.10.1.dev2", HERE),
        ("hep", "2026.11.0", Platform.LINUX_AARCH64),
        ("lab", "1.0", HERE),
        ("new", "1.0rc1", HERE),
        ("new", "1.0rc2", HERE),
    ):
        prefix = root.prefix_of(StackName(stack), parse_release_version(version), platform)
        fs.make_directory(prefix / ".lamina")
        fs.write_text(prefix / ".lamina" / "release.toml", "")
    fs.make_directory(root.path / "tiers" / "hep")
    fs.symlink(root.path / "tiers/hep/stable", "../../releases/hep/2026.9.0")
    fs.symlink(root.path / "tiers/hep/testing", "../../releases/hep/2026.11.0")
    return root


@pytest.mark.parametrize(
    ("reference", "platform", "version"),
    [
        pytest.param("hep", HERE, "2026.10.0", id="newest-of-the-platform"),
        pytest.param("hep", Platform.LINUX_AARCH64, "2026.11.0", id="newest-elsewhere"),
        pytest.param("hep/2026.9.0", HERE, "2026.9.0", id="version"),
        pytest.param("hep@stable", HERE, "2026.9.0", id="tier"),
        pytest.param("lab", HERE, "1.0", id="other-stack"),
        pytest.param("hep/2026.10.1.dev2", HERE, "2026.10.1.dev2", id="development-by-name"),
        pytest.param("new", HERE, "1.0rc2", id="pre-releases-alone"),
    ],
)
def test_find(root: Root, reference: str, platform: Platform, version: str) -> None:
    release = root.find(ReleaseReference.parse(reference), platform)
    assert (release.version, release.platform) == (version, platform)
    assert release.interpreter == release.prefix / "bin/python"
    assert release.prefix == root.path / "releases" / release.stack / version / platform


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        pytest.param("hap", ["no release of the stack 'hap'", "'hep'"], id="stack"),
        pytest.param("hep/2026.9.1", ["no release 2026.9.1", "'hep/2026.9.0'"], id="version"),
        pytest.param("hep@stabel", ["no tier 'stabel'", "'hep@stable'"], id="tier"),
        pytest.param("hep/2026.11.0", ["for linux-aarch64, not for linux-64"], id="platform"),
        pytest.param("hep@testing", ["for linux-aarch64, not for linux-64"], id="tier-platform"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    root: Root, reference: str, words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        root.find(ReleaseReference.parse(reference), HERE)
    for word in words:
        assert word in caught.value.message
    assert caught.value.hints
    for hint in caught.value.hints:
        assert shlex.split(hint)[-2:] == ["--root", str(root.path)]


def test_links_that_are_no_tiers_are_passed_over(root: Root) -> None:
    (root.path / "tiers/hep/mine").symlink_to("/somewhere/else")
    (root.path / "tiers/hep/README").write_text("what is what", encoding="utf-8")
    assert root.tiers(StackName("hep")) == {"stable": "2026.9.0", "testing": "2026.11.0"}


def test_a_directory_without_a_manifest_is_no_release(root: Root) -> None:
    empty = root.prefix_of(StackName("hep"), parse_release_version("3.0"), HERE)
    fs.make_directory(empty)
    fs.make_directory(root.path / "releases" / "hep" / "not a version" / HERE)
    fs.write_text(root.path / "releases" / "README", "a file among the stacks")
    fs.write_text(root.path / "releases" / "readme", "another, with a name like a stack's")
    names = [f"{one.name} {one.platform}" for one in root.releases()]
    assert names == [
        "hep/2026.9.0 linux-64",
        "hep/2026.10.0 linux-64",
        "hep/2026.10.1.dev2 linux-64",
        "hep/2026.11.0 linux-aarch64",
        "lab/1.0 linux-64",
        "new/1.0rc1 linux-64",
        "new/1.0rc2 linux-64",
    ]


def test_a_new_root_is_marked_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a ä" / "root"
    assert open_root(path, create=True) == open_root(path)
    assert (path / "lamina-root.toml").read_text() == 'schema = 1\ncreated-by = "lamina"\n'


def test_what_a_killed_attempt_left_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".lamina-root.toml.123").write_text("half")
    (tmp_path / "lost+found").mkdir()
    assert open_root(tmp_path, create=True).path == tmp_path


def _foreign(path: Path) -> None:
    (path / "thesis.tex").write_text("")


def _newer(path: Path) -> None:
    (path / "lamina-root.toml").write_text("schema = 2\n")


def _broken(path: Path) -> None:
    (path / "lamina-root.toml").write_text("schema = \n")


def _nothing(path: Path) -> None:
    path.rmdir()


def _dangling(path: Path) -> None:
    path.rmdir()
    path.symlink_to(path.with_name("nowhere"))


def _file(path: Path) -> None:
    path.rmdir()
    path.write_text("")


@pytest.mark.parametrize(
    ("prepare", "error", "word"),
    [
        pytest.param(_foreign, ConflictError, "'thesis.tex'", id="foreign"),
        pytest.param(_newer, DocumentError, "found 2", id="newer"),
        pytest.param(_broken, DocumentError, "Invalid value", id="broken"),
        pytest.param(_nothing, UsageError, "no releases there: no such directory", id="missing"),
        pytest.param(lambda _: None, UsageError, "no releases there$", id="empty"),
        pytest.param(_file, ConflictError, "not a directory", id="file"),
        pytest.param(_dangling, ConflictError, "a link to what is not there", id="dangling"),
    ],
)
def test_what_is_no_root_is_refused(
    tmp_path: Path, prepare: object, error: type[LaminaError], word: str
) -> None:
    path = tmp_path / "root"
    path.mkdir()
    assert callable(prepare)
    prepare(path)
    with pytest.raises(error, match=word):
        open_root(path)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        pytest.param("a:b", "':'", id="colon"),
        pytest.param("a\nb", "n' in it would end the first line", id="line break"),
        pytest.param("a\udcff", "UTF-8", id="not-utf-8"),
    ],
)
def test_a_path_that_no_release_could_have_is_refused(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        open_root(tmp_path / name, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_directory_is_not_touched_by_create(tmp_path: Path) -> None:
    _foreign(tmp_path)
    with pytest.raises(ConflictError):
        open_root(tmp_path, create=True)
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]
