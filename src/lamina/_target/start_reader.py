"""Read what a start needs, many files at once, so that the operating system has it in memory.

``start_reader.py INDEX [OFFSET LENGTH CHECK]``: the files that the section at that place of an
index lists; without a place, everything that the stack's tests need, the byte code included. Prints
how many files and bytes that was. A copy of this file is ``_lamina_start_reader.py`` in a release.

Only what an interpreter has built in is imported: on a far file system, a module is not free.
"""

import _thread
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

THREADS = 24
LOOKED_FOR = ("glibc-hwcaps", "tls", posix.uname().machine)
"""In each directory of libraries, the loader first looks for these: see ld.so(8)."""
CHUNK = 1 << 20
WHOLE = 64 * CHUNK
END = 16 * CHUNK
"""Of files longer than WHOLE, so much of the beginning and of the end: there lies what is looked at
when a library is loaded."""


class Reader:
    """Reads files; what cannot be read is left out, as it is only for speed."""

    def __init__(self, paths: "list[str]") -> None:
        libraries = dict.fromkeys(path.rpartition("/")[0] for path in paths if ".so" in path)
        looked_for = ["%s/%s" % (top, name) for top in libraries for name in LOOKED_FOR]
        self._paths = iter(looked_for + paths)
        self._parts = []  # type: list[tuple[str, int]]
        self.files = 0
        self.bytes = 0
        self._lock = _thread.allocate_lock()

    def run(self) -> None:
        """Read all, and return when it is done."""
        locks = [_thread.allocate_lock() for _ in range(THREADS)]
        for lock in locks:
            lock.acquire()
            _thread.start_new_thread(self._work, (lock,))
        for lock in locks:
            lock.acquire()

    def _work(self, lock: "Any") -> None:
        try:
            for path, offset in self._next():
                self._read(path, offset)
        finally:
            lock.release()

    def _next(self) -> "Iterator[tuple[str, int]]":
        """Yield what to read: the rest of files that were begun goes before other files."""
        while True:
            with self._lock:
                if self._parts:
                    part = self._parts.pop(0)
                else:
                    path = next(self._paths, None)
                    if path is None:
                        return
                    part = path, 0
            yield part

    def _read(self, path: str, offset: int) -> None:
        try:
            file = posix.open(path, posix.O_RDONLY)
        except OSError:
            return
        try:
            size = posix.fstat(file).st_size if offset == 0 else 0
            if size > CHUNK:
                starts = range(CHUNK, size, CHUNK)
                some = [at for at in starts if size <= WHOLE or not END <= at < size - END]
                with self._lock:
                    self._parts += [(path, at) for at in some]
            count = len(posix.pread(file, CHUNK, offset))
        except OSError:
            count = 0
        finally:
            posix.close(file)
        with self._lock:
            self.files += offset == 0
            self.bytes += count


def main(directory: str, *place: str) -> None:
    import _lamina_start

    archive = _lamina_start.Archive(directory)
    prefix = directory.rsplit("/", 2)[0]
    where = archive.root["all"]
    if place:
        where = int(place[0]), int(place[1]), bytes.fromhex(place[2])
    files = ["%s/%s" % (prefix, path) for path in archive.section(where)[1]]
    if not place:
        files.append("%s/%s" % (directory, _lamina_start.HOT_NAME))
    reader = Reader(files)
    reader.run()
    print(reader.files, reader.bytes)


if __name__ == "__main__":
    # The directory of a script is where its modules are, but -I takes it off the path.
    sys.path.insert(0, __file__.rpartition("/")[0])
    main(*sys.argv[1:])
