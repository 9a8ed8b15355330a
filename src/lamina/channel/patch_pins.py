"""Bounds of dependencies made tighter or looser, in the forms that conda-build's pins have."""

from __future__ import annotations

import re

from packaging.version import Version

_PIN = re.compile(r">=(?P<lower>\d+(?:\.\d+)*a?),<(?P<upper>\d+(?:\.\d+)*)a0")
_LOWER_ONLY = re.compile(r">=(?P<lower>\d+(?:\.\d+)*a?)[^<*]*")
_OPERATORS = ("==", ">=", "<=", ">", "<", "!=")


def bound_of(version: str, max_pin: str) -> str:
    """Return the first version that a pin leaves out: ``1.2.3`` and ``x.x`` give ``1.3.0``.

    Raises ValueError where the version has a letter at that place.
    """
    count = max_pin.count("x")
    parts = version.split(".")
    parts += ["0"] * (count - len(parts))
    kept = [*parts[: count - 1], str(int(parts[count - 1]) + 1)]
    return ".".join(kept + ["0"] * (len(parts) - count))


def tightened(spec: str, *, max_pin: str = "", upper_bound: str = "") -> str:
    """Return a dependency with an upper bound, or a lower one than it has; else as it is."""
    name, *rest = spec.split(" ")
    if not rest:
        return f"{name} <{_closed(upper_bound)}a0" if upper_bound else spec
    if len(rest) > 2:
        return spec
    versions, build = rest[0], rest[1:]
    if pin := _PIN.fullmatch(versions):
        new = upper_bound or bound_of(pin["lower"], max_pin)
        if _before(new, pin["upper"]):
            versions = f">={pin['lower']},<{_padded(new, pin['upper'])}a0"
    elif only := _LOWER_ONLY.fullmatch(versions):
        new = upper_bound or bound_of(only["lower"], max_pin)
        if _before(only["lower"], new):
            versions = f"{versions},<{_padded(new, only['lower'])}a0"
    elif versions.startswith("<") and upper_bound and not build:
        old = versions.removeprefix("<")
        bound = _closed(upper_bound)
        if _before(bound, old.removeprefix("=")) or (
            old.startswith("=") and Version(old[1:]) == Version(bound)
        ):
            versions = f"<{bound}a0"
    return " ".join([name, versions, *build])


def loosened(spec: str, *, max_pin: str = "", upper_bound: str = "") -> str:
    """Return a dependency with a higher upper bound, or with none where none is given."""
    name, *rest = spec.split(" ")
    pin = _PIN.fullmatch(rest[0]) if rest and len(rest) <= 2 else None
    if pin is None:
        return spec
    lower, upper = pin["lower"], pin["upper"]
    versions = rest[0]
    if upper_bound in {"", "None"} and not max_pin:
        versions = f">={lower}"
    else:
        new = upper_bound or bound_of(lower, max_pin)
        if _before(upper, new):
            versions = f">={lower},<{_padded(new, upper)}a0"
    return " ".join([name, versions, *rest[1:]])


def relaxed(spec: str, *, max_pin: str = "") -> str:
    """Return a dependency on one exact build as one on that version or later ones."""
    parts = spec.split(" ")
    if len(parts) != 3 or parts[1].startswith(_OPERATORS):
        return spec
    name, version, _ = parts
    return f"{name} >={version}" + (f",<{bound_of(version, max_pin)}a0" if max_pin else "")


def _before(one: str, other: str) -> bool:
    return Version(one) < Version(other)


def _padded(version: str, like: str) -> str:
    """Return a bound as long as another, at the least, and with a zero at its end."""
    missing = like.count(".") - version.count(".")
    return _closed(version + ".0" * max(0, missing))


def _closed(version: str) -> str:
    return version if version.rsplit(".", maxsplit=1)[-1] == "0" else f"{version}.0"
