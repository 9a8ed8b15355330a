"""What the metadata of installed packages says that they need."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName


def stated_requirements(one: Distribution) -> Iterable[Requirement]:
    """Yield what the metadata of a distribution says; what is no requirement is passed over."""
    yield from filter(None, map(_requirement, one.requires))


def needed_names(one: Distribution) -> set[PackageName]:
    """Return the packages that a distribution needs without any extra, on some machine."""
    return {
        canonicalize_name(requirement.name)
        for requirement in stated_requirements(one)
        if requirement.marker is None or "extra" not in str(requirement.marker)
    }


@cache
def _requirement(text: str) -> Requirement | None:
    """Read a requirement, once; None for what is none: installers pass it over, too."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
