"""Put a layer over its base when an interpreter starts.

A copy of this file, with what layer_makers.py adds and the lines that describe the base, is
``_lamina_layer.py`` in the layer's site-packages. ``+lamina.pth`` imports it there before every
other line of the layer's .pth files, which may need modules of the base, and ``~lamina.pth`` calls
``finish`` after all of them.
Only ``sys`` and ``os`` are imported, and nothing that goes wrong here stops the interpreter.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

OWN_LINES = ("+lamina.pth", "~lamina.pth")
RELEASE_LINE = "+lamina-start.pth"
"""By this one a release that has its index not in its interpreter says where its modules are."""
LAYERS: "list[str]" = []
"""Site-packages of this layer and of those below it, nearest first."""
SITES: "list[str]" = []
"""Directories whose .pth files count, nearest first."""
ROOTS: "list[str]" = []
"""Where the base lies: what PYTHONPATH names below these never hides the layer."""
ABOVE: "list[str]" = []
"""What the search path has of the layers, what their .pth files add included, nearest first."""
BASE: "list[str]" = []
"""The directories of the base."""
STARTED: "list[Any]" = []
"""What is done once the search path is in order."""
MAKERS: "dict[str, Any]" = {}
"""Modules that make virtual environments: each with what is done once it is imported."""
BELOW: "list[tuple[str, str]]" = globals().get("BELOW", [])
"""Of an environment made from a layer, which runs this very code of the layer's: site-packages and
prefix of that layer, and of the environments in between, nearest first."""
ORDER: "list[str]" = []
"""The search path as ``start`` has left it."""


def inside(entry: str, roots: "Iterable[str]") -> bool:
    """Tell whether a directory is one of ``roots`` or lies under one."""
    return any(entry == root or entry.startswith(root + os.sep) for root in roots)


def split(path: "list[str]", standard: "set[str]") -> "tuple[list[str], list[str], list[str]]":
    """Return what stands before the standard library, the library itself, and what follows."""
    marks = [i for i, entry in enumerate(path) if entry in standard]
    if not marks:
        return [], [], list(path)
    first, last = marks[0], marks[-1]
    middle = [entry for entry in path[first : last + 1] if entry in standard]
    after = [e for e in path[first : last + 1] if e not in standard] + list(path[last + 1 :])
    return list(path[:first]), middle, after


def compute_path(
    path: "list[str]", standard: "set[str]", layer: str, base: "dict[str, list[str]]"
) -> "list[str]":
    """Return the order of the search path.

    ``path`` is the path as the interpreter made it, ``standard`` the entries of the standard
    library, ``layer`` the site-packages of the layer; ``base`` has the parents' directories
    (``layers``), those of the base (``path``) and where the base lies (``roots``).

    The user's own PYTHONPATH, standard library, layer, parents, PYTHONPATH entries of the base in
    the user's order, base.
    """
    before, middle, after = split(path, standard)
    below = set(base["layers"]) | set(base["path"])
    roots = base["roots"]
    real: "set[str]" = set()

    def belongs(entry: str) -> bool:
        if entry in below or inside(entry, roots):
            return True
        if not real:
            real.update(os.path.realpath(root) for root in roots)
            real.add("")
        return inside(os.path.realpath(entry), real - {""})

    own: "list[str]" = []
    shared: "list[str]" = []
    for entry in before:
        if entry != layer:
            (shared if belongs(entry) else own).append(entry)
    shared = _as_recorded(shared, base["path"])
    mine = [layer] + [entry for entry in after if entry not in below]
    order = own + middle + mine + base["layers"] + shared + base["path"]
    # Parents never move behind the base, even when the user's PYTHONPATH names them.
    return list(dict.fromkeys(order))


def _as_recorded(entries: "list[str]", recorded: "list[str]") -> "list[str]":
    """Return entries spelt as the base spells them, so that no directory counts twice."""
    if all(entry in recorded for entry in entries):
        return entries
    known = {os.path.realpath(entry): entry for entry in recorded}
    return [known.get(os.path.realpath(entry), entry) for entry in entries]


def lift_finders(finders: "list[Any]", new: "list[Any]") -> "list[Any]":
    """Return the import finders with the ``new`` ones before the one that searches the path."""
    at = next((i for i, one in enumerate(finders) if _is_path_finder(one)), len(finders))
    late = [one for one in finders[at:] if one in new]
    return finders[:at] + late + [one for one in finders[at:] if one not in late]


class Below:
    """A finder of a layer further down, or of the base: what nearer layers have goes before it."""

    def __init__(self, finder: "Any", nearer: "list[str]") -> None:
        self.finder = finder
        self.nearer = nearer

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.finder, name)

    def __eq__(self, other: object) -> bool:
        # Who has put a finder there takes it out again with sys.meta_path.remove.
        return other is self or other is self.finder

    def __hash__(self) -> int:
        return id(self.finder)

    def find_spec(self, fullname: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Answer as the finder does, but for modules and packages of nearer layers."""
        return None if self.is_hidden(fullname) else self.finder.find_spec(fullname, path, target)

    def is_hidden(self, fullname: str) -> bool:
        """Tell whether a nearer layer has the module, or a package around it."""
        where, name = self.nearer, ""
        for part in fullname.split("."):
            name = name + "." + part if name else part
            spec = _search_path(name, where)
            if spec is None or spec.loader is not None:
                return spec is not None
            where = [os.path.join(entry, part) for entry in where]
        return False


class Portions:
    """What the layers and the base have of one package, put together as in one directory.

    Python does that for namespace packages (PEP 420). But when the base has an ``__init__.py`` in
    its part, for pkgutil or pkg_resources, it takes the base's part first, or alone.
    """

    def __init__(self) -> None:
        self.seen: "dict[str, Any]" = {}

    def find_spec(self, fullname: str, path: "Any" = None, *_: "Any") -> "Any":
        """Complete the path of a package before its first module is looked for."""
        if fullname in MAKERS:
            return _watched(fullname, path)
        if type(path) is list:
            parent = fullname.rpartition(".")[0]
            if self.seen.get(parent) is not path:
                self.seen[parent] = path
                path[:] = joined(parent, path)
        return None


def joined(package: str, path: "list[str]") -> "list[str]":
    """Return the path of a package, with what nearer layers have of it first."""
    above, _, name = package.rpartition(".")
    search = list(getattr(sys.modules.get(above), "__path__", ())) if above else sys.path
    tools = sys.modules.get("pkg_resources")
    declared = package in getattr(tools, "_namespace_packages", ())
    near = search if declared else [e for e in search if inside(e, ABOVE)] if above else ABOVE
    places = [os.path.join(entry, name) for entry in near if _may_have(entry, name)]
    parts = [place for place in places if os.path.isdir(place)]
    if not parts or not path or parts == path:
        return path
    order = [os.path.join(entry, name) for entry in search]
    if path[0] not in order:  # An editable, or put together by somebody else.
        return path
    first = order.index(path[0])
    before = [part for part in parts if part in order and order.index(part) < first]
    after = [part for part in parts if declared and part not in before]
    return list(dict.fromkeys(before + path + after))


def _may_have(entry: str, name: str) -> bool:
    answer = getattr(sys.path_importer_cache.get(entry), "may_have", None)
    return answer is None or bool(answer(name))


def _search_path(fullname: str, path: "Any" = None) -> "Any":
    search: "Any" = next((one for one in sys.meta_path if _is_path_finder(one)), None)
    return None if search is None else search.find_spec(fullname, path)


def _is_path_finder(finder: "Any") -> bool:
    return getattr(finder, "__name__", "") == "PathFinder"


def _is_standard_finder(finder: "Any") -> bool:
    return getattr(finder, "__module__", "").startswith(("_frozen_importlib", "importlib."))


def _complain(message: str) -> None:
    try:  # noqa: SIM105 (contextlib is not free)
        sys.stderr.write("lamina: %s\n" % message)
    except (AttributeError, OSError, ValueError):
        pass


def path_lines(site: str) -> "Iterator[tuple[str, str]]":
    """Yield the lines of the .pth files of a site directory, those of layers left out."""
    try:
        names = sorted(os.listdir(site))
    except OSError:
        return
    for name in names:
        if not name.endswith(".pth") or name.startswith(".") or name in (*OWN_LINES, RELEASE_LINE):
            continue
        try:
            with open(os.path.join(site, name), "rb") as stream:
                text = stream.read().decode("utf-8", "surrogateescape")
        except OSError:
            continue
        for line in text.replace("\r", "").split("\n"):
            if line.strip() and not line.startswith("#"):
                yield os.path.join(site, name), line.rstrip()


def _process(sitedir: str, at: int) -> None:
    """Do what the .pth files of a site directory say, with ``at`` as the place of what they name.

    The argument has the name that the lines of old namespace packages look for.
    """
    for name, line in path_lines(sitedir):
        if line.startswith(("import ", "import\t")):
            try:
                exec(line)
            except Exception as error:  # noqa: BLE001 (any code may stand in a .pth file)
                _complain("%s: %s: %s" % (name, type(error).__name__, error))
            continue
        entry = os.path.abspath(os.path.join(sitedir, line))
        if entry not in sys.path[:at] and os.path.exists(entry):
            if entry in sys.path:
                sys.path.remove(entry)
            sys.path.insert(at, entry)
            at += 1


def _standard(path: "list[str]") -> "set[str]":
    library = os.path.dirname(os.__file__)
    zipped = "python%d%d.zip" % sys.version_info[:2]
    names = {library, os.path.join(library, "lib-dynload")}
    dynamic = os.path.join(sys.base_exec_prefix, "lib", os.path.basename(library), "lib-dynload")
    names.add(dynamic)
    return names | {entry for entry in path if os.path.basename(entry) == zipped}


def builds_alone(path: "Iterable[str]") -> bool:
    """Tell whether pip has started this interpreter to build something in isolation.

    It empties site-packages of what is installed and puts what the build asks for behind the rest
    of the path: before it there must be no base.
    """
    parts = (os.path.split(entry) for entry in path)
    return any(
        name == "site" and os.path.basename(parent).startswith("pip-build-env-")
        for parent, name in parts
    )


def start(base: "dict[str, list[str]]", layer: str) -> None:
    """Order the search path."""
    if builds_alone(sys.path):
        return
    sites = [site for site, _ in BELOW]
    roots = [one for pair in BELOW for one in pair] + base["roots"]
    base = dict(base, layers=sites + base["layers"], sites=sites + base["sites"], roots=roots)
    vanished = next((root for root in base["needs"] if not os.path.isdir(root)), None)
    if vanished is not None:
        _complain(
            "the base of this layer is gone: %s (the layer alone is used; lamina layer check %s)"
            % (vanished, sys.prefix)
        )
    sys.path[:] = compute_path(sys.path, _standard(sys.path), layer, base)
    LAYERS[:] = [layer] + base["layers"]
    SITES[:] = [layer] + base["sites"]
    ROOTS[:] = base["roots"]
    BASE[:] = base["path"]
    ORDER[:] = sys.path
    for one in STARTED:
        one()


def finish() -> None:
    """Put what the layer's .pth files have added over the base, and do what those below say.

    An interpreter reads the .pth files of a virtual environment twice.
    """
    if not LAYERS:
        return  # Something is built in isolation.
    if not ABOVE:
        _lift_own()
        for site in SITES[1:]:
            _start_below(site)
        sys.meta_path[:] = lift_finders([*sys.meta_path, PORTIONS], [PORTIONS])
        if sys.version_info < (3, 10):
            _list_distributions_once()
    _forget_empty_packages()


def _lift_own() -> None:
    layer = LAYERS[0]
    known = set(ORDER)
    at = sys.path.index(layer) + 1 if layer in sys.path else len(sys.path)
    own = [entry for entry in sys.path[at:] if entry not in known]
    sys.path[:] = dict.fromkeys([*sys.path[:at], *own, *sys.path[at:]])
    new = [one for one in sys.meta_path if not _is_standard_finder(one)]
    sys.meta_path[:] = lift_finders(sys.meta_path, new)
    ABOVE[:] = dict.fromkeys([layer, *own])


def _start_below(site: str) -> None:
    """Do what the .pth files of a layer below, or of the base, say: under the layers above it."""
    finders, nearer = list(sys.meta_path), list(ABOVE)
    is_layer = site in LAYERS
    at = sys.path.index(site) + 1 if is_layer and site in sys.path else len(sys.path)
    after = sys.path[at : at + 1]
    _process(site, at)
    if is_layer:
        end = sys.path.index(after[0]) if after and after[0] in sys.path else len(sys.path)
        ABOVE.extend(sys.path[at - 1 : end])
    added = [one for one in sys.meta_path if one not in finders and hasattr(one, "find_spec")]
    if added:
        wrapped = {id(one): Below(one, nearer) for one in added}
        sys.meta_path[:] = [wrapped.get(id(one), one) for one in sys.meta_path]
        if is_layer:
            sys.meta_path[:] = lift_finders(sys.meta_path, list(wrapped.values()))


def _forget_empty_packages() -> None:
    """Have packages imported anew that old namespace packages have only announced.

    Their -nspkg.pth lines make modules of one directory, and run no ``__init__.py``.
    """
    empty = [
        name
        for name, module in list(sys.modules.items())
        if hasattr(module, "__path__") and "__builtins__" not in vars(module)
    ]
    for name in empty:
        top = name.partition(".")[0]
        used = any(one.startswith(top + ".") and one not in empty for one in sys.modules)
        if not used and any(os.path.isdir(os.path.join(entry, top)) for entry in ABOVE):
            del sys.modules[name]


def _list_distributions_once() -> None:
    """List no distribution that a nearer one hides: from 3.10 on, Python's entry points do."""
    search: "Any" = next((one for one in sys.meta_path if _is_path_finder(one)), None)
    every = getattr(search, "find_distributions", None)
    if every is None:
        return

    def find_distributions(*words: "Any") -> "Iterator[Any]":
        seen = set()
        for one in every(*words):
            name = one._path.name  # noqa: SLF001 (to read the metadata takes long)
            stem = name.partition(".egg-info")[0].partition("-")[0]
            key = stem.lower().replace(".", "_")
            if key not in seen:
                seen.add(key)
                yield one

    search.find_distributions = staticmethod(find_distributions)


def _watched(fullname: str, path: "Any") -> "Any":
    """Return the spec of a module that makes environments; MAKERS says what is done with it."""
    spec = _search_path(fullname, path)
    if spec is None or spec.loader is None:
        return None
    execute = spec.loader.exec_module

    def exec_module(module: "Any") -> None:
        execute(module)
        MAKERS[fullname](module)

    spec.loader.exec_module = exec_module
    return spec


PORTIONS = Portions()
