"""Import what is in a release without looking for it: its index says where everything is.

start_archive.py and, behind it, what follows the first line of dashes here are ``_lamina_start.py``
in a release. ``start`` is called as early as an interpreter can be made to: by ``encodings`` of a
bundled interpreter, else by the first .pth file. The path hook that it adds answers for the
directories of the release only. So the order of ``sys.path``, and what stands before and behind the
release there, count as ever.

Nothing is imported here that is a file, and nothing that goes wrong here stops the interpreter:
without an index that fits, modules are found as always, and one line says so.
"""

import _imp
import posix
import sys

from lamina._target.start_archive import BROKEN, CACHED, HOT_NAME, Archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from lamina._target.start_archive import Place

# ------------------------------------------------------------------------------------------------

import time  # noqa: E402

if TYPE_CHECKING:
    from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
    from types import ModuleType
else:
    _external = sys.modules["_frozen_importlib_external"]
    ModuleSpec = sys.modules["_frozen_importlib"].ModuleSpec
    FileFinder = _external.FileFinder
    SourceFileLoader = _external.SourceFileLoader

DETAILS: "Any" = sys.modules["_frozen_importlib_external"]._get_supported_file_loaders()
WATCHED = frozenset({"importlib.metadata", "importlib_metadata", "pkgutil"})
"""Modules that look into directories, and are told what the index has of them."""

ANSWERS = "_lamina_start_answers"
_load: "Any" = sys.modules["_frozen_importlib"]._load
NOT_USED = "%s goes on without its start-up index: %s"
_COLD = 200_000
"""Nanoseconds that a byte takes which is not in memory."""


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
        self.spellings = [self.start]
        """The release is also seen through links, as that of a tier is one."""
        self.groups: "dict[str, Any]" = archive.root["groups"]
        self.finders: "dict[str, Finder | None]" = {}
        self.answering: "Any" = None
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
        if path not in self.finders:
            start = self._start_of(path)
            if start is None:
                return None
            place = self._place(path, start)
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
        """Return the module of what the index answers besides imports, None where there is none.

        PYTHONPATH may name another release, whose module of this name is not the one.
        """
        if self.answering is None:
            try:
                finder = self.finder(__file__.rpartition("/")[0])
                spec = None if finder is None else finder.find_spec(ANSWERS)
                self.answering = None if spec is None else _load(spec)
            except Exception as error:  # noqa: BLE001 (whatever a damaged module raises)
                return self.give_up(error)
        return self.answering

    def _place(self, path: str, start: str) -> "Place | None":
        top: "Place | None" = self.archive.root["directories"].get(path[len(start) :])
        if top is not None:
            return top
        parent, _, name = path.rpartition("/")
        above = self.finder(parent) if len(parent) > len(start) else None
        return None if above is None else above.directories.get(name)

    def inside(self, path: str) -> "str | None":
        """Return a path relative to the release, None for one that is not in it."""
        start = self._start_of(path)
        return None if start is None else path[len(start) :]

    def _start_of(self, path: str) -> "str | None":
        """Return how the path of the release is spelt in that of a directory in it."""
        for start in self.spellings:
            if path.startswith(start):
                return start
        for top in self.archive.root["directories"]:
            start = path[: -len(top)]
            if path == start + top and start.endswith("/"):
                try:
                    same = _identity(start) == _identity(self.start)
                except OSError:
                    return None  # There is no such directory.
                self.spellings += [start] if same else []
                return start if same else None
        return None

    def read_ahead(self, name: str) -> None:
        """Have what an import will need read by another process, if it is far away."""
        end, place = self.groups.pop(name, (0, None))  # Another thread may have been first.
        if place is None:
            return
        before = time.perf_counter_ns()
        try:
            posix.pread(self.archive.file(HOT_NAME), 1, end)
            answers = self.answers() if time.perf_counter_ns() - before > _COLD else None
            if answers is not None:
                answers.read_ahead(self, name, place)
        except OSError:
            pass  # Descriptors that a program has closed, no /proc, no shell.
        except Exception as error:  # noqa: BLE001 (it is only for speed)
            complain("nothing is read ahead: %s" % error)

    def give_up(self, error: Exception) -> None:
        """Find modules as if there were no index, from now on."""
        if self in sys.path_hooks:
            complain(NOT_USED % (self.start[:-1], error))
            sys.path_hooks[:] = [one for one in sys.path_hooks if one is not self]
        for path, finder in list(sys.path_importer_cache.items()):
            if isinstance(finder, Finder) and finder.index is self:
                del sys.path_importer_cache[path]
        for finder in list(self.finders.values()):
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
        pass  # Standard error is closed: nobody wants to hear it.
    posix.putenv(b"LAMINA_INDEX", b"0")
    posix.environ[b"LAMINA_INDEX"] = b"0"
    environ = getattr(sys.modules.get("os"), "environ", None)  # It may be about to be imported.
    if environ is not None:
        environ["LAMINA_INDEX"] = "0"


def _identity(path: str) -> "tuple[int, int]":
    status = posix.stat(path)
    return status.st_dev, status.st_ino


def start(key: str) -> None:
    """Use the index of the release that this file is in, if it is that of ``key``."""
    prefix, inside = __file__.rsplit("/", 4)[:2]
    if inside not in ("python", "lib"):  # Of conda packages: lib/python3.N of the prefix itself.
        prefix += "/" + inside
    used = [one.start for one in sys.path_hooks if isinstance(one, Index)]
    if prefix + "/" in used or posix.environ.get(b"LAMINA_INDEX") == b"0":
        return  # The .pth files of an environment are read twice.
    try:
        index = Index(prefix, Archive(prefix + "/.lamina/index", key.encode("ascii")))
    except BROKEN as error:
        complain(NOT_USED % (prefix, error))
        return
    sys.path_hooks.insert(0, index)
    for path in list(sys.path_importer_cache):
        if index.finder(path) is not None:
            del sys.path_importer_cache[path]
