"""What lamina.toml says about conda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.files import parse_stack

if TYPE_CHECKING:
    from lamina.stack.document import Stack

_HEAD = """
[stack]
name = "small"
version = "1.0"
python = "3.12"
platforms = ["linux-64"]
"""


def stack(more: str) -> Stack:
    return parse_stack(_HEAD + more, "lamina.toml")


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        pytest.param('GFAL2 = "*"', "gfal2", id="any"),
        pytest.param('gfal2 = ">=2.23"', "gfal2 >=2.23", id="range"),
        pytest.param('blas = "* *openblas*"', "blas * *openblas*", id="build"),
        pytest.param('blas = { build = "*mkl" }', "blas * *mkl", id="build alone"),
        pytest.param('mpi = { version = "1.*", platforms = ["linux-64"] }', "mpi 1.*", id="table"),
    ],
)
def test_an_entry_is_a_match_spec(line: str, spec: str) -> None:
    [(name, entry)] = stack(f"[conda]\n{line}\n").conda.items()
    assert entry.spec(name) == spec


@pytest.mark.parametrize(
    "channel", ["conda-forge", "https://c.example.org/ours", "file:///srv/c", "./channel", "/srv/c"]
)
def test_channels_are_names_addresses_or_paths(channel: str) -> None:
    assert stack(f'[resolve]\nchannels = ["{channel}"]\n').resolve.channels == (channel,)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param('[conda]\n"__glibc" = "*"\n', "not the name of a conda package", id="virtual"),
        pytest.param("[conda]\ngfal2 = 2\n", "expected a MatchSpec", id="number"),
        pytest.param(
            '[resolve]\nchannels = ["https://me:secret@c.example.org"]\n', "has credentials",
            id="credentials",
        ),
        pytest.param(
            '[resolve]\nchannels = ["https://c.example.org/t/secret/ours"]\n', "has credentials",
            id="token",
        ),
        pytest.param('[resolve]\nchannels = ["a b"]\n', "neither the name", id="channel"),
        pytest.param('[resolve.virtual.linux-64]\ncuda = "12"\n', "virtual package", id="cuda"),
        pytest.param('[resolve.virtual.solaris]\n__cuda = "12"\n', "solaris", id="platform"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(more: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        stack(more)
    assert "secret" not in str(caught.value)
