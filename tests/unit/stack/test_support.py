from __future__ import annotations

from typing import Any

import pytest

from lamina.core.errors import NotSupportedError
from lamina.stack.document import Stack
from lamina.stack.support import refuse_what_cannot_be_published, refuse_what_cannot_be_resolved


def stack_of(**tables: Any) -> Stack:
    stack = {"name": "x", "version": "1", "python": "3.12", "platforms": ["linux-64"]}
    return Stack.model_validate({"stack": stack | tables.pop("stack", {}), **tables})


PLAIN = stack_of(packages={"numpy": ">=2", "six": {"source": True}})
RESOLVING = [
    pytest.param({"conda": {"gfal2": "*"}}, r"\[conda\]", id="conda"),
]
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


@pytest.mark.parametrize(("tables", "word"), RESOLVING)
def test_what_cannot_be_resolved_is_refused(tables: dict[str, Any], word: str) -> None:
    with pytest.raises(NotSupportedError, match=f"cannot resolve .*{word}"):
        refuse_what_cannot_be_resolved(stack_of(**tables))


@pytest.mark.parametrize(("tables", "word"), PUBLISHING)
def test_what_cannot_be_published_is_refused(tables: dict[str, Any], word: str) -> None:
    with pytest.raises(NotSupportedError, match=f"cannot publish .*{word}"):
        refuse_what_cannot_be_published(stack_of(**tables))


def test_a_lock_with_conda_packages_is_published() -> None:
    refuse_what_cannot_be_published(stack_of(conda={"gfal2": "*"}))


def test_everything_else_passes() -> None:
    refuse_what_cannot_be_resolved(PLAIN)
    refuse_what_cannot_be_published(PLAIN)


def test_hooks_do_not_stop_a_lock() -> None:
    refuse_what_cannot_be_resolved(
        stack_of(packages={"a": "*"}, hooks={"a": {"post-install": "true"}})
    )
