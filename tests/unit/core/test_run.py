from __future__ import annotations

import pytest

from lamina.core.run import base_environment, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "https://me:pw@index.example.org/simple",
            "https://***@index.example.org/simple",
            id="password",
        ),
        pytest.param("http://token@one.example.org", "http://***@one.example.org", id="token"),
        pytest.param("https://me:p@w@one.example.org", "https://***@one.example.org", id="at-sign"),
        pytest.param(
            "get https://a:b@one.example.org and https://c:d@two.example.org",
            "get https://***@one.example.org and https://***@two.example.org",
            id="sentence",
        ),
        pytest.param(
            "https://x.org/conda/t/sesame/ours and more",
            "https://x.org/conda/t/***/ours and more",
            id="token of a channel",
        ),
        pytest.param(
            "https://me:sesame@x.org/t/sesame/a",
            "https://***@x.org/t/***/a",
            id="password and token",
        ),
        pytest.param("/srv/t/path, x.org/at/all", "/srv/t/path, x.org/at/all", id="a path"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://index.example.org/simple/@scope/pkg", id="at-in-the-path"),
        pytest.param("hep-analysis@stable", id="release"),
        pytest.param("mail me@example.org", id="mail"),
    ],
)
def test_other_at_signs_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_PRELOAD",
        "LD_LIBRARY_PATH", "SOME_TOKEN", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS",
        "UV_PYTHON", "UV_PRERELEASE", "UV_CONSTRAINT", "PIP_INDEX_URL", "PIP_FIND_LINKS",
    ],
)  # fmt: skip
def test_what_bends_a_result_is_not_passed_on(name: str) -> None:
    assert base_environment({name: "x", "HOME": "/home/me"}) == {"HOME": "/home/me"}


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "TMPDIR", "LC_ALL", "XDG_CONFIG_HOME", "LAMINA_ROOT", "SOURCE_DATE_EPOCH",
        "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "UV_CACHE_DIR", "UV_DEFAULT_INDEX",
    ],
)  # fmt: skip
def test_what_a_machine_needs_is_passed_on(name: str) -> None:
    assert base_environment({name: "x"}) == {name: "x"}
