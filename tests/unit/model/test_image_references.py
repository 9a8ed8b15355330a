"""How images are called."""

from __future__ import annotations

import pytest

from lamina.model.image_references import ImageReference, tag_of

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "host", "name", "asked"),
    [
        ("registry.example.org/hep/small:1.0", "registry.example.org", "hep/small", "1.0"),
        ("127.0.0.1:5000/small", "127.0.0.1:5000", "small", "latest"),
        ("localhost/a-b/c__d:x_y", "localhost", "a-b/c__d", "x_y"),
        (f"[::1]:5000/small@{DIGEST}", "[::1]:5000", "small", DIGEST),
    ],
)
def test_a_name_is_taken_apart(text: str, host: str, name: str, asked: str) -> None:
    reference = ImageReference.parse(text)
    assert (reference.host, reference.name, reference.manifest) == (host, name, asked)
    assert str(reference).startswith(text)


@pytest.mark.parametrize(
    "text",
    ["", "small:1.0", "hep/small:1.0", "a.b/Small", "a.b/small:", "a.b/small:-x", "a.b/../x",
     "a.b/small@sha256:12", "https://a.b/small", "a.b/small:1 2", "user@a.b/small"],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no image"):
        ImageReference.parse(text)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "127.1.2.3", "[::1]:80"])
def test_this_machine_is_known(host: str) -> None:
    assert ImageReference(host=host, name="x").is_local


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1"])
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not ImageReference(host=host, name="x").is_local


def test_a_version_becomes_a_tag() -> None:
    assert tag_of("2026.11.0") == "2026.11.0"
    assert tag_of("1.0+local.2") == "1.0-local.2"
