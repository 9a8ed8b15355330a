from __future__ import annotations

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lamina.stack.entries import (
    entry_of,
    short_entry,
    write_key,
    write_range,
    write_requirement,
    write_value,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("", "*", id="any"),
        pytest.param("<3,>=2", ">=2,<3", id="lower bound first"),
        pytest.param("!=2.1,<3,>2", ">2,!=2.1,<3", id="three"),
        pytest.param("~=1.4", "~=1.4", id="compatible"),
    ],
)
def test_write_range(text: str, written: str) -> None:
    assert write_range(SpecifierSet(text)) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("numpy", "numpy", id="name"),
        pytest.param("pyhf[minuit,contrib]<1,>=0.7", "pyhf[contrib,minuit]>=0.7,<1", id="extras"),
        pytest.param(
            "a>1 ; python_version<'3.12'", 'a>1; python_version < "3.12"', id="with a marker"
        ),
    ],
)
def test_write_requirement(text: str, written: str) -> None:
    assert write_requirement(Requirement(text)) == written


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        pytest.param("numpy", "*", id="any"),
        pytest.param("numpy>=2", ">=2", id="range"),
        pytest.param("pyhf[b,a]", {"version": "*", "extras": ["a", "b"]}, id="extras"),
        pytest.param(
            "a; os_name=='nt'", {"version": "*", "marker": 'os_name == "nt"'}, id="marker"
        ),
    ],
)
def test_the_entry_of_a_requirement(text: str, entry: object) -> None:
    assert short_entry(entry_of(Requirement(text))) == entry


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'quote " and \\ backslash',
        "tab\t, line\n, bell\x07, delete\x7f",
        "ünï \U0001f600",
        True,
        7,
        [],
        ["a", ["b"]],
        {},
        {"version": "*", "a b": {"c": [1]}},
    ],
    ids=repr,
)
def test_a_written_value_reads_back(value: object) -> None:
    assert tomllib.loads(f"x = {write_value(value)}") == {"x": value}


@pytest.mark.parametrize("key", ["plain-1_2", "zope.interface", "", 'q"', "ä"])
def test_a_written_key_reads_back(key: str) -> None:
    assert tomllib.loads(f"{write_key(key)} = 1") == {key: 1}
