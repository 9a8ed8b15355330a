"""Which package brought a file of a release, as far as its records still say."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lamina.core.errors import IntegrityError
from lamina.engines.conda_prefix import META, read_record
from lamina.engines.records import claims
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_INFO = re.compile(r"lib/[^/]+/site-packages/(?P<owner>[^/]+)\.dist-info/")
_CODE = re.compile(r"(?P<place>.*/)?__pycache__/(?P<name>[^/.]+)\.[^/]+\.pyc")


def owners_of(prefix: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the name of the package of each path; those of nobody, or of several, are left out."""
    brought: dict[str, set[str]] = {}
    for path, name in (*_wheels(prefix), *_conda(prefix)):
        brought.setdefault(path, set()).add(name)
    found = {}
    for path in paths:
        names = brought.get(path) or brought.get(_source(path), set())
        if told := _INFO.match(path):
            names = {_name(told["owner"])}
        if len(names) == 1:
            found[path] = min(names)
    return found


def _source(path: str) -> str:
    """Return the module of byte code; another path as it is."""
    code = _CODE.fullmatch(path)
    return f"{code['place'] or ''}{code['name']}.py" if code else path


def _name(distribution: str) -> str:
    try:
        return parse_package_name(distribution.partition("-")[0])
    except ValueError:
        return distribution


def _wheels(prefix: Path) -> Iterator[tuple[str, str]]:
    for site in sorted(prefix.glob("lib/python3*/site-packages")):
        for path, many in claims(site).items():
            for one in many:
                yield os.path.relpath(path, prefix), _name(one.distribution)


def _conda(prefix: Path) -> Iterator[tuple[str, str]]:
    for record in sorted((prefix / META).glob("*.json")):
        try:
            package = read_record(record)
        except IntegrityError:
            continue  # It may be the one that is damaged.
        for file in package.files:
            yield file.path, package.record.name
