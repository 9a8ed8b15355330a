from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lamina.core.errors import IntegrityError, LaminaError
from lamina.engines.uv_compile import (
    KnownPackage,
    PackageIndexes,
    UvUnion,
    _metadata,
    _solution,
)
from lamina.engines.uv_program import UvProgram
from lamina.model.names import PUBLIC_INDEX, parse_package_name
from lamina.model.platforms import PythonSeries

SOLVER = UvUnion(
    program=UvProgram(environ={}),
    python=Path("/p"),
    series=PythonSeries.parse("3.12"),
    indexes=PackageIndexes(addresses={PUBLIC_INDEX: "https://index.example.org/simple"}),
)
DIGEST = {"sha256": "a" * 64}


def test_a_solution_with_who_needs_what() -> None:
    text = (
        "numpy==2.5.5              # via contourpy, pandas[test], -c c.txt, -r in.txt\n"
        "Zope.Interface==1 ; python_version > '3'  # via -r in.txt\n"
        "plain==0\n"
    )
    found = _solution(text)
    assert {name: (one.version, one.via) for name, one in found.items()} == {
        "numpy": ("2.5.5", ("contourpy", "pandas")),
        "zope-interface": ("1", ()),
        "plain": ("0", ()),
    }


def wheel(tag: str, **more: object) -> dict[str, object]:
    return {"url": f"https://index.example.org/f/p-1-{tag}.whl", "hashes": DIGEST, **more}


@pytest.mark.parametrize(
    ("tags", "chosen"),
    [
        (["py3-none-any", "cp312-cp312-manylinux_2_17_x86_64"], 1),
        (["cp38-abi3-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"], 1),
        (["cp311-cp311-manylinux_2_17_x86_64", "py3-none-any"], 1),
    ],
    ids=["binary", "exact-abi", "other-python"],
)
def test_one_file_is_chosen(tags: list[str], chosen: int) -> None:
    package = {"name": "P", "version": "1", "wheels": [wheel(tag) for tag in tags]}
    found, address = SOLVER._file(package)
    assert found.filename == f"p-1-{tags[chosen]}.whl"
    assert (found.package, found.version) == ("p", "1")
    assert address == f"https://index.example.org/f/{found.filename}"


def test_a_source_distribution_where_there_is_no_wheel() -> None:
    sdist = {"url": "https://index.example.org/f/p-1%2Bx.tar.gz", "hashes": DIGEST, "size": 7}
    found, _ = SOLVER._file({"name": "p", "version": "1", "sdist": sdist})
    assert (found.filename, found.size) == ("p-1+x.tar.gz", 7)


@pytest.mark.parametrize(
    ("package", "kind"),
    [
        ({"name": "p", "wheels": [wheel("py3-none-any") | {"hashes": {}}]}, IntegrityError),
        ({"name": "p", "version": "1"}, LaminaError),
    ],
    ids=["no-digest", "no-file"],
)
def test_files_that_cannot_be_taken(package: dict[str, object], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        SOLVER._file(package)


def test_what_is_written_for_uv_is_toml() -> None:
    name = parse_package_name("p")
    known = KnownPackage(name=name, version="1", requires=('q; extra == "x"',), extras=("x",))
    assert tomllib.loads(_metadata([known]))["dependency-metadata"] == [
        {"name": "p", "version": "1", "requires-dist": ['q; extra == "x"'], "provides-extra": ["x"]}
    ]
