"""What back ends are told of the packages that have not changed since they were locked."""

from __future__ import annotations

from pathlib import Path

from lamina.engines.origin_sources import OriginSources
from lamina.lock.document import LockedOrigin
from lamina.model.digests import Sha256
from lamina.model.names import PackageName
from lamina.resolve.origins import Found, Origins


def origins_of(**versions: str | None) -> Origins:
    origin = LockedOrigin(path="x")
    found = {
        PackageName(name): Found(
            origin=origin, sha256=Sha256("0" * 64), packed=Path("x"), source="", version=version
        )
        for name, version in versions.items()
    }
    sources = OriginSources(environ={})
    return Origins(found=found, sources=sources, document=Path("lamina.toml"))


def test_each_back_end_is_told_of_all_packages() -> None:
    told = origins_of(one="1.0", two=None, three="3.0").variables()
    assert told.pop("SOURCE_DATE_EPOCH") == "315532800"
    assert told == {
        "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_ONE": "1.0",
        "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_THREE": "3.0",
        "POETRY_DYNAMIC_VERSIONING_OVERRIDE": "one=1.0,three=3.0",
    }


def test_nothing_is_told_where_nothing_is_known() -> None:
    assert set(origins_of(one=None).variables()) == {"SOURCE_DATE_EPOCH"}
    assert origins_of().variables() == {}
