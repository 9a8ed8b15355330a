"""Which modules are imported, and who is to blame when one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from lamina.layer.imports.blame import learnt_bounds
from lamina.layer.imports.mentions import mentioned_modules
from lamina.layer.imports.modules import modules_of, reached, users_of
from lamina.layer.imports.outcome import Failure, Imports, imports_value, render_imports
from support.compiled import distribution

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.probe import Distribution
    from lamina.model.names import PackageName


def recorded(site: Path, name: str, *paths: str, requires: tuple[str, ...] = ()) -> Distribution:
    """Return a distribution with files of its own."""
    one = distribution(name, "1.0", *requires, location=site)
    metadata = site / one.metadata
    metadata.mkdir(parents=True)
    (metadata / "RECORD").write_text("".join(f"{path},,\n" for path in paths), encoding="utf-8")
    return one


@pytest.mark.parametrize(
    ("paths", "modules"),
    [
        pytest.param(["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/a.py"], ["pkg"], id="package"),
        pytest.param(["one.py", "__pycache__/one.cpython-312.pyc"], ["one"], id="module"),
        pytest.param(["_c.cpython-312-x86_64-linux-gnu.so", "_d.abi3.so"], ["_c", "_d"], id="c"),
        pytest.param(["pkg/__init__.cpython-312-x86_64-linux-gnu.so"], ["pkg"], id="compiled"),
        pytest.param(
            ["google/cloud/__init__.py", "google/cloud/x.py", "google/y.py"],
            ["google.cloud", "google.y"],
            id="namespace",
        ),
        pytest.param(["pkg.libs/libx.so.1", "x-1.0.dist-info/METADATA", "data.txt"], [], id="data"),
        pytest.param(
            ["tests/__init__.py", "docs/conf.py", "setup.py", "pkg/__init__.py"], ["pkg"], id="junk"
        ),
        pytest.param(["../../bin/tool", "not-a-name.py", "pkg/__init__.py"], ["pkg"], id="other"),
        pytest.param(["a/b/c/d/e.py"], [], id="deep"),
    ],
)
def test_the_modules(tmp_path: Path, paths: list[str], modules: list[str]) -> None:
    assert modules_of(recorded(tmp_path, "some", *paths)) == tuple(modules)


def test_without_a_list_of_files_the_name_counts() -> None:
    assert modules_of(distribution("my-tool", "1.0", location="/nowhere")) == ("my_tool",)


def by_name(*distributions: Distribution) -> dict[PackageName, Distribution]:
    return {canonicalize_name(one.key): one for one in distributions}


BASE = by_name(
    distribution("numpy", "2.0"),
    distribution("awkward", "2.5", "numpy>=1", "broken !"),
    distribution("uproot", "5.2", "Awkward"),
    distribution("option", "1.0", 'numpy; extra == "fast"'),
    distribution("other", "1.0"),
    distribution("hotfix", "1.0"),
    distribution("user-of-hotfix", "1.0", "hotfix"),
)
NUMPY = canonicalize_name("numpy")


def test_all_that_needs_what_moves_is_reached() -> None:
    assert reached(BASE, [NUMPY]) == {"numpy", "awkward", "uproot"}


def test_who_uses_it_without_saying_so_is_reached_with_all_that_needs_it() -> None:
    users = {NUMPY: frozenset({canonicalize_name("hotfix")})}
    assert reached(BASE, [NUMPY], users) >= {"hotfix", "user-of-hotfix"}


def test_what_has_gone_is_not_tried() -> None:
    assert reached(BASE, [canonicalize_name("gone")]) == set()


def test_the_code_says_whom_it_imports(tmp_path: Path) -> None:
    files = {
        "hotfix/__init__.py": "import os\nif os:\n    from pyarrow.lib import x\n# import c\n",
        "hotfix/deep/er.py": "import hidden\n",
        "single.py": "import first, second\n",
    }
    one = recorded(tmp_path, "hotfix", *files, "gone.py")
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    mentions = mentioned_modules([one], tmp_path / "cache")
    assert mentions == {"hotfix": {"os", "pyarrow", "first"}}
    (tmp_path / "single.py").unlink()
    assert mentioned_modules([one], tmp_path / "cache") == mentions
    arrow = recorded(tmp_path, "py-arrow", "pyarrow/__init__.py")
    found = users_of([canonicalize_name("py-arrow")], by_name(arrow), mentions)
    assert found == {"py-arrow": {"hotfix"}}


def failing(module: str, *files: str) -> Failure:
    return Failure(module=module, error="AttributeError: gone", files=files)


@pytest.fixture
def union(tmp_path: Path) -> dict[PackageName, Distribution]:
    return by_name(
        recorded(tmp_path, "numpy", "numpy/__init__.py"),
        recorded(tmp_path, "awkward", "awkward/__init__.py", requires=("numpy",)),
        recorded(tmp_path, "uproot", "uproot/__init__.py", requires=("awkward",)),
        recorded(tmp_path, "circle-a", "a.py", requires=("circle-b", "numpy")),
        recorded(tmp_path, "circle-b", "b.py", requires=("circle-a",)),
    )


def blamed(
    union: dict[PackageName, Distribution], **broken: Failure
) -> dict[PackageName, tuple[str, str]]:
    failures = {canonicalize_name(name): [one] for name, one in broken.items()}
    bounds = learnt_bounds(failures, union, [NUMPY])
    return {one.package: (one.requirement, one.reason) for one in bounds}


def test_the_innermost_file_that_stays_is_to_blame(
    union: dict[PackageName, Distribution], tmp_path: Path
) -> None:
    """numpy's own file is further in, but numpy is what was asked for."""
    through = [f"{tmp_path}/{name}/__init__.py" for name in ("uproot", "awkward", "numpy")]
    assert blamed(union, uproot=failing("uproot", *through)) == {
        "awkward": (
            "awkward!=1.0",
            "awkward 1.0 does not import with numpy 1.0: AttributeError: gone",
        )
    }


def test_of_those_that_need_one_another_the_bottom_is_to_blame(
    union: dict[PackageName, Distribution],
) -> None:
    """A crash leaves no file to look at."""
    assert set(blamed(union, uproot=failing("uproot"), awkward=failing("awkward"))) == {"awkward"}


def test_a_circle_is_to_blame_as_a_whole(union: dict[PackageName, Distribution]) -> None:
    found = learnt_bounds(
        {canonicalize_name(f"circle-{x}"): [failing(x)] for x in "ab"}, union, [NUMPY]
    )
    assert [one.package for one in found] == ["circle-a", "circle-b"]


def test_a_newcomer_that_is_broken_itself(
    union: dict[PackageName, Distribution], tmp_path: Path
) -> None:
    found = blamed(union, numpy=failing("numpy", f"{tmp_path}/numpy/__init__.py"))
    assert found == {
        "numpy": ("numpy!=1.0", "numpy 1.0 does not import here: AttributeError: gone")
    }


def test_how_it_is_shown() -> None:
    imports = Imports(tried=9, broken_before=(failing("old"),), new_broken=(failing("new"),))
    assert render_imports(imports) == (
        "9 imports tried: what worked before works; broken before as well: old"
    )
    assert render_imports(Imports(tried=1)) == "1 import tried: what worked before works"
    value = imports_value(imports)
    assert value["tried"] == 9
    assert value["new_broken"] == [{"module": "new", "error": "AttributeError: gone"}]
