"""What cannot be had of many files is found, without asking for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import (
    LaminaError,
    PackagesLostError,
    StorageError,
    UpstreamUnavailableError,
)
from lamina.model.artifacts import Artifact
from lamina.model.names import IndexName, parse_package_name
from lamina.release.owners import owners_of
from lamina.release.salvage import Salvage, names_of, without
from support.locks import make_lock, package_entry
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.engines.api import ArtifactLocator


class Shelf:
    """An ArtifactInstaller and ArtifactLocator that has some files and not others."""

    def __init__(self, error: LaminaError, *gone: str) -> None:
        self.error, self.gone = error, {f"p{name}.whl" for name in gone}
        self.asked: list[list[str]] = []

    def install(
        self, artifacts: Iterable[Artifact], *, python: Path, locator: ArtifactLocator
    ) -> None:
        """Refuse all where one is not there."""
        del python, locator
        self.asked.append(sorted(one.filename for one in artifacts))
        if self.gone & set(self.asked[-1]):
            raise self.error

    def addresses(self, artifacts: Iterable[Artifact]) -> dict[Artifact, str]:
        return {one: one.filename for one in artifacts}


def files(count: int) -> list[Artifact]:
    return [
        Artifact(
            package=parse_package_name(f"p{number}"),
            version="1.0",
            index=IndexName("pypi"),
            filename=f"p{number}.whl",
            sha256="0" * 64,  # type: ignore[arg-type]
            size=None,
        )
        for number in range(count)
    ]


def install(shelf: Shelf, count: int) -> dict[str, LaminaError]:
    with pytest.raises(PackagesLostError) as found:
        Salvage(inner=shelf).install(files(count), python=Path("python"), locator=shelf)
    return found.value.lost


GONE = UpstreamUnavailableError("gone")


def test_what_is_there_is_asked_for_once() -> None:
    shelf = Shelf(GONE)
    Salvage(inner=shelf).install(files(5), python=Path("python"), locator=shelf)
    assert len(shelf.asked) == 1


@pytest.mark.parametrize("gone", [("0",), ("7", "30"), ("3", "40", "63")])
def test_those_that_are_gone_are_found(gone: tuple[str, ...]) -> None:
    shelf = Shelf(GONE, *gone)
    assert install(shelf, 64) == {f"p{one}.whl": GONE for one in gone}
    assert len(shelf.asked) < 64


def test_an_index_that_does_not_answer_is_not_asked_for_ever() -> None:
    shelf = Shelf(GONE, *map(str, range(300)))
    lost = install(shelf, 300)
    assert len(lost) == 300
    assert len(shelf.asked) == 64
    assert "not tried" in lost["p299.whl"].message


def test_what_is_known_to_be_lost_is_not_sought() -> None:
    shelf = Shelf(PackagesLostError({"p2.whl": GONE}), "2")
    assert install(shelf, 9) == {"p2.whl": GONE}
    assert [len(one) for one in shelf.asked] == [9, 8]


def test_a_full_disk_ends_it() -> None:
    shelf = Shelf(StorageError("full"), "1")
    with pytest.raises(StorageError):
        Salvage(inner=shelf).install(files(5), python=Path("python"), locator=shelf)
    assert len(shelf.asked) == 1


def test_a_lock_without_some_is_a_list_of_the_rest() -> None:
    lock = make_lock(package_entry("alpha", "1.0"), package_entry("beta", "2.0"))
    names = names_of(lock)
    [beta] = [file for file, name in names.items() if name == "beta 2.0"]
    assert sorted(names_of(without(lock, [beta])).values()) == ["alpha 1.0"]
    assert without(lock, ["of-another.whl"]) == lock


def test_owners_are_those_of_the_records(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.12/site-packages"
    for name in ("alpha", "beta_x"):
        files = {f"{name}/part.py": "", f"both/{name}.py": "", "both/same.py": ""}
        Wheel(name=name, version="1.0", files=files).unpack(site)
    top = "lib/python3.12/site-packages"
    record = site / "beta_x-1.0.dist-info/RECORD"
    record.write_text(record.read_text() + "../../../bin/use,,\n")
    owned = {
        f"{top}/alpha/part.py": "alpha",
        f"{top}/alpha/__pycache__/part.cpython-312.pyc": "alpha",
        f"{top}/both/beta_x.py": "beta-x",
        f"{top}/alpha-1.0.dist-info/lost": "alpha",
        "bin/use": "beta-x",
    }
    nobody = [f"{top}/both/same.py", "pyvenv.cfg", f"{top}/alpha/strange.py"]
    assert owners_of(tmp_path, [*owned, *nobody]) == owned
