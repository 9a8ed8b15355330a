from __future__ import annotations

import pytest

from lamina.model.digests import digest_of_bytes, digest_of_value, parse_sha256

_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest_of_bytes() -> None:
    assert digest_of_bytes(b"") == _OF_NOTHING


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_prefix_is_dropped(prefix: str) -> None:
    assert parse_sha256(prefix + _OF_NOTHING) == _OF_NOTHING


@pytest.mark.parametrize("text", ["", "sha256:", "g" * 64, "a" * 63, "A" * 64, "md5:" + "a" * 32])
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="is not a SHA-256 digest"):
        parse_sha256(text)


def test_the_order_of_keys_does_not_matter_but_values_do() -> None:
    assert digest_of_value({"a": 1, "b": "ä"}) == digest_of_value({"b": "ä", "a": 1})
    assert digest_of_value({"a": 1}) != digest_of_value({"a": "1"})
    assert digest_of_value([1, 2]) != digest_of_value([2, 1])
