from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.model.digests import Sha256
from lamina.model.names import PackageName, StackName
from lamina.model.platforms import Platform, PythonSeries
from lamina.model.versions import ReleaseVersion
from lamina.release.manifest import (
    Manifest,
    ManifestPackage,
    ManifestPython,
    ManifestTest,
    ManifestTools,
    dump_manifest,
    load_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = Sha256("0" * 64)
MANIFEST = Manifest(
    stack=StackName("hep"),
    version=ReleaseVersion("2026.11.0"),
    platform=Platform.LINUX_64,
    prefix='/a "root"/ü/releases/hep/2026.11.0/linux-64',
    created=datetime(2026, 11, 1, 12, tzinfo=UTC),
    lock_digest=DIGEST,
    stack_digest=DIGEST,
    files_digest=DIGEST,
    tested="namespace",
    python=ManifestPython(
        series=PythonSeries(3, 12),
        version="3.12.1",
        implementation="cpython",
        interpreter="/usr/bin/python3.12",
        bundled=False,
    ),
    tools=ManifestTools(lamina="1.0", uv="0.13.9"),
    tests=(
        ManifestTest(kind="import", subject="uproot"),
        ManifestTest(kind="command", subject="python -c 'print(\"\\n\")'"),
    ),
    packages=(
        ManifestPackage(name=PackageName("uproot"), version="5.6.0", sha256=DIGEST),
        ManifestPackage(name=PackageName("awkward"), version="2.8.0", sha256=DIGEST),
    ),
)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "release.toml"
    path.write_text(dump_manifest(MANIFEST), encoding="utf-8")
    read = load_manifest(path)
    assert [one.name for one in read.packages] == ["awkward", "uproot"]
    assert read == MANIFEST.model_copy(update={"packages": tuple(reversed(MANIFEST.packages))})
    assert dump_manifest(read) == dump_manifest(MANIFEST)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("schema = 1", "schema = 2", "schema: 2 is not allowed", id="schema"),
        pytest.param('tested = "namespace"', "", "tested: missing", id="missing"),
        pytest.param('"linux-64"', '"linux-46"', "linux-46", id="platform"),
        pytest.param("bundled = false", "bundeled = false", "did you mean 'bundled'", id="key"),
        pytest.param('series = "3.12"', 'series = "3"', "not a Python series", id="series"),
    ],
)
def test_a_bad_manifest_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "release.toml"
    text = dump_manifest(MANIFEST)
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DocumentError, match=words):
        load_manifest(path)
