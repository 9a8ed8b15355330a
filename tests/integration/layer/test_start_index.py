"""Starts of a layer: by its index, that of its base, or neither, everything is found alike."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.layer.change import Request, change_layer
from lamina.layer.opened import open_layer
from lamina.layer.start_index import BASE, FILE, OWN, write_base_index, write_own_index
from lamina.layer.transaction import INTERNAL, holding
from lamina.release.publish import publish
from support.release_wheels import lock_of, make_wheel
from support.releases import make_stack, publish_request
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERIES = ["3.8", "3.12", "3.13"]
FORMS = {
    "package": {"{}/__init__.py": "", "{}/part.py": ""},
    "module": {"{}.py": ""},
    "space": {"{}/part.py": ""},
    "extension": {"{}.abi3.so": ""},
    "old": {
        "{}/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "{}/part.py": "",
    },
}
"""What may stand for a name: path with the name left out -> text."""
PAIRS = [f"{above}_over_{below}" for above in FORMS for below in FORMS]
LOOK = """
import importlib.metadata as m, importlib.util as u, json, pkgutil, sys
names = sys.argv[1:]
def origin(name):
    try:
        spec = u.find_spec(name)
    except ImportError as error:
        return str(error)
    return spec and [spec.origin, list(spec.submodule_search_locations or ()), spec.has_location,
                     spec.cached, type(spec.loader).__name__]
print(json.dumps({
    "modules": {n: origin(n) for name in names for n in (name, name + ".part", name + ".none")},
    "versions": {name: m.version(name) for name in ("shapes", "alpha")},
    "names": sorted(d.metadata["Name"] for d in m.distributions()),
    "listed": [(one.name, one.ispkg) for one in pkgutil.iter_modules() if one.name in names],
    "path": sys.path,
}))
"""
USED = """
import json, sys
import json.decoder
finders = {path: one for path, one in sys.path_importer_cache.items() if hasattr(one, "index")}
print(json.dumps({path: getattr(one, "names", None) is None for path, one in finders.items()}))
"""


def files_of(name: str, form: str) -> dict[str, str]:
    return {path.format(name): text for path, text in FORMS[form].items()}


def looked(python: Path, environ: dict[str, str], *flags: str) -> dict[str, Any]:
    """Return what is found of all pairs, loaders that read a pack left aside."""
    found: dict[str, Any] = json.loads(run([python, *flags, "-c", LOOK, *PAIRS], environ))
    for spec in found["modules"].values():
        if isinstance(spec, list):
            spec[-1] = spec[-1].replace("SourceFileLoader", "Loader")
    return found


def used(python: Path, environ: dict[str, str]) -> dict[str, bool]:
    """Return the directories that an index answers for, and whether it has to list them."""
    answer: dict[str, bool] = json.loads(run([python, "-c", USED], environ))
    return answer


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Path]:
    return {}


@pytest.fixture
def release(
    workshop: Workshop,
    releases: dict[tuple[str, bool], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Return what publishes a release once for all tests."""

    def published(series: str, *, bundle: bool) -> Path:
        if (series, bundle) not in releases:
            top = tmp_path_factory.mktemp("release")
            stack = make_stack(python=series, bundle=bundle, test={"imports": ["alpha"]})
            files = {"shapes.py": "answer = 42\n"}
            for pair in PAIRS:
                files |= files_of(pair, pair.rpartition("_")[2])
            points = {"shapes-1.0.dist-info/entry_points.txt": "[things]\nof = base:thing\n"}
            wheels = [
                make_wheel(top / "wheels", "shapes", "1.0", files | points),
                make_wheel(top / "wheels", "alpha", "1.0", {"alpha.py": ""}),
            ]
            request = publish_request(
                top, workshop.environ, series=series, stack=stack, lock=lock_of(stack, wheels)
            )
            releases[series, bundle] = publish(request).release.prefix
        return releases[series, bundle]

    return published


def shadowing(workshop: Workshop, base: Path, name: str = "layer") -> Path:
    """Make a layer that has something of each kind over something of each kind."""
    layer = workshop.layer(base, name)
    files: dict[str, str] = {}
    for pair in PAIRS:
        files |= files_of(pair, pair.partition("_")[0])
    points = {"shapes-2.0.dist-info/entry_points.txt": "[things]\nof = layer:thing\n"}
    workshop.add(layer, Wheel(name="shapes", version="2.0", files=files | points))
    return layer


@pytest.mark.parametrize("series", ["3.8", pytest.param("3.12", marks=pytest.mark.heavy), "3.13"])
@pytest.mark.parametrize("bundle", [True, False], ids=["bundled", "venv"])
def test_everything_is_found_as_without_an_index(
    workshop: Workshop, release: Callable[..., Path], series: str, *, bundle: bool
) -> None:
    base = release(series, bundle=bundle)
    layer = shadowing(workshop, base)
    write_own_index(layer, workshop.environ)
    python, site = layer / "bin" / "python", site_of(layer)
    upper = workshop.layer(layer, "upper")
    for search in ("", str(site_of(base)), f"{site_of(base)}:{site}"):
        environ = workshop.environ | {"PYTHONPATH": search}
        for flags in ([], ["-I"], ["-E"], ["-s"]):
            plain = looked(python, environ | {"LAMINA_INDEX": "0"}, *flags)
            assert looked(python, environ, *flags) == plain
        assert looked(upper / "bin" / "python", environ) == looked(
            upper / "bin" / "python", environ | {"LAMINA_INDEX": "0"}
        )
    for pair in PAIRS:
        origin, places, *_ = plain["modules"][pair]
        first = origin or places[0]
        if not pair.startswith("space_"):
            assert first.startswith(str(site)), pair
    assert plain["versions"] == {"shapes": "2.0", "alpha": "1.0"}
    found = used(python, workshop.environ)
    assert found[str(site)], "the layer's index is used"
    assert used(upper / "bin" / "python", workshop.environ)[str(site)], "by layers on it too"
    code = "import sys; print(*[one.archive.directory for one in sys.path_hooks[:-3]])"
    assert run([python, "-c", code], workshop.environ).strip() == f"{base}/.lamina/index"


@pytest.mark.parametrize("series", ["3.8", "3.13"])
def test_children_and_editables(
    workshop: Workshop, release: Callable[..., Path], tmp_path: Path, series: str
) -> None:
    base = release(series, bundle=False)
    layer = workshop.layer(base)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "shapes.py").write_text("answer = 'edited'\n", encoding="utf-8")
    (site_of(layer) / "editable.pth").write_text(f"{checkout}\n", encoding="utf-8")
    write_own_index(layer, workshop.environ)
    code = "import subprocess, sys; subprocess.check_call([sys.executable, '-c', sys.argv[1]])"
    inner = "import shapes; print(shapes.answer)"
    assert run([layer / "bin" / "python", "-c", code, inner], workshop.environ) == "edited\n"


@pytest.fixture
def small(workshop: Workshop, python: Path) -> Path:
    """A layer with an index, over a base that is no release."""
    base = workshop.base(python, Wheel(name="alpha", version="1.0"))
    layer = workshop.layer(base)
    files = {"beta/sub/__init__.py": "", "beta/bare/one.py": "", "beta/data/table.txt": ""}
    workshop.add(layer, Wheel(name="beta", version="1.0", files=files))
    write_own_index(layer, workshop.environ)
    assert used(layer / "bin" / "python", workshop.environ)[str(site_of(layer))]
    return layer


def test_byte_code_leaves_the_index_as_good_as_it_was(small: Path, workshop: Workshop) -> None:
    code = "import beta.sub, beta.bare.one, sys; print([sys.path_importer_cache[one].names for one"
    code += " in (*beta.__path__, *beta.bare.__path__)])"
    for _ in range(2):
        assert run([small / "bin" / "python", "-c", code], workshop.environ) == "[None, None]\n"
    assert list((site_of(small) / "beta" / "__pycache__").glob("*.pyc"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"alpha.py": "__version__ = 'mine'\n"}, "alpha.__version__", id="new"),
        pytest.param({"beta/new.py": "answer = 1\n"}, "beta.new.answer", id="new-inside"),
        pytest.param({"beta/bare/__init__.py": "a = 1\n"}, "beta.bare.a", id="package-now"),
        pytest.param({"beta/sub.py": "a = 1\n", "beta/sub": None}, "beta.sub.a", id="replaced"),
        pytest.param({"beta/data/new.py": "a = 1\n"}, "beta.data.new.a", id="data-now-code"),
        pytest.param({"beta": None, "beta.py": "a = 1\n"}, "beta.a", id="module-now"),
    ],
)
@pytest.mark.parametrize("when", ["before", "invalidated", "second"])
def test_what_has_changed_is_found(
    small: Path, workshop: Workshop, change: dict[str, str | None], code: str, when: str
) -> None:
    """By other processes at once; by one that runs, when told or after a second."""
    act = [f"import pathlib, shutil; site = pathlib.Path({str(site_of(small))!r})"]
    for path, text in change.items():
        if text is None:
            act.append(f"shutil.rmtree(site / {path!r})")
        else:
            act.append(f"(site / {path!r}).write_text({text!r})")
    names = ["beta", "none", "alpha", *(f"beta.{one}" for one in ("sub", "bare", "data", "none"))]
    lines = [f"import importlib.util as u; [u.find_spec(one) for one in {names}]"]
    lines += ["import sys, time; sys.modules.pop('beta', None)", *act]
    lines.append("time.sleep(1.1)")
    if when == "invalidated":
        lines[-1] = "import importlib; importlib.invalidate_caches()"
    if when == "before":
        run([small / "bin" / "python", "-c", "\n".join(act)], workshop.environ)
        lines = []
    name = code.rpartition(".")[0]
    lines += [f"import {name}", f"print({code})"]
    found = run([small / "bin" / "python", "-c", "\n".join(lines)], workshop.environ)
    assert found.strip() in {"mine", "1"}


LISTING = """
import posix, sys, threading
finders = [one for one in sys.path_importer_cache.values() if type(one).__name__ == "Checked"]
finder = next(one for one in finders if one.may_have("alpha"))
finder.found, finder.names, finder.looked = None, None, -1 << 60
plain, said = posix.listdir, []
def slow(path):
    posix.listdir = plain
    other = threading.Thread(target=lambda: said.append(finder.may_have("alpha")))
    other.start()
    other.join()
    return plain(path)
posix.listdir = slow
print(finder.may_have("alpha"), *said)
"""


def test_a_thread_finds_what_another_one_is_listing(small: Path, workshop: Workshop) -> None:
    assert run([small / "bin" / "python", "-c", LISTING], workshop.environ) == "True True\n"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
        pytest.param(lambda data: data[:-40] + bytes(40), id="root"),
        pytest.param(lambda data: data[:81] + bytes(60) + data[141:], id="section"),
        pytest.param(lambda data: data[:32] + b"abcd" + data[36:], id="other-python"),
    ],
)
def test_a_damaged_index_is_none(
    small: Path, workshop: Workshop, damage: Callable[[bytes], bytes]
) -> None:
    file = small / INTERNAL / OWN / FILE
    file.write_bytes(damage(file.read_bytes()))
    code = "import alpha, beta.sub, beta.bare.one; print('all')"
    assert run([small / "bin" / "python", "-c", code], workshop.environ) == "all\n"


def test_a_copy_of_a_layer_lists_its_directories(small: Path, workshop: Workshop) -> None:
    copy = small.with_name("copy")
    shutil.copytree(small, copy, symlinks=True)
    found = used(copy / "bin" / "python", workshop.environ)
    assert not found[str(site_of(copy))]
    small.rename(small.with_name("moved"))
    moved = small.with_name("moved")
    assert used(moved / "bin" / "python", workshop.environ)[str(site_of(moved))]


def test_a_change_renews_it_and_leaves_no_directories(small: Path, workshop: Workshop) -> None:
    workshop.index.add(Wheel(name="gamma", version="1.0", files={"gamma/sub/__init__.py": ""}))
    change_layer(Request(layer=small, add=("gamma",)), workshop.environ)
    site, python = site_of(small), small / "bin" / "python"
    assert used(python, workshop.environ)[str(site)]
    assert (site / "gamma" / "sub" / "__pycache__").is_dir()
    change_layer(Request(layer=small, remove=("gamma",)), workshop.environ)
    assert used(python, workshop.environ)[str(site)]
    assert not (site / "gamma").exists()
    assert (site / "beta" / "sub" / "__pycache__").is_dir()


def test_what_a_killed_writer_leaves_is_cleared_away(small: Path, workshop: Workshop) -> None:
    left = small / INTERNAL / "stage-killed"
    fs.make_directory(left)
    (left / FILE).write_bytes(b"half")
    with holding(small):
        assert not left.exists()


@pytest.mark.parametrize("series", SERIES)
def test_a_directory_a_package(
    workshop: Workshop, interpreter: Callable[[str], Path], series: str
) -> None:
    """A view on PYTHONPATH: its directories are asked once, and not at all with an index."""
    places = []
    for number in range(4):
        place = workshop.path / f"part{number}"
        place.mkdir()
        files = {f"p{number}/sub/__init__.py": "", f"space/m{number}.py": ""}
        Wheel(name=f"p{number}", version="1.0", files=files).unpack(place)
        places.append(place)
    search = ":".join(map(str, places))
    python = interpreter(series)
    layer = workshop.layer(
        "env", PYTHONPATH=search, PATH=f"{python.parent}:{workshop.environ['PATH']}"
    )
    code = """
import json, posix, sys
for hook in sys.path_hooks:
    if type(hook).__name__ == "LayerIndex":  # All is looked at once, however slow this machine is.
        for finder in hook.finders.values():
            finder.looked = -1 << 60
        type(hook).__init__.__globals__["FRESH"] = 1 << 59
calls, plain = [], posix.stat
posix.stat = lambda path: calls.append(path) or plain(path)
import p3.sub, space.m0, space.m3, json.tool
from importlib import util
assert util.find_spec("nowhere") is None and util.find_spec("p2.sub") is not None
print(json.dumps([p3.__file__, list(space.__path__), calls]))
"""
    answers = {}
    for name in ("none", "listed", "indexed"):
        if name == "indexed":
            opened = open_layer(layer, workshop.environ)
            assert write_base_index(layer, opened.base, workshop.environ) > 10
            assert (layer / INTERNAL / BASE / FILE).is_file()
        environ = workshop.environ | ({"LAMINA_INDEX": "0"} if name == "none" else {})
        answers[name] = json.loads(run([layer / "bin" / "python", "-c", code], environ))
    assert answers["none"][:2] == answers["listed"][:2] == answers["indexed"][:2]
    asked = {
        name: [calls.count(str(place)) for place in places] for name, (*_, calls) in answers.items()
    }
    assert min(asked["none"]) > 2
    assert asked["listed"] == [2, 2, 3, 3], "once, and again for each thing that is there"
    assert asked["indexed"] == [1, 1, 1, 1]
    inside = [call for call in answers["indexed"][2] if call.startswith(f"{places[3]}/p3")]
    assert sorted(inside) == sorted(set(inside))
    (places[0] / "late.py").write_text("", encoding="utf-8")
    run([layer / "bin" / "python", "-c", "import late, p0.sub, p3.sub"], workshop.environ)


def test_a_base_that_is_a_release_needs_none(
    workshop: Workshop, release: Callable[..., Path]
) -> None:
    base = release("3.12", bundle=True)
    layer = workshop.layer(base)
    assert write_base_index(layer, open_layer(layer, workshop.environ).base, workshop.environ) == 0
    assert not (layer / INTERNAL / BASE / FILE).exists()
