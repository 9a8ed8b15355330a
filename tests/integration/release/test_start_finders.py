"""The index finds in every directory what a look into it finds, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lamina.release.publish import publish
from support.indexed import Indexed
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="indexes are for Linux")

_COMPARE = """
import os, sys
from importlib.machinery import FileFinder, all_suffixes, PathFinder
import _lamina_start, pkgutil
prefix = os.path.abspath(sys.argv[1])
[index] = [one for one in sys.path_hooks if isinstance(one, _lamina_start.Index)]
def told(spec):
    if spec is None:
        return None
    loader = spec.loader
    kind = type(loader)
    kind = kind.__mro__[1] if kind is _lamina_start.Loader else kind
    kind = kind.__mro__[2] if kind is _lamina_start.Watched else kind
    path = None if loader is None else (loader.name, loader.path)
    return (spec.name, kind.__name__, path, spec.origin, spec.cached, spec.has_location,
            spec.submodule_search_locations, spec.parent, spec.loader_state)
def names_in(entries):
    for entry in entries:
        yield entry
        yield entry.partition(".")[0]
        for suffix in all_suffixes():
            if entry.endswith(suffix):
                yield entry[: -len(suffix)]
    yield from ("__init__", "no_such_module", "", "__pycache__", "_lamina_start", "os")
different, directories, compared, packed = [], 0, 0, 0
for top, inside, files in os.walk(prefix):
    finder = index.finder(top)
    if finder is None:
        continue
    directories += 1
    plain = FileFinder(top, *_lamina_start.DETAILS)
    for name in sorted(set(names_in(inside + files))):
        for full in {name, "above." + name}:
            compared += 1
            one, other = finder.find_spec(full), plain.find_spec(full)
            if told(one) != told(other):
                different.append((full, told(one), told(other)))
                continue
            if one is None or not isinstance(one.loader, _lamina_start.Loader):
                continue
            packed += 1
            if full == name and int(sys.argv[2]):
                codes = one.loader.get_code(full), other.loader.get_code(full)
                if codes[0] != codes[1] or codes[0].co_filename != codes[1].co_filename:
                    different.append((full, *codes))
    mine, theirs = list(pkgutil.iter_importer_modules(finder, "a.")), list(
        pkgutil.iter_importer_modules(plain, "a."))
    if mine != theirs:
        different.append((top, mine, theirs))
assert index in sys.path_hooks, "given up"
assert not different, different[:5]
print(directories, compared, packed)
"""


def _compared(made: Indexed, program: Path) -> list[int]:
    program.write_text(_COMPARE)
    answer = made.run("-W", "ignore", program, made.prefix, "1")
    assert answer.code == 0, answer.err
    assert answer.err == ""
    return [int(word) for word in answer.out.split()]


def test_odd_directories_are_found_alike(odd: Indexed, tmp_path: Path) -> None:
    """In those with a bundled interpreter, the whole standard library is looked at."""
    directories, compared, packed = _compared(odd, tmp_path / "compare.py")
    bundled = (odd.prefix / "python").is_dir()
    assert directories > (60 if bundled else 8)
    assert compared > (1500 if bundled else 100)
    assert packed > (700 if bundled else 20)


def test_a_release_is_looked_at_alike(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(bundle=True, test={"imports": ["greeter", "json"]})
    release = publish(publish_request(tmp_path, environ, stack=stack)).release
    made = Indexed(prefix=release.prefix, series="3.12")
    directories, compared, packed = _compared(made, tmp_path / "compare.py")
    assert directories > 50
    assert compared > 1500
    assert packed > 700
