"""Import what is in a release without looking for it: its index says where everything is.

A copy of this file is ``_lamina_start.py`` in a release, and ``start`` is called as early as an
interpreter can be made to: by ``encodings`` of a bundled interpreter, else by the first .pth file.
The path hook that it adds answers for the directories of the release only. So the order of
``sys.path``, and what stands before and behind the release there, count as ever.

Nothing is imported here that is a file, and nothing that goes wrong here stops the interpreter:
without an index that fits, modules are found as always, and one line says so.
"""

import _imp
import marshal
import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
    from types import CodeType, ModuleType
    from typing import Any, Tuple

    Place = Tuple[int, int, bytes]
    """Offset and length in a file, and the checksum of what is there."""
else:
    _external = sys.modules["_frozen_importlib_external"]
    ModuleSpec = sys.modules["_frozen_importlib"].ModuleSpec
    FileFinder = _external.FileFinder
    SourceFileLoader = _external.SourceFileLoader
    ExtensionFileLoader = _external.ExtensionFileLoader

FORMAT = b"lamina-start-1\n\0"
SALT = 0x6C616D696E61
MAGIC: bytes = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER
DETAILS: "Any" = sys.modules["_frozen_importlib_external"]._get_supported_file_loaders()
CACHED = ".%s.pyc" % sys.implementation.cache_tag
INDEX_NAME, HOT_NAME = "start.index", "hot.pack"
WATCHED = frozenset({"importlib.metadata", "importlib_metadata", "pkgutil"})
"""Modules that look into directories, and are told what the index has of them."""

_AHEAD = 1 << 17
_COLD = 200_000
"""Nanoseconds that a byte takes which is not in memory."""


class BrokenIndexError(Exception):
    """The index cannot be used: why."""


BROKEN = (BrokenIndexError, ValueError, EOFError, TypeError, KeyError)
"""What reading a damaged index raises."""


def checksum(data: bytes) -> bytes:
    """Return what tells data from other data: 8 bytes, by the hash of PEP 552."""
    return _imp.source_hash(SALT, data)


def header(key: bytes, root: "Place", size: int) -> bytes:
    """Return how an index begins whose root section is at a place: 80 bytes."""
    offset, length, check = root
    numbers = b"".join(one.to_bytes(8, "little") for one in (offset, length, size))
    text = FORMAT + key.ljust(16, b"\0") + MAGIC.ljust(8, b"\0") + numbers + check
    return text + checksum(text)


class Archive:
    """The index of a release and its packs; raises BrokenIndexError for what is not as written."""

    def __init__(self, directory: str, key: "bytes | None" = None) -> None:
        self.directory = directory
        self._files: "dict[str, int]" = {}
        self._block: "tuple[str, int, bytes]" = ("", -1, b"")
        file = self._files[INDEX_NAME] = self._opened(INDEX_NAME)
        try:
            start = posix.pread(file, 80, 0)
            size = posix.fstat(file).st_size
        except OSError as error:
            raise BrokenIndexError(_reason(error)) from None
        numbers = [int.from_bytes(start[at : at + 8], "little") for at in (40, 48, 56)]
        root: "Place" = (numbers[0], numbers[1], start[64:72])
        if len(start) == 80 and start[:16] == FORMAT and start[32:36] != MAGIC:
            raise BrokenIndexError("it is for another Python")
        if start != header(start[16:32] if key is None else key, root, size):
            raise BrokenIndexError("it is of another release, or damaged")
        self.root = self.section(root)

    def _opened(self, name: str) -> int:
        """Open a file to be kept, as none of the standard streams: a closed one stays closed."""
        try:
            file = posix.open(self.directory + "/" + name, posix.O_RDONLY)
        except OSError as error:
            raise BrokenIndexError(_reason(error)) from None
        if file > 2:
            return file
        try:
            return self._opened(name)
        finally:
            posix.close(file)

    def section(self, place: "Place") -> "Any":
        """Return a part of the index."""
        return marshal.loads(self.read(INDEX_NAME, place))

    def read(self, name: str, place: "Place") -> bytes:
        """Return what is at a place of a file.

        Whoever closes all descriptors closes this one too, and another file may have its number:
        what is read there is not what was asked for.
        """
        try:
            return _checked(self._files[name], name, place)
        except (KeyError, BrokenIndexError):
            self._files[name] = self._opened(name)
        return _checked(self._files[name], name, place)

    def touch(self, offset: int) -> None:
        """Read a byte of what a start needs."""
        if HOT_NAME not in self._files:
            self._files[HOT_NAME] = self._opened(HOT_NAME)
        posix.pread(self._files[HOT_NAME], 1, offset)

    def advise(self, ranges: "Any") -> None:
        """Have the operating system read what a start needs, while other things go on."""
        tail = self.root["hot"], posix.fstat(self._files[INDEX_NAME]).st_size - self.root["hot"]
        parts = [(INDEX_NAME, *tail)] + [(HOT_NAME, *one) for one in ranges]
        for name, offset, length in parts:
            for at in range(offset, offset + length, _AHEAD):  # No more is read at a time.
                posix.posix_fadvise(self._files[name], at, _AHEAD, posix.POSIX_FADV_WILLNEED)

    def code(self, pack: str, where: "tuple[Any, ...]") -> "CodeType":
        """Return the code of a module: from the pack of what a start needs, else from its own."""
        length, check, hot, *cold = where
        if hot >= 0:
            return marshal.loads(self.read(HOT_NAME, (hot, length, check)))  # type: ignore[no-any-return]
        offset, packed, whole, inside, *other = cold
        pack = other[0] if other else pack
        block = self._block  # Another thread may replace it.
        if block[:2] != (pack, offset):
            block = self._block = (pack, offset, self._unpacked(pack, (offset, packed, whole)))
        data = block[2][inside : inside + length]
        if checksum(data) != check:
            raise BrokenIndexError("%s is damaged" % pack)
        return marshal.loads(data)  # type: ignore[no-any-return]

    def _unpacked(self, pack: str, place: "Place") -> bytes:
        from zlib import decompress

        file = self._opened(pack)
        try:
            return decompress(_checked(file, pack, place))
        finally:
            posix.close(file)


def _checked(file: int, name: str, place: "Place") -> bytes:
    """Return what is at a place of an open file."""
    offset, length, check = place
    try:
        data = posix.pread(file, length, offset)
    except OSError as error:
        raise BrokenIndexError(_reason(error)) from None
    if checksum(data) != check:
        raise BrokenIndexError("%s is damaged" % name)
    return data


class Loader(SourceFileLoader):
    """Loads a module whose code is in a pack; it equals any source file's loader, as copies are."""

    def __init__(self, name: str, path: str, finder: "Finder", where: "tuple[Any, ...]") -> None:
        super().__init__(name, path)
        self.finder = finder
        self.where = where

    def __eq__(self, other: object) -> bool:
        alike = type(other) is SourceFileLoader or isinstance(other, Loader)
        return alike and (self.name, self.path) == (other.name, other.path)  # type: ignore[attr-defined]

    __hash__ = SourceFileLoader.__hash__

    def __reduce__(self) -> "Any":
        return SourceFileLoader, (self.name, self.path)

    def get_code(self, fullname: str) -> "CodeType | None":
        """Return the code, which says of itself that it is of the file at its real path."""
        index = self.finder.index
        if index is not None and fullname == self.name and _takes_byte_code():
            try:
                code = index.archive.code(self.finder.pack, self.where)
            except (ImportError, AttributeError):
                pass  # There is no zlib on the path, or another one.
            except BROKEN as error:
                index.give_up(error)
            else:
                _imp._fix_co_filename(code, self.path)  # type: ignore[attr-defined]
                return code
        return super().get_code(fullname)

    def get_resource_reader(self, name: "str | None" = None) -> "Any":
        """Return what reads the data files of a package, and asks the index which there are."""
        reader: "Any" = super().get_resource_reader(name)
        index = self.finder.index
        if reader is None or reader is self or index is None:  # It is, before Python 3.10.
            return reader
        answers = index.answers()
        if answers is not None:
            reader.path = answers.path_of(reader.path, index)
        return reader


class Watched(Loader):
    """Loads a module that looks into directories, and has it ask the index from then on.

    No other loader has an ``exec_module`` of its own: it would be seen in tracebacks.
    """

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module, then change how it looks."""
        super().exec_module(module)
        index = self.finder.index
        answers = None if index is None else index.answers()
        if answers is not None:
            answers.answer(module, index, Finder)


def _takes_byte_code() -> bool:
    return not sys.flags.optimize and _imp.check_hash_based_pycs != "always"


class Finder(FileFinder):
    """Finds the modules of one directory of the release, by the index."""

    def __init__(self, path: str, index: "Index", section: "Any") -> None:
        super().__init__(path, *DETAILS)
        self.index: "Index | None" = index
        self.modules, self.directories, self.listing, self.pack = section

    def __reduce__(self) -> "Any":
        return FileFinder, (self.path, *DETAILS)

    def find_spec(self, fullname: str, target: "ModuleType | None" = None) -> "ModuleSpec | None":
        """Return what FileFinder would."""
        index = self.index
        if index is None:
            return super().find_spec(fullname, target)
        tail = fullname.rpartition(".")[2]
        found = self.modules.get(tail)
        if found is None:
            return None
        kind, where = found
        if kind == "":
            spec = ModuleSpec(fullname, None)
            spec.submodule_search_locations = [self.path + "/" + tail]
            return spec
        if fullname in index.groups:
            index.read_ahead(fullname)
        return self._spec(fullname, tail, kind, where)

    def _spec(self, fullname: str, tail: str, kind: str, where: "Any") -> "ModuleSpec":
        is_package = kind[0] == "/"
        path = self.path + "/" + tail + kind
        loader: "Any"
        if where is not None:
            loader = (Watched if fullname in WATCHED else Loader)(fullname, path, self, where)
        else:
            make: "Any" = next(one for one, suffixes in DETAILS if kind.endswith(tuple(suffixes)))
            loader = make(fullname, path)
        spec: "Any" = ModuleSpec(fullname, loader, origin=path, is_package=is_package)
        spec._set_fileattr = True
        if is_package:
            spec.submodule_search_locations = [self.path + "/" + tail]
        if where is not None and sys.pycache_prefix is None and not sys.flags.optimize:
            inside = tail + "/__pycache__/__init__" if is_package else "__pycache__/" + tail
            spec._cached = self.path + "/" + inside + CACHED
        return spec  # type: ignore[no-any-return]

    def invalidate_caches(self) -> None:
        """Do nothing while the index is used: a release does not change."""
        if self.index is None:
            super().invalidate_caches()


class Index:
    """The path hook of a release: makes finders for its directories, and for no others."""

    def __init__(self, prefix: str, archive: Archive) -> None:
        self.archive = archive
        self.start = prefix + "/"
        self.groups: "dict[str, Any]" = archive.root["groups"]
        self.finders: "dict[str, Finder | None]" = {}
        self.metadata: "Any" = None
        self.path_class: "Any" = None

    def __call__(self, path: str) -> Finder:
        """Return the finder of a directory; raises ImportError for those that are not known."""
        finder = self.finder(path)
        if finder is None:
            raise ImportError("not a directory of this release", path=path)
        return finder

    def finder(self, path: str) -> "Finder | None":
        """Return the finder of a directory, None for those that are not known."""
        if not path.startswith(self.start):
            return None
        if path not in self.finders:
            place = self._place(path)
            section = None if place is None else self.section(place)
            self.finders[path] = None if section is None else Finder(path, self, section)
        return self.finders[path]

    def section(self, place: "Place") -> "Any":
        """Return a part of the index; gives up, and returns None, where it is damaged."""
        try:
            return self.archive.section(place)
        except BROKEN as error:
            self.give_up(error)
            return None

    def answers(self) -> "Any":
        """Return the module of what the index answers besides imports, None where it is hidden."""
        try:
            import _lamina_start_answers as answers
        except ImportError:
            return None  # Its directory is not on the path any more.
        except Exception as error:  # noqa: BLE001 (whatever a damaged module raises)
            return self.give_up(error)
        return answers

    def _place(self, path: str) -> "Place | None":
        top: "Place | None" = self.archive.root["directories"].get(path[len(self.start) :])
        if top is not None:
            return top
        parent, _, name = path.rpartition("/")
        above = self.finder(parent) if len(parent) > len(self.start) else None
        return None if above is None else above.directories.get(name)

    def read_ahead(self, name: str) -> None:
        """Have what an import will need read by another process, if it is far away."""
        end, place = self.groups.pop(name)
        before = time.perf_counter_ns()
        try:
            self.archive.touch(end)
            answers = self.answers() if time.perf_counter_ns() - before > _COLD else None
            if answers is not None:
                answers.read_ahead(self, name, place)
        except Exception as error:  # noqa: BLE001 (it is only for speed)
            complain("nothing is read ahead: %s" % error)

    def give_up(self, error: Exception) -> None:
        """Find modules as if there were no index, from now on."""
        if self in sys.path_hooks:
            complain("the start-up index of this release is not used: %s" % error)
            sys.path_hooks.remove(self)
        for path, finder in list(sys.path_importer_cache.items()):
            if isinstance(finder, Finder) and finder.index is self:
                del sys.path_importer_cache[path]
        for finder in self.finders.values():
            if finder is not None:
                finder.index = None


def complain(message: str) -> None:
    """Say it once: not again here, nor in the programs that this one starts."""
    if posix.environ.get(b"LAMINA_INDEX") == b"0":
        return
    text = "lamina: %s\n" % message
    try:
        posix.write(2, text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
    posix.putenv(b"LAMINA_INDEX", b"0")
    posix.environ[b"LAMINA_INDEX"] = b"0"
    environ = getattr(sys.modules.get("os"), "environ", None)  # It may be about to be imported.
    if environ is not None:
        environ["LAMINA_INDEX"] = "0"


def _reason(error: OSError) -> str:
    return "%s: %s" % (error.filename or "reading it", error.strerror)


def start(key: str) -> None:
    """Use the index of the release that this file is in, if it is that of ``key``."""
    prefix = __file__.rsplit("/", 4)[0]
    used = [one.start for one in sys.path_hooks if isinstance(one, Index)]
    if prefix + "/" in used or posix.environ.get(b"LAMINA_INDEX") == b"0":
        return  # The .pth files of an environment are read twice.
    try:
        index = Index(prefix, Archive(prefix + "/.lamina/index", key.encode("ascii")))
    except BROKEN as error:
        complain("the start-up index of this release is not used: %s" % error)
        return
    sys.path_hooks.insert(0, index)
    for path in list(sys.path_importer_cache):
        if path.startswith(index.start):
            del sys.path_importer_cache[path]
