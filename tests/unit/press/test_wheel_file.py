"""Wheels that are not what they say, and what may not be in one."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError
from lamina.press.wheel_file import lay_out, read_wheel
from support.pressing import write_contents
from support.wheels import metadata, wheel_contents, zipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "thing-1.0-py3-none-any.whl"
INFO = "thing-1.0.dist-info"


def contents(**files: str) -> dict[str, str]:
    given = {name.replace("__", "/"): text for name, text in files.items()}
    return wheel_contents("thing", "1.0", {"thing.py": "x = 1\n"} | given, metadata("thing", "1.0"))


def wheel(directory: Path, changed: Mapping[str, str], name: str = NAME) -> Path:
    """Write a wheel with members of any name and content, and a RECORD that is right."""
    return write_contents(directory / name, contents() | dict(changed))


def test_a_good_wheel_is_read(tmp_path: Path) -> None:
    read = read_wheel(wheel(tmp_path, {}))
    assert (read.name, read.tags, read.info) == ("thing", ("py3-none-any",), INFO)
    assert (read.newest.year, read.data) == (2020, "thing-1.0.data")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"/etc/x": ""}, "an absolute path"),
        ({"../x": ""}, "a path that goes up"),
        ({"thing/../../x": ""}, "a path that goes up"),
        ({"a\\b": ""}, "back slash"),
        ({"thing.py/x": ""}, "'thing.py/x' is below a file"),
        ({"other-1.dist-info/METADATA": ""}, r"2 directories \.dist-info"),
        ({f"{INFO}/METADATA": metadata("thing", "2.0")}, r"its METADATA is of thing 2\.0"),
        ({f"{INFO}/METADATA": metadata("other", "1.0")}, r"its METADATA is of other 1\.0"),
        ({f"{INFO}/METADATA": "Name: thing\n"}, "its METADATA is of thing no version"),
        ({f"{INFO}/METADATA": "Version: 1.0\n"}, r"its METADATA is of no name 1\.0"),
        (
            {f"{INFO}/WHEEL": "Wheel-Version: 1.0\nTag: py2-none-any\n"},
            "its WHEEL is for py2-none-any, its name for py3-none-any",
        ),
        ({f"{INFO}/WHEEL": "Wheel-Version: 1.0\n"}, "its WHEEL is for nothing"),
        ({f"{INFO}/WHEEL": "Wheel-Version: 2.0\nTag: py3-none-any\n"}, "only 1 is known"),
    ],
    ids=str,
)
def test_what_may_not_be_in_a_wheel(tmp_path: Path, changed: dict[str, str], reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason) as caught:
        read_wheel(wheel(tmp_path, changed))
    assert NAME in caught.value.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"thing.py": "x = 2\n"}, "thing.py is not what its RECORD says"),
        ({"more.py": ""}, "more.py is not in its RECORD"),
        ({"thing.py": None}, "thing.py is in its RECORD and not in it"),
        ({f"{INFO}/RECORD": None}, "RECORD"),
        ({f"{INFO}/RECORD": "thing.py\n"}, "not a whole wheel"),
    ],
    ids=str,
)
def test_a_record_that_is_wrong(tmp_path: Path, change: dict[str, str | None], reason: str) -> None:
    merged = contents() | change
    path = tmp_path / NAME
    path.write_bytes(zipped({name: text for name, text in merged.items() if text is not None}))
    with pytest.raises(IntegrityError, match=reason):
        read_wheel(path)


def test_weak_hashes_do_not_count(tmp_path: Path) -> None:
    whole = contents()
    whole[f"{INFO}/RECORD"] = whole[f"{INFO}/RECORD"].replace("sha256=", "md5=")
    (tmp_path / NAME).write_bytes(zipped(whole))
    with pytest.raises(IntegrityError, match="no hash in its RECORD that counts"):
        read_wheel(tmp_path / NAME)


def test_links_and_doubles_are_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, {})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(IntegrityError, match="'link' is a link or device"):
        read_wheel(path)
    twice = wheel(tmp_path / "twice", {})
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("thing.py", "x = 1\n")
    with pytest.raises(IntegrityError, match=r"'thing\.py' is in the wheel twice"):
        read_wheel(twice)


def test_a_time_that_is_none_is_the_earliest(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents().items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 0, 0, 0, 0, 0)), text)
    assert read_wheel(path).newest.isoformat() == "1980-01-01T00:00:00+00:00"


def test_every_cut_is_found(tmp_path: Path) -> None:
    data = wheel(tmp_path, {}).read_bytes()
    cut = tmp_path / "cut" / NAME
    cut.parent.mkdir()
    for length in range(0, len(data), 37):
        cut.write_bytes(data[:length])
        with pytest.raises(IntegrityError, match=r"thing-1\.0-py3-none-any\.whl: not a whole"):
            read_wheel(cut)
    with pytest.raises(IntegrityError, match="no such file"):
        read_wheel(tmp_path / "none" / NAME)


def test_a_name_that_is_none(tmp_path: Path) -> None:
    for name in ("thing.whl", "thing-1.0.whl", "thing-x-py3-none-any.whl"):
        with pytest.raises(IntegrityError, match="not the name of a wheel"):
            read_wheel(wheel(tmp_path, {}, name))


def test_all_schemes_find_their_places(tmp_path: Path) -> None:
    data = "thing-1.0.data"
    path = wheel(
        tmp_path,
        {
            f"{data}/scripts/run": "#!python\nprint()\n",
            f"{data}/purelib/pure.py": "",
            f"{data}/platlib/plat.py": "",
            f"{data}/data/etc/x.conf": "",
            f"{data}/headers/x.h": "",
        },
    )
    top = tmp_path / "environment"
    site = lay_out(read_wheel(path), top, "3.12")
    found = {str(one.relative_to(top)) for one in top.rglob("*") if one.is_file()}
    base = "lib/python3.12/site-packages"
    own = {f"{base}/{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
    assert found - own == {
        "bin/run", "etc/x.conf", "include/thing/x.h",
        f"{base}/pure.py", f"{base}/plat.py", f"{base}/thing.py",
    }  # fmt: skip
    assert (top / "bin/run").read_text(encoding="utf-8").startswith(f"#!{top}/bin/python\n")
    record = (site / INFO / "RECORD").read_text(encoding="utf-8").splitlines()
    assert "../../../bin/run,," in record


@pytest.mark.parametrize("place", ["unknown/x", "purelib/thing.py"])
def test_what_has_no_place_or_one_twice(tmp_path: Path, place: str) -> None:
    read = read_wheel(wheel(tmp_path, {f"thing-1.0.data/{place}": ""}))
    with pytest.raises(IntegrityError, match=r"no installer knows|twice"):
        lay_out(read, tmp_path / "environment", "3.12")
