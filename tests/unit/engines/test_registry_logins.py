"""Where logins of registries are looked for."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from lamina.engines.registry_logins import login_of

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {
    "REGISTRY_AUTH_FILE": "f.json",
    "XDG_RUNTIME_DIR": "containers/auth.json",
    "XDG_CONFIG_HOME": "containers/auth.json",
    "DOCKER_CONFIG": "config.json",
    "HOME": ".docker/config.json",
}


def keep(path: Path, host: str = "r.example.org", text: str = "me:pass:word") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    auth = b64encode(text.encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@pytest.mark.parametrize("variable", PLACES)
def test_a_login_is_found_where_tools_keep_it(tmp_path: Path, variable: str) -> None:
    path = tmp_path / PLACES[variable]
    keep(path)
    value = path if variable == "REGISTRY_AUTH_FILE" else tmp_path
    environ = {"HOME": str(tmp_path / "nowhere"), variable: str(value)}
    assert login_of("r.example.org", environ) == ("me", "pass:word")
    assert login_of("other.example.org", environ) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"auths": 3}',
        b'{"auths": {"r": {"auth": "?"}}}',
        b'{"auths": {"r": {"auth": 5}}}',
    ],
)
def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(data)
    assert login_of("r", {"REGISTRY_AUTH_FILE": str(path)}) is None


def test_nobody_is_logged_in_where_nothing_is_set() -> None:
    assert login_of("r.example.org", {}) is None
