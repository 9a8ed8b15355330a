"""A refusal in few words, from what uv says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import CommandFailedError, UnsatisfiableError
from lamina.layer.reasons import Refusal, shortest_reason
from lamina.layer.union import ground_of
from support.bases import distribution, probe

if TYPE_CHECKING:
    from lamina.layer.union import Ground

SHORT = """\
error: No solution found when resolving dependencies
  cause: Because numba==0.58.1 depends on numpy>=1.22,<1.27 and you require numba==0.58.1, we can \
conclude that you require numpy>=1.22,<1.27.
         And because you require numpy>=2, we can conclude that your requirements are unsatisfiable.
"""
LONG = """\
error: No solution found when resolving dependencies
  cause: Because numba>=0.49.0,<=0.49.1 depends on llvmlite>=0.31.0.dev0,<=0.33.0.dev0 and \
numba>=0.50.0rc1,<=0.50.1 depends on llvmlite>=0.33.0.dev0,<0.34, we can conclude that \
numba>=0.49.0,<=0.50.1 depends on llvmlite>=0.31.0.dev0,<0.34.
         And because numba==0.52.0rc2 depends on llvmlite>=0.35.0.dev0,<0.36, we can conclude that \
all of:
             numba>=0.49.0,<=0.51.0rc1
             numba>=0.52.0rc2,<=0.52.0rc3
         depend on llvmlite>=0.31.0.dev0,<0.36.

         Because numba-stats==1.7.0 depends on numba>=0.49, we can conclude that your \
requirements, numba<0.58.0rc1, numpy>=1.25 are incompatible.
         And because you require llvmlite>=0.41.1 and {more}, we can conclude that your \
requirements and numba<0.58.0rc1 are incompatible.
         And because you require numba<0.58 and numpy>=2, we can conclude that your requirements \
are unsatisfiable.

hint: you require CPython 3.11 and wheels
"""


def refusal(*asked: str) -> Refusal:
    return Refusal(layer=Path("/layer"), asked=asked, possible=(), log=Path("/log"))


def said(output: str) -> UnsatisfiableError:
    """Return an error as UvProgram raises it."""
    error = UnsatisfiableError("\n".join(output.splitlines()[:2]))
    error.__cause__ = CommandFailedError(program="uv", returncode=1, output=output)
    return error


@pytest.fixture
def ground() -> Ground:
    base = probe(distribution("llvmlite", "0.41.1"), distribution("numba-stats", "1.7.0"))
    return ground_of(base, (), {})


def test_a_short_derivation_is_told_to_its_end(ground: Ground) -> None:
    told = shortest_reason(said(SHORT), ground, refusal("numpy>=2", "numba==0.58.1")).message
    assert told.endswith("And because you require numpy>=2")


def test_what_was_not_possible_is_told_in_the_words_of_the_caller(ground: Ground) -> None:
    asked = refusal("cannot-add>=2")
    error = shortest_reason(said(SHORT), ground, asked, words="not possible on other:")
    assert error.message.startswith("not possible on other: cannot-add>=2: numba==0.58.1 depends")


@pytest.mark.parametrize(
    ("more", "asked", "told"),
    [
        pytest.param(
            "numba-stats>=1.7.0",
            ["numpy>=2", "numba<0.58"],
            "numpy>=2, numba<0.58 cannot be had together with llvmlite>=0.41.1, numba-stats>=1.7.0",
            id="asked for and there",
        ),
        pytest.param(
            "numba-stats>=1.7.0 depends on numba>=0.49",
            ["NumPy>=2"],
            "NumPy>=2 cannot be had together with llvmlite>=0.41.1, numba<0.58",
            id="a premise beside it",
        ),
        pytest.param(
            "numpy>=2",
            ["llvmlite>=0.41.1", "numpy>=2", "numba<0.58"],
            "llvmlite>=0.41.1, numpy>=2, numba<0.58 exclude each other",
            id="all asked for",
        ),
    ],
)
def test_of_a_long_one_what_excludes_each_other(
    ground: Ground, more: str, asked: list[str], told: str
) -> None:
    error = shortest_reason(said(LONG.format(more=more)), ground, refusal(*asked))
    assert error.message == f"cannot add {', '.join(asked)}: {told}"


def test_a_list_is_not_taken_for_a_requirement(ground: Ground) -> None:
    text = LONG.format(more="all of: a b")
    told = shortest_reason(said(text), ground, refusal("numpy>=2")).message
    assert "cannot be had together" not in told
    assert len(told) < 500


def test_the_base_is_named(ground: Ground) -> None:
    text = LONG.format(more="numba-stats>=1.7.0")
    hints = shortest_reason(said(text), ground, refusal("numpy>=2", "numba<0.58")).hints
    there = "llvmlite 0.41.1, numba-stats 1.7.0"
    assert hints[0] == f"the base has {there}; unless asked to, a layer does not go below"
