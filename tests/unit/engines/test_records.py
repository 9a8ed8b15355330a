from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.engines.records import Claim, claims, read_record

if TYPE_CHECKING:
    from pathlib import Path


def record(site: Path, name: str, *lines: str) -> Path:
    path = site / f"{name}.dist-info" / "RECORD"
    path.parent.mkdir(parents=True)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    return path


def test_names_are_absolute_however_they_are_written(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    file = record(site, "a-1.0", "a.py,sha256=x,1", '"../../../bin/a,b",,', "pkg/../a2.py,,")
    assert list(read_record(file)) == [
        (f"{site}/a.py", "sha256=x"),
        (f"{tmp_path}/bin/a,b", ""),
        (f"{site}/a2.py", ""),
    ]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="empty line"),
        pytest.param(",,", id="no name"),
        pytest.param("a\0b,,", id="NUL"),
    ],
)
def test_what_is_no_name_is_passed_over(tmp_path: Path, line: str) -> None:
    file = record(tmp_path, "a-1.0", line, "good.py,,")
    assert [path for path, _ in read_record(file)] == [f"{tmp_path}/good.py"]


def test_a_name_in_an_odd_encoding_does_not_hide_the_others(tmp_path: Path) -> None:
    file = record(tmp_path, "a-1.0", "\udcff.py,,", "good.py,,")
    assert f"{tmp_path}/good.py" in [path for path, _ in read_record(file)]


def test_no_record_claims_nothing(tmp_path: Path) -> None:
    assert list(read_record(tmp_path / "a-1.0.dist-info" / "RECORD")) == []


def test_a_file_may_have_several_owners(tmp_path: Path) -> None:
    record(tmp_path, "b-2.0", "shared.py,sha256=y,1", "b.py,,")
    record(tmp_path, "a-1.0", "shared.py,sha256=x,1")
    assert claims(tmp_path) == {
        f"{tmp_path}/shared.py": [Claim("a-1.0", "sha256=x"), Claim("b-2.0", "sha256=y")],
        f"{tmp_path}/b.py": [Claim("b-2.0", "")],
    }
