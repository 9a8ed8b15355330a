"""Write the start-up index of a release: ``PREFIX KEY RECORD INSIDE [SOURCE...]``; prints JSON.

The sources, paths in the prefix, are compiled first, as compile_tree.py does. RECORD has what
record_start.py has written, put together. INSIDE is the path of the release in its repository of
CVMFS, if it is in one, else empty. start_index.py reads the index, in the same Python. In
``.lamina/index`` there will be

- ``start.index``: a header, and sections that are marshalled and found by their place: one for
  each directory, with the modules and directories that are in it;
- ``hot.pack``: the byte code that a start needs, in the order in which it does;
- ``packs/NAME.pack``: the byte code of all modules below a directory of site-packages, compressed
  in blocks. What is in such a file depends on these modules only;
- in a repository of CVMFS, ``bundles/NAME``: opening it makes a client fetch what importing NAME
  needs (file bundles, CernVM-FS 2.14).
"""

import functools
import importlib
import importlib.machinery
import importlib.util
import json
import marshal
import os
import py_compile
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

_index: Any = importlib.import_module("start_archive")
_ahead: Any = importlib.import_module("write_ahead")

Place = Tuple[int, int, bytes]
Code = Tuple[Any, ...]
"""Length, checksum, offset in the hot pack or -1, then, in a pack of its own: offset or -1, length
and checksum of the block, where in it the code begins, and the pack if it is not the one of the
directory."""

_BLOCK = 1 << 18
_LEVEL = 1
_UNCHECKED = b"\1\0\0\0"
_SUFFIXES = importlib.machinery.all_suffixes()
"""In the order in which a directory is searched for them, but for the extensions'."""
_ORDER = (
    importlib.machinery.EXTENSION_SUFFIXES
    + importlib.machinery.SOURCE_SUFFIXES
    + importlib.machinery.BYTECODE_SUFFIXES
)
_INFOS = (".dist-info", ".egg-info")
_VERSION_OF_MARSHAL = 2  # From 3 on, the bytes depend on what else refers to an object.


class Directory:
    """A directory and what can be imported from it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.files, self.directories, self.links = [], [], []  # type: List[str], List[str], List[str]
        for entry in sorted(os.scandir(path), key=lambda one: one.name):
            if not entry.is_dir():
                self.files.append(entry.name)
            else:
                (self.links if entry.is_symlink() else self.directories).append(entry.name)
        self.real = {name for name in self.files if os.path.isfile(os.path.join(path, name))}

    def listing(self) -> "Dict[str, Optional[bool]]":
        """Return whether each thing is a directory; None for what is no file either."""
        found: "Dict[str, Optional[bool]]" = {
            name: False if name in self.real else None for name in self.files
        }
        found.update((name, True) for name in self.directories + self.links)
        return found

    @functools.cached_property
    def modules(self) -> Dict[str, str]:
        """Return module -> how its path goes on after its name; empty for a mere directory."""
        found: Dict[str, str] = {}
        for name in self.directories + self.links:
            inside = os.path.join(self.path, name, "__init__")
            made = [one for one in _ORDER if os.path.isfile(inside + one)]
            if made:
                found[name] = "/__init__" + made[0]
        for suffix in _ORDER:
            for name in sorted(self.real):
                if name.endswith(suffix):
                    found.setdefault(name[: -len(suffix)], suffix)
        for name in self.directories + self.links:
            found.setdefault(name, "")
        return {name: kind for name, kind in found.items() if name and "." not in name}


class Pack:
    """The modules of one directory of site-packages, or of the standard library."""

    def __init__(self, name: str) -> None:
        self.name = "packs/%s.pack" % name
        self.files: List[str] = []
        """Byte code, in the order in which the tree was walked."""

    def write(self, target: str) -> "Dict[str, Code]":
        """Write the pack; return where in it each file's code is."""
        import zlib

        found: "Dict[str, Code]" = {}
        offset = 0
        with open(os.path.join(target, self.name), "wb") as stream:
            for block in self._blocks():
                data = zlib.compress(b"".join(code for _, code in block), _LEVEL)
                stream.write(data)
                inside, whole = 0, _index.checksum(data)
                for file, code in block:
                    found[file] = (
                        len(code),
                        _index.checksum(code),
                        -1,
                        offset,
                        len(data),
                        whole,
                        inside,
                        self.name,
                    )
                    inside += len(code)
                offset += len(data)
        for file in filter(names_its_place, self.files):
            own = byte_code(file)
            if own is not None:
                found[file] = (len(own), _index.checksum(own), -1, -1, 0, b"", 0, self.name)
        return found

    def _blocks(self) -> "Iterator[List[Tuple[str, bytes]]]":
        block: "List[Tuple[str, bytes]]" = []
        size = 0
        for file in self.files:
            code = None if names_its_place(file) else byte_code(file)
            if code is not None:
                block.append((file, code))
                size += len(code)
            if size >= _BLOCK:
                yield block
                block, size = [], 0
        if block:
            yield block


def names_its_place(file: str) -> bool:
    """Tell whether byte code is another one in each release; packs are shared between them."""
    directory, name = os.path.split(file)
    return name.startswith(("_sysconfigdata_", "_lamina_start")) or (
        name.startswith("__init__.") and directory.endswith("encodings/__pycache__")
    )


def byte_code(file: str) -> Optional[bytes]:
    """Return the marshalled code in a file; None unless Python would take it as it is."""
    try:
        with open(file, "rb") as stream:
            data = stream.read()
    except OSError:
        return None
    fits = data[:4] == importlib.util.MAGIC_NUMBER and data[4:8] == _UNCHECKED
    return data[16:] if fits else None


class Writer:
    """Puts sections into an index, each after those that it names."""

    def __init__(self, target: str) -> None:
        self._stream = open(os.path.join(target, _index.INDEX_NAME), "wb")  # noqa: SIM115
        self._stream.write(_index.header(b"", (0, 0, bytes(8)), 0))

    def add(self, section: Any) -> Place:
        """Write a section and return its place."""
        data = marshal.dumps(section, _VERSION_OF_MARSHAL)
        place = self._stream.tell(), len(data), _index.checksum(data)
        self._stream.write(data)
        return place

    def finish(self, key: bytes, root: Any) -> None:
        """Write the root section, and where it is; without that, no index is accepted."""
        place = self.add(root)
        size = self._stream.tell()
        self._stream.seek(0)
        self._stream.write(_index.header(key, place, size))
        self._stream.close()


class Tree:
    """The directories of a prefix that modules are imported from."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.packs: "Dict[str, Pack]" = {}
        self.known: "Dict[str, Tuple[Directory, Pack]]" = {}
        series = "python%d.%d" % sys.version_info[:2]
        self.site = os.path.join(prefix, "lib", series, "site-packages")
        self.tops = [os.path.join(prefix, "bin"), self.site]
        for library in ("lib", "python/lib", "python/lib64"):
            top = os.path.join(prefix, library)
            # Of conda packages, Python is in the prefix itself.
            own = os.path.isfile(os.path.join(top, series, "os.py"))
            if (own or library != "lib") and not os.path.islink(top):
                self.tops += [os.path.join(top, series), os.path.join(top, series, "lib-dynload")]
        self.tops = [one for one in self.tops if os.path.isdir(one)]
        for top in self.tops:
            self._walk(top, "+modules" if top == self.site else "+library")

    def _walk(self, path: str, name: str) -> None:
        here = Directory(path)
        pack = self.packs.setdefault(name, Pack(name))
        self.known[path] = here, pack
        for module, kind in here.modules.items():
            if kind.endswith(".py"):
                pack_of_it = self._pack(path, module, name) if kind[0] == "/" else pack
                pack_of_it.files.append(cached(path, module, kind))
        for inside in here.directories:
            if inside != "__pycache__" and os.path.join(path, inside) != self.site:
                self._walk(os.path.join(path, inside), self._pack(path, inside, name).name[6:-5])

    def _pack(self, path: str, directory: str, name: str) -> Pack:
        name = directory if path == self.site else name
        return self.packs.setdefault(name, Pack(name))

    def write_packs(self, target: str) -> "Dict[str, Code]":
        """Write all packs; return where each file's code is."""
        os.makedirs(os.path.join(target, "packs"), exist_ok=True)
        packs = [pack for pack in self.packs.values() if pack.files]
        found: "Dict[str, Code]" = {}
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for one in pool.map(lambda pack: pack.write(target), packs):
                found.update(one)
        return found


def cached(path: str, module: str, kind: str) -> str:
    """Return where the byte code of a module is."""
    if kind[0] == "/":
        return os.path.join(path, module, "__pycache__", "__init__" + _index.CACHED)
    return os.path.join(path, "__pycache__", module + _index.CACHED)


def write_hot(target: str, files: "Iterable[str]", codes: "Dict[str, Code]") -> None:
    """Write what a start needs, in this order, and add to each code where it is."""
    offset = 0
    with open(os.path.join(target, _index.HOT_NAME), "wb") as stream:
        for file in files:
            code = byte_code(file) if file in codes and codes[file][2] < 0 else None
            if code is not None:
                codes[file] = (*codes[file][:2], offset, *codes[file][3:])
                offset += stream.write(code)


def write_sections(tree: Tree, writer: Writer, codes: "Dict[str, Code]") -> "Dict[str, Place]":
    """Write a section a directory; return path -> place.

    Each comes after those inside it, which it names; and those that a start needs come last, to be
    read in one go.
    """
    hot = set()
    for file, code in codes.items():
        above = file
        while code[2] >= 0 and above not in hot and len(above) > len(tree.prefix):
            hot.add(above)
            above = os.path.dirname(above)
    places: "Dict[str, Place]" = {}
    listings = {path: writer.add(here.listing()) for path, (here, _) in tree.known.items()}
    for path in sorted(tree.known, key=lambda one: (one not in hot, one), reverse=True):
        here, pack = tree.known[path]
        modules = {
            name: (kind, _packed(codes.get(cached(path, name, kind)), pack) if kind else None)
            for name, kind in here.modules.items()
        }
        inside = {name: os.path.join(path, name) for name in here.directories}
        directories = {name: places[at] for name, at in inside.items() if at in places}
        places[path] = writer.add((modules, directories, listings[path], pack.name))
    return places


def _packed(code: "Optional[Code]", pack: Pack) -> "Optional[Code]":
    if code is None or max(code[2], code[3]) < 0:
        return None
    return code[:-1] if code[-1] == pack.name else code


def write_metadata(site: str, writer: Writer) -> "Dict[str, Any]":
    """Write what the distributions say of themselves: their files, entry points and METADATA."""
    found: "Dict[str, Any]" = {}
    for name in sorted(os.listdir(site)) if os.path.isdir(site) else []:
        path = os.path.join(site, name)
        if name.endswith(_INFOS) and os.path.isdir(path):
            names = sorted(os.listdir(path))
            about = [_text(path, one) for one in ("METADATA", "PKG-INFO") if one in names]
            points = _text(path, "entry_points.txt") if "entry_points.txt" in names else None
            found[name] = (names, points, writer.add(about[0]) if about else None)
    return found


def _text(directory: str, name: str) -> Optional[str]:
    try:
        with open(os.path.join(directory, name), encoding="utf-8", newline=None) as stream:
            return stream.read()
    except (OSError, ValueError):
        return None


def compile_sources(prefix: str, sources: "Iterable[str]") -> None:
    """Write the byte code of sources that are given by their path in the prefix."""
    for path in sources:
        py_compile.compile(
            os.path.join(prefix, path),
            dfile=path,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def main(prefix: str, key: str, record: str, inside: str, *sources: str) -> None:
    compile_sources(prefix, sources)
    with open(record, encoding="utf-8", errors="surrogateescape") as stream:
        recorded = json.load(stream)
    target = os.path.join(prefix, ".lamina", "index")
    tree = Tree(prefix)
    codes = tree.write_packs(target)
    own = [importlib.util.cache_from_source(path) for path in sources]
    write_hot(target, (os.path.join(prefix, file) for file in recorded["files"] + own), codes)
    writer = Writer(target)
    metadata = writer.add(write_metadata(tree.site, writer))
    places = write_sections(tree, writer, codes)
    groups = _ahead.Groups(recorded, codes, tree, writer.add)
    root = {
        "files": groups.files(),
        "hot": min(place[0] for place in places.values()),
        "directories": {top[len(prefix) + 1 :]: places[top] for top in tree.tops},
        "groups": groups.by_name(),
        "metadata": (tree.site[len(prefix) + 1 :], metadata),
    }
    if inside:
        _ahead.write_bundles(target, inside, groups.bundles())
    writer.finish(key.encode("ascii"), root)
    print(json.dumps({"modules": len(codes), "hot": sum(one[2] >= 0 for one in codes.values())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
