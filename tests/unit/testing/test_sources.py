"""Sources of packages: unpacked safely, asked what their tests need."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import IntegrityError
from lamina.testing.sources import unpack_sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXTRAS = "Metadata-Version: 2.1\nName: Tool\nVersion: 1.0\nProvides-Extra: {}\n"


def packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "requirements"),
    [
        pytest.param({"tool-1.0/setup.py": ""}, (), id="nothing said"),
        pytest.param({"tool-1.0/PKG-INFO": _EXTRAS.format("tests")}, ("Tool[tests]",), id="extra"),
        pytest.param({"tool-1.0/PKG-INFO": _EXTRAS.format("docs")}, (), id="another extra"),
        pytest.param(
            {
                "tool-1.0/pyproject.toml": "[dependency-groups]\n"
                'test = ["a>=1", {include-group = "more"}, 3, "no requirement !"]\n'
                'more = ["b", {include-group = "test"}]\n'
            },
            ("a>=1", "b"),
            id="group with others in it",
        ),
        pytest.param({"tool-1.0/pyproject.toml": "not = [TOML"}, (), id="no TOML"),
        pytest.param(
            {"tool-1.0/pyproject.toml": "dependency-groups = 3\n"}, (), id="strange groups"
        ),
    ],
)
def test_what_tests_need_is_read(
    tmp_path: Path, files: Mapping[str, str], requirements: tuple[str, ...]
) -> None:
    assert unpack_sources(packed(files), "tool-1.0.tar.gz", tmp_path).requirements == requirements


def test_what_is_installed_is_hidden_and_the_tests_are_not(tmp_path: Path) -> None:
    files = dict.fromkeys(
        ("tool/__init__.py", "src/tool/a.py", "one.py", "tests/test_a.py", "test/b.py", "conf.py"),
        "",
    )
    content = packed({f"tool-1.0/{path}": text for path, text in files.items()})
    sources = unpack_sources(content, "tool-1.0.tar.gz", tmp_path)
    sources.hide(["tool", "one", "tests"])
    left = {str(path.relative_to(sources.directory)) for path in tmp_path.rglob("*.py")}
    assert left == {"tests/test_a.py", "test/b.py", "conf.py"}
    assert [path.name for path in sources.tests()] == ["test", "tests"]


def test_files_of_tests_at_the_top_are_found(tmp_path: Path) -> None:
    names = ("six.py", "test_six.py", "six_test.py", "tests.py", "setup.py", "testament.py")
    content = packed({f"six-1.0/{name}": "" for name in (*names, "sub/test_more.py")})
    sources = unpack_sources(content, "six-1.0.tar.gz", tmp_path)
    found = ["six_test.py", "test_six.py", "tests.py"]
    assert [path.name for path in sources.tests()] == found
    sources.hide(["six", "six_test"])
    assert [path.name for path in sources.tests()] == found[1:]


def test_a_zip_is_unpacked_too(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tool-1.0/tests/test_a.py", "")
    sources = unpack_sources(buffer.getvalue(), "tool-1.0.zip", tmp_path)
    assert [path.name for path in sources.tests()] == ["tests"]


@pytest.mark.parametrize(
    ("content", "file", "said"),
    [
        pytest.param(b"", "tool-1.0.tar.gz", "cannot be unpacked", id="empty"),
        pytest.param(b"PK", "tool-1.0.zip", "cannot be unpacked", id="no zip"),
        pytest.param(
            packed({"tool-1.0/a.py": "x" * 9999})[:-40], "tool-1.0.tar.gz", "cannot be unpacked",
            id="truncated",
        ),
        pytest.param(
            packed({"../out.py": "", "tool-1.0/a.py": ""}), "tool-1.0.tar.gz", "cannot be unpacked",
            id="leads out",
        ),
        pytest.param(packed({"a.py": ""}), "tool-1.0.tar.gz", "has 0 directories", id="no top"),
        pytest.param(
            packed({"a/a.py": "", "b/b.py": ""}), "tool-1.0.tar.gz", "has 2 directories",
            id="two tops",
        ),
    ],
)  # fmt: skip
def test_what_is_no_source_distribution_is_refused(
    tmp_path: Path, content: bytes, file: str, said: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(IntegrityError, match=said):
        unpack_sources(content, file, inside)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
