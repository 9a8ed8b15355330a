from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.engines.index_settings import configured_index, public_index, with_credentials_of

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "https://index.example.org/simple"
ONE = "https://one.example.org/simple"
TWO = "https://two.example.org/simple"
THREE = "https://three.example.org/simple"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home without settings; those of the machine are turned away from."""
    return tmp_path


def settings_of(home: Path, **environ: str) -> dict[str, str]:
    return {
        "HOME": str(home),
        "XDG_CONFIG_DIRS": str(home / "etc"),
        "PIP_CONFIG_FILE": "/dev/null",
        "UV_CONFIG_FILE": str(home / "missing.toml"),
    } | environ


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        pytest.param({"UV_DEFAULT_INDEX": ONE, "UV_INDEX_URL": TWO}, ONE, id="uv-first"),
        pytest.param({"UV_INDEX_URL": TWO, "PIP_INDEX_URL": ONE}, TWO, id="uv-before-pip"),
        pytest.param({"PIP_INDEX_URL": ONE}, ONE, id="pip"),
        pytest.param({"UV_DEFAULT_INDEX": f"ours={ONE}"}, ONE, id="name"),
        pytest.param({"UV_DEFAULT_INDEX": f"{ONE}?key=v"}, f"{ONE}?key=v", id="no-name"),
        pytest.param({"UV_DEFAULT_INDEX": "", "PIP_INDEX_URL": ONE}, ONE, id="empty"),
        pytest.param({"UV_INDEX": ONE, "UV_EXTRA_INDEX_URL": TWO}, None, id="further-indexes"),
        pytest.param({"PIP_EXTRA_INDEX_URL": ONE}, None, id="further-indexes-of-pip"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_the_environment(home: Path, environ: dict[str, str], address: str | None) -> None:
    assert configured_index(settings_of(home, **environ)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param(f'[[index]]\nurl = "{ONE}"\ndefault = true', ONE, id="default-index"),
        pytest.param(
            f'[[index]]\nurl = "{TWO}"\n[[index]]\nurl = "{ONE}"\ndefault = true', ONE, id="second"
        ),
        pytest.param(f'index-url = "{ONE}"', ONE, id="index-url"),
        pytest.param(f'[pip]\nindex-url = "{ONE}"', ONE, id="pip-table"),
        pytest.param(f'[[index]]\nurl = "{TWO}"', None, id="no-default"),
        pytest.param("native-tls = true", None, id="other-settings"),
        pytest.param("", None, id="empty"),
    ],
)
def test_uv_settings(home: Path, text: str, address: str | None) -> None:
    path = write(home / "uv.toml", text)
    assert configured_index(settings_of(home, UV_CONFIG_FILE=path)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param(f"[global]\nindex-url = {ONE}", ONE, id="global"),
        pytest.param(f"[global]\nindex_url = {ONE}", ONE, id="underscore"),
        pytest.param(f"[global]\nindex-url={TWO}\n[install]\nindex-url={ONE}", ONE, id="install"),
        pytest.param(f"[global]\nextra-index-url = {ONE}", None, id="further-indexes"),
        pytest.param("[global]\nindex-url =", None, id="empty"),
        pytest.param(f"[global]\nindex-url = {ONE}\ncert = 100%", ONE, id="percent"),
    ],
)
def test_pip_settings(home: Path, text: str, address: str | None) -> None:
    path = write(home / "pip.conf", text)
    assert configured_index(settings_of(home, PIP_CONFIG_FILE=path)) == address


def test_whose_settings_win(home: Path) -> None:
    environ = settings_of(home, UV_CONFIG_FILE="")
    chosen = write(home / "chosen.conf", f"[global]\nindex-url = {ONE}")
    assert configured_index(environ | {"PIP_CONFIG_FILE": chosen}) == ONE
    assert configured_index(environ | {"PIP_CONFIG_FILE": chosen, "PIP_INDEX_URL": TWO}) == TWO
    write(home / "etc" / "uv" / "uv.toml", f'index-url = "{THREE}"')
    assert configured_index(environ | {"PIP_INDEX_URL": TWO}) == THREE
    write(home / ".config" / "uv" / "uv.toml", f'index-url = "{TWO}"')
    assert configured_index(environ | {"PIP_CONFIG_FILE": chosen}) == TWO
    uv = write(home / "uv.toml", f'index-url = "{ONE}"')
    assert configured_index(environ | {"UV_CONFIG_FILE": uv}) == ONE
    assert configured_index(environ | {"UV_CONFIG_FILE": uv, "UV_INDEX_URL": THREE}) == THREE


def test_pip_files_are_those_of_the_user(home: Path) -> None:
    environ = settings_of(home)
    del environ["PIP_CONFIG_FILE"]
    write(home / ".pip" / "pip.conf", f"[global]\nindex-url = {TWO}")
    assert configured_index(environ) == TWO
    write(home / ".config" / "pip" / "pip.conf", f"[global]\nindex-url = {ONE}")
    assert configured_index(environ) == ONE
    write(home / "xdg" / "pip" / "pip.conf", f"[global]\nindex-url = {THREE}")
    assert configured_index(environ | {"XDG_CONFIG_HOME": str(home / "xdg")}) == THREE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("index-url = ", id="not-toml"),
        pytest.param("index = 1", id="a-number"),
        pytest.param("index = ['x']", id="texts"),
        pytest.param("[[index]]\ndefault = true", id="no-address"),
        pytest.param("pip = 1", id="pip-a-number"),
    ],
)
def test_malformed_uv_settings_name_the_file(home: Path, text: str) -> None:
    path = write(home / "uv.toml", text)
    with pytest.raises(DocumentError, match=r"uv\.toml: 1 problem"):
        configured_index(settings_of(home, UV_CONFIG_FILE=path))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"index-url = x", id="no-section"),
        pytest.param(b"[global]\n[global]", id="section-twice"),
        pytest.param(b"[global]\nindex-url = \xff", id="not-utf8"),
    ],
)
def test_malformed_pip_settings_name_the_file(home: Path, data: bytes) -> None:
    path = home / "pip.conf"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=r"pip\.conf: 1 problem"):
        configured_index(settings_of(home, PIP_CONFIG_FILE=str(path)))


def test_a_directory_in_place_of_a_settings_file_is_named(home: Path) -> None:
    (home / "uv.toml").mkdir()
    with pytest.raises(DocumentError, match=r"uv\.toml"):
        configured_index(settings_of(home, UV_CONFIG_FILE=str(home / "uv.toml")))


def test_without_settings_the_constant_of_the_library_counts(home: Path) -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    assert public_index(settings_of(home)) == PYPI_SIMPLE_ENDPOINT
    assert public_index(settings_of(home, PIP_INDEX_URL=ONE)) == ONE


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({}, ADDRESS, id="none"),
        pytest.param(
            {"UV_INDEX_OUR_OWN_USERNAME": "me", "UV_INDEX_OUR_OWN_PASSWORD": "a/b@c"},
            "https://me:a%2Fb%40c@index.example.org/simple",
            id="both",
        ),
        pytest.param(
            {"UV_INDEX_OUR_OWN_USERNAME": "token"},
            "https://token@index.example.org/simple",
            id="user only",
        ),
        pytest.param({"UV_INDEX_OURS_USERNAME": "me"}, ADDRESS, id="of another index"),
    ],
)
def test_credentials_of_a_named_index(variables: dict[str, str], expected: str) -> None:
    assert with_credentials_of("our-own", ADDRESS, variables) == expected


def test_credentials_in_the_address_win() -> None:
    address = "https://you@index.example.org/simple"
    assert with_credentials_of("ours", address, {"UV_INDEX_OURS_USERNAME": "me"}) == address


def test_no_settings_of_pip_at_all(home: Path) -> None:
    environ = settings_of(home)
    write(home / "etc" / "pip" / "pip.conf", f"[global]\nindex-url = {ONE}")
    write(home / "empty.conf", "")
    assert configured_index(environ | {"PIP_CONFIG_FILE": str(home / "empty.conf")}) == ONE
    assert configured_index(environ | {"PIP_CONFIG_FILE": "/dev/null"}) is None
