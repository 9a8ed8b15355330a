from __future__ import annotations

import pytest

from lamina.model.conda import needed_name


@pytest.mark.parametrize(
    "spec",
    [
        "python", "python >=3.12", "python>=3.12", "python=3.12", "python!=3.13", "python~=3.12",
        "Python[version='>=3.12']", "conda-forge::python>=3.12",
    ],
)  # fmt: skip
def test_what_a_spec_is_about(spec: str) -> None:
    assert needed_name(spec) == "python"
