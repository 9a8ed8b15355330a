from __future__ import annotations

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.files import parse_stack
from support.stacks import stack_text


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ('{ setup-args = "-Dblas=none" }', {"setup-args": "-Dblas=none"}),
        ('{ a = ["b", "c"], d = "" }', {"a": ("b", "c"), "d": ""}),
        ("{}", {}),
    ],
)
def test_settings_of_a_back_end(given: str, settings: dict[str, object]) -> None:
    text = stack_text(f'docopt = {{ version = "*", source = true, config = {given} }}')
    [entry] = parse_stack(text, "lamina.toml").packages.values()
    assert entry.config == settings


@pytest.mark.parametrize("value", ["1", '["b", 1]', "true", "{ b = 'c' }"])
def test_a_wrong_setting_is_one_problem(value: str) -> None:
    text = stack_text(f'docopt = {{ version = "*", source = true, config = {{ a = {value} }} }}')
    with pytest.raises(DocumentError) as error:
        parse_stack(text, "lamina.toml")
    [problem] = error.value.problems
    assert problem.where == "packages.docopt.config.a"
    assert "expected a string (in quotes), or an array of them" in problem.found


@pytest.mark.parametrize(("given", "seconds"), [("90", 90), ("0.5", 0.5)])
def test_how_long_a_build_may_take(given: str, seconds: float) -> None:
    text = stack_text("", more=f"[build]\ntimeout = {given}")
    assert parse_stack(text, "lamina.toml").build.timeout == seconds


@pytest.mark.parametrize("given", ['"90"', "0", "-1", "true"])
def test_what_is_no_time(given: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_stack(stack_text("", more=f"[build]\ntimeout = {given}"), "lamina.toml")
    assert [one.where for one in error.value.problems] == ["build.timeout"]
