"""The compiled files of what is installed, and what is kept of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lamina.engines.probe import Distribution, read_distributions
from lamina.layer.abi.scan import COMPILED, compiled_files, recorded_paths, scan_distributions
from lamina.layer.keeping import Question, answers_text, found_out
from support.compiled import C_FOR_NUMPY_1, SUFFIX, distribution
from support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

FAST = Wheel(
    name="fast", version="1.0",
    files={f"fast/_c.{SUFFIX}": C_FOR_NUMPY_1, "fast/notes.so.txt": "no code"},
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site"
    FAST.unpack(path)
    Wheel(name="plain", version="1.0").unpack(path)
    return path


def installed(site: Path) -> tuple[Distribution, ...]:
    return read_distributions([str(site)])


def test_only_what_has_compiled_files_is_there(site: Path) -> None:
    found = scan_distributions(installed(site), None)
    assert list(found) == ["fast"]
    (one,) = found.values()
    assert [binary.path for binary in one.binaries] == [f"fast/_c.{SUFFIX}"]
    assert one.offers == {f"_c.{SUFFIX}"}


def test_what_is_kept_is_what_was_found(site: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = scan_distributions(installed(site), cache)
    (site / "fast" / f"_c.{SUFFIX}").unlink()  # Nobody looks there again.
    assert scan_distributions(installed(site), cache) == first


def test_what_is_kept_has_the_same_types(site: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for _ in range(2):
        (one,) = scan_distributions(installed(site), cache).values()
        kinds = {type(getattr(one.binaries[0], name)) for name in ("needs", "search", "symbols")}
        assert kinds == {tuple}


def test_files_elsewhere_are_not_the_distributions(site: Path) -> None:
    record = site / "fast-1.0.dist-info" / "RECORD"
    lines = ["", "../../lib/libelse.so,,", "/abs/libelse.so,,", 'fast/"a,b".so,,']
    record.write_text("\n".join([record.read_text(encoding="utf-8"), *lines]), encoding="utf-8")
    fast = next(one for one in installed(site) if one.key == "fast")
    found = compiled_files(fast)
    assert found >= {f"fast/_c.{SUFFIX}"}
    assert not any("else" in path for path in found)


def test_another_record_is_another_distribution(site: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    scan_distributions(installed(site), cache)
    record = site / "fast-1.0.dist-info" / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join(line for line in lines if ".so" not in line), encoding="utf-8")
    assert scan_distributions(installed(site), cache) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 0}', '{"schema": 1, "distributions": []}'])
def test_a_broken_cache_is_made_anew(site: Path, tmp_path: Path, text: str) -> None:
    cache = tmp_path / "cache"
    first = scan_distributions(installed(site), cache)
    (kept,) = cache.iterdir()
    kept.write_text(text, encoding="utf-8")
    assert scan_distributions(installed(site), cache) == first
    assert json.loads(kept.read_text(encoding="utf-8"))["distributions"]


def test_a_cache_that_cannot_be_written(site: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert scan_distributions(installed(site), tmp_path / "file" / "cache")


def test_asking_for_a_part_forgets_nothing_but_what_is_gone(site: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def find_out(one: Distribution) -> str:
        asked.append(one.key)
        return one.key

    cache = tmp_path / "cache"
    question = Question(name="key", version=1, find_out=find_out)
    fast, plain = installed(site)
    found_out([fast, plain], cache, question)
    Wheel(name="third", version="1.0").unpack(site)
    found_out([installed(site)[2]], cache, question)
    assert found_out([fast, plain], cache, question) == [(fast, "fast"), (plain, "plain")]
    assert asked == ["fast", "plain", "third"]
    for path in (site / plain.metadata).iterdir():
        path.unlink()
    (site / plain.metadata).rmdir()
    Wheel(name="fourth", version="1.0").unpack(site)
    found_out(installed(site), cache, question)
    (kept,) = cache.iterdir()
    assert plain.metadata not in json.loads(kept.read_text(encoding="utf-8"))["distributions"]


# --- what a release brings with it


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return the site-packages of what looks like a release, with the answers in it."""
    site = tmp_path / "release" / "lib" / "python3.12" / "site-packages"
    FAST.unpack(site)
    Wheel(name="plain", version="1.0").unpack(site)
    internal = tmp_path / "release" / ".lamina"
    internal.mkdir()
    text = answers_text(installed(site), COMPILED)
    (internal / "abi.json").write_text(text, encoding="utf-8")
    return site


def test_a_release_answers_itself(released: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = scan_distributions(installed(released), None)
    (released / "fast" / f"_c.{SUFFIX}").unlink()  # Nobody looks there.
    assert scan_distributions(installed(released), cache) == first
    assert [one.binaries[0].numpy for one in first.values()] == ["one"]
    assert not cache.exists()
    again = answers_text(installed(released), COMPILED)
    assert "_c." not in again


@pytest.mark.parametrize("location", ["/", "/site", "/a/site"])
def test_what_lies_too_high_is_in_no_release(location: str) -> None:
    assert scan_distributions([distribution("one", "1.0", location=location)], None) == {}


def test_another_record_is_not_what_the_release_was(released: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    record = released / "fast-1.0.dist-info" / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("\n".join(line for line in lines if ".so," not in line), encoding="utf-8")
    assert scan_distributions(installed(released), cache) == {}
    (kept,) = cache.iterdir()
    assert list(json.loads(kept.read_text(encoding="utf-8"))["distributions"]) == [
        "fast-1.0.dist-info"
    ]
    record.unlink()
    assert scan_distributions(installed(released), cache) == {}


def test_the_same_tree_gives_the_same_text(released: Path) -> None:
    kept = (released.parents[2] / ".lamina" / "abi.json").read_text(encoding="utf-8")
    assert answers_text(reversed(installed(released)), COMPILED) == kept


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"schema": 2, "version": 1, "distributions": {}}', id="schema"),
        pytest.param('{"schema": 1, "version": 0, "distributions": {}}', id="version"),
        pytest.param('{"schema": 1, "version": 1, "distributions": {"fast-1.0.dist-info": 1}}',
                     id="no entry"),
        pytest.param('{"schema": 1, "version": 1, "distributions": {"fast-1.0.dist-info": {}}}',
                     id="an empty entry"),
    ],
)  # fmt: skip
def test_what_a_release_says_and_is_not_understood(
    released: Path, tmp_path: Path, text: str
) -> None:
    (released.parents[2] / ".lamina" / "abi.json").write_text(text, encoding="utf-8")
    assert list(scan_distributions(installed(released), tmp_path / "cache")) == ["fast"]
    assert (tmp_path / "cache").exists()


def test_answers_of_another_version_are_found_out_anew(released: Path, tmp_path: Path) -> None:
    """In the cache and in a release."""
    newer = Question(name="abi", version=2, find_out=lambda one: one.version)
    assert {answer for _, answer in found_out(installed(released), None, newer)} == {"1.0"}
    cache = tmp_path / "cache"
    older = Question(name="abi", version=3, find_out=lambda _: "old")
    found_out(installed(released), cache, older)
    assert {answer for _, answer in found_out(installed(released), cache, newer)} == {"1.0"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"installed-files.txt": "../old/a.so\n\n../old/__init__.py\n"},
                     {"old/a.so"}, id="egg"),
        pytest.param({"top_level.txt": "old\n"}, {"old/a.so"}, id="top-level"),
        pytest.param({}, set(), id="nothing"),
    ],
)  # fmt: skip
def test_what_has_no_record(tmp_path: Path, files: dict[str, str], expected: set[str]) -> None:
    one = distribution("old", "1.0", location=tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.so").touch()
    (tmp_path / "old" / "b.so.d").mkdir()
    (tmp_path / "old.so.d").mkdir()
    (tmp_path / one.metadata).mkdir()
    for name, text in files.items():
        (tmp_path / one.metadata / name).write_text(text, encoding="utf-8")
    assert compiled_files(one) == expected
    assert set(recorded_paths(one)) >= expected
