from __future__ import annotations

from typing import Any

import pytest

from lamina.core.errors import UsageError
from lamina.model.platforms import Platform
from lamina.stack.edit_conda import CondaAddition, add_conda, parse_wishes, remove_conda

STACK = """\
[stack]
name = "mixed"
version = "1"
python = "3.12"
platforms = ["linux-64", "osx-arm64"]

[resolve]
channels = ["conda-forge", "ours"]
"""
CONDA = """
[conda]
gfal2 = ">=2.20"  # transfers
numpy = "1.26.* *openblas*"
root = { version = "6.32.*", platforms = ["linux-64"] }
"""


def after(text: str, *specs: str, **about: Any) -> str:
    return add_conda(text, CondaAddition(wishes=parse_wishes(specs), **about), path="x").text


@pytest.mark.parametrize(
    ("specs", "line"),
    [
        pytest.param(["xrootd"], 'xrootd = "*"', id="any"),
        pytest.param(["xrootd>=5.7,<6"], 'xrootd = ">=5.7,<6"', id="range"),
        pytest.param(["xrootd =5.7"], 'xrootd = "5.7.*"', id="fuzzy"),
        pytest.param(
            ["ours::xrootd"], 'xrootd = { version = "*", channel = "ours" }', id="channel"
        ),
        pytest.param(["XRootD 5.7 py312*"], 'xrootd = "==5.7 py312*"', id="build"),
        pytest.param(["gfal2>=2.23"], 'gfal2 = ">=2.23"  # transfers', id="comment stays"),
        pytest.param(["gfal2"], 'gfal2 = ">=2.20"  # transfers', id="range stays"),
        pytest.param(["numpy 2.*"], 'numpy = "2.* *openblas*"', id="build stays"),
        pytest.param(
            ["root 6.34.*"],
            'root = { version = "6.34.*", platforms = ["linux-64"] }',
            id="platforms stay",
        ),
    ],
)
def test_a_package_is_added_or_changed(specs: list[str], line: str) -> None:
    assert line in after(STACK + CONDA, *specs).splitlines()


def test_a_stack_without_conda_gets_the_table() -> None:
    assert after(STACK, "gfal2") == f'{STACK}\n[conda]\ngfal2 = "*"\n'


def test_channel_and_platforms_are_said_of_each() -> None:
    text = after(STACK, "gfal2", channel="ours", platforms=(Platform.LINUX_64,))
    assert 'channel = "ours"' in text
    assert 'platforms = ["linux-64"]' in text


@pytest.mark.parametrize("spec", [">=1", "__glibc", "numpy[md5=x]"])
def test_what_is_no_spec_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"not a MatchSpec|not the name of|md5"):
        parse_wishes(["fine", spec])


def test_packages_are_taken_out() -> None:
    edit = remove_conda(STACK + CONDA, ["Numpy"], path="x")
    assert edit.text == (STACK + CONDA).replace('numpy = "1.26.* *openblas*"\n', "")
    assert [(one.action, one.where, one.text) for one in edit.changes] == [
        ("removed", "conda", "1.26.* *openblas*")
    ]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"'gfal' is not in \[conda\] \(did you mean 'gfal2'"):
        remove_conda(STACK + CONDA, ["gfal", "numpy"], path="x")
