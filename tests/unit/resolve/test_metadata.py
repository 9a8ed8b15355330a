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
        pytest.param(
            "Metadata-Version: 2.1\r\n"
            "requires-dist: b\r\n  >=2\r\nName: \u00e4\r\n\r\nRequires-Dist: text\r\n",
            True,
            ["b>=2"],
            id="folded, and a description",
        ),
    ],
)
def test_what_a_file_needs(text: str, *, final: bool, requirements: list[str]) -> None:
    found = parse_metadata(text.encode())
    assert found.is_final is final
    assert [str(one) for one in found.requirements] == requirements


def test_the_pythons_it_is_for() -> None:
    head = "Metadata-Version: 2.1\n" + HEAD
    assert parse_metadata(f"{head}Requires-Python: >=3.8,<3.12\n".encode()).requires_python == (
        ">=3.8,<3.12"
    )
    assert parse_metadata(head.encode()).requires_python == ""
