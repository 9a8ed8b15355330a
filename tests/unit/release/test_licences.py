"""Which licence a package has, by what its metadata say."""

from __future__ import annotations

from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest

from lamina.release.licences import home_page_of, licence_of, read_metadata, summary_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    "License: {}\n        \n        Permission is hereby granted, free of charge, to any person\n"
)
MIT = "Classifier: License :: OSI Approved :: MIT License\n"


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        pytest.param(
            f"License: BSD\nLicense-Expression: MIT OR Apache-2.0\n{MIT}",
            "MIT OR Apache-2.0",
            id="expression-first",
        ),
        pytest.param(f"License: BSD 3-Clause\n{MIT}", "BSD 3-Clause", id="name-before-classifiers"),
        pytest.param(f"{TEXT.format('The licence')}{MIT}", "MIT License", id="text"),
        pytest.param(f"License: {'very ' * 20}free\n{MIT}", "MIT License", id="long-line"),
        pytest.param(f"License: UNKNOWN\n{MIT}", "MIT License", id="says-nothing"),
        pytest.param(TEXT.format("Apache 2.0"), "Apache 2.0", id="title-of-a-text"),
        pytest.param(TEXT.format("Copyright (c) 2005, N. Body"), "unknown", id="no-title"),
        pytest.param(
            f"{MIT}Classifier: License :: OSI Approved :: BSD License\n",
            "BSD License, MIT License",
            id="two-classifiers",
        ),
        pytest.param("Classifier: License :: OSI Approved\n", "unknown", id="approved-only"),
        pytest.param("Name: x\n", "unknown", id="nothing"),
        pytest.param("License: \n", "unknown", id="empty"),
    ],
)
def test_licence(headers: str, licence: str) -> None:
    assert licence_of(HeaderParser().parsestr(headers)) == licence


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        pytest.param(
            "Home-page: https://old.example.org\nProject-URL: Home Page, https://example.org/a\n",
            "https://example.org/a",
            id="label",
        ),
        pytest.param("Home-page: http://example.org/\n", "http://example.org/", id="field"),
        pytest.param(
            "Project-URL: homepage, on request\nHome-page: https://example.org\n",
            "https://example.org",
            id="no-address-passed-over",
        ),
        pytest.param("Home-page: UNKNOWN\n", None, id="unknown"),
        pytest.param("Home-page: example.org\n", None, id="no-scheme"),
        pytest.param("Home-page: javascript:alert(1)\n", None, id="other-scheme"),
        pytest.param("Home-page: https://[broken\n", None, id="broken"),
        pytest.param("Home-page: https://me:secret@example.org\n", None, id="credentials"),
        pytest.param("Home-page: https://example.org/a b\n", None, id="space"),
        pytest.param("Project-URL: Source, https://example.org\n", None, id="another-label"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_home_page(headers: str, address: str | None) -> None:
    assert home_page_of(HeaderParser().parsestr(headers)) == address


def test_metadata_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    assert licence_of(read_metadata(tmp_path / "METADATA")) == "unknown"
    (tmp_path / "METADATA").write_bytes(b"Name: x\nLicense: Gr\xfc\xdfe\n\nLicense: MIT\n")
    assert licence_of(read_metadata(tmp_path / "METADATA")) == "Gr\ufffd\ufffde"


def test_the_summary_names_the_unknown_last() -> None:
    counted = summary_of(["zlib", "unknown", "MIT", "zlib"])
    assert list(counted.items()) == [("MIT", 1), ("zlib", 2), ("unknown", 1)]
