"""What a start-up index answers besides imports: metadata, listings, and what to read ahead.

A copy of this file is ``_lamina_start_answers.py`` beside ``_lamina_start.py``, which imports it
when a program first asks for one of these.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterator

INFOS = (".dist-info", ".egg-info")
ABOUT = ("METADATA", "PKG-INFO")
_AHEAD = 1 << 17
"""Bytes that Linux reads at a time when it is told what will be wanted."""

FAR = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse", "fuseblk", "glusterfs", "gpfs", "lustre",
        "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "virtiofs",
    }
)  # fmt: skip
"""File systems where a request takes long, as mountinfo calls them; and whatever begins with
``fuse.``."""


class Metadata:
    """What the distributions of a release say of themselves."""

    def __init__(self, index: "Any") -> None:
        inside, place = index.archive.root["metadata"]
        self.index = index
        self.inside = inside
        self.infos = index.section(place) or {}

    def is_site(self, path: str) -> bool:
        """Tell whether a path is that of the release's site-packages, however it is spelt."""
        return path.endswith(self.inside) and self.index.inside(path) == self.inside

    def text(self, directory: str, name: str) -> "str | None":
        """Return a file of a metadata directory, None where the index does not have it.

        Raises FileNotFoundError.
        """
        site, _, info = directory.rpartition("/")
        if info not in self.infos or self.index not in sys.path_hooks or not self.is_site(site):
            return None
        names, points, about = self.infos[info]
        if name not in names:
            raise FileNotFoundError(2, os.strerror(2), directory + "/" + name)
        if name == "entry_points.txt":
            return points  # type: ignore[no-any-return]
        first = next(one for one in (*ABOUT, name) if one in names)
        if name == first and about is not None:
            return self.index.section(about)  # type: ignore[no-any-return]
        return None


def _metadata(index: "Any") -> Metadata:
    if index.metadata is None:
        index.metadata = Metadata(index)
    return index.metadata  # type: ignore[no-any-return]


def path_of(path: "Any", index: "Any") -> "Any":
    """Return a path that asks the index what there is; it is a pathlib.Path in all other ways."""
    return _path_class(index)(path)


def _path_class(index: "Any") -> "Any":  # noqa: C901 (small methods)
    """Return the class of paths of a release: made once, as pathlib is not free."""
    if index.path_class is not None:
        return index.path_class
    import pathlib

    plain: "Any" = type(pathlib.Path())

    class ReleasePath(plain):  # type: ignore[misc]
        """A path in a release; copies of it, in another process, know of no index."""

        __slots__ = ()

        def __reduce__(self) -> "Any":
            return plain(self).__reduce__()

        def __repr__(self) -> str:
            return repr(plain(self))

        def read_text(
            self, encoding: "Any" = None, errors: "Any" = None, *words: "Any", **named: "Any"
        ) -> "Any":
            directory, _, name = str(self).rpartition("/")
            if encoding == "utf-8" and directory.endswith(INFOS):
                text = _metadata(index).text(directory, name)
                if text is not None:
                    return text
            return super().read_text(encoding, errors, *words, **named)

        def exists(self, **named: "Any") -> bool:
            kind = None if named else _kind(index, self)
            return kind != "" if kind is not None else super().exists(**named)

        def is_file(self, **named: "Any") -> bool:
            kind = None if named else _kind(index, self)
            return kind == "file" if kind is not None else super().is_file(**named)

        def is_dir(self, **named: "Any") -> bool:
            kind = None if named else _kind(index, self)
            return kind == "directory" if kind is not None else super().is_dir(**named)

        def iterdir(self) -> "Any":
            names = _listing(index, str(self))
            return super().iterdir() if names is None else (self / name for name in names)

    index.path_class = ReleasePath
    return ReleasePath


def _listing(index: "Any", path: str) -> "dict[str, bool | None] | None":
    """Return what a directory holds: whether each is a directory, None for what is no file either.

    None for a directory that the index does not know.
    """
    finder = index.finder(path)
    if finder is None or finder.index is None:
        return None
    if isinstance(finder.listing, tuple):
        finder.listing = index.section(finder.listing)
    return finder.listing  # type: ignore[no-any-return]


def _kind(index: "Any", path: "Any") -> "str | None":
    """Return what is at a path, "" for nothing; None where the index does not know."""
    text = str(path)
    parent, _, name = text.rpartition("/")
    if name in (".", "..") or "/../" in text:
        return None
    names = _listing(index, parent)
    if names is None:
        return None
    if name not in names:
        return ""
    return None if names[name] is None else "directory" if names[name] else "file"


def answer(module: "ModuleType", index: "Any", kind: "Any") -> None:
    """Have a module that looks into directories ask the index for those of the release.

    The kind is that of the finders.
    """
    if module.__name__ == "pkgutil":
        _answer_pkgutil(module, index, kind)
    elif hasattr(module, "FastPath"):
        _answer_metadata(module, index)


def _answer_pkgutil(pkgutil: "Any", index: "Any", kind: "Any") -> None:
    plain = pkgutil.iter_importer_modules.dispatch(kind)

    def modules(finder: "Any", prefix: str = "") -> "Iterator[tuple[str, bool]]":
        names = _listing(index, finder.path) if finder.index is index else None
        return plain(finder, prefix) if names is None else _modules(finder, names, prefix)

    pkgutil.iter_importer_modules.register(kind, modules)


def _modules(
    finder: "Any", names: "dict[str, bool | None]", prefix: str
) -> "Iterator[tuple[str, bool]]":
    """Yield the modules of a directory as pkgutil does, packages before modules of their name."""
    import inspect

    yielded = set()
    for name in sorted(names):
        module = inspect.getmodulename(name)
        is_package = False
        if not module and names[name] and finder.modules.get(name, ("",))[0].startswith("/"):
            module, is_package = name, True
        if module and module != "__init__" and "." not in module and module not in yielded:
            yielded.add(module)
            yield prefix + module, is_package


def _answer_metadata(module: "Any", index: "Any") -> None:
    """Have importlib.metadata, or its twin of the package index, open no file of the release."""
    is_site = _metadata(index).is_site

    class FastPath(module.FastPath):  # type: ignore[misc]
        """Lists directories of the release by the index."""

        def children(self) -> "Any":
            names = _listing(index, self.root)
            return super().children() if names is None else list(names)

        @property
        def mtime(self) -> "Any":
            return super().mtime if _listing(index, self.root) is None else 0

        def joinpath(self, child: str) -> "Any":
            path = super().joinpath(child)
            return path_of(path, index) if is_site(self.root) else path

    module.FastPath = FastPath


def read_ahead(index: "Any", name: str, place: "Any") -> None:
    """Have read what an import needs, as it is at a place of the index, on a far file system.

    The operating system reads the packs, and another process the files. A shell puts that into the
    background: so this one has no child that it does not know of. In CVMFS, opening a file that
    lies there for this makes its client fetch them too.
    """
    wanted = os.environ.get("LAMINA_READ_AHEAD")
    if wanted == "0" or (wanted != "1" and not _is_far(index.archive.directory)):
        index.groups.clear()  # It is asked once.
        return
    ranges, _, names = index.archive.section(place)
    for other in names:
        index.groups.pop(other, None)
    _advise(index.archive, ranges)
    if index.start.startswith("/cvmfs/"):
        try:
            os.close(os.open("%s/bundles/%s" % (index.archive.directory, name), os.O_RDONLY))
        except OSError:
            pass  # Published elsewhere, and copied there.
    reader = os.path.join(os.path.dirname(__file__), "_lamina_start_reader.py")
    offset, length, check = place
    # sys.executable may be another program, which has an interpreter in it.
    words = [index.start + "bin/python", "-I", "-S", "-B", reader, index.archive.directory]
    words += [str(offset), str(length), check.hex()]
    script = '"$@" </dev/null >/dev/null 2>&1 &'
    shell = os.posix_spawn("/bin/sh", ["sh", "-c", script, "sh", *words], os.environ)
    try:
        os.waitpid(shell, 0)
    except ChildProcessError:
        pass  # A program that does not want to hear of its children.


def _advise(archive: "Any", ranges: "Any") -> None:
    """Have the operating system read what a start needs, while other things go on."""
    here = sys.modules["_lamina_start"]
    size = os.stat(archive.directory + "/" + here.INDEX_NAME).st_size
    parts = [(here.INDEX_NAME, archive.root["hot"], size - archive.root["hot"])]
    for name, offset, length in parts + [(here.HOT_NAME, *one) for one in ranges]:
        file = archive.file(name)
        for at in range(offset, offset + length, _AHEAD):  # No more is read at a time.
            os.posix_fadvise(file, at, _AHEAD, os.POSIX_FADV_WILLNEED)


def _is_far(directory: str) -> bool:
    device = os.stat(directory).st_dev
    number = b"%d:%d" % (os.major(device), os.minor(device))
    with open("/proc/self/mountinfo", "rb") as stream:
        lines = stream.read().splitlines()
    for line in lines:
        words = line.split()
        if words[2] == number:
            kind = os.fsdecode(words[words.index(b"-") + 1])
            return kind in FAR or kind.startswith("fuse.")
    return False
