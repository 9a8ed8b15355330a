"""Micro-architectures: what is compiled for one of them needs of a processor.

What each of them has is archspec's knowledge, which Spack, EESSI and conda share. Names are taken
as compilers spell them (``x86-64-v3``, ``znver3``) or as archspec does (``x86_64_v3``, ``zen3``).
"""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING

from archspec.cpu import TARGETS

from lamina.model.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archspec.cpu import Microarchitecture

_FAMILIES = {
    Platform.LINUX_64: "x86_64",
    Platform.OSX_64: "x86_64",
    Platform.WIN_64: "x86_64",
    Platform.LINUX_AARCH64: "aarch64",
    Platform.OSX_ARM64: "aarch64",
}
_WORDS_OF_LINUX = {"sse3": "pni"}
"""Where archspec has a word of its own: Linux says "Prescott New Instructions"."""


def check_march(text: str) -> str:
    """Return the name of a micro-architecture; raises ValueError for one that nobody knows."""
    if text == "native":
        raise ValueError("'native' is another one on each machine; name it, such as 'x86-64-v3'")
    if not is_known(text):
        near = difflib.get_close_matches(text, sorted({*TARGETS, *_of_compilers()}), n=1)
        more = f" (did you mean {near[0]!r}?)" if near else ", such as 'x86-64-v3'"
        raise ValueError(f"{text!r} is no micro-architecture{more}")
    return text


def is_known(text: str) -> bool:
    """Tell whether compilers or archspec have a micro-architecture of that name."""
    return _found(text) is not None


def runs_on(march: str, platform: Platform) -> bool:
    """Tell whether a platform can have processors of a micro-architecture."""
    return bool(_known(march).family.name == _FAMILIES[platform])


def features_of(march: str) -> frozenset[str]:
    """Return what a micro-architecture has, in the words of Linux (``/proc/cpuinfo``)."""
    one = _known(march)
    every = frozenset[str]().union(one.features, *(other.features for other in one.ancestors))
    return frozenset(_WORDS_OF_LINUX.get(word, word) for word in every)


def archspec_name(march: str) -> str:
    """Return what archspec, and so ``__archspec`` of conda, calls a micro-architecture."""
    return str(_known(march).name)


def lacking(march: str, told: Iterable[str]) -> frozenset[str]:
    """Return what a processor lacks of a micro-architecture.

    ``told``: the lines of ``/proc/cpuinfo``. Nothing is missing where they tell nothing.
    """
    for line in told:
        name, _, flags = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return features_of(march) - frozenset(flags.split())
    return frozenset()


def _known(march: str) -> Microarchitecture:
    found = _found(march)
    if found is None:
        raise ValueError(f"{march!r} is no micro-architecture")
    return found


def _found(text: str) -> Microarchitecture | None:
    for name in (text, text.replace("-", "_"), text.replace("-", "")):
        if name in TARGETS:
            return TARGETS[name]
    name = _of_compilers().get(text, "")
    return TARGETS[name] if name else None


@cache
def _of_compilers() -> dict[str, str]:
    """Return what GCC calls them -> what archspec does; the oldest of those GCC calls the same."""
    found: dict[str, str] = {}
    for name, one in TARGETS.items():
        for entry in one.compilers.get("gcc", ()):
            found.setdefault(entry.get("name", name), name)
    return found
