"""Compile a tree to byte code: ``TREE WORKERS [DISTRIBUTION...]``; prints one JSON object.

The byte code names each source by its path inside the tree: importing puts the path in that the
file was found at (importlib, ``_fix_co_filename``), so the same source gives the same bytes
wherever the tree will be. It is marked as never to be compared with its source (PEP 552, unchecked
hash). What does not compile is counted and left alone, as installers do: packages ship files for
other Pythons as data.

The sources of the distributions that are named, as their metadata directories are, have byte code
already. Scripts, in ``bin``, never use any.
"""

import csv
import gc
import json
import os
import py_compile
import sys
import warnings
from typing import Dict, Iterable, Iterator, List, Tuple

_CHUNK = 1 << 19
_INFO = ".dist-info"

Sources = List[Tuple[int, str]]


def _sources(top: str) -> Sources:
    """Return (size, path inside the tree) of each source, in a fixed order."""
    left_out = {os.path.join(top, "bin"), os.path.join(top, ".lamina")}
    found: Sources = []
    for directory, directories, files in os.walk(top):
        directories[:] = sorted(
            d
            for d in directories
            if d != "__pycache__" and os.path.join(directory, d) not in left_out
        )
        for name in sorted(files):
            path = os.path.join(directory, name)
            if name.endswith(".py") and not os.path.islink(path):
                found.append((os.path.getsize(path), os.path.relpath(path, top)))
    return found


def _owners(top: str) -> Dict[str, str]:
    """Return path -> the first distribution, by name, whose RECORD has it (PEP 376)."""
    owners: Dict[str, str] = {}
    library = os.path.join(top, "lib")
    for python in sorted(os.listdir(library)) if os.path.isdir(library) else []:
        site = os.path.join(library, python, "site-packages")
        for info in sorted(os.listdir(site)) if os.path.isdir(site) else []:
            record = os.path.join(site, info, "RECORD")
            if info.endswith(_INFO) and os.path.isfile(record):
                for path in _listed(record):
                    inside = os.path.relpath(os.path.normpath(os.path.join(site, path)), top)
                    owners.setdefault(inside, info)
    return owners


def _listed(record: str) -> List[str]:
    with open(record, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        try:
            return [row[0] for row in csv.reader(stream) if row]
        except csv.Error:
            return []


def _groups(top: str, finished: Iterable[str]) -> Iterator[Sources]:
    """Yield the sources to compile, those of a distribution together and apart from all else.

    So what else is compiled does not show in the bytes of a distribution (see ``_start``).
    """
    owners = _owners(top)
    groups: Dict[str, Sources] = {}
    for size, path in _sources(top):
        groups.setdefault(owners.get(path, ""), []).append((size, path))
    for owner in sorted(set(groups) - set(finished)):
        yield groups[owner]


def _chunks(sources: Sources) -> Iterator[List[str]]:
    """Divide a group so that no chunk is a large part of the work."""
    chunk: List[str] = []
    size = 0
    for length, path in sources:
        chunk.append(path)
        size += length
        if size > _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _compile(top: str, paths: List[str]) -> List[str]:
    failed: List[str] = []
    for path in paths:
        try:
            py_compile.compile(
                os.path.join(top, path),
                dfile=path,
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError):
            failed.append(path)
    return failed


def _start(top: str, paths: List[str]) -> Tuple[int, int]:
    """Compile in a new process; return its id and where to read what failed.

    What a process compiled before can show in the bytes of what it compiles next (marshal flags
    what is referred to from elsewhere, bpo-34722); so no process compiles two chunks. Nor may it
    depend on when garbage is collected, which is why ``main`` turns that off.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    code = 1
    try:
        with open(writing, "w") as answer:
            json.dump(_compile(top, paths), answer)
        code = 0
    except OSError as error:
        print("%s: %s" % (error.filename, error.strerror), file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _finish(running: List[Tuple[int, int]]) -> List[str]:
    """Wait for the oldest process and return what it could not compile."""
    process, reading = running.pop(0)
    with open(reading) as answer:
        text = answer.read()
    status = os.waitpid(process, 0)[1]
    if status != 0:
        sys.exit("compiling ended with status %d" % status)
    failed: List[str] = json.loads(text)
    return failed


def main(top: str, workers: str, *finished: str) -> None:
    warnings.simplefilter("ignore")
    gc.disable()
    failed: List[str] = []
    running: List[Tuple[int, int]] = []
    for group in list(_groups(top, finished)):
        for chunk in _chunks(group):
            if len(running) > int(workers):
                failed += _finish(running)
            running.append(_start(top, chunk))
    while running:
        failed += _finish(running)
    print(json.dumps({"failed": sorted(failed)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
