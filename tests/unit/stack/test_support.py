from __future__ import annotations

from typing import Any

import pytest

from lamina.core.errors import NotSupportedError
from lamina.stack.document import Stack
from lamina.stack.support import refuse_what_cannot_be_published


def stack_of(**tables: Any) -> Stack:
    stack = {"name": "x", "version": "1", "python": "3.12", "platforms": ["linux-64"]}
    return Stack.model_validate({"stack": stack | tables.pop("stack", {}), **tables})


PLAIN = stack_of(packages={"numpy": ">=2", "six": {"source": True}})
PUBLISHING = [
    pytest.param({"packages": {"a": "*"}, "hooks": {"a": {"pre-build": "x"}}}, "hooks", id="hooks"),
    pytest.param(
        {"packages": {"a": {"source": True, "env": {"A": "1"}}}}, r"packages\.a\.env", id="env"
    ),
    pytest.param(
        {"packages": {"a": {"source": True, "patches": ["p"]}}}, "a.patches", id="patches"
    ),
    pytest.param({"packages": {"a": {"source": True, "requires": ["b"]}}}, "requires", id="needs"),
]


@pytest.mark.parametrize(("tables", "word"), PUBLISHING)
def test_what_shapes_a_build_is_refused_beside_conda_packages(
    tables: dict[str, Any], word: str
) -> None:
    with pytest.raises(NotSupportedError, match=f"cannot publish .*{word}"):
        refuse_what_cannot_be_published(stack_of(**tables, conda={"gfal2": "*"}))
    refuse_what_cannot_be_published(stack_of(**tables))


def test_a_lock_with_conda_packages_is_published() -> None:
    refuse_what_cannot_be_published(stack_of(conda={"gfal2": "*"}))


def test_everything_else_passes() -> None:
    refuse_what_cannot_be_published(PLAIN)
