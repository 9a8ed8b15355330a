"""Describe the interpreter that runs this file, as one JSON object on standard output.

Run with ``-I`` for a prefix, with ``-s`` where PYTHONPATH is part of what is described.
"""

import json
import os
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Set

SCHEMA = 2
LAYER_HOOK = "_lamina_layer"
_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
_SYSTEM = ("/usr", "/usr/local", "/")
_METADATA = (".dist-info", ".egg-info")
_EGG = "EGG-INFO"
"""What an egg, be it a directory or a file, has of metadata."""
_NO_MODULES = ("setup", "conftest", "sitecustomize", "usercustomize")


def _read(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except NotADirectoryError:
        return _read_zipped(path)
    except OSError:
        return ""


def _read_zipped(path: str) -> str:
    """Return a text file inside a zipped egg."""
    egg, separator, inner = path.partition(".egg" + os.sep)
    if not separator:
        return ""
    import zipfile

    try:
        with zipfile.ZipFile(egg + ".egg") as archive:
            return archive.read(inner).decode("utf-8", "replace")
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""


def _listing(directory: str) -> "List[str]":
    try:
        return sorted(os.listdir(directory))
    except NotADirectoryError:
        return [_EGG] if directory.endswith(".egg") else []
    except OSError:
        return []


def _lines(text: str) -> "List[str]":
    return [line.strip() for line in text.split("\n")]


def normalised(name: str) -> str:
    """Return a distribution's name as the simple index spells it."""
    out = name.lower().replace("_", "-").replace(".", "-")
    while "--" in out:
        out = out.replace("--", "-")
    return out


def headers(text: str) -> "Dict[str, Any]":
    """Return the fields of a METADATA or PKG-INFO file that describe dependencies."""
    found: "Dict[str, Any]" = {
        "name": "",
        "version": "",
        "requires": [],
        "extras": [],
        "requires_python": "",
    }
    singles = {"name": "name", "version": "version", "requires-python": "requires_python"}
    many = {"requires-dist": "requires", "provides-extra": "extras"}
    for line in text.replace("\r", "").split("\n"):
        if not line:
            break
        key, colon, value = line.partition(":")
        key = key.lower()
        if not colon:
            continue
        if key in singles:
            found[singles[key]] = value.strip()
        elif key in many:
            found[many[key]].append(value.strip())
    return found


def egg_requires(text: str) -> "List[str]":
    """Return the lines of an egg's requires.txt as PEP 508 requirements."""
    extra, marker = "", ""
    found: "List[str]" = []
    for line in _lines(text):
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
        elif line and not line.startswith("#"):
            conditions = [marker] if marker else []
            if extra:
                conditions.append('extra == "%s"' % extra)
            found.append("%s; %s" % (line, " and ".join(conditions)) if conditions else line)
    return found


def sections(text: str) -> "Dict[str, Dict[str, str]]":
    """Return an entry_points.txt as section -> {name: value}."""
    found: "Dict[str, Dict[str, str]]" = {}
    current: "Dict[str, str]" = {}
    for line in _lines(text):
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1].strip(), {})
        elif line and line[0] not in "#;" and "=" in line:
            name, _, value = line.partition("=")
            current[name.strip()] = value.strip()
    return found


def script_files(record: str, location: str) -> "Dict[str, str]":
    """Return name -> path of the files that a RECORD has put beside the interpreter."""
    found: "Dict[str, str]" = {}
    if "bin/" not in record and "Scripts/" not in record:
        return found
    for line in record.split("\n"):
        path = line.split(",")[0].strip('"')
        if path.startswith("../") and "/bin/" in path and "/" not in path.split("/bin/", 1)[1]:
            full = os.path.normpath(os.path.join(location, path))
            found[os.path.basename(full)] = full
    return found


def _module(entry: str) -> str:
    """Return the name under which a file can be imported, nothing for what cannot be."""
    stem, dot, suffix = entry.partition(".")
    if not dot or not stem.isidentifier():
        return ""
    return stem if suffix == "py" or suffix.endswith(("so", "pyd")) else ""


def modules_of(path: str, record: str) -> "List[str]":
    """Return the top-level names of a distribution, as far as its metadata say."""
    found: "Set[str]" = set()
    for line in record.split("\n"):
        file = line.split(",")[0].strip('"')
        top, below, _ = file.partition("/")
        name = _module(top) if not below else top if top.isidentifier() else ""
        found.add(name)
    if not record:
        found.update(_read(os.path.join(path, "top_level.txt")).split())
        for line in _lines(_read(os.path.join(path, "installed-files.txt"))):
            if line.startswith("../") and not line.startswith("../../"):
                top, below, _ = line[3:].partition("/")
                found.add(top if below else _module(top))
    return sorted(found - {"", "__pycache__"})


def distribution(location: str, entry: str) -> "Optional[Dict[str, Any]]":
    """Return what the metadata ``entry`` in ``location`` says; no version where they are broken.

    None for what an interrupted change has left.
    """
    if entry.startswith(("~", "-")):
        return None
    path = os.path.join(location, entry)
    egg = not entry.endswith(".dist-info")
    if egg and os.path.isfile(path):
        found = headers(_read(path))
    else:
        found = headers(_read(os.path.join(path, "PKG-INFO" if egg else "METADATA")))
    record = _read(os.path.join(path, "RECORD"))
    if egg and not found["requires"]:
        found["requires"] = egg_requires(_read(os.path.join(path, "requires.txt")))
    direct = _read(os.path.join(path, "direct_url.json"))
    if not found["name"]:
        called = os.path.basename(location) if entry == _EGG else entry
        found.update(name=called.split("-")[0].split(".")[0], version="")
    groups = sections(_read(os.path.join(path, "entry_points.txt")))
    entries: "Dict[str, str]" = {}
    for group in _SCRIPT_GROUPS:
        entries.update(groups.get(group, {}))
    files = script_files(record, location)
    found.update(
        key=normalised(found["name"]),
        location=location,
        metadata=entry,
        modules=modules_of(path, record),
        direct=bool(direct),
        editable='"editable": true' in direct or '"editable":true' in direct,
        entries=entries,
        files={name: path for name, path in files.items() if name not in entries},
    )
    return found


def distributions(locations: "Iterable[str]") -> "List[Dict[str, Any]]":
    """Return the distributions of the directories, the one that is imported first."""
    return [one for one in _all(locations) if one["version"]]


def _all(locations: "Iterable[str]") -> "List[Dict[str, Any]]":
    """Return the distributions, and of those without a version what no other is named like."""
    found: "Dict[str, Dict[str, Any]]" = {}
    for location in locations:
        for entry in _listing(location):
            if entry.endswith(_METADATA) or entry == _EGG:
                one = distribution(location, entry)
                if one and not (found.get(one["key"]) or {}).get("version"):
                    found[one["key"]] = one
            elif entry.endswith(".egg-link"):
                _egg_link(os.path.join(location, entry), found)
    return [found[key] for key in sorted(found)]


def _egg_link(path: str, found: "Dict[str, Dict[str, Any]]") -> None:
    target = _read(path).split("\n")[0].strip()
    for entry in _listing(target):
        one = distribution(target, entry) if entry.endswith(".egg-info") else None
        if one and one["version"]:
            one["editable"] = one["direct"] = True
            found.setdefault(one["key"], one)


def unrecorded(locations: "Iterable[str]") -> "List[Dict[str, Any]]":
    """Return what can be imported, and has no version.

    That is distributions whose metadata are broken, and modules that no metadata tells of.
    """
    places = list(locations)
    recorded = _all(places)
    found = {one["key"]: one for one in recorded if not one["version"]}
    taken: "Set[str]" = set()
    for location in places:
        here = [one for one in recorded if one["location"] == location]
        taken.update(module for one in here for module in one["modules"])
        named = {one["key"]: one for one in here}
        for entry in _listing(location):
            module = _importable(location, entry)
            if module and module not in taken:
                taken.add(module)
                owner = named.get(normalised(module))
                if owner is None:
                    found.setdefault(normalised(module), _bare(location, module))
                elif not owner["modules"]:
                    # Where its metadata tell nothing, the name has to do.
                    owner["modules"] = [module]
    return [found[key] for key in sorted(found)]


def _importable(location: str, entry: str) -> str:
    """Return the top-level name that an entry of a directory is, nothing for what is none."""
    name = _module(entry)
    suffix = entry[len(name) :]
    if name and suffix != ".py" and suffix not in EXTENSION_SUFFIXES:
        return ""  # It is for another interpreter.
    if name.startswith("lib") and suffix == ".so":
        return ""  # It could be imported, but is a library.
    if not name and entry.isidentifier():
        inside = os.path.join(location, entry, "__init__.py")
        name = entry if os.path.exists(inside) else ""
    return "" if name.startswith("_") or name in _NO_MODULES else name


def _bare(location: str, module: str) -> "Dict[str, Any]":
    found = headers("")
    found.update(
        key=normalised(module), name=module, location=location, metadata="", modules=[module],
        direct=False, editable=False, entries={}, files={},
    )  # fmt: skip
    return found


def _real(python: str) -> str:
    """Return the real path of an interpreter, also when what was called is a script."""
    real = os.path.realpath(python)
    try:
        with open(real, "rb") as stream:
            script = stream.read(2) == b"#!"
    except OSError:
        script = False
    running = os.path.realpath("/proc/self/exe")
    return running if script and os.path.exists(running) else real


def standard_library(path: "List[str]") -> "List[str]":
    """Return the entries of ``path`` that belong to the interpreter itself."""
    zipped = "python%d%d.zip" % sys.version_info[:2]
    roots = {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        os.path.dirname(os.__file__),
    }
    return [one for one in path if one in roots or os.path.basename(one) in (zipped, "lib-dynload")]


def _site_directories() -> "List[str]":
    import site

    try:
        return [one for one in site.getsitepackages() if os.path.isdir(one)]
    except AttributeError:  # a site.py of an old virtualenv
        return [sysconfig.get_path("purelib")]


def data_directories(prefix: str, path: "List[str]") -> "List[str]":
    """Return the prefixes whose share and etc directories belong to the environment."""
    prefixes = [prefix]
    for one in path:
        head, tail = os.path.split(os.path.normpath(one))
        if tail in ("site-packages", "dist-packages") and os.path.basename(
            os.path.dirname(head)
        ) in ("lib", "lib64"):
            prefixes.append(os.path.dirname(os.path.dirname(head)))
    prefixes = list(dict.fromkeys(prefixes))
    return [one for one in prefixes if one not in _SYSTEM or one == prefix]


def roots(prefix: str, sites: "List[str]", search: "List[str]", layers: "List[str]") -> "List[str]":
    """Return the directories whose whole content belongs to the environment.

    Below a system's own prefix there are other things as well: there only its site-packages count.
    """
    if prefix in _SYSTEM:
        return list(dict.fromkeys([*layers, *search, *sites]))
    return list(dict.fromkeys([prefix, *layers, *search]))


def describe() -> "Dict[str, Any]":
    """Return the description."""
    path = [one for one in sys.path if one and one != os.path.dirname(os.path.abspath(__file__))]
    standard = standard_library(path)
    outside = [one for one in path if one not in standard and os.path.exists(one)]
    hook = sys.modules.get(LAYER_HOOK)
    layers = list(getattr(hook, "LAYERS", ()))
    sites = list(getattr(hook, "SITES", ())) or _site_directories()
    base = getattr(sys, "_base_executable", None) or sys.executable
    search = (
        [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    )
    search = [os.path.abspath(one) for one in search if one]
    return {
        "schema": SCHEMA,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "platform": sysconfig.get_platform(),
        "magic": __import__("importlib.util").util.MAGIC_NUMBER.hex(),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "executable": sys.executable,
        "interpreter": _real(base),
        "stdlib": standard,
        "layers": layers,
        "path": [one for one in outside if one not in layers],
        "sites": sites,
        "roots": roots(sys.prefix, sites, search, layers + list(getattr(hook, "ROOTS", ()))),
        "pythonpath": [one for one in search if one in outside],
        "data": data_directories(sys.prefix, outside),
        "distributions": distributions(outside),
        "unrecorded": unrecorded(outside),
    }


if __name__ == "__main__":
    json.dump(describe(), sys.stdout, ensure_ascii=True)
