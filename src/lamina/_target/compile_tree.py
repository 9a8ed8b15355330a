"""Compile a tree to byte code: ``STAGE FINAL WORKERS``; prints one JSON object.

The files lie in STAGE and their byte code names FINAL. It is marked as never to be compared with
its source (PEP 552, unchecked hash), so that the same source gives the same bytes. What does not
compile is counted and left alone, as installers do: packages ship files for other Pythons as data.
"""

import json
import os
import py_compile
import sys
import warnings
from typing import Iterator, List, Tuple

_CHUNK = 1 << 19


def _sources(top: str) -> List[Tuple[int, str]]:
    """Return (size, path inside the tree) of each source, in a fixed order."""
    found: List[Tuple[int, str]] = []
    for directory, directories, files in os.walk(top):
        directories[:] = sorted(d for d in directories if d not in ("__pycache__", ".lamina"))
        for name in sorted(files):
            path = os.path.join(directory, name)
            if name.endswith(".py") and not os.path.islink(path):
                found.append((os.path.getsize(path), os.path.relpath(path, top)))
    return found


def _chunks(sources: List[Tuple[int, str]]) -> Iterator[List[str]]:
    """Group sources so that a chunk is neither one small file nor a large part of the work."""
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


def _compile(stage: str, final: str, paths: List[str]) -> List[str]:
    failed: List[str] = []
    for path in paths:
        source = os.path.join(stage, path)
        try:
            py_compile.compile(
                source,
                dfile=os.path.join(final, path),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError):
            failed.append(path)
    return failed


def _start(stage: str, final: str, paths: List[str]) -> Tuple[int, int]:
    """Compile in a new process; return its id and where to read what failed.

    What a process compiled before can show in the bytes of what it compiles next (marshal flags
    what is referred to from elsewhere, bpo-34722); so no process compiles two chunks.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    code = 1
    try:
        with open(writing, "w") as answer:
            json.dump(_compile(stage, final, paths), answer)
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


def main(stage: str, final: str, workers: str) -> None:
    warnings.simplefilter("ignore")
    failed: List[str] = []
    running: List[Tuple[int, int]] = []
    for chunk in list(_chunks(_sources(stage))):
        if len(running) > int(workers):
            failed += _finish(running)
        running.append(_start(stage, final, chunk))
    while running:
        failed += _finish(running)
    print(json.dumps({"failed": sorted(failed)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
