from __future__ import annotations

from typing import Any

import pytest
from packaging.markers import Marker

from lamina.engines.uv_lock import dump_preferences, dump_project
from lamina.model.platforms import Platform, PythonSeries, Target
from lamina.resolve.demands import (
    index_of,
    stack_demands,
    stack_targets,
    target_marker,
)
from lamina.resolve.project import plan_project, widen
from lamina.stack.document import Stack

ENVIRON = {"UV_DEFAULT_INDEX": "https://index.example.org/simple"}


def stack_of(**tables: Any) -> Stack:
    head = {"name": "small", "version": "1", "python": "3.12", "platforms": ["linux-64"]}
    return Stack.model_validate({"stack": head | tables.pop("stack", {}), **tables})


def test_requirements() -> None:
    stack = stack_of(
        stack={"platforms": ["linux-64", "osx-arm64"]},
        packages={
            "Numpy": ">=2,<3",
            "lib": {"extras": ["B", "a"], "marker": "python_version < '4' or os_name == 'nt'"},
            "root": {"version": "==0.1a12", "platforms": ["linux-64"]},
        },
        groups={"nb": ["jupyterlab >= 4"]},
    )
    assert [str(one) for one in stack_demands(stack)] == [
        'lib[a,b] ; python_version < "4" or os_name == "nt"',
        "numpy<3,>=2",
        'root==0.1a12 ; sys_platform == "linux" and platform_machine == "x86_64"',
        "jupyterlab>=4",
    ]


def test_a_marker_with_or_and_platforms_hold_together() -> None:
    stack = stack_of(
        stack={"platforms": ["linux-64", "osx-arm64"]},
        packages={
            "a": {"marker": "python_version < '3' or os_name == 'posix'", "platforms": ["linux-64"]}
        },
    )
    [demand] = stack_demands(stack)
    assert [demand.holds_for(one) for one in stack_targets(stack)] == [True, False]


def test_each_target_has_a_marker_of_its_own() -> None:
    targets = [
        Target(platform, PythonSeries(3, minor)) for platform in Platform for minor in (9, 10, 13)
    ]
    for one in targets:
        marker = Marker(target_marker(one))
        holding = [other for other in targets if marker.evaluate(dict(other.marker_environment()))]
        assert holding == [one]


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        pytest.param(["3.12", "3.13"], ">=3.11", id="newer than the running one"),
        pytest.param(["3.8", "3.13"], ">=3.8", id="older"),
    ],
)
def test_the_range_of_pythons(python: list[str], expected: str) -> None:
    project = plan_project(stack_of(stack={"python": python}), ENVIRON)
    assert project.requires_python == expected


def test_indexes() -> None:
    stack = stack_of(
        resolve={"indexes": {"ours": "https://ours.example.org/simple"}},
        packages={"tool": {"index": "ours"}, "numpy": "*"},
    )
    project = plan_project(stack, ENVIRON)
    assert project.default_index == ENVIRON["UV_DEFAULT_INDEX"]
    assert project.package_indexes == {"tool": "ours"}
    text = dump_project(project)
    assert "explicit = true" in text
    assert 'tool = { index = "ours" }' in text
    assert "index.example.org" not in text.replace("ours.example.org", "")
    assert [index_of(stack, one) for one in stack.packages] == ["ours", "pypi"]


def test_limited_packages_of_another_index_are_never_built_from_the_default_one() -> None:
    stack = stack_of(
        resolve={"indexes": {"ours": "https://ours.example.org/simple"}, "only-binary": False},
        packages={
            "limited": {"index": "ours", "platforms": ["linux-64"]},
            "sources": {"index": "ours", "platforms": ["linux-64"], "source": True},
            "everywhere": {"index": "ours"},
        },
    )
    project = plan_project(stack, ENVIRON)
    assert project.never_built == ("limited",)
    assert project.requirements[-1] == "sources"


def test_widening_adds_a_requirement_without_a_marker() -> None:
    project = plan_project(stack_of(packages={"a": "*"}), ENVIRON)
    assert widen(project, ["b"]).requirements == ("a", "b")  # type: ignore[list-item]


def test_waivers_count_in_a_closed_stack_only() -> None:
    packages = {"a": {"waive": ["b"]}}
    closed = stack_of(resolve={"closed": True}, packages=packages)
    assert plan_project(closed, ENVIRON).excluded == {"a": ("b",)}
    assert plan_project(stack_of(packages=packages), ENVIRON).excluded == {}
    assert 'package = { name = "a" }' in dump_project(plan_project(closed, ENVIRON))


def test_preferences_say_nothing_that_could_be_trusted() -> None:
    text = dump_preferences(plan_project(stack_of(packages={"a": "*"}), ENVIRON))
    assert "hash" not in text
