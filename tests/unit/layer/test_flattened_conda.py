"""The conda packages of base and layer, and who asks for each."""

from __future__ import annotations

from typing import Any

from lamina.layer.conda.flattened import conda_with_askers
from lamina.lock.document import LockedPackage
from lamina.model.document import validate
from lamina.model.names import PackageName
from support.conda_locks import conda_entry
from support.locks import file_entry, package_entry

PROVIDES: dict[str, Any] = {"provides": [{"name": "box", "version": "1.0"}]}


def locked(name: str, *needs: str) -> LockedPackage:
    entry = package_entry(
        name,
        artifacts=[file_entry(f"{name}-1.0-py3-none-any.whl")],
        dependencies=[{"name": one} for one in needs],
    )
    return validate(LockedPackage, entry, "lamina.lock")


def asked_by(*who: str) -> dict[str, Any]:
    return {"requested-by": list(who)}


def askers(requests: list[str], *packages: LockedPackage) -> dict[str, list[str]]:
    below = conda_entry("lib", targets=["linux-64/3.12"], **asked_by("old", "stack"))
    box = conda_entry("tool-box", **asked_by("pypi:gone"), **PROVIDES)
    own = conda_entry("tool", depends=["lib >=1", "Tool 1.*"], **asked_by("layer"))
    found = conda_with_askers(
        [own, below, box], requests, {PackageName(one.name): one for one in packages}
    )
    assert [one.name for one in found] == ["lib", "tool", "tool-box"]
    assert not any(one.targets for one in found)
    return {one.name: list(one.requested_by) for one in found}


def test_what_the_layer_was_asked_for_is_asked_for() -> None:
    assert askers(["tool >=1"])["tool"] == ["stack"]
    assert askers(["lib"])["tool"] == []
    assert askers(["elsewhere"])["tool"] == []


def test_who_needs_a_package_is_who_is_there() -> None:
    assert askers([])["lib"] == ["stack", "tool"]


def test_packages_of_an_index_ask_for_what_is_inside() -> None:
    assert askers([], locked("user", "box"))["tool-box"] == ["pypi:user"]
    both = (locked("user", "box"), locked("box"))
    assert askers([], *both)["tool-box"] == []
