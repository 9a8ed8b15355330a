"""What builds over conda packages take from where, and where their files go."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from lamina.build.wheels.cache import reason_of
from lamina.build.wheels.needs import Locked
from lamina.build.wheels.order import Order
from lamina.build.wheels.search_paths import installed_at
from lamina.core.errors import UnsatisfiableError
from lamina.model.artifacts import Artifact
from lamina.model.digests import Sha256
from lamina.model.names import PUBLIC_INDEX, PackageName
from lamina.model.platforms import PythonSeries

SERIES = PythonSeries.parse("3.12")
LOCKED = Locked(packages={}, environment={}, provided={PackageName("numpy"): "1.26.4"})


def order(*, isolated: bool = False) -> Order:
    artifact = Artifact(
        package=PackageName("alpha"), version="1", index=PUBLIC_INDEX, filename="alpha-1.tar.gz",
        sha256=Sha256("0" * 64),
    )  # fmt: skip
    return Order(artifact=artifact, env={}, hooks={}, isolated=isolated)


def test_what_conda_has_is_not_taken_from_an_index() -> None:
    needs = LOCKED.needs(order(), ["numpy>=1.20", "setuptools"], {})
    assert (needs.stack, needs.index) == (frozenset(), ("setuptools",))
    assert LOCKED.pins() == ("numpy==1.26.4",)


def test_an_isolated_build_has_its_own() -> None:
    assert LOCKED.needs(order(isolated=True), ["numpy>=2"], {}).index == ("numpy>=2",)


def test_another_version_than_that_of_conda_is_refused() -> None:
    with pytest.raises(UnsatisfiableError, match=r"has numpy 1.26.4; alpha asks for numpy>=2"):
        LOCKED.needs(order(), ["numpy>=2"], {})


@pytest.mark.parametrize(
    ("inside", "place"),
    [
        ("alpha/core.so", "lib/python3.12/site-packages/alpha/core.so"),
        ("alpha-1.data/platlib/a/b.so", "lib/python3.12/site-packages/a/b.so"),
        ("alpha-1.data/scripts/tool", "bin/tool"),
        ("alpha-1.data/data/lib/alpha.so", "lib/alpha.so"),
    ],
    ids=["module", "platlib", "script", "data"],
)
def test_where_a_file_of_a_wheel_goes(inside: str, place: str) -> None:
    assert installed_at(PurePosixPath(inside), SERIES) == PurePosixPath(place)


def test_a_conda_package_that_changed_is_named() -> None:
    before = {"conda": [{"name": "zlib", "sha256": "1"}, {"name": "gone", "sha256": "2"}]}
    now = {"conda": [{"name": "zlib", "sha256": "3"}]}
    assert reason_of(now, before) == "the conda package gone, the conda package zlib changed"
