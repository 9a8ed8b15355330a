"""Put a layer over its base when an interpreter starts.

A copy of this file, with the lines that describe the base, is ``_lamina_layer.py`` in the layer's
site-packages; ``~lamina.pth`` imports it there after every other line of the layer's .pth files.
Nothing but ``sys`` and ``os`` is imported, and nothing that goes wrong here stops the interpreter.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator

LAYERS: "list[str]" = []
"""Site-packages of this layer and of those below it, nearest first."""
SITES: "list[str]" = []
"""Directories whose .pth files count, nearest first."""
ROOTS: "list[str]" = []
"""Where the base lies: what PYTHONPATH names below these never hides the layer."""


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
    """A finder of a layer further down: what nearer layers have goes before it."""

    def __init__(self, finder: "Any", nearer: "list[str]") -> None:
        self.finder = finder
        self.nearer = nearer

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.finder, name)

    def find_spec(self, fullname: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Answer as the finder does, but for top-level modules of nearer layers."""
        if path is None:
            search = next((one for one in sys.meta_path if _is_path_finder(one)), None)
            if search is not None and search.find_spec(fullname, self.nearer) is not None:
                return None
        return self.finder.find_spec(fullname, path, target)


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
        if not name.endswith(".pth") or name.startswith(".") or name == "~lamina.pth":
            continue
        try:
            with open(os.path.join(site, name), "rb") as stream:
                text = stream.read().decode("utf-8", "surrogateescape")
        except OSError:
            continue
        for line in text.replace("\r", "").split("\n"):
            if line.strip() and not line.startswith("#"):
                yield os.path.join(site, name), line.rstrip()


def _process(sitedir: str) -> None:
    """Do what the .pth files of a site directory of the base say.

    The argument has the name that the lines of old namespace packages look for.
    """
    for name, line in path_lines(sitedir):
        if line.startswith(("import ", "import\t")):
            try:
                exec(line)
            except Exception as error:  # noqa: BLE001 (any code may stand in a .pth file)
                _complain("%s: %s: %s" % (name, type(error).__name__, error))
        else:
            entry = os.path.abspath(os.path.join(sitedir, line))
            if entry not in sys.path and os.path.exists(entry):
                sys.path.append(entry)


def _standard(path: "list[str]") -> "set[str]":
    library = os.path.dirname(os.__file__)
    zipped = "python%d%d.zip" % sys.version_info[:2]
    names = {library, os.path.join(library, "lib-dynload")}
    dynamic = os.path.join(sys.base_exec_prefix, "lib", os.path.basename(library), "lib-dynload")
    names.add(dynamic)
    return names | {entry for entry in path if os.path.basename(entry) == zipped}


def start(base: "dict[str, list[str]]", layer: str) -> None:
    """Order the search path and do what the base's own .pth files say."""
    vanished = next((root for root in base["needs"] if not os.path.isdir(root)), None)
    if vanished is not None:
        _complain(
            "the base of this layer is gone: %s (the layer alone is used; lamina layer check %s)"
            % (vanished, sys.prefix)
        )
    sys.path[:] = compute_path(sys.path, _standard(sys.path), layer, base)
    new = [one for one in sys.meta_path if not _is_standard_finder(one)]
    sys.meta_path[:] = lift_finders(sys.meta_path, new)
    LAYERS[:] = [layer] + base["layers"]
    SITES[:] = [layer] + base["sites"]
    ROOTS[:] = base["roots"]
    for site in base["sites"]:
        before = list(sys.meta_path)
        _process(site)
        if site in base["layers"]:
            _lift_parent(site, before)


def _lift_parent(site: str, before: "list[Any]") -> None:
    """Put the editables of a layer below over the base, but under the layers above it."""
    added = [one for one in sys.meta_path if one not in before]
    nearer = LAYERS[: LAYERS.index(site)]
    wrapped = {id(one): Below(one, nearer) for one in added}
    finders = [wrapped.get(id(one), one) for one in sys.meta_path]
    sys.meta_path[:] = lift_finders(finders, list(wrapped.values()))
