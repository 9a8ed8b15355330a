from __future__ import annotations

import pytest

from lamina.model.versions import parse_release_version, version_key


@pytest.mark.parametrize("text", ["1", "2026.07.0", "1!2.0", "1.0rc1", "1.2.1.dev3+gabc1234.d2026"])
def test_a_version_stays_as_written(text: str) -> None:
    assert parse_release_version(text) == text


@pytest.mark.parametrize("text", ["", "one", "1.0/..", "1.0-final-final", "../1.0", "1..0"])
def test_what_pep_440_does_not_know(text: str) -> None:
    with pytest.raises(ValueError, match="is not a PEP 440 version"):
        parse_release_version(text)


@pytest.mark.parametrize("text", [" 1.0", "1.0\n", "1." + "0" * 100])
def test_what_cannot_name_a_directory(text: str) -> None:
    with pytest.raises(ValueError, match="can name a directory"):
        parse_release_version(text)


def test_order_is_of_numbers() -> None:
    many = [parse_release_version(one) for one in ("2026.10", "2026.9", "2026.10rc1")]
    assert sorted(many, key=version_key) == ["2026.9", "2026.10rc1", "2026.10"]
