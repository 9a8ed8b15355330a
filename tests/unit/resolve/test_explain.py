from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import CommandFailedError, UnsatisfiableError
from lamina.resolve.explain import explain, needs_in, read_failure
from lamina.stack.document import Stack

STACK = Stack.model_validate(
    {
        "stack": {
            "name": "small",
            "version": "1",
            "python": "3.12",
            "platforms": ["linux-64", "osx-arm64"],
        },
        "packages": {"numpy": "<2", "pandas": ">=3", "numba": "<0.50"},
        "groups": {"nb": ["jupyterlab>=4"]},
    }
)
HEAD = """Using CPython 3.11.7 interpreter at: /usr/bin/python3
error: No solution found when resolving dependencies for split (markers: \
python_full_version == '3.12.*' and platform_machine == 'arm64' and sys_platform == 'darwin')
  cause: """
TAIL = """
hint: While the active Python version is 3.11, the resolution failed for other Python versions.
"""
NUMBA = """Because numba<=0.46.0 has no usable wheels and only the following versions of numba are available:
             numba<=0.46.0
             numba>=0.47.0
         we can conclude that numba<0.47.0 cannot be used.
         And because numba>=0.47.0,<=0.49.1 has no `python_full_version == '3.12.*'`-compatible wheels, we can conclude that numba<=0.49.1 cannot be used.
         And because your project depends on numba<0.50, we can conclude that your project's requirements are unsatisfiable.
"""  # noqa: E501
PANDAS = """Because only the following versions of pandas are available:
             pandas==3.0.0
             pandas==3.0.1
         and all of:
             pandas>=3.0.0,<3.0.1
             pandas>=3.0.1
         depend on numpy>=2.1, we can conclude that pandas>=3 depends on numpy>=2.1.
         And because your project depends on numpy<2 and pandas>=3, we can conclude that your project's requirements are unsatisfiable.
"""  # noqa: E501
GROUP = """Because jupyterlab==4.0 depends on tornado>=6 and jupyterlab==4.0 depends on numpy>=2, \
we can conclude that jupyterlab>=4 cannot be used.
         And because your project depends on jupyterlab>=4 and numpy<2, we can conclude that your \
project's requirements are unsatisfiable.
"""


UPROOT = """Because uproot>=5.0.0,<=5.1.0rc1 depends on awkward>=2.0.0 and uproot>=5.1.0rc2,<=5.1.0rc3 depends on awkward>=2.4.5, we can conclude that uproot>=5.0.0,<=5.1.0rc3 depends on awkward>=2.0.0.
         And because all of:
             uproot==5.1.0rc4
             uproot>=5.1.1,<=5.6.6
         depend on awkward>=2.4.6 and uproot==5.1.0 has no usable wheels, we can conclude that uproot>=5.0.0,<=5.6.6 depends on awkward>=2.0.0.
         And because all of:
             uproot>=5.6.7,<=5.7.2
             uproot>=5.7.4
         depend on awkward>=2.8.2 and uproot==5.7.3 has no usable wheels, we can conclude that uproot>=5.0.0 depends on awkward>=2.0.0.
         And because your project depends on numpy<2 and pandas>=3, we can conclude that your project's requirements are unsatisfiable.
"""  # noqa: E501
AWKWARD = """Because awkward-cpp==2 has no `python_full_version == '3.12.*' and sys_platform == 'linux'`-compatible wheels and awkward==2.0.0 depends on awkward-cpp==2, we can conclude that awkward==2.0.0 cannot be used.
         And because your project depends on awkward==2.0.0, we can conclude that your project's requirements are unsatisfiable.
"""  # noqa: E501


def said(text: str) -> UnsatisfiableError:
    """Return our words for what uv said."""
    error = UnsatisfiableError("short")
    error.__cause__ = CommandFailedError(program="uv", returncode=1, output=HEAD + text + TAIL)
    return explain(STACK, read_failure(STACK, error), Path("/logs/lock.log"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(
            PANDAS,
            ["pandas>=3.0.0,<3.0.1 needs numpy>=2.1", "packages.numpy = '<2'", "osx-arm64/3.12"],
            id="lists of versions",
        ),
        pytest.param(
            GROUP,
            ["jupyterlab==4.0 needs numpy>=2", "groups.nb: 'jupyterlab>=4'", "packages.numpy"],
            id="a group",
        ),
        pytest.param(
            "Because nunpy was not found in the package registry and your project depends on "
            "nunpy, we can conclude that your project's requirements are unsatisfiable.\n",
            ["the index 'pypi' has no package 'nunpy'"],
            id="absent",
        ),
        pytest.param(
            "Because the requested Python version (>=3.11) does not satisfy Python>=3.14 and "
            "numpy==9 depends on Python>=3.14, we can conclude that numpy==9 cannot be used.\n"
            "         And because your project depends on numpy, we can conclude that your "
            "project's requirements are unsatisfiable.\n",
            ["numpy==9 needs Python >=3.14; the stack is for Python 3.12 (packages.numpy = '<2')"],
            id="python",
        ),
        pytest.param(
            "Because there is no version of numpy==1.21.99 and your project depends on "
            "numpy==1.21.99, we can conclude that your project's requirements are unsatisfiable.\n",
            ["no version meets what the stack asks for osx-arm64/3.12: packages.numpy"],
            id="no version",
        ),
        pytest.param("It is dark here.\n", ["cannot be resolved", "It is dark here."], id="other"),
    ],
)
def test_one_short_paragraph(text: str, parts: list[str]) -> None:
    error = said(text)
    assert all(part in error.message for part in parts), error.message
    assert len(error.message) < 300
    assert "conclude" not in error.message
    assert error.hints[-1] == "the resolver's whole explanation is in /logs/lock.log"


def test_what_versions_of_one_package_need_is_one_premise() -> None:
    assert said(UPROOT).message == (
        "the stack cannot be resolved for osx-arm64/3.12: uproot needs awkward>=2.0.0 or "
        "awkward>=2.4.5 or awkward>=2.4.6, ... (depending on its version); the stack asks for "
        "packages.numpy = '<2' and packages.pandas = '>=3'"
    )


def test_what_is_needed_and_has_no_wheel_is_the_other_side() -> None:
    assert said(AWKWARD).message == (
        "the stack cannot be resolved for osx-arm64/3.12: awkward==2.0.0 needs awkward-cpp==2; "
        "no wheel of awkward-cpp==2 can be used"
    )


def test_a_near_name_of_the_stack_is_suggested() -> None:
    error = said("Because nunpy was not found in the package registry and so on.\n")
    assert error.hints[0] == "did you mean 'numpy'?"


def test_packages_without_wheels_are_named() -> None:
    error = UnsatisfiableError("short")
    error.__cause__ = CommandFailedError(program="uv", returncode=1, output=HEAD + NUMBA + TAIL)
    failure = read_failure(STACK, error)
    assert failure.without_wheels == ["numba"]
    assert str(failure.target) == "osx-arm64/3.12"


def test_many_premises_are_cut() -> None:
    text = " and ".join(f"p{n}==1 depends on q{n}>=2" for n in range(20))
    error = said(f"Because {text}, we can conclude that it is so.\n")
    assert "; and 14 more" in error.message


def test_metadata_that_cannot_be_read_is_not_called_a_missing_version() -> None:
    error = said(
        "Because numpy==1.0 has invalid metadata and only numpy==1.0 is available, we can conclude "
        "that all versions of numpy cannot be used.\n         And because your project depends on "
        "numpy, we can conclude that your project's requirements are unsatisfiable.\n"
    )
    assert error.message.endswith("; the metadata of numpy==1.0 cannot be read")


def test_what_packages_need_is_read_without_what_is_concluded() -> None:
    text = """Because uproo<=4.1 depends on nump[fast]<2 and uproo>=4.2 depends on nump>=1.5,<2, \
we can conclude that all versions of uproo depend on nump<2.
         And because only nump{sys_platform == 'linux'}==2.1 is available, we can conclude that \
all versions of uproo and all versions of nump{sys_platform == 'linux'} are incompatible.
         And because your project depends on nump{sys_platform == 'linux'} and uproo, we can \
conclude that your project's requirements are unsatisfiable.
"""
    error = UnsatisfiableError("no")
    error.__cause__ = CommandFailedError(program="uv", returncode=1, output=HEAD + text + TAIL)
    found = [(who, str(need)) for who, need in needs_in(read_failure(STACK, error))]
    assert found == [("uproo<=4.1", "nump[fast]<2"), ("uproo>=4.2", "nump<2,>=1.5")]
