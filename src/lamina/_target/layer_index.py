"""Look through the search path of a layer with few calls: once a directory, not once a module.

No module of its own in a layer: what follows the first line of dashes is there behind
start_index.py, as ``_lamina_layer_index.py``, and the start-up hook calls ``use``.

Nothing that an index says here is taken on trust, as a layer and what it stands on may change: a
directory's part counts while its time of change and its inode are as recorded. Any other directory
is listed, and from then on asked only for what is in it. So a package that is installed while a
program runs is found after a second, or after ``importlib.invalidate_caches``.
"""

import posix
import sys
import time

from lamina._target.start_archive import Archive, BrokenIndexError
from lamina._target.start_index import Finder, Index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Iterable

# ------------------------------------------------------------------------------------------------

OWN_INDEX = "/.lamina/index"
BASE_INDEX = "/.lamina/index-base"
"""Where in a layer the index of its own directories is, and that of what it stands on."""
FRESH = 1_000_000_000
"""Nanoseconds for which a directory is taken to be as it was."""
_KIND, _DIRECTORY = 0o170000, 0o040000


class Checked(Finder):
    """Finds the modules of one directory: by the index while that is true, else by a listing."""

    def __init__(self, path: str, index: "LayerIndex", archive: "Any", section: "Any") -> None:
        super().__init__(path, index, section[:4])
        self.owner = index
        self.archive = archive
        self.recorded: "tuple[int, int] | None" = section[4]
        self.looked = -FRESH
        self.found: "tuple[int, int] | None" = None
        """Time of change and inode; None when there is no such directory."""
        self.names: "set[str] | None" = None
        """What may be a module here, None where the index says it."""

    def look(self) -> "tuple[int, int] | None":
        """See whether the directory has changed, if that is long ago; return what it is now."""
        now = time.monotonic_ns()
        if self.looked <= self.owner.doubted or now - self.looked > FRESH:
            looked, before, names = self.looked, self.found, self.names
            try:
                status = posix.stat(self.path)
                is_directory = status.st_mode & _KIND == _DIRECTORY
                found = (status.st_mtime_ns, status.st_ino) if is_directory else None
                if found == self.recorded:
                    names = None
                elif looked < 0 or found != before:
                    names = {name.partition(".")[0] for name in posix.listdir(self.path)}
            except OSError:
                found, names = None, set()
            # In this order: other threads look by themselves until all of it is there.
            self.names = names
            self.found = found
            self.looked = now
        return self.found

    def may_have(self, name: str) -> bool:
        """Tell whether there may be a module or directory of a name."""
        self.look()
        return name in (self.modules if self.names is None else self.names)

    def find_spec(self, fullname: str, target: "ModuleType | None" = None) -> "ModuleSpec | None":
        """Return what FileFinder would."""
        tail = fullname.rpartition(".")[2]
        if not self.may_have(tail):
            return None
        if self.names is None and self._is_as_recorded(tail):
            return super().find_spec(fullname, target)
        return super(Finder, self).find_spec(fullname, target)

    def _is_as_recorded(self, name: str) -> bool:
        """Tell whether a directory is still the package, or the mere directory, that it was.

        To put an ``__init__.py`` into one does not change the directory around it.
        """
        if name in self.directories:
            inside = self.owner.finder(self.path + "/" + name)
            return isinstance(inside, Checked) and inside.names is None
        return str(self.modules[name][0]).startswith(".")

    def invalidate_caches(self) -> None:
        """Look again before the next answer, into directories inside this one as well."""
        self.owner.doubted = time.monotonic_ns()
        super(Finder, self).invalidate_caches()


class LayerIndex(Index):
    """The path hook of a layer: makes finders for directories of the layer and of its base."""

    def __init__(self, layers: "list[str]", below: "list[str]") -> None:
        self.doubted = 0
        """When somebody has last said that directories may have changed."""
        self.groups = {}
        self.finders = {}
        self.tops: "dict[str, tuple[Any, Any]]" = {}
        """Directory -> the archive that it is in, and its section."""
        prefixes = [layer.rsplit("/", 3)[0] for layer in layers]
        self.watched = {*layers, *below, *(prefix + "/bin" for prefix in prefixes)}
        for prefix in prefixes:
            self._add(prefix, OWN_INDEX)
        self._add(prefixes[0], BASE_INDEX)
        self.starts = tuple(path + "/" for path in self.tops)

    def _add(self, prefix: str, inside: str) -> None:
        """Use an index; without one that can be read, its directories are listed."""
        try:
            archive = Archive(prefix + inside)
            for path, section in archive.root["tops"].items():
                whole = path if path.startswith("/") else prefix + "/" + path
                self.tops.setdefault(whole, (archive, section))
        except (BrokenIndexError, ValueError, EOFError, TypeError, KeyError, AttributeError):
            return

    def finder(self, path: str) -> "Finder | None":
        """Return the finder of a directory, None for those that are not known or not there."""
        known = self.finders.get(path)
        if known is None:
            archive, section = self._recorded(path)
            if section is None and path not in self.watched:
                return None
            known = Checked(path, self, archive, section or ({}, {}, None, "", None))
            self.finders[path] = known
        return known if isinstance(known, Checked) and known.look() is not None else None

    def _recorded(self, path: str) -> "tuple[Any, Any]":
        """Return archive and section of a directory, None and None where none has it."""
        if path in self.tops:
            return self.tops[path]
        if not path.startswith(self.starts):
            return None, None
        parent, _, name = path.rpartition("/")
        above = self.finder(parent)
        place = above.directories.get(name) if isinstance(above, Checked) else None
        try:
            return above.archive, above.archive.section(place)  # type: ignore[union-attr]
        except (BrokenIndexError, ValueError, EOFError, TypeError, AttributeError):
            return None, None  # FileFinder looks through it.


def use(layers: "list[str]", below: "Iterable[str]") -> None:
    """Have the site-packages of layers, nearest first, and directories below them looked through.

    A release that has an index of its own answers for its directories.
    """
    hook = LayerIndex(layers, list(below))
    at = 0
    while at < len(sys.path_hooks) and hasattr(sys.path_hooks[at], "archive"):
        at += 1
    sys.path_hooks.insert(at, hook)
    for path, finder in list(sys.path_importer_cache.items()):
        if path in hook.watched and not hasattr(finder, "index"):
            del sys.path_importer_cache[path]
