"""Bases as an interpreter would describe them, without any."""

from __future__ import annotations

from lamina.engines.probe import BaseProbe, Distribution


def distribution(name: str, version: str, *requires: str) -> Distribution:
    """Return a distribution that is nowhere."""
    return Distribution(
        key=name, name=name, version=version, location="/site", metadata=f"{name}.dist-info",
        modules=(name,),
        requires=requires, extras=(), requires_python="", direct=False, editable=False,
        entries={}, files={},
    )  # fmt: skip


def probe(*distributions: Distribution) -> BaseProbe:
    """Return what a base would say of itself."""
    return BaseProbe(
        schema=2, version="3.12.1", implementation="cpython", platform="linux-x86_64", magic="00",
        prefix="/base", base_prefix="/py", executable="/base/bin/python",
        interpreter="/py/bin/python3.12", stdlib=(), layers=(), path=("/base/site",), sites=(),
        roots=("/base",), pythonpath=(), data=(), distributions=distributions, unrecorded=(),
    )  # fmt: skip
