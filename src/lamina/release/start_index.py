"""The start-up index of a release: where every module is, written when the release is made.

What reads it runs in the release's own interpreter: see ``_target/start_index.py``.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from lamina._target import joined
from lamina.core import fs, report
from lamina.lock.files import digest_of_lock
from lamina.release.root import INTERNAL
from lamina.release.staged import run_staged
from lamina.release.verify import recorded_files

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.draft import Draft

INDEX_NAME = "index"
READER_NAME = "_lamina_start_reader.py"
MODULES = {
    "_lamina_start.py": ("start_archive.py", "start_index.py"),
    "_lamina_start_answers.py": ("start_answers.py",),
    READER_NAME: ("start_reader.py",),
}
"""What is put beside the modules of a release, and where it comes from."""
LINE_NAME = "+lamina-start.pth"
"""The first of the .pth files: names of other ones begin with letters, or ~."""

_MARK = "\nimport codecs\n"
# PYTHONPATH may name another release, whose module of this name is not the one.
_CALL = """
import codecs
try:  # Added by lamina: this release says where its modules are.
    import sys
    sys.path.insert(0, __file__.rpartition("/encodings/")[0])
    try:
        import _lamina_start
    finally:
        del sys.path[0]
    _lamina_start.start("{key}")
except Exception as error:
    import posix
    if posix.environ.get(b"LAMINA_INDEX") != b"0":
        posix.environ[b"LAMINA_INDEX"] = b"0"
        posix.putenv(b"LAMINA_INDEX", b"0")
        try:
            posix.write(2, b"lamina: this Python goes on without its start-up index: %a\\n" % error)
        except OSError:
            pass
"""
_LINE = """\
try:
    import _lamina_start
finally:
    del sys.path[0]
_lamina_start.start("{key}")
"""


def write_index(draft: Draft, record: Path) -> None:
    """Write the index, and see to it that the interpreter of the release uses it.

    Raises CommandFailedError where the interpreter cannot write it, StorageError.
    """
    stage, key = draft.stage, key_of(draft)
    planted = plant(stage, key)
    with report.step("writing the start-up index") as step:
        fs.make_directory(stage / INTERNAL / INDEX_NAME)
        words: list[str | Path]
        words = [stage, key, record, inside_cvmfs(draft.final), *planted]
        written = json.loads(run_staged(draft, "write_index.py", *words))
        step.outcome = f"{written['modules']} modules, {written['hot']} of them for a start"


def has_index(draft: Draft) -> bool:
    """Tell whether a release has an index: all but those that an older lamina has made."""
    listed = f"{INTERNAL}/{INDEX_NAME}/start.index"
    return draft.made is None or listed in recorded_files(draft.release)


def key_of(draft: Draft) -> str:
    """Return what ties an index to one release: 16 hexadecimal digits."""
    request, release = draft.request, draft.release
    parts = (digest_of_lock(request.lock), release.name, release.platform, draft.python.soabi)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def inside_cvmfs(prefix: Path) -> str:
    """Return the path of a prefix in its repository of CVMFS; empty where it is not in one."""
    _, cvmfs, _, *inside = [*prefix.parts, "", ""]
    return "/" + "/".join(filter(None, inside)) if cvmfs == "cvmfs" else ""


def plant(stage: Path, key: str) -> list[str]:
    """Put what uses the index where the interpreter finds it first; return the modules' paths.

    That is ``encodings`` of the release's own interpreter, which no start goes without, and which
    comes before site-packages is looked at; else the first .pth file.
    """
    patterns = ["python/lib*/python3.*", "lib/python3.*"]
    found = [one for top in patterns for one in sorted(stage.glob(f"{top}/encodings/__init__.py"))]
    text = found[0].read_text(encoding="utf-8") if found else ""
    planted: list[str] = []
    if _MARK in text:
        library = found[0].parents[1]
        fs.write_text(found[0], text.replace(_MARK, _CALL.format(key=key), 1), durable=False)
        planted.append(os.path.relpath(found[0], stage))
    else:
        library = next(stage.glob("lib/python3.*/site-packages"))
        line = f"import sys; sys.path.insert(0, sitedir); exec({_LINE.format(key=key)!r})\n"
        fs.write_text(library / LINE_NAME, line, durable=False)
    for name, sources in MODULES.items():
        fs.write_text(library / name, joined(*sources), durable=False)
        planted.append(os.path.relpath(library / name, stage))
    return planted
