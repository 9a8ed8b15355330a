"""The text of a lock: the same lock, the same bytes."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core.errors import DocumentError
from lamina.lock.files import digest_of_lock, dump_lock, load_lock, save_lock
from support.locks import LINUX, MACOS, file_entry, lock_data, make_lock, package_entry

if TYPE_CHECKING:
    from pathlib import Path

FULL = package_entry(
    "b",
    "2.0",
    index="ours",
    targets=[LINUX],
    dependencies=[
        {"name": "a", "version": "1.0", "extras": ["x"], "extra": "y", "marker": "os_name == 'nt'"}
    ],
    artifacts=[
        file_entry("b-2.0.tar.gz", LINUX, size=12, uploaded="2026-01-02T03:04:05Z"),
    ],
)
TEXT = f"""\
schema = 1
stack = "small"
stack-digest = "{"0" * 64}"
exclude-newer = 2026-11-02T00:00:00Z
targets = ["{LINUX}", "{MACOS}"]

[[package]]
name = "a"
version = "1.0"
index = "pypi"
requested-by = ["b", "stack"]
artifacts = [
    {{ file = "a-1.0-py3-none-any.whl", sha256 = "{"a" * 64}" }},
]

[[package]]
name = "b"
version = "2.0"
index = "ours"
targets = ["{LINUX}"]
requested-by = ["stack"]
dependencies = [
    {{ name = "a", version = "1.0", extras = ["x"], extra = "y", marker = "os_name == 'nt'" }},
]
artifacts = [
    {{ file = "b-2.0.tar.gz", sha256 = "{"a" * 64}", size = 12, uploaded = 2026-01-02T03:04:05Z, \
targets = ["{LINUX}"] }},
]
"""


def test_the_canonical_text(tmp_path: Path) -> None:
    path = tmp_path / "lamina.lock"
    path.write_text(TEXT)
    lock = load_lock(path)
    assert dump_lock(lock) == TEXT
    save_lock(lock, path)
    assert path.read_text() == TEXT


def shuffled(data: dict[str, Any]) -> dict[str, Any]:
    """Return the same lock with every array the other way round."""
    return {
        key: [shuffled(one) if isinstance(one, dict) else one for one in reversed(value)]
        if isinstance(value, list)
        else value
        for key, value in data.items()
    }


def test_the_order_in_which_things_were_found_does_not_count(tmp_path: Path) -> None:
    many = package_entry("z") | {
        "requested-by": ["stack", "a", "b"],
        "targets": [LINUX, MACOS],
        "dependencies": [
            {"name": "a", "extras": ["x", "y"]},
            {"name": "a", "marker": "os_name == 'nt'"},
            {"name": "b"},
        ],
        "artifacts": [
            file_entry("z-1.0-2-py3-none-any.whl", LINUX),
            file_entry("z-1.0-1-py3-none-any.whl", MACOS),
        ],
    }
    data = lock_data(many, package_entry("b"), package_entry("a"))
    one, other = make_lock(**data), make_lock(**shuffled(data))
    assert dump_lock(one) == dump_lock(other)
    assert digest_of_lock(one) == digest_of_lock(other)
    assert [one["name"] for one in tomllib.loads(dump_lock(one))["package"]] == ["a", "b", "z"]
    path = tmp_path / "lamina.lock"
    save_lock(one, path)
    assert dump_lock(load_lock(path)) == dump_lock(one)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.1"},
        {"index": "ours"},
        {"requested-by": ["x"]},
        {"targets": [LINUX]},
        {"artifacts": [file_entry("a-1.0-py3-none-any.whl", sha256="b" * 64)]},
        {"artifacts": [file_entry("a-1.0-py3-none-any.whl", size=1)]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_difference_is_a_difference_of_the_digest(change: dict[str, Any]) -> None:
    before = make_lock(package_entry("a"))
    assert digest_of_lock(before) != digest_of_lock(make_lock(package_entry("a", **change)))


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
    ],
    ids=["fractions", "zone"],
)
def test_times_are_in_utc(moment: str, written: str, tmp_path: Path) -> None:
    path = tmp_path / "lamina.lock"
    path.write_text(TEXT.replace("2026-11-02T00:00:00Z", moment))
    assert f"exclude-newer = {written}\n" in dump_lock(load_lock(path))


def test_a_time_without_zone(tmp_path: Path) -> None:
    path = tmp_path / "lamina.lock"
    path.write_text(TEXT.replace("2026-11-02T00:00:00Z", "2026-11-02T00:00:00"))
    with pytest.raises(DocumentError, match="exclude-newer: a time needs its zone"):
        load_lock(path)


def test_a_lock_that_a_merge_left_broken(tmp_path: Path) -> None:
    path = tmp_path / "lamina.lock"
    path.write_text(TEXT + TEXT[TEXT.index("\n[[package]]") :])
    with pytest.raises(DocumentError) as caught:
        load_lock(path)
    assert caught.value.hints == ("lamina lock",)
    assert "package[3]: b for linux-64/3.12 a second time" in caught.value.message
