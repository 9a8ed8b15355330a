"""What tests of releases share: prefixes with an index, and a release of conda packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.release.publish import publish
from support.conda_releases import SPECS, Published, conda_request, write_parts
from support.odd_packages import make_odd_prefix
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment that the release of conda packages is published in."""
    home = tmp_path_factory.mktemp("home")
    cache = {"UV_CACHE_DIR": empty_cache(home / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
    return {"HOME": str(home), "PATH": "/usr/bin:/bin"} | cache


@pytest.fixture(scope="session")
def published(
    bootstrapped: Path, machine: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Published:
    """Return a release of conda packages, with one of an index on top."""
    top = tmp_path_factory.mktemp("conda-release")
    channels = [bootstrapped, write_parts(top / "parts", top / "work")]
    request = conda_request(top, machine, channels, SPECS)
    return Published(request, publish(request), channels)
