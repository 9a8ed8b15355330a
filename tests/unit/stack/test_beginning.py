from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamina.model.names import parse_stack_name
from lamina.model.platforms import Platform, PythonSeries
from lamina.model.versions import parse_release_version
from lamina.stack.beginning import NewStack, name_from_directory, write_stack
from lamina.stack.files import parse_stack


def _new(**fields: Any) -> NewStack:
    given = {
        "name": parse_stack_name("tiny"),
        "version": parse_release_version("0.1.0"),
        "python": (PythonSeries(3, 12),),
        "platforms": (Platform.LINUX_64,),
    }
    return NewStack(**(given | fields))


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        pytest.param("hep-analysis", "hep-analysis", id="as it is"),
        pytest.param("My Stack (new)", "my-stack-new", id="spaces"),
        pytest.param("Größe", "grosse", id="umlaut"),
        pytest.param("Café", "cafe", id="accents"),
        pytest.param("日本", "stack", id="nothing left"),
        pytest.param(".hidden_", "hidden", id="ends"),
        pytest.param("a" * 80, "a" * 64, id="long"),
        pytest.param("a" * 63 + "-b", "a" * 63, id="cut at a hyphen"),
    ],
)
def test_a_directory_names_its_stack(directory: str, name: str) -> None:
    assert name_from_directory(Path("/stacks") / directory) == parse_stack_name(name)


def test_what_is_written_is_what_was_asked() -> None:
    packages = {"numpy": {"version": ">=2"}, "zope.x": {"version": "*", "extras": ["a"]}}
    python = (PythonSeries(3, 11), PythonSeries(3, 12))
    text = write_stack(_new(packages=packages, python=python), Path("lamina.toml"))
    stack = parse_stack(text, "lamina.toml")
    assert stack.stack.python == python
    assert {str(name): one.extras for name, one in stack.packages.items()} == {
        "numpy": (),
        "zope-x": ("a",),
    }


def test_the_examples_in_the_comments_are_valid() -> None:
    text = write_stack(_new(), Path("lamina.toml"))
    lines = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in text.splitlines()
    ]
    stack = parse_stack("\n".join(lines), "lamina.toml")
    assert stack.stack.bundle
    assert stack.resolve.closed
    assert sorted(stack.packages) == ["mytool", "numpy"]
    assert stack.groups["notebook"] == ("jupyterlab", "ipympl")
    assert stack.test.imports == ("numpy",)
