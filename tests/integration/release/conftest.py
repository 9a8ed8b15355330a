"""What tests of a release's start-up index share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.odd_packages import make_odd_prefix

if TYPE_CHECKING:
    from support.indexed import Indexed

# The oldest and the newest are part of every run.
SERIES = [
    pytest.param(("3.8", True), id="3.8-bundled"),
    pytest.param(("3.10", False), id="3.10", marks=pytest.mark.heavy),
    pytest.param(("3.12", True), id="3.12-bundled", marks=pytest.mark.heavy),
    pytest.param(("3.13", False), id="3.13"),
]


@pytest.fixture(scope="session", params=SERIES)
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """Return a prefix of odd packages with an index."""
    series, bundle = request.param
    made = make_odd_prefix(tmp_path_factory.mktemp("odd") / "prefix", series, bundle=bundle)
    used = made.run("-c", "import plain; print(type(plain.__loader__).__module__)")
    assert used.out == "_lamina_start\n", used
    return made
