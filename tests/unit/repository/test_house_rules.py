"""Rules of this repository that no tool checks for us."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parents[3]
SOURCES = sorted((HERE / "src").rglob("*.py"))
PYPROJECT: dict[str, Any] = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
PINS = ("dev", "run", "uv")


def name_of(path: Path) -> str:
    return str(path.relative_to(HERE))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 30


def test_no_file_is_long() -> None:
    lengths = {name_of(one): len(one.read_text("utf-8").splitlines()) for one in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{name_of(path)}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 50} == {}


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "manager", "tools"}
    assert [name_of(path) for path in SOURCES if path.stem in drawers] == []


def reads_environ(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        for node in ast.walk(tree)
    )


def test_the_environment_is_read_in_one_place() -> None:
    reading = {
        name_of(path)
        for path in SOURCES
        if "_target" not in path.parts and "demo" not in path.parts and reads_environ(tree_of(path))
    }
    # The package itself looks at PYTHONPATH before anything else may be imported. What runs on
    # other machines begins there, and takes the environment of its machine.
    elsewhere = {"src/lamina/build/wheels/worker.py", "src/lamina/engines/dask_cluster.py"}
    assert reading == {"src/lamina/cli/__init__.py", "src/lamina/cli/options.py", *elsewhere}


def prints(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for node in ast.walk(tree)
    )


def test_the_library_never_prints() -> None:
    quiet = [path for path in SOURCES if not {"_target", "demo"} & set(path.parts)]
    assert [name_of(path) for path in quiet if prints(tree_of(path))] == []


def dependencies(group: str | None = None) -> list[Requirement]:
    """Return what pyproject.toml asks for, without the groups that a group includes."""
    wanted = (
        PYPROJECT["dependency-groups"][group] if group else PYPROJECT["project"]["dependencies"]
    )
    return [Requirement(one) for one in wanted if isinstance(one, str)]


def everything() -> list[Requirement]:
    groups = PYPROJECT["dependency-groups"]
    return dependencies() + [one for group in groups for one in dependencies(group)]


def pinned(name: str) -> dict[str, list[str]]:
    """Return the versions of each package pinned in a requirements file."""
    text = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        pytest.param("dev", everything(), id="dev"),
        pytest.param("run", dependencies() + dependencies("build"), id="run"),
        pytest.param("uv", [Requirement("uv")], id="uv"),
    ],
)
def test_the_pins_meet_pyproject(name: str, requirements: list[Requirement]) -> None:
    pins = pinned(name)
    unmet = [
        str(one)
        for one in requirements
        if not any(v in one.specifier for v in pins.get(canonicalize_name(one.name), []))
    ]
    assert unmet == [], "python3 tasks.py pins"


def test_all_pins_agree() -> None:
    whole = pinned("dev")
    for name in PINS:
        assert pinned(name).items() <= whole.items()


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_a_hash_and_no_address_is_written(name: str) -> None:
    text = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    blocks = re.split(r"(?m)^(?=[a-z])", text)[1:]
    assert len(blocks) == sum(map(len, pinned(name).values()))
    assert all("--hash=sha256:" in block for block in blocks)


def test_fragments_have_a_kind_that_towncrier_knows() -> None:
    kinds = {one["directory"] for one in PYPROJECT["tool"]["towncrier"]["type"]}
    fragments = [path for path in (HERE / "changes").iterdir() if path.suffix == ".md"]
    assert {path.name.split(".")[-2] for path in fragments} <= kinds
