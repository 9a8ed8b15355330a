from __future__ import annotations

from lamina.engines.conda_prefix import InstalledPackage
from lamina.layer.conda.ground import CondaGround
from lamina.model.conda import CondaRecord


def package(name: str, channel: str) -> InstalledPackage:
    record = CondaRecord(
        name=name,
        version="1.0",
        build="0",
        subdir="linux-64",
        file_name=f"{name}-1.0-0.conda",
        channel=channel,
    )
    return InstalledPackage(record=record, files=())


def test_channels_of_a_base_are_known_without_what_opens_them() -> None:
    found = CondaGround(
        packages=(
            package("one", "https://conda.example.org/t/secret/ours/linux-64"),
            package("two", "https://me:secret@conda.example.org/ours/"),
            package("three", "https://conda.example.org/other/noarch"),
            package("four", "pypi"),
        ),
        prefixes=(),
    )
    assert found.channels == (
        "https://conda.example.org/ours",
        "https://conda.example.org/other",
    )
