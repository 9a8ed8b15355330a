"""What a lock may say, and what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.core.errors import DocumentError
from lamina.model.artifacts import ArtifactKind
from lamina.model.platforms import Target
from support.locks import LINUX, MACOS, file_entry, make_lock, package_entry

HERE, THERE = Target.parse(LINUX), Target.parse(MACOS)
NATIVE = package_entry(
    "native",
    artifacts=[
        file_entry("native-1.0-cp312-cp312-linux_x86_64.whl", LINUX, size=7),
        file_entry("native-1.0.tar.gz", MACOS),
    ],
)


def test_the_packages_of_a_target() -> None:
    lock = make_lock(
        package_entry("a", targets=[LINUX]), package_entry("b"), package_entry("c", targets=[MACOS])
    )
    assert [one.name for one in lock.packages_for(HERE)] == ["a", "b"]
    assert [one.name for one in lock.packages_for(THERE)] == ["b", "c"]


def test_the_file_of_each_target() -> None:
    lock = make_lock(NATIVE, package_entry("tool", index="ours"))
    here, tool = lock.artifacts_for(HERE)
    assert (here.filename, here.size, here.kind) == (
        "native-1.0-cp312-cp312-linux_x86_64.whl",
        7,
        ArtifactKind.WHEEL,
    )
    assert (tool.package, tool.version, tool.index, tool.size) == ("tool", "1.0", "ours", None)
    assert next(one.filename for one in lock.artifacts_for(THERE)) == "native-1.0.tar.gz"


def test_what_must_be_built_first() -> None:
    lock = make_lock(NATIVE, package_entry("tool"))
    assert lock.source_builds(HERE) == []
    assert [one.package for one in lock.source_builds(THERE)] == ["native"]


def refused(package: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(DocumentError) as caught:
        make_lock(package or package_entry("a"), **more)
    return caught.value.message


@pytest.mark.parametrize(
    ("package", "message"),
    [
        pytest.param(
            package_entry("a", version="banana"),
            "package[0].version: 'banana' is not a PEP 440 version",
            id="version",
        ),
        pytest.param(
            package_entry("a", dependencies=[{"name": "b", "version": "x"}]),
            "package[0].dependencies[0].version: 'x' is not a PEP 440 version",
            id="version of a dependency",
        ),
        pytest.param(package_entry("a b"), "'a b' is not a package name", id="name"),
        pytest.param(package_entry("a", index="https://x"), "is not an index name", id="index"),
        pytest.param(package_entry("a", targets=["linux"]), "package[0].targets[0]", id="target"),
        pytest.param(package_entry("a", artifacts=[]), "give at least one", id="no file"),
        pytest.param(
            package_entry("a", artifacts=[file_entry("../a.whl")]), "not a file name", id="a path"
        ),
        pytest.param(
            package_entry("a", artifacts=[file_entry("..\\a.whl")]), "not a file name", id="Windows"
        ),
        pytest.param(
            package_entry("a", artifacts=[file_entry(".a.whl")]), "not a file name", id="hidden"
        ),
        pytest.param(
            package_entry("a", artifacts=[file_entry("a\n.whl")]), "not a file name", id="a line"
        ),
        pytest.param(
            package_entry("a", artifacts=[file_entry("a.whl", sha256="abc")]),
            "package[0].artifacts[0].sha256: 'abc' is not a SHA-256 digest",
            id="digest",
        ),
        pytest.param(
            package_entry("a", artifcts=[]),
            "package[0].artifcts: unknown key; allowed: artifacts, dependencies, index, name,"
            " origin, requested-by, targets, version, waived (did you mean 'artifacts'?)",
            id="key",
        ),
    ],
)
def test_what_no_lock_says(package: dict[str, Any], message: str) -> None:
    assert message in refused(package)


def test_another_version_of_the_format() -> None:
    assert "schema: 2 is not allowed; allowed: 1" in refused(schema=2)


def test_a_lock_for_nothing() -> None:
    assert "targets: empty; give at least one" in refused(targets=[])
