"""Compile a tree to byte code: ``STAGE FINAL WORKERS``; prints one JSON object.

The files lie in STAGE and their byte code names FINAL. It is marked as never to be compared with
its source (PEP 552, unchecked hash), so that the same source gives the same bytes. What does not
compile is counted and left alone, as installers do: packages ship files for other Pythons as data.
"""

import concurrent.futures
import json
import multiprocessing
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


def main(stage: str, final: str, workers: str) -> None:
    warnings.simplefilter("ignore")
    chunks = list(_chunks(_sources(stage)))
    failed: List[str] = []
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(int(workers), mp_context=context) as pool:
        jobs = [pool.submit(_compile, stage, final, chunk) for chunk in chunks]
        for job in jobs:
            failed += job.result()
    print(json.dumps({"failed": sorted(failed)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
