from __future__ import annotations

import pytest

from lamina.resolve.metadata import parse_metadata

HEAD = "Name: a\nVersion: 1\n"


@pytest.mark.parametrize(
    ("text", "final", "requirements"),
    [
        pytest.param("Metadata-Version: 2.2\n" + HEAD, True, [], id="2.2"),
        pytest.param(
            "Metadata-Version: 2.2\n" + HEAD + "Dynamic: Requires-Dist\n", False, [], id="dynamic"
        ),
        pytest.param("Metadata-Version: 1.1\n" + HEAD, False, [], id="old"),
        pytest.param(
            "Metadata-Version: 2.1\n" + HEAD + "Requires-Dist: b (>=2)\n",
            True,
            ["b>=2"],
            id="listed",
        ),
        pytest.param(
            "Metadata-Version: 2.1\n" + HEAD + "Requires-Dist: b>=dev\nRequires-Dist: c\n",
            True,
            ["c"],
            id="malformed",
        ),
    ],
)
def test_what_a_file_needs(text: str, *, final: bool, requirements: list[str]) -> None:
    found = parse_metadata(text.encode())
    assert found.is_final is final
    assert [str(one) for one in found.requirements] == requirements
