"""``lamina recipe``: what sources become, line by line where it decides."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.index_server import UPLOADED, IndexServer
from support.recipes import sdist_of

if TYPE_CHECKING:
    from support.command_line import CommandLine

BACKEND = '[build-system]\nrequires = [{needs}]\nbuild-backend = "x"\n'
PURE = BACKEND.format(needs='"hatchling>=1.2"')


def made(command_line: CommandLine, files: dict[str, str], about: str = "") -> tuple[str, Any]:
    """Return the recipe of a source distribution of these files, as text and as a document."""
    path = command_line.directory / "some_tool-1.5.tar.gz"
    path.write_bytes(sdist_of("some-tool", "1.5", files, about))
    command_line("recipe", path, "--force")
    text = (command_line.directory / "some-tool" / "recipe.yaml").read_text()
    return text, yaml.safe_load(text.replace("${{", "<").replace("}}", ">"))


def offer(server: IndexServer, content: bytes, version: str = "1.5") -> str:
    return server._offer("some-tool", f"some_tool-{version}.tar.gz", content, UPLOADED, "").sha256


def test_a_package_of_the_index(index_server: IndexServer, command_line: CommandLine) -> None:
    digest = offer(index_server, sdist_of("some-tool", "1.5", {"pyproject.toml": PURE}))
    offer(index_server, sdist_of("some-tool", "2.0rc1", {"pyproject.toml": PURE}), "2.0rc1")
    offer(index_server, sdist_of("some-tool", "1.4", {"pyproject.toml": PURE}), "1.4")

    told = command_line("recipe", "some-tool", "-o", "recipes", "--json").json

    assert told["recipes"][0]["path"] == "recipes/some-tool/recipe.yaml"
    text = (command_line.directory / "recipes" / "some-tool" / "recipe.yaml").read_text()
    assert f"/some_tool-${{{{ version }}}}.tar.gz\n  sha256: {digest}\n" in text
    assert "127.0.0.1" in text
    assert 'version: "1.5"' in text
    assert "unchanged" in command_line("recipe", "some-tool", "-o", "recipes").stdout
    older = command_line("recipe", "some-tool==1.4", "--dry-run").stdout
    assert 'version: "1.4"' in older
    refused = command_line("recipe", "some-tool==1.4", "-o", "recipes", expect=7)
    assert "--force" in refused.stderr
    missing = command_line("recipe", "some-tool==9", expect=1).stderr
    assert "it has those of 1.4, 1.5, 2.0rc1" in missing


def test_what_the_index_has_not(index_server: IndexServer, command_line: CommandLine) -> None:
    index_server.wheel("only-wheels", "1.0")
    said = command_line("recipe", "only-wheels", expect=1).stderr
    assert "only wheels" in said
    assert "lamina channel bootstrap DIR only-wheels" in said
    assert "no package gone" in command_line("recipe", "gone", expect=1).stderr
    assert "no whole" not in command_line("recipe", "a b", expect=2).stderr


def test_the_index_serves_another_file(
    index_server: IndexServer, command_line: CommandLine
) -> None:
    offer(index_server, sdist_of("some-tool", "1.5", {"pyproject.toml": PURE}))
    index_server.offers["some-tool"][0].content = b"another"
    assert "its page says" in command_line("recipe", "some-tool", expect=6).stderr


def test_a_damaged_source_distribution(command_line: CommandLine) -> None:
    command_line.write("some_tool-1.tar.gz", "damaged")
    said = command_line("recipe", "some_tool-1.tar.gz", expect=6).stderr
    assert "some_tool-1.tar.gz: not a whole source distribution" in said


def test_a_pure_package_is_noarch(command_line: CommandLine) -> None:
    about = (
        "Summary: Tools: many\nLicense-Expression: mit\nLicense-File: LICENSE\n"
        "Requires-Python: >=3.10\nProject-URL: Homepage, https://example.org/tool\n"
        "Requires-Dist: torch>=2\nRequires-Dist: numpy~=2.1\nProvides-Extra: plot\n"
        "Requires-Dist: matplotlib>=3; extra == 'plot'\n"
    )
    project = f'{PURE}\n[project]\nname = "some-tool"\nversion = "1.5"\n'
    project += '[project.scripts]\ntool = "some_tool.cli:main"\n'
    files = {"pyproject.toml": project, "LICENSE": "MIT", "src/some_tool/__init__.py": ""}
    text, recipe = made(command_line, files, about)
    assert recipe["build"]["noarch"] == "python"
    assert recipe["build"]["python"]["entry_points"] == ["tool = some_tool.cli:main"]
    assert recipe["requirements"] == {
        "host": ["python >=3.10", "pip", "hatchling >=1.2"],
        "run": ["python >=3.10", "numpy >=2.1,2.*", "pytorch >=2"],
    }
    assert "# extra plot: matplotlib-base >=3\n" in text
    assert recipe["tests"] == [
        {"python": {"imports": ["some_tool"], "pip_check": True}},
        {"script": ["tool --help"]},
    ]
    assert recipe["about"] == {
        "summary": "Tools: many",
        "homepage": "https://example.org/tool",
        "license": "MIT",
        "license_file": ["LICENSE"],
    }
    assert recipe["source"]["path"] == "../some_tool-1.5.tar.gz"
    assert "CHECK:" not in text


@pytest.mark.parametrize(
    ("needs", "files", "build"),
    [
        ('"setuptools"', {"setup.py": "setup(ext_modules=[Extension('a', ['a.c'])])", "a.c": ""},
         ["< compiler('c') >"]),
        ('"scikit-build-core", "pybind11>=3"', {"src/a.cpp": "", "CMakeLists.txt": ""},
         ["< compiler('c') >", "< compiler('cxx') >", "cmake", "ninja"]),
        ('"meson-python", "ninja>=1.8"', {"a.f90": "", "meson.build": ""},
         ["< compiler('fortran') >", "meson", "ninja >=1.8", "pkg-config"]),
        ('"cython>=3", "setuptools"', {"a.pyx": ""}, ["< compiler('c') >"]),
        ('"maturin>=1"', {"src/lib.rs": ""}, ["< compiler('rust') >", "maturin >=1"]),
    ],
    ids=["setuptools", "scikit-build-core", "meson", "cython", "maturin"],
)  # fmt: skip
def test_what_compiles_gets_its_compilers(
    command_line: CommandLine, needs: str, files: dict[str, str], build: list[str]
) -> None:
    _, recipe = made(command_line, {"pyproject.toml": BACKEND.format(needs=needs), **files})
    assert "noarch" not in recipe["build"]
    assert recipe["requirements"]["build"] == build
    assert recipe["requirements"]["host"][:2] == ["python", "pip"]
    assert not {"ninja >=1.8", "maturin >=1"} & set(recipe["requirements"]["host"])


def test_c_that_nothing_compiles_is_remarked(command_line: CommandLine) -> None:
    text, recipe = made(command_line, {"pyproject.toml": PURE, "some_tool/a.c": ""})
    assert recipe["build"]["noarch"] == "python"
    assert "# CHECK: there are sources of c, which nothing seems to compile" in text


MARKED = (
    "Requires-Python: >=3.10\n"
    "Requires-Dist: tomli; python_version < '3.11'\n"
    "Requires-Dist: gone; python_version < '3.9'\n"
    "Requires-Dist: always; python_version >= '3.9'\n"
    "Requires-Dist: colorama; sys_platform == 'win32'\n"
    "Requires-Dist: uvloop; sys_platform != 'win32'\n"
    "Requires-Dist: httpx[http2]\n"
)


def test_markers_of_a_noarch_package_are_remarked(command_line: CommandLine) -> None:
    text, recipe = made(command_line, {"pyproject.toml": PURE}, MARKED)
    needs = recipe["requirements"]["run"]
    assert needs == ["python >=3.10", "always", "httpx", "tomli", "uvloop"]
    assert "    # - colorama\n" in text
    assert "CHECK: of httpx, the extras http2 are wanted" in text
    assert text.count("always or never") == 3


def test_markers_of_a_compiled_package_are_conditions(command_line: CommandLine) -> None:
    pyproject = BACKEND.format(needs='"pybind11"')
    _, recipe = made(command_line, {"pyproject.toml": pyproject}, MARKED)
    assert recipe["requirements"]["run"] == [
        "python >=3.10",
        "always",
        {"if": "win", "then": "colorama"},
        "httpx",
        {"if": 'match(python, "<3.11")', "then": "tomli"},
        {"if": "unix", "then": "uvloop"},
    ]


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ("License: BSD\n", "# CHECK: an SPDX expression, where the package says 'BSD'"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "  license: MIT\n"),
        ("", "# CHECK: an SPDX expression\n"),
    ],
    ids=["no-spdx", "classifier", "nothing"],
)
def test_licences(command_line: CommandLine, about: str, expected: str) -> None:
    text, recipe = made(command_line, {"pyproject.toml": PURE}, about)
    assert expected in text
    assert set(recipe["about"] or {}) <= {"license"}


def test_a_directory_whose_version_nobody_tells(command_line: CommandLine) -> None:
    project = f'{PURE}[project]\nname = "Some.Tool"\ndynamic = ["version", "dependencies"]\n'
    command_line.write("sources/pyproject.toml", project)
    command_line.write("sources/some_tool.py", "")
    said = command_line("recipe", "sources", "-o", "out").stdout
    assert "CHECK the version" in said
    assert "CHECK requirements" in said
    recipe = yaml.safe_load((command_line.directory / "out/some-tool/recipe.yaml").read_text())
    assert recipe["source"] == {"path": os.path.join("..", "..", "sources")}  # noqa: PTH118
    assert recipe["tests"][0]["python"]["imports"] == ["some_tool"]


def test_a_directory_that_has_no_sources(command_line: CommandLine) -> None:
    (command_line.directory / "empty").mkdir()
    assert "neither pyproject.toml" in command_line("recipe", "empty", expect=2).stderr
    command_line.write("broken/pyproject.toml", "[project\n")
    assert "pyproject.toml" in command_line("recipe", "broken", expect=3).stderr
