"""Read MatchSpecs as people have them in their files, leniently, into the fields of ``[conda]``.

``numpy=1.26`` is ``1.26.*`` there, ``numpy=1.26=py_0`` exactly that build: as conda says, in
https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lamina.model.conda_fields import CondaName, parse_channel, parse_conda_name

_OPERATORS = r"==|!=|>=|<=|~=|=|<|>"
_BRACKETS = re.compile(r"(?P<head>[^\[]*)\[(?P<body>[^\]]*)\]\s*")
_PAIR = re.compile(r"\s*(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,'\"\s]+))\s*(?:,|$)")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_WITH_BUILD = re.compile(r"(?P<version>.*[^=<>!~|,])=(?P<build>[^=<>!~|,]+)")
_BOUND = re.compile(rf"(?P<operator>{_OPERATORS})?(?P<version>[A-Za-z0-9_.+!*-]+)")
_BUILD = re.compile(r"[A-Za-z0-9_.+*^$-]+")
_SUBDIR = re.compile(r"(?:linux|osx|win|emscripten|wasi|freebsd|zos)-\w+|noarch")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """A MatchSpec as ``[conda]`` can say it."""

    name: CondaName
    version: str = "*"
    build: str | None = None
    channel: str | None = None

    def __str__(self) -> str:
        shown = f"{self.name} {self.version}" if self.version != "*" or self.build else self.name
        return f"{shown} {self.build}" if self.build else shown


def read_match_spec(text: str) -> ReadSpec:
    """Read one; raises ValueError for what is none, or says what ``[conda]`` cannot say."""
    head, fields = _bracketed(text)
    channel, found, rest = head.rpartition("::")
    name = _NAME.match(rest.strip())
    if name is None:
        raise ValueError("not a MatchSpec, such as 'numpy >=2'")
    version, build = _version_and_build(rest.strip()[name.end() :])
    version = _normal(fields.pop("version")) if "version" in fields else version
    build = fields.pop("build", build)
    channel = fields.pop("channel", channel if found else "")
    if fields:
        raise ValueError(f"{', '.join(sorted(fields))}: [conda] has version, build and channel")
    if build is not None and not _BUILD.fullmatch(build):
        raise ValueError(f"{build!r} is not a build")
    return ReadSpec(
        name=parse_conda_name(name[0]),
        version=version,
        build=None if build == "*" else build,
        channel=_channel(channel) if channel else None,
    )


def _bracketed(text: str) -> tuple[str, dict[str, str]]:
    if "[" not in text:
        return text, {}
    found = _BRACKETS.fullmatch(text)
    if found is None or _PAIR.sub("", found["body"]).strip():
        raise ValueError("not a MatchSpec, such as 'numpy[version=\">=2\"]'")
    pairs = {one[1]: one[2] or one[3] or one[4] or "" for one in _PAIR.finditer(found["body"])}
    return found["head"], pairs


def _channel(text: str) -> str:
    if _SUBDIR.fullmatch(text.rpartition("/")[2]):
        raise ValueError("names a part of a channel; [conda] has platforms = [...]")
    return parse_channel(text.strip())


def _version_and_build(rest: str) -> tuple[str, str | None]:
    tight = re.sub(r"\s*([,|])\s*", r"\1", rest.strip())
    words = re.sub(rf"({_OPERATORS})\s+", r"\1", tight).split()
    if len(words) > 2:
        raise ValueError("more than a version and a build")
    if len(words) == 2:
        return _normal(words[0], exact=True), words[1]
    if not words:
        return "*", None
    if found := _WITH_BUILD.fullmatch(words[0]):
        return _normal(found["version"], exact=True), found["build"]
    if not words[0].startswith(tuple("=<>!~")) and rest[:1].strip():
        raise ValueError("not a MatchSpec, such as 'numpy >=2'")
    return _normal(words[0]), None


def _normal(text: str, *, exact: bool = False) -> str:
    """Return a version with an operator or a ``*`` in each part, so that it reads one way only."""
    tight = re.sub(r"\s+", "", text)
    exact = exact and not set(tight) & set(",|")
    return "|".join(
        ",".join(_bound(one, exact=exact) for one in part.split(",")) for part in tight.split("|")
    )


def _bound(text: str, *, exact: bool) -> str:
    found = _BOUND.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version")
    operator, version = found["operator"] or "", found["version"]
    if operator not in {"", "="}:
        return text
    if version.endswith("*"):
        return version
    return f"{version}.*" if operator and not exact else f"=={version}"
