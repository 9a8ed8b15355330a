"""Read what a start needs, many files at once, so that the operating system has it in memory.

``start_reader.py INDEX [OFFSET LENGTH CHECK]``: the files that the section at that place of an
index names; without a place, everything that the stack's tests need, the byte code included. Prints
how many files and bytes that was. A copy of this file is ``_lamina_start_reader.py`` in a release.

Only what an interpreter has built in is imported: on a far file system, a module is not free.
"""

import _thread
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    Ranges = list[tuple[int, int]]

THREADS = 32
LOOKED_FOR = ("glibc-hwcaps", "tls", posix.uname().machine)
"""In each directory of libraries, the loader first looks for these: see ld.so(8)."""
_NICE = 10
"""What is read for has the processor first."""
CHUNK = 1 << 20
"""Bytes read at a time."""
SHARE = 4 * CHUNK
"""Bytes of a file that one thread reads, while others read the rest."""


class Reader:
    """Reads files; what cannot be read is left out, as it is only for speed."""

    def __init__(self, files: "list[tuple[str, Ranges]]") -> None:
        self._work = iter(list(_shares(files)))
        self._lock = _thread.allocate_lock()
        self.files = 0
        self.bytes = 0

    def run(self) -> None:
        """Read all, and return when it is done."""
        locks = [_thread.allocate_lock() for _ in range(THREADS)]
        for lock in locks:
            lock.acquire()
            _thread.start_new_thread(self._go_on, (lock,))
        for lock in locks:
            lock.acquire()

    def _go_on(self, done: "Any") -> None:
        try:
            for path, ranges in self._work:
                self._read(path, ranges)
        finally:
            done.release()

    def _read(self, path: str, ranges: "Ranges") -> None:
        try:
            file = posix.open(path, posix.O_RDONLY)
        except OSError:
            return
        count = 0
        try:
            for offset, length in ranges:
                for at in range(offset, offset + length, CHUNK):
                    count += len(posix.pread(file, min(CHUNK, offset + length - at), at))
        except OSError:
            pass  # Who needs the file says so.
        finally:
            posix.close(file)
        with self._lock:
            self.files += ranges[0][0] == 0
            self.bytes += count


def _shares(files: "list[tuple[str, Ranges]]") -> "Iterator[tuple[str, Ranges]]":
    """Yield what a thread reads at a time: first of all, whether there is what nobody has."""
    libraries = dict.fromkeys(path.rpartition("/")[0] for path, _ in files if ".so" in path)
    for top in libraries:
        for name in LOOKED_FOR:
            yield "%s/%s" % (top, name), [(0, 0)]
    for path, ranges in files:
        share: "Ranges" = []
        for offset, length in ranges or [(0, CHUNK)]:
            for at in range(offset, offset + length, SHARE):
                share.append((at, min(SHARE, offset + length - at)))
                if sum(size for _, size in share) >= SHARE:
                    yield path, share
                    share = []
        if share:
            yield path, share


def main(directory: str, *place: str) -> None:
    import _lamina_start

    posix.nice(_NICE)
    archive = _lamina_start.Archive(directory)
    prefix = directory.rsplit("/", 2)[0]
    table = archive.section(archive.root["files"])
    if place:
        where = int(place[0]), int(place[1]), bytes.fromhex(place[2])
        table = [table[number] for number in archive.section(where)[1]]
    files = [("%s/%s" % (prefix, path), ranges) for path, ranges in table]
    if not place:
        hot = "%s/%s" % (directory, _lamina_start.HOT_NAME)
        files.append((hot, [(0, posix.stat(hot).st_size)]))
    reader = Reader(files)
    reader.run()
    print(reader.files, reader.bytes)


if __name__ == "__main__":
    # The directory of a script is where its modules are, but -I takes it off the path.
    sys.path.insert(0, __file__.rpartition("/")[0])
    main(*sys.argv[1:])
