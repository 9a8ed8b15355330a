from __future__ import annotations

import tomllib

from packaging.pylock import Pylock

from lamina.engines.pylock import PylockSettings, dump_pylock
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, parse_package_name

A, B = parse_package_name("a"), parse_package_name("b")
INDEXES = {PUBLIC_INDEX: "https://me:secret@index.example.org/simple/"}


def artifact(filename: str, size: int | None = None) -> Artifact:
    name, version = filename.split("-")[:2]
    return Artifact(
        package=parse_package_name(name),
        version=version.removesuffix(".tar.gz"),
        index=PUBLIC_INDEX,
        filename=filename,
        sha256=Sha256(f"{len(filename):064x}"),
        size=size,
    )


FILES = [
    artifact("b-2.tar.gz"),
    artifact("a-1-cp312-cp312-win_amd64.whl"),
    artifact("a-1-py3-none-any.whl", 12),
]
ADDRESSES = {one: f"https://index.example.org/f/{one.filename}" for one in FILES}


def test_it_is_valid_and_says_all() -> None:
    settings = PylockSettings(
        indexes=INDEXES,
        requires_python=">=3.12,<3.13",
        environments=["sys_platform == 'linux'"],
        markers={(B, "2"): "python_version >= '3.12'"},
    )
    text = dump_pylock(FILES, ADDRESSES, settings)
    parsed = Pylock.from_dict(tomllib.loads(text))
    assert parsed.created_by == "lamina"
    assert str(parsed.requires_python) == "<3.13,>=3.12"
    a, b = parsed.packages
    assert (a.name, str(a.version), a.index) == ("a", "1", "https://index.example.org/simple")
    assert a.wheels is not None
    assert [one.name for one in a.wheels] == [
        "a-1-cp312-cp312-win_amd64.whl",
        "a-1-py3-none-any.whl",
    ]
    assert a.wheels[1].size == 12
    assert b.sdist is not None
    assert dict(b.sdist.hashes) == {"sha256": FILES[0].sha256}
    assert str(b.marker) == 'python_version >= "3.12"'


def test_the_order_of_the_files_does_not_matter() -> None:
    settings = PylockSettings(indexes=INDEXES)
    first = dump_pylock(FILES, ADDRESSES, settings)
    assert dump_pylock(reversed(FILES), ADDRESSES, settings) == first
    assert "secret" not in first
