"""Where channels are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UsageError
from lamina.engines.conda_channels import channel_addresses, channel_variable

if TYPE_CHECKING:
    from pathlib import Path


def test_each_kind_has_its_address(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    (tmp_path / "told").mkdir()
    environ = {
        "LAMINA_CHANNEL_CONDA_FORGE": "https://mirror.example.org/cf/",
        "LAMINA_CHANNEL_OURS": str(tmp_path / "told"),
    }
    channels = ["ours", "./near", "conda-forge", "https://c.example.org/x/"]
    assert list(channel_addresses(channels, tmp_path, environ).items()) == [
        ("ours", (tmp_path / "told").as_uri()),
        ("./near", (tmp_path / "near").as_uri()),
        ("conda-forge", "https://mirror.example.org/cf"),
        ("https://c.example.org/x/", "https://c.example.org/x"),
    ]


def test_a_name_is_looked_for_on_the_public_server(tmp_path: Path) -> None:
    found = channel_addresses(["some-channel"], tmp_path, {})
    assert found["some-channel"].startswith("https://")
    assert found["some-channel"].endswith("/some-channel")


@pytest.mark.parametrize("channel", ["./gone", "/no/such/channel"])
def test_a_path_is_a_directory(tmp_path: Path, channel: str) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        channel_addresses([channel], tmp_path, {})


def test_a_variable_may_not_lead_nowhere(tmp_path: Path) -> None:
    environ = {"LAMINA_CHANNEL_OURS": str(tmp_path / "gone")}
    with pytest.raises(UsageError, match="LAMINA_CHANNEL_OURS"):
        channel_addresses(["ours"], tmp_path, environ)


def test_variables_are_spelt_for_shells() -> None:
    assert channel_variable("conda-forge/label.x") == "LAMINA_CHANNEL_CONDA_FORGE_LABEL_X"
