from __future__ import annotations

import pytest

from lamina.model.references import ReleaseReference


@pytest.mark.parametrize("text", ["hep", "hep/2026.11.0", "hep@stable", "hep/1.0+gabc.d20261101"])
def test_a_reference_reads_what_it_writes(text: str) -> None:
    assert str(ReleaseReference.parse(text)) == text


def test_the_parts_of_a_reference() -> None:
    by_version = ReleaseReference.parse("hep/1.0")
    by_tier = ReleaseReference.parse("hep@stable")
    assert (by_version.stack, by_version.version, by_version.tier) == ("hep", "1.0", None)
    assert (by_tier.stack, by_tier.version, by_tier.tier) == ("hep", None, "stable")


@pytest.mark.parametrize("text", ["", "/1.0", "hep/", "hep@", "@stable", "hep/../etc", "hep/1.0/x"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        ReleaseReference.parse(text)
