"""Packages of all shapes that import systems have to cope with, and distributions too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.indexed import extension_of, make_prefix, write_index

if TYPE_CHECKING:
    from pathlib import Path

    from support.indexed import Indexed

_NESTED = '''\
"""A module.

>>> double(4)
8
"""


def double(value):
    return value * 2


def outer():
    def inner():
        return sys._getframe().f_code.co_filename
    return inner


class Thing:
    size = 3

    def __init__(self, value=0):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def fail(self):
        raise ValueError("on purpose")


def fails():
    return Thing().fail()
'''
_WARNS = "import warnings\nwarnings.warn('from here', UserWarning, stacklevel=2)\n"
_LAZY = """\
import importlib


def __getattr__(name):
    if name == "late":
        return importlib.import_module(__name__ + ".late")
    raise AttributeError(name)
"""
_EXTEND = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
_OPTIMIZED = '"""Words."""\n\n\ndef checks():\n    assert not __debug__\n    return __debug__\n'
_ABOUT = "Metadata-Version: 2.1\nName: %s\nVersion: 1.5\nRequires-Dist: plain>=1\n\nBody: ü\n"

FILES: dict[str, str | bytes] = {
    "plain.py": "import sys\nanswer = 42\n",
    "cold.py": "answer = 'cold'\n",
    "nested/__init__.py": _NESTED,
    "nested/deep/__init__.py": "from .. import double\n",
    "nested/deep/leaf.py": _NESTED,
    "nested/deep/data.txt": "Grüße\n",
    "nested/data/table.csv": "1,2\n",
    "nested/__main__.py": "import sys\nprint(__file__, __spec__.name, sys.argv, __cached__)\n",
    "warns.py": _WARNS,
    "raises.py": "def inside():\n    raise KeyError('at import')\n\n\ninside()\n",
    "imports_raises.py": "import plain\nimport raises\n",
    "imports_broken.py": "import broken\n",
    "imports_missing.py": "import nested.no_such_thing\n",
    "broken.py": "def half(:\n    pass\n",
    "lazy/__init__.py": _LAZY,
    "lazy/late.py": "print('late runs')\nvalue = 7\n",
    "both_ways.py": "kind = 'module'\n",
    "both_ways/__init__.py": "kind = 'package'\n",
    "data_beside.py": "kind = 'module'\n",
    "data_beside/file.txt": "not a package\n",
    "portion/one.py": "where = 'release'\n",
    "portion/inner/two.py": "where = 'release'\n",
    "styled/__init__.py": _EXTEND,
    "styled/here.py": "where = 'release'\n",
    "with.dot/__init__.py": "",
    "with.dot/inside.py": "value = 'in a directory with a dot'\n",
    "größe/__init__.py": "from .maß import wert\n",
    "größe/maß.py": "wert = 1\n",
    "Finder.py": "mine = True\n",
    "start.py": "mine = True\n",
    "start_index.py": "mine = True\n",
    "optimized.py": _OPTIMIZED,
    "hidden_by_all.py": "where = 'release'\n",
    "json.py": "where = 'release'\n",
    "target/real.py": "value = __name__\n",
    "no_code.py": "answer = 'compiled at import'\n",
    "encoded.py": "# -*- coding: latin-1 -*-\ntext = 'gr\xfc\xdfe'\n".encode("latin-1"),
    "whole-1.5.dist-info/METADATA": _ABOUT % "whole",
    "whole-1.5.dist-info/RECORD": "plain.py,,\nnested/__init__.py,,\n",
    "whole-1.5.dist-info/entry_points.txt": "[a.group]\none = nested:double\n[other]\nb = cold\n",
    "whole-1.5.dist-info/licenses/LICENSE": "free\n",
    "whole-1.5.dist-info/top_level.txt": "plain\r\nnested\r\n",
    "bare-2.0.dist-info/RECORD": "",
    "older-3.0.egg-info/PKG-INFO": _ABOUT % "older",
    "older-3.0.egg-info/SOURCES.txt": "plain.py\n",
    "older-3.0.egg-info/requires.txt": "plain>=1\n\n[more]\ncold\n",
    "single-4.0.egg-info": _ABOUT % "single",
    "latin-5.0.dist-info/METADATA": b"Name: latin\nVersion: 5.0\nAuthor: J\xf6rg\n",
    "latin-5.0.dist-info/entry_points.txt": b"[a.group]\nl\xf6 = plain\n",
}  # fmt: skip


def make_odd_prefix(prefix: Path, series: str, *, bundle: bool = False) -> Indexed:
    """Make an indexed prefix of all these, and of what only some series or none can have."""
    made = make_prefix(prefix, series, FILES, bundle=bundle)
    site = made.site
    suffix, compiled = extension_of(series)
    (site / "_heapq.py").write_text("where = 'source'\n")
    (site / f"_heapq.{suffix}").write_bytes(compiled)
    (site / "linked").symlink_to("target")
    (site / "linked_file.py").symlink_to("plain.py")
    (site / "hangs.py").symlink_to("nowhere.py")
    (site / "linked_outside").symlink_to("../../../outside")
    (prefix / "outside").mkdir()
    (prefix / "outside" / "__init__.py").write_text("where = __file__\n")
    _make_sourceless(made)
    (prefix / "bin" / "neighbour.py").write_text("where = 'bin'\n")
    (prefix / "bin" / "script.py").write_text(
        "import sys, neighbour, plain\nprint(neighbour.__file__, plain.answer, __file__)\n"
    )
    return write_index(made, hot="n", uncompiled="no_code")


def _make_sourceless(made: Indexed) -> None:
    code = "import py_compile; py_compile.compile('bare_code.py', cfile='bare_code.pyc')"
    (made.site / "bare_code.py").write_text("answer = 'no source'\n")
    answer = made.run("-c", code, use=False, cwd=made.site)
    assert answer.code == 0, answer.err
    (made.site / "bare_code.py").unlink()
