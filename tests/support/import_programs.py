"""Programs that look at what they import, and at what else there is, from all sides."""

from __future__ import annotations

_SHOW = """
import importlib, importlib.util, inspect, linecache, sys
def names(kind):
    return [one.__name__ for one in kind.__mro__ if one.__module__ != "_lamina_start"]
def show(name):
    try:
        module = importlib.import_module(name)
    except Exception as error:
        print(name, type(error), error, error.__cause__)
        return
    spec = module.__spec__
    print(repr(module), getattr(module, "__file__", None), getattr(module, "__cached__", None))
    print(module.__package__, list(getattr(module, "__path__", [])), spec.name, spec.parent)
    print(spec.origin, spec.cached, spec.has_location, spec.submodule_search_locations)
    print(names(type(spec.loader)), {k: v for k, v in vars(module).items() if k[0] != "_"}.keys())
    try:
        print(hash(inspect.getsource(module)), inspect.getsourcefile(module))
    except (OSError, TypeError) as error:
        print(error)
    print(linecache.getline(getattr(module, "__file__", None) or "", 1))
    print(importlib.util.find_spec(name) == spec, spec.loader == type(spec.loader)(*args(spec)) if
          type(spec.loader).__module__ != "_lamina_start" and args(spec) else True)
def args(spec):
    return (spec.name, spec.origin) if spec.origin else None
"""

PROGRAMS = {
    "modules": _SHOW
    + """
for name in ("plain cold nested nested.deep nested.deep.leaf both_ways data_beside portion "
             "portion.one portion.inner.two styled.here größe größe.maß Finder start start_index "
             "_heapq linked linked.real linked_file hangs linked_outside bare_code no_code json "
             "encoded broken missing nested.missing plain.missing with.dot json.decoder "
             "importlib.metadata pkgutil encodings.cp437 logging.handlers xml.etree "
             "optimized lazy hidden_by_all").split():
    show(name)
""",
    "code objects": """
import inspect, nested.deep.leaf as leaf, cold, nested, sys
print(leaf.outer()(), nested.outer()(), leaf.outer.__code__.co_filename)
print([code.co_filename for code in leaf.Thing.fail.__code__.co_consts if hasattr(code, "co_name")])
print(inspect.getsource(leaf.Thing), inspect.getsourcelines(nested.outer))
print(inspect.getmodule(leaf.Thing), inspect.getfile(leaf.Thing), inspect.getdoc(nested))
code = leaf.__loader__.get_code("nested.deep.leaf")
print(code == nested.__spec__.loader.get_code("nested"), code.co_filename, code.co_names)
print(leaf.__loader__.get_source("nested.deep.leaf") == open(leaf.__file__).read())
print(leaf.__loader__.is_package("nested.deep.leaf"), nested.__loader__.is_package("nested"))
print(leaf.__loader__.get_filename(), leaf.__loader__.path, leaf.__loader__.name)
try:
    leaf.__loader__.get_code("other")
except ImportError as error:
    print(error, error.name)
""",
    "tracebacks": """
import traceback, sys, nested.deep.leaf
for name in "raises imports_raises broken imports_broken imports_missing nested.nothing".split():
    try:
        __import__(name)
    except Exception as error:
        traceback.print_exc()
        print([frame.filename for frame in traceback.extract_tb(error.__traceback__)])
try:
    nested.deep.leaf.fails()
except ValueError:
    traceback.print_exc()
""",
    "uncaught": "import imports_raises",
    "uncaught syntax": "import imports_broken",
    "warnings": "import warnings; warnings.simplefilter('always')\nimport warns\n",
    "doctest": "import doctest, nested; print(doctest.testmod(nested, verbose=True))",
    "runpy": """
import runpy, sys
print(runpy.run_module("nested.deep.leaf")["__spec__"].name)
runpy.run_module("nested", run_name="__main__", alter_sys=True)
print(runpy.run_module("cold")["__file__"])
print(runpy.run_path(sys.prefix + "/bin/neighbour.py")["where"])
for name in ("plain.x", "portion", "nested.deep", "broken"):
    try:
        runpy.run_module(name)
    except (ImportError, SyntaxError) as error:
        print(type(error), error)
""",
    "pickle": """
import copy, pickle, nested, cold, importlib.util, pathlib
thing = nested.Thing(5)
print(pickle.dumps(thing), pickle.loads(pickle.dumps(thing)) == thing)
loader = pickle.loads(pickle.dumps(nested.__loader__))
print(loader == nested.__loader__, nested.__loader__ == loader)
print(hash(loader) == hash(nested.__loader__))
spec = pickle.loads(pickle.dumps(nested.__spec__))
print(spec == nested.__spec__, copy.deepcopy(spec) == spec, len(pickle.dumps(spec)))
import nested.deep, sys
print(pickle.loads(pickle.dumps(sys.path_importer_cache[nested.__path__[0]])))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.Thing.size, pickle.loads(pickle.dumps(nested.__path__)))
""",
    "processes": """
import multiprocessing, nested, sys
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(nested.double, range(4)), pool.apply(nested.outer().__code__
                  .co_filename.upper))
""",
    "lazy": """
import importlib.util, sys, lazy
print(lazy.late.value)
spec = importlib.util.find_spec("cold")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(object.__getattribute__(module, "__class__"), module.answer, type(module))
""",
    "reload": """
import importlib, pkgutil, nested.deep.leaf as leaf, plain, importlib.metadata as metadata
old = leaf.outer
importlib.invalidate_caches()
print(importlib.reload(leaf) is leaf, leaf.outer is old, leaf.outer()())
print(importlib.reload(pkgutil), sorted(one.name for one in pkgutil.iter_modules(nested.__path__))
      if "nested" in globals() else "", importlib.reload(metadata).version("whole"))
""",
    "paths at run time": """
import importlib, sys, os, tempfile
site = next(path for path in sys.path if path.endswith("site-packages"))
with tempfile.TemporaryDirectory() as top:
    for name in ("hidden_by_all", "fresh"):
        with open(os.path.join(top, name + ".py"), "w") as stream:
            stream.write("where = 'elsewhere'\\n")
    sys.path.insert(0, top)
    import hidden_by_all, fresh
    print(hidden_by_all.where, fresh.where)
    sys.path.remove(top)
    del sys.modules["hidden_by_all"]
    print(__import__("hidden_by_all").where)
    with open(os.path.join(top, "later.py"), "w") as stream:
        stream.write("where = 'later'\\n")
    sys.path.append(top)
    importlib.invalidate_caches()
    print(__import__("later").where)
    sys.path.remove(site)
    try:
        import plain
    except ImportError as error:
        print(error)
    for path in (site + "/", site + "/.", site + "//nested", site + "/nested/../nested"):
        sys.path.append(path)
        for name in ("plain", "deep", "data"):
            sys.modules.pop(name, None)
            try:
                module = __import__(name)
                print(path[len(site):], module.__file__, list(getattr(module, "__path__", [])))
            except ImportError as error:
                print(path[len(site):], error)
        sys.path.remove(path)
""",
    "caches and hooks": """
import sys, zipimport
from importlib.machinery import FileFinder, SourceFileLoader
sys.path_importer_cache.clear()
import plain
print(plain.__file__, plain.__spec__.cached)
kinds = {type(one).__mro__[-2 if type(one) is zipimport.zipimporter else 0:] and isinstance(
    one, FileFinder) for one in sys.path_importer_cache.values() if one}
print(kinds)
sys.path_hooks[:] = [FileFinder.path_hook((SourceFileLoader, [".py"]))]
sys.path_importer_cache.clear()
import cold
print(cold.answer, type(cold.__loader__) is SourceFileLoader, cold.__cached__)
""",
    "descriptors": """
import os, sys
import plain
os.closerange(3, 256)
files = [os.open(sys.executable, os.O_RDONLY) for _ in range(8)]
pipe = os.pipe()
import cold, nested.deep.leaf, portion.one, both_ways
print(cold.answer, nested.deep.leaf.double(2), portion.one.where, both_ways.kind)
print(all(os.read(file, 4) == b"\\x7fELF" for file in files))
for file in files:
    os.close(file)
""",
    "threads": """
import sys, threading, os, importlib
names = ["cold", "nested", "both_ways", "portion.one", "größe", "styled.here", "lazy", "start",
         "optimized", "Finder", "warns"]
import warnings
warnings.simplefilter("ignore")
errors = []
def work(name):
    try:
        importlib.import_module(name)
    except BaseException as error:
        errors.append((name, repr(error)))
def fork():
    child = os.fork()
    if child == 0:
        import json.encoder, plain
        os._exit(7 if plain.answer == 42 else 1)
    errors.append(os.waitpid(child, 0)[1] >> 8)
for _ in range(20):
    for name in names:
        sys.modules.pop(name, None)
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    [one.start() for one in threads]
    [one.join() for one in threads]
threads = [threading.Thread(target=fork) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
print(errors)
""",
    "interpreters": """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        interpreters = None
if interpreters:
    inner = interpreters.create()
    code = "import cold, nested.deep.leaf as leaf; print(cold.answer, leaf.outer()(), flush=True)"
    print(interpreters.run_string(inner, code), flush=True)
    interpreters.destroy(inner)
print("done")
""",
    "tracing": """
import sys
seen = set()
def trace(frame, event, argument):
    name = frame.f_code.co_filename
    if "<frozen" not in name and "_lamina_start" not in name:
        seen.add((name, frame.f_lineno))
    return trace
sys.settrace(trace)
import nested.deep.leaf, cold
nested.deep.leaf.outer()()
sys.settrace(None)
print(len(seen), *sorted(seen))
""",
    "stdlib missing": """
import sys
site = next(path for path in sys.path if path.endswith("site-packages"))
sys.path[:] = [site]
sys.modules.pop("zlib", None)
import cold, nested.deep, hidden_by_all
print(cold.answer, hidden_by_all.where)
""",
}

ANSWERS = {
    "listings": """
import pkgutil, portion, nested, styled, os, sys, warnings
warnings.simplefilter("ignore")
site = next(path for path in sys.path if path.endswith("site-packages"))
odd = [one[1:] for one in pkgutil.iter_modules([site]) if "lamina" not in one.name]
print(odd)
print([one[1:] for one in pkgutil.iter_modules() if "lamina" not in one.name])
print([one[1:] for one in pkgutil.walk_packages(nested.__path__, "nested.")])
print([one[1:] for one in pkgutil.walk_packages(portion.__path__, "portion.")])
for one in pkgutil.iter_modules(nested.__path__):
    print(one.module_finder.path, one.module_finder.find_spec(one.name).origin)
print(pkgutil.get_data("nested.deep", "data.txt"), pkgutil.get_data("nested", "data/table.csv"))
try:
    pkgutil.get_data("nested", "nothing")
except OSError as error:
    print(type(error), error)
print([str(one.path) for one in pkgutil.iter_importers("nested.deep")])
print(pkgutil.resolve_name("nested.deep.leaf:Thing").size if sys.version_info >= (3, 9) else 0)
print(pkgutil.get_importer(nested.__path__[0]).path, pkgutil.find_loader("plain").path
      if sys.version_info < (3, 12) else "")
""",
    "resources": """
import importlib.resources as resources, sys, nested, nested.deep, pickle, copy, pathlib, warnings
warnings.simplefilter("ignore")
def attempt(what, *words):
    try:
        found = what(*words)
        print(what.__name__, sorted(found) if hasattr(found, "__next__") else found)
    except Exception as error:
        print(type(error).__name__, error)
for name in ("contents", "is_resource", "read_text", "read_binary", "open_text", "path"):
    what = getattr(resources, name, None)
    if name == "contents" and what:
        print(sorted(what("nested")), sorted(what("nested.deep")))
    elif what:
        for module, resource in (("nested.deep", "data.txt"), ("nested", "data"), ("nested", "no"),
                                 ("plain", "data"), ("portion", "one.py")):
            attempt(what, module, resource)
with resources.path("nested.deep", "data.txt") as path:
    print(path, path.read_text(encoding="utf-8"))
with resources.open_binary("nested.deep", "data.txt") as stream:
    print(stream.name, stream.read())
print(nested.__loader__.get_resource_reader("nested") is None, nested.__loader__.path)
if hasattr(resources, "files"):
    top = resources.files("nested")
    print(repr(top), hash(top) == hash(pathlib.Path(str(top))), top == pathlib.Path(str(top)))
    print(pickle.loads(pickle.dumps(top)) == top, pickle.dumps(top), copy.deepcopy(top))
    print(sorted(top.iterdir()), sorted(one.name for one in (top / "deep").iterdir()))
    for name in ("deep", "deep/data.txt", "no", "../plain.py", "deep/..", "deep/.", "data", "",
                 "deep/data.txt/no", "__init__.py", "__pycache__"):
        path = top.joinpath(name)
        print(name, path, path.exists(), path.is_file(), path.is_dir(), path.is_symlink())
    site = top.parent
    for name in ("linked", "linked_file.py", "hangs.py", "linked_outside", "linked/real.py"):
        path = site / name
        print(name, path.exists(), path.is_file(), path.is_dir(), path.is_symlink())
    print(sorted(site.glob("n*")), sorted(top.rglob("*.txt")), (site / "linked").resolve())
    print(pathlib.Path(top) / "x", top.with_name("y"), top.relative_to(site), top.parent.name)
    for name in ("deep", "no", "deep/data.txt"):
        attempt(lambda: list(map(str, sorted((top / name).iterdir()))))
        attempt((top / name).read_text)
    with resources.as_file(top / "deep" / "data.txt") as path:
        print(path, type(path) == type(top))
    attempt(resources.files, "portion")
    attempt(resources.files, "plain")
    attempt(resources.files, "no_such")
""",
    "metadata": """
import importlib.metadata as metadata, pathlib, pickle, sys
for name in ("whole", "Whole", "bare", "older", "single", "latin", "nothing", "", "plain"):
    for ask in ("version", "metadata", "requires", "files", "distribution"):
        try:
            found = getattr(metadata, ask)(name)
            if ask == "metadata":
                found = None if found is None else sorted(found.items()) + [found.get_payload()]
            if ask == "distribution":
                found = (found.version, found.requires, [str(one) for one in found.entry_points],
                         [found.read_text(one) for one in ("METADATA", "no", "top_level.txt",
                          "licenses/LICENSE", "PKG-INFO", "RECORD")], found.read_text(""),
                         str(found.locate_file("plain.py")), repr(found._path))
            if ask == "files" and found:
                found = [(one, one.locate(), one.locate().exists(), one.size) for one in found]
            print(name, ask, found)
        except Exception as error:
            print(name, ask, type(error).__name__, error)
names = []
for one in metadata.distributions():
    try:
        names.append((one.metadata["Name"], str(one._path)))
    except Exception as error:
        names.append((type(error).__name__, str(one._path)))
print(sorted(names, key=str))
print(sorted(str(one._path) for one in metadata.distributions(path=[sys.path[-1]])))
site = next(path for path in sys.path if path.endswith("site-packages"))
print(metadata.Distribution.at(site + "/whole-1.5.dist-info").version)
print(len(list(metadata.distributions(path=[site + "/"]))))
print(list(metadata.distributions(path=["/no"])))
try:
    print(metadata.entry_points())
except Exception as error:
    print(type(error).__name__, error)
print([one.load() for one in metadata.distribution("whole").entry_points])
print(pickle.loads(pickle.dumps(metadata.distribution("whole"))).version)
""",
    "metadata of elsewhere": """
import importlib.metadata as metadata, os, sys, importlib
os.makedirs("added/whole-9.dist-info", exist_ok=True)
with open("added/whole-9.dist-info/METADATA", "w") as stream:
    stream.write("Name: whole\\nVersion: 9\\n")
print(metadata.version("whole"))
sys.path.insert(0, os.path.abspath("added"))
importlib.invalidate_caches()
metadata.MetadataPathFinder.invalidate_caches()
print(metadata.version("whole"), metadata.distribution("whole")._path.name)
sys.path_hooks.pop(0)
sys.path_importer_cache.clear()
print(metadata.version("older"), metadata.metadata("older").get_payload())
""",
}
