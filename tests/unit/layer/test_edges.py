"""Who needs whom among the packages of a layer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lamina.layer.edges import Edges
from lamina.model.names import PackageName, parse_package_name
from support.bases import distribution

ENVIRONMENT = {"os_name": "posix", "python_version": "3.12", "extra": ""}


def edges(there: dict[str, tuple[str, ...]], *others: str) -> Edges:
    """Return what reads packages, by name with their requirements."""
    return Edges(
        distributions={
            parse_package_name(name): replace(distribution(name, "1.0"), requires=requires)
            for name, requires in there.items()
        },
        environment=ENVIRONMENT,
        there={parse_package_name(name) for name in (*there, *others)},
    )


def found(reader: Edges, *names: str) -> dict[str, list[str]]:
    """Return what each package needs, as ``name[extras]`` and the extra that asks for it."""
    return {
        name: [
            f"{one.name}{list(one.extras) or ''}{f' by {one.extra}' if one.extra else ''}"
            for one in needed
        ]
        for name, needed in reader.of(list(map(PackageName, names))).items()
    }


@pytest.mark.parametrize(
    ("requires", "needed"),
    [
        pytest.param(("b>=2",), ["b"], id="plain"),
        pytest.param(("B",), ["b"], id="another spelling"),
        pytest.param(("elsewhere",), [], id="not there"),
        pytest.param(("b ; os_name == 'nt'",), [], id="another system"),
        pytest.param(("b ; python_version >= '3.12'",), ["b"], id="this Python"),
        pytest.param(("b ; extra == 'x'",), [], id="nobody asks"),
        pytest.param(("b>=1", "b<3"), ["b"], id="in two lines"),
        pytest.param(("what is this", "b"), ["b"], id="no requirement"),
        pytest.param(("b[Y_z,x]",), ["b['x', 'y-z']"], id="extras"),
    ],
)
def test_what_a_package_needs(requires: tuple[str, ...], needed: list[str]) -> None:
    assert found(edges({"a": requires}, "b"), "a") == {"a": needed}


def test_extras_count_when_they_are_asked_for() -> None:
    requires = ("b ; extra == 'One_x'", "c ; extra == 'two'", "d ; extra == 'three'")
    reader = edges({"a": requires}, "b", "c", "d")
    assert reader.ask(PackageName("a"), ["one.X"])
    assert not reader.ask(PackageName("a"), ["one-x"])
    reader.ask(PackageName("a"), ["two"])
    assert found(reader, "a") == {"a": ["b by one-x", "c by two"]}


def test_what_is_asked_by_another_counts_whatever_the_order() -> None:
    there: dict[str, tuple[str, ...]] = {
        "a": ("b[x]", "deep ; extra == 'all'"),
        "b": ("a[all]", "b[y] ; extra == 'x'", "deep ; extra == 'y'"),
    }
    wanted = {
        "a": ["b['x']", "deep by all"],
        "b": ["a['all']", "b['y'] by x", "deep by y"],
    }
    assert found(edges(there, "deep"), "a", "b") == wanted
    assert found(edges(there, "deep"), "b", "a") == wanted
