from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.engines.index_settings import configured_index, public_index

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = "https://one.example.org/simple", "https://two.example.org/simple"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose settings files are those of the test."""
    return {
        "HOME": str(tmp_path),
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
    }


@pytest.mark.parametrize(
    ("variables", "uv", "pip", "expected"),
    [
        pytest.param({}, "", "", None, id="nothing"),
        pytest.param({"UV_DEFAULT_INDEX": ONE}, f'index-url = "{TWO}"', "", ONE, id="variable"),
        pytest.param({"UV_DEFAULT_INDEX": f"mine={ONE}"}, "", "", ONE, id="named variable"),
        pytest.param({"UV_DEFAULT_INDEX": f"{ONE}?a=b"}, "", "", f"{ONE}?a=b", id="a query"),
        pytest.param({"UV_INDEX_URL": ONE}, "", "", ONE, id="older variable"),
        pytest.param({}, f'[[index]]\nurl = "{ONE}"\ndefault = true', "", ONE, id="uv default"),
        pytest.param({}, f'[[index]]\nurl = "{ONE}"', "", None, id="uv additional"),
        pytest.param({}, f'[pip]\nindex-url = "{ONE}"', "", ONE, id="uv pip"),
        pytest.param({"PIP_INDEX_URL": ONE}, "", f"[global]\nindex-url={TWO}", ONE, id="pip var"),
        pytest.param({}, "", f"[global]\nindex-url = {ONE}", ONE, id="pip file"),
        pytest.param({}, "", f"[global]\nextra-index-url = {ONE}", None, id="pip additional"),
        pytest.param({"UV_INDEX": ONE, "PIP_EXTRA_INDEX_URL": ONE}, "", "", None, id="additional"),
    ],
)
def test_the_default_index(
    home: dict[str, str],
    tmp_path: Path,
    variables: dict[str, str],
    uv: str,
    pip: str,
    expected: str | None,
) -> None:
    (tmp_path / "uv.toml").write_text(uv)
    (tmp_path / "pip.conf").write_text(pip)
    assert configured_index(home | variables) == expected


def test_the_library_knows_the_public_index(home: dict[str, str]) -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    assert public_index(home) == PYPI_SIMPLE_ENDPOINT
    assert public_index(home | {"UV_DEFAULT_INDEX": ONE}) == ONE


@pytest.mark.parametrize("name", ["uv.toml", "pip.conf"])
def test_a_settings_file_that_cannot_be_read(
    home: dict[str, str], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("[[[")
    with pytest.raises(DocumentError, match=name):
        configured_index(home)
