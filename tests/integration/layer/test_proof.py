"""A change is tried out first: what worked before works after it, or nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import report
from lamina.core.errors import IntegrityError, UnsatisfiableError
from lamina.layer.document import load_layer_lock
from lamina.layer.opened import open_layer
from support.changes import change, tree, versions
from support.compiled import C_FOR_NUMPY_1, C_FOR_NUMPY_2, PYBIND11_FOR_NUMPY_1, SUFFIX
from support.wheels import Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CORE_1 = Wheel(name="core", version="1.0", files={"core/__init__.py": "old = 1\n"})
CORE_2 = Wheel(name="core", version="2.0", files={"core/__init__.py": "new = 2\n"})


def user(name: str, version: str, code: str, *requires: str) -> Wheel:
    text = f"{code}\n__version__ = {version!r}\n"
    return Wheel(name=name, version=version, requires=requires,
                 files={f"{name}/__init__.py": text})  # fmt: skip


USER_1 = user("user", "1.0", "from core import old", "core")
USER_2 = user("user", "2.0", "from core import new", "core")
TOP = user("top", "1.0", "import user", "user")
CRASHING = user(
    "user", "1.0", "import core, ctypes\nif hasattr(core, 'new'): ctypes.string_at(0)", "core"
)


class Listener(report.SilentReporter):
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.said: list[str] = []

    def step_started(self, title: str, total: int | None) -> None:  # noqa: ARG002
        self.steps.append(title)

    def note(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(f"warning: {message}")


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    with report.use(listener):
        yield listener


def layer_over(workshop: Workshop, python: Path, *base: Wheel, offered: tuple[Wheel, ...]) -> Path:
    workshop.index.add(*base, *offered)
    return workshop.layer(workshop.base(python, *base))


def test_what_breaks_is_lifted_and_no_more(
    workshop: Workshop, python: Path, listener: Listener
) -> None:
    """``top`` fails as well, but only because of ``user``."""
    layer = layer_over(workshop, python, CORE_1, USER_1, TOP,
                       offered=(CORE_2, USER_2, user("top", "2.0", "", "user")))  # fmt: skip
    plan = change(workshop, layer, "core>=2")
    assert [(one.name, one.version) for one in plan.placed] == [("core", "2.0"), ("user", "2.0")]
    reason = (
        "user 1.0 does not import with core 2.0: ImportError: cannot import name 'old' from 'core'"
    )
    assert plan.placed[1].because == (reason,)
    assert listener.said == [f"planned anew: {reason}"]
    assert versions(workshop, layer, "user", "top") == ["2.0", "1.0"]
    assert plan.imports is not None
    assert plan.imports.tried == 3
    lock = load_layer_lock(layer)
    assert lock is not None
    assert [(one.package, one.version, one.requirement) for one in lock.bounds] == [
        ("user", "1.0", "user!=1.0")
    ]


def test_ever_older_versions_are_not_tried_in_vain(
    workshop: Workshop, python: Path, listener: Listener
) -> None:
    """What was written for Python 2 will not become right by being still older."""
    old = tuple(user("user", f"0.{minor}", "print 'hello'") for minor in range(1, 7))
    layer = layer_over(workshop, python, CORE_1, USER_1, offered=old)
    with pytest.raises(IntegrityError, match=r"user 0\.6 does not import here: SyntaxError"):
        change(workshop, layer, "user<1")
    [first, second] = listener.said
    assert first.startswith("planned anew: user 0.6 does not import")
    assert second.startswith("user 0.5 does not import here: SyntaxError")
    assert second.endswith(": still older versions are not tried")


def test_an_older_version_that_helps_is_found(workshop: Workshop, python: Path) -> None:
    """Errors other than of syntax go away with older versions."""
    broken = [user("user", version, "from core import gone", "core") for version in ("1.2", "1.3")]
    offered = (*broken, user("user", "1.1", "import core", "core"))
    layer = layer_over(workshop, python, CORE_2, USER_2, offered=offered)
    plan = change(workshop, layer, "user<2")
    assert [(one.name, one.version) for one in plan.placed] == [("user", "1.1")]


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        pytest.param(USER_1, "cannot import name 'old'", id="error"),
        pytest.param(CRASHING, r"the interpreter crashed \(SIGSEGV\)", id="crash"),
    ],
)
def test_what_nothing_mends_is_refused(
    workshop: Workshop, python: Path, broken: Wheel, error: str
) -> None:
    layer = layer_over(workshop, python, CORE_1, broken, offered=(CORE_2,))
    before = tree(layer)
    with pytest.raises(
        IntegrityError, match=f"(?s)cannot add core>=2.*user 1.0.*{error}"
    ) as caught:
        change(workshop, layer, "core>=2")
    assert caught.value.exit_code == 6
    assert "--no-probe" in caught.value.hints[0]
    assert tree(layer) == before
    assert not list((layer / ".lamina").glob("stage-*"))


def test_a_lift_that_does_not_help_is_not_repeated_for_ever(
    workshop: Workshop, python: Path
) -> None:
    still = [user("user", f"1.{minor}", "from core import old", "core") for minor in range(1, 12)]
    layer = layer_over(workshop, python, CORE_1, USER_1, offered=(CORE_2, *still))
    before = tree(layer)
    with pytest.raises(IntegrityError) as caught:
        change(workshop, layer, "core>=2")
    assert caught.value.message.count("does not import") == 5
    assert tree(layer) == before


def test_no_probe(workshop: Workshop, python: Path, listener: Listener) -> None:
    layer = layer_over(workshop, python, CORE_1, USER_1, offered=(CORE_2,))
    plan = change(workshop, layer, "core>=2", probe=False)
    assert [one.name for one in plan.placed] == ["core"]
    assert plan.imports is None
    assert listener.said == ["what this could break was not imported (--no-probe)"]


def test_a_pure_addition_is_not_tried(workshop: Workshop, python: Path, listener: Listener) -> None:
    layer = layer_over(
        workshop, python, CORE_1, USER_1, offered=(user("more", "1.0", "x", "core"),)
    )
    plan = change(workshop, layer, "more")
    assert plan.imports is None
    assert not listener.said
    assert not [one for one in listener.steps if one.startswith(("import", "look"))]


def test_what_was_broken_before_stands_in_nobodys_way(workshop: Workshop, python: Path) -> None:
    never = user("never", "1.0", "import not_there", "core")
    layer = layer_over(workshop, python, CORE_1, never, offered=(CORE_2,))
    plan = change(workshop, layer, "core>=2")
    assert plan.imports is not None
    assert [one.module for one in plan.imports.broken_before] == ["never"]


def test_a_new_package_that_does_not_import_is_told(
    workshop: Workshop, python: Path, listener: Listener
) -> None:
    core = Wheel(name="core", version="2.0", requires=["extra"], files={"core/__init__.py": ""})
    extra = user("extra", "1.0", "import not_there")
    layer = layer_over(workshop, python, CORE_1, offered=(core, extra))
    change(workshop, layer, "core>=2")
    why = "ModuleNotFoundError: No module named 'not_there'"
    assert listener.said == [f"warning: extra is new and cannot be imported: {why}"]


def test_who_uses_it_without_saying_so_is_tried(workshop: Workshop, python: Path) -> None:
    silent = user("silent", "1.0", "from core import old")
    layer = layer_over(workshop, python, CORE_1, silent, offered=(CORE_2,))
    with pytest.raises(IntegrityError, match=r"silent 1\.0 does not import"):
        change(workshop, layer, "core>=2")


def test_a_newcomer_that_does_not_import_gives_way_to_another(
    workshop: Workshop, python: Path
) -> None:
    broken = Wheel(name="core", version="3.0", files={"core/__init__.py": "import not_there\n"})
    layer = layer_over(workshop, python, CORE_1, offered=(CORE_2, broken))
    plan = change(workshop, layer, "core>=2")
    assert [(one.name, one.version) for one in plan.placed] == [("core", "2.0")]


def test_what_the_layer_has_is_protected_as_well(workshop: Workshop, python: Path) -> None:
    mine = user("mine", "1.0", "from core import old", "core")
    layer = layer_over(workshop, python, CORE_1, offered=(CORE_2, mine))
    change(workshop, layer, "mine")
    before = tree(layer)
    with pytest.raises(IntegrityError, match=r"mine 1\.0 does not import with core 2\.0"):
        change(workshop, layer, "core>=2")
    assert tree(layer) == before
    workshop.index.add(user("mine", "2.0", "from core import new", "core"))
    change(workshop, layer, "core>=2")
    assert versions(workshop, layer, "mine") == ["2.0"]


def test_taking_back_is_tried_too(workshop: Workshop, python: Path) -> None:
    """With core back at 1.0, what was added for 2.0 and did not say so is taken to another."""
    modern = user("modern", "2.0", "from core import new", "core")
    layer = layer_over(workshop, python, CORE_1, offered=(CORE_2, modern))
    change(workshop, layer, "core>=2", "modern")
    with pytest.raises(IntegrityError, match=r"(?s)cannot take it back.*modern 2\.0"):
        change(workshop, layer, remove=("core",))
    workshop.index.add(user("modern", "1.0", "from core import old", "core"))
    change(workshop, layer, remove=("core",))
    assert versions(workshop, layer, "modern") == ["1.0"]


def test_the_layers_start_up_counts(workshop: Workshop, python: Path) -> None:
    """The union is tried with the base's .pth lines and the layer's order."""
    layer = layer_over(workshop, python, CORE_1, USER_1, offered=(CORE_2, USER_2))
    base = site_of(workshop.path / "base")
    (base / "started.pth").write_text("import sys; sys.started = True\n", encoding="utf-8")
    (base / "user" / "__init__.py").write_text(
        "import sys, core\nassert sys.started and core.new\n", encoding="utf-8"
    )
    plan = change(workshop, layer, "core>=2")
    assert [one.name for one in plan.placed] == ["core"]


def test_on_a_layer_below(workshop: Workshop, python: Path) -> None:
    below = layer_over(workshop, python, CORE_1, USER_1, offered=(CORE_2, USER_2, TOP))
    change(workshop, below, "top")
    above = workshop.layer(below, "above")
    plan = change(workshop, above, "core>=2")
    assert {one.name for one in plan.placed} == {"core", "user"}
    assert versions(workshop, above, "user", "top") == ["2.0", "1.0"]
    assert versions(workshop, below, "user", "top") == ["1.0", "1.0"]


def compiled(version: str, content: str, *requires: str) -> Wheel:
    return Wheel(
        name="fast", version=version, requires=requires, files={f"fast/_c.{SUFFIX}": content}
    )


NUMPY_1 = Wheel(name="numpy", version="1.26.4")
NUMPY_2 = Wheel(name="numpy", version="2.0.0")


def test_what_is_compiled_for_numpy_1_is_lifted(workshop: Workshop, python: Path) -> None:
    base = compiled("1.0", C_FOR_NUMPY_1, "numpy")
    layer = layer_over(workshop, python, NUMPY_1, base,
                       offered=(NUMPY_2, compiled("2.0", C_FOR_NUMPY_2, "numpy")))  # fmt: skip
    dry = change(workshop, layer, "numpy>=2", dry_run=True)
    plan = change(workshop, layer, "numpy>=2")
    assert dry.placed == plan.placed
    assert plan.placed[0].because == ("fast 1.0 is compiled for numpy 1",)
    lock = (layer / "lamina-layer.lock").read_text(encoding="utf-8")
    assert lock.endswith(
        '[[bound]]\npackage = "fast"\nversion = "1.0"\nrequirement = "numpy<2"\n'
        'reason = "fast 1.0 is compiled for numpy 1"\n'
    )
    # They stay as long as something of the base is hidden, whatever else is added.
    workshop.index.add(Wheel(name="more", version="1.0"))
    change(workshop, layer, "more")
    kept = load_layer_lock(layer)
    assert kept is not None
    assert [one.package for one in kept.bounds] == ["fast"]
    change(workshop, layer, remove=("numpy",))
    assert not load_layer_lock(layer).bounds  # type: ignore[union-attr]
    assert [one.key for one in open_layer(layer, workshop.environ).own] == ["more"]


def test_what_cannot_be_lifted_is_the_reason(workshop: Workshop, python: Path) -> None:
    layer = layer_over(workshop, python, NUMPY_1, compiled("1.0", C_FOR_NUMPY_1),
                       offered=(NUMPY_2,))  # fmt: skip
    with pytest.raises(UnsatisfiableError) as caught:
        change(workshop, layer, "numpy>=2")
    assert "fast 1.0 is compiled for numpy 1" in caught.value.hints


def test_a_newcomer_for_numpy_1_gives_way(
    workshop: Workshop, python: Path, listener: Listener
) -> None:
    pure = Wheel(name="fast", version="1.0", requires=["numpy<2"])
    layer = layer_over(workshop, python, NUMPY_1, pure,
                       offered=(NUMPY_2, compiled("1.5", C_FOR_NUMPY_2, "numpy"),
                                compiled("2.0", C_FOR_NUMPY_1, "numpy")))  # fmt: skip
    plan = change(workshop, layer, "numpy>=2")
    assert {one.name: one.version for one in plan.placed} == {"fast": "1.5", "numpy": "2.0.0"}
    assert listener.said == ["planned anew: fast 2.0 is compiled for numpy 1"]


def test_modules_that_may_work_are_imported_one_by_one(workshop: Workshop, python: Path) -> None:
    """The file is no library: importing the package works, importing the module does not."""
    base = compiled("1.0", PYBIND11_FOR_NUMPY_1)
    layer = layer_over(workshop, python, NUMPY_1, base, offered=(NUMPY_2,))
    plan = change(workshop, layer, "numpy>=2")
    assert plan.imports is not None
    assert "fast._c" in [one.module for one in plan.imports.broken_before]


def test_nothing_of_it_stays_in_the_layer(workshop: Workshop, python: Path) -> None:
    layer = layer_over(workshop, python, CORE_1, USER_1, offered=(CORE_2, USER_2))
    change(workshop, layer, "core>=2")
    names = {path.name for path in (layer / ".lamina").iterdir()}
    assert names == {"index", "lock", "uv.log"}
    # The byte code that the trial wrote tells the final place in a traceback.
    code = "import user; print(user.__file__, user.__spec__.loader.get_code('user').co_filename)"
    shown = run([layer / "bin" / "python", "-c", code], workshop.environ).split()
    assert shown == [str(site_of(layer) / "user" / "__init__.py")] * 2
    assert list((site_of(layer) / "user" / "__pycache__").iterdir())
