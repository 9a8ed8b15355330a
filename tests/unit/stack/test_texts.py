from __future__ import annotations

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.files import parse_stack
from support.stacks import stack_text


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59-02:00"])
def test_a_time_after_the_last_one_is_a_problem_of_the_document(text: str) -> None:
    with pytest.raises(DocumentError, match=r"resolve\.exclude-newer: after the last day"):
        parse_stack(stack_text("", resolve=f"exclude-newer = {text}"), "lamina.toml")
