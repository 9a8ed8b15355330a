"""What a hint says can be written into lamina.toml as it stands there."""

from __future__ import annotations

import re

import pytest

from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.resolve.ground import _about_systems
from lamina.stack.files import parse_stack
from support.stacks import stack_text


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("x 1 needs __osx >=13, which is not there", 'macos = "13.0"'),
        ("x 1 needs __osx >=13.3.1", 'macos = "13.3"'),
        ("x 1 needs __glibc >=2.34,<3.0.a0", 'glibc = "2.34"'),
    ],
)
def test_newer_systems(message: str, line: str) -> None:
    target = Target(Platform.OSX_ARM64, PythonSeries(3, 12))
    [hint] = _about_systems(target, message)
    found = re.search(r"\[resolve\] (.*)", hint)
    assert found is not None
    assert found[1] == line
    parse_stack(stack_text("", resolve=found[1]), "lamina.toml")
