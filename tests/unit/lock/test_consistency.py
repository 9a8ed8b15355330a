"""Locks edited by hand or merged badly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.core.errors import DocumentError
from lamina.lock.document import Lock
from lamina.lock.files import dump_lock, load_lock
from lamina.model.document import validate

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE, ELSEWHERE = "linux-64/3.12", "osx-arm64/3.12", "linux-aarch64/3.9"


def artifact(file: str, **more: Any) -> dict[str, Any]:
    return {"file": file, "sha256": "0" * 64, **more}


def package(name: str = "tool", version: str = "1.0", **more: Any) -> dict[str, Any]:
    file = f"{name}-{version}-py3-none-any.whl"
    whole = {"name": name, "version": version, "index": "pypi", "requested-by": ["stack"]}
    return whole | {"artifacts": [artifact(file)]} | more


def reload(tmp_path: Path, *packages: dict[str, Any]) -> Lock:
    data = {
        "stack": "small",
        "stack-digest": "1" * 64,
        "targets": [HERE, THERE],
        "package": list(packages),
    }
    path = tmp_path / "lamina.lock"
    path.write_text(dump_lock(validate(Lock, data, path)), encoding="utf-8")
    return load_lock(path)


LINUX = "tool-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
MAC = "tool-1.0-cp312-cp312-macosx_14_0_arm64.whl"


@pytest.mark.parametrize(
    "packages",
    [
        pytest.param([], id="none"),
        pytest.param([package("a"), package("b")], id="two"),
        pytest.param(
            [package(version="1.0", targets=[HERE]), package(version="2.0", targets=[THERE])],
            id="two versions",
        ),
        pytest.param(
            [package(artifacts=[artifact(LINUX, targets=[HERE]), artifact(MAC, targets=[THERE])])],
            id="a wheel for each target",
        ),
        pytest.param(
            [package("zope-interface", artifacts=[artifact("zope.interface-1.0.tar.gz")])],
            id="sources with an old name",
        ),
        pytest.param(
            [package(version="1.0.0", artifacts=[artifact("tool-1.0-py3-none-any.whl")])],
            id="a version that is written otherwise",
        ),
    ],
)
def test_locks_that_are_in_order(tmp_path: Path, packages: list[dict[str, Any]]) -> None:
    assert len(reload(tmp_path, *packages).packages) == len(packages)


@pytest.mark.parametrize(
    ("packages", "problem"),
    [
        pytest.param(
            [package(), package()], f"package[1]: tool for {HERE} a second time", id="twice"
        ),
        pytest.param(
            [package(version="1.0"), package(version="2.0", targets=[THERE])],
            f"package[1]: tool for {THERE} a second time",
            id="two versions of one target",
        ),
        pytest.param(
            [package(targets=[ELSEWHERE])],
            f"package[0].targets: {ELSEWHERE} is no target of the lock; the lock is for "
            f"{HERE}, {THERE}",
            id="a target that the lock has not",
        ),
        pytest.param(
            [package(targets=[HERE], artifacts=[artifact(LINUX, targets=[THERE])])],
            f"package[0].artifacts: no file of tool for {HERE}; one is needed",
            id="no file",
        ),
        pytest.param(
            [package(artifacts=[artifact(LINUX), artifact(MAC)])],
            f"package[0].artifacts: 2 files of tool for {HERE}; one is needed",
            id="two files",
        ),
        pytest.param(
            [package(artifacts=[artifact("other-1.0-py3-none-any.whl")])],
            "package[0].artifacts[0].file: 'other-1.0-py3-none-any.whl' is not a file of tool 1.0",
            id="another package's wheel",
        ),
        pytest.param(
            [package(artifacts=[artifact("tool-2.0-py3-none-any.whl")])],
            "package[0].artifacts[0].file: 'tool-2.0-py3-none-any.whl' is not a file of tool 1.0",
            id="another version's wheel",
        ),
        pytest.param(
            [package(artifacts=[artifact("other-1.0.tar.gz")])],
            "package[0].artifacts[0].file: 'other-1.0.tar.gz' is not a file of tool",
            id="another package's sources",
        ),
        pytest.param(
            [package(artifacts=[artifact("tool-1.0.exe")])],
            "package[0].artifacts[0].file: 'tool-1.0.exe' is neither a wheel nor an archive",
            id="something else",
        ),
        pytest.param(
            [package(dependencies=[{"name": "gone"}])],
            "package[0].dependencies: tool needs gone, which is not locked",
            id="a dependency that is not there",
        ),
    ],
)
def test_locks_that_are_not(tmp_path: Path, packages: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        reload(tmp_path, *packages)
    assert problem in caught.value.message
    assert caught.value.hints == ("lamina lock",)


def test_all_problems_at_once(tmp_path: Path) -> None:
    packages = [
        package(dependencies=[{"name": "gone"}]),
        package(targets=[HERE]),
        package("b", artifacts=[artifact("c-1.0.tar.gz", targets=[HERE])]),
    ]
    with pytest.raises(DocumentError) as caught:
        reload(tmp_path, *packages)
    assert len(caught.value.problems) == 4
