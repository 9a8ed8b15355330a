"""Conda packages in a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lamina.core.errors import DocumentError
from lamina.lock.conda import LockedConda, LockedProvision, locked_conda
from lamina.lock.document import Lock
from lamina.lock.files import dump_lock, load_lock
from lamina.model.conda import CondaRecord
from lamina.model.document import validate
from lamina.model.platforms import Target

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE = "linux-64/3.12", "linux-aarch64/3.12"
RECORD = CondaRecord(
    name="numpy",
    version="2.1.0",
    build="py312h_0",
    build_number=3,
    subdir="linux-64",
    file_name="numpy-2.1.0-py312h_0.conda",
    depends=("python >=3.12,<3.13.0a0", "libblas >=3.9"),
    constrains=("numpy-base <0a0",),
    sha256="a" * 64,
    md5="b" * 32,
    size=1234,
    timestamp=1_700_000_000_123,
    noarch="",
    license="BSD-3-Clause",
)


def conda(name: str = "python", version: str = "3.12.1", **more: Any) -> dict[str, Any]:
    whole = {"name": name, "version": version, "build": "0", "channel": "ours"}
    whole |= {"subdir": "linux-64", "file": f"{name}-{version}-0.conda", "sha256": "0" * 64}
    return whole | {"requested-by": ["stack"]} | more


def lock_of(*packages: dict[str, Any], **more: Any) -> Lock:
    data = {"stack": "small", "stack-digest": "1" * 64, "targets": [HERE, THERE]}
    return validate(Lock, data | {"conda": list(packages)} | more, "lamina.lock")


def written(lock: Lock, tmp_path: Path) -> Lock:
    path = tmp_path / "lamina.lock"
    path.write_text(dump_lock(lock), encoding="utf-8")
    return load_lock(path)


def test_a_record_comes_back_whole(tmp_path: Path) -> None:
    provides = (LockedProvision(name="numpy", version="2.1.0"),)  # type: ignore[arg-type]
    one = locked_conda(
        RECORD,
        channel="conda-forge",
        requested_by=("pypi:uproot", "stack"),
        targets=(Target.parse(HERE),),
        provides=provides,
    )
    lock = lock_of(conda()).model_copy(update={"conda": (LockedConda(**conda()), one)})
    read = written(lock, tmp_path)
    found = next(each for each in read.conda if each.name == "numpy")
    assert found == one
    assert found.record() == RECORD
    assert found.record(url="https://x.example.org/a", channel="c").url == "https://x.example.org/a"


def test_only_what_is_for_a_target_counts() -> None:
    lock = lock_of(conda(), conda("mpi", "1.0", targets=[THERE]))
    assert [one.name for one in lock.conda_for(Target.parse(HERE))] == ["python"]
    assert [one.name for one in lock.conda_for(Target.parse(THERE))] == ["python", "mpi"]


def test_the_order_of_packages_makes_no_difference(tmp_path: Path) -> None:
    packages = [conda(), conda("mpi", "1.0"), conda("aom", "2")]
    forth, back = lock_of(*packages), lock_of(*reversed(packages))
    assert dump_lock(forth) == dump_lock(back) == dump_lock(written(back, tmp_path))


def test_a_package_of_the_index_may_need_what_conda_provides(tmp_path: Path) -> None:
    file = {"file": "tool-1.0-py3-none-any.whl", "sha256": "0" * 64}
    tool: dict[str, Any] = {"name": "tool", "version": "1.0", "index": "pypi"}
    tool |= {"requested-by": ["stack"], "dependencies": [{"name": "numpy"}], "artifacts": [file]}
    provides = [{"name": "NumPy", "version": "2.1.0"}]
    lock = lock_of(conda("numpy", "2.1.0", provides=provides), conda(), package=[tool])
    assert written(lock, tmp_path) == lock
    with pytest.raises(DocumentError, match="needs numpy, which is not locked"):
        written(lock_of(conda(), package=[tool]), tmp_path)


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        pytest.param([conda("mpi", "1.0")], "no python for linux-64/3.12", id="no Python"),
        pytest.param([conda(), conda()], "python for linux-64/3.12 a second time", id="twice"),
        pytest.param(
            [conda(), conda("mpi", "1.0", file="mpi-1.1-0.conda")],
            "'mpi-1.1-0.conda' is not a file of mpi 1.0 0",
            id="misnamed",
        ),
        pytest.param(
            [conda(), conda("mpi", "1.0", targets=["osx-arm64/3.12"])],
            "osx-arm64/3.12 is no target of the lock",
            id="strange target",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, packages: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(DocumentError, match=said):
        written(lock_of(*packages), tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("md5", "c" * 31, id="md5"),
        pytest.param("file", "../python-3.12.1-0.conda", id="file"),
        pytest.param("channel", "https://me:secret@conda.example.org", id="credentials"),
        pytest.param("name", "__glibc", id="virtual package"),
    ],
)
def test_fields_are_checked(field: str, value: str) -> None:
    with pytest.raises(DocumentError) as caught:
        lock_of(conda(**{field: value}))
    assert f"conda[0].{field}" in str(caught.value)
    assert "secret" not in str(caught.value)
