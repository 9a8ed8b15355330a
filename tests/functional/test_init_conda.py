"""``lamina init --from`` files of conda, constructor and pixi."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.stack.files import parse_stack

if TYPE_CHECKING:
    from support.command_line import CommandLine

FILES = Path(__file__).parents[1] / "support" / "conda_files"
LINUX = ("--platform", "linux-64")
A_SECRET = "sesame"


@pytest.fixture
def lamina(command_line: CommandLine) -> CommandLine:
    """Return the program, in a directory with files of conda."""
    shutil.copytree(FILES, command_line.directory / "files")
    return command_line


def init(lamina: CommandLine, name: str, *options: str) -> tuple[dict[str, Any], list[str]]:
    """Return the stack that comes of a file, and what was left behind."""
    answer = lamina("init", "new", "--from", f"files/{name}", *options, "--json").json
    text = (lamina.directory / "new" / "lamina.toml").read_text()
    parse_stack(text, "lamina.toml")
    return tomllib.loads(text), answer["not-carried-over"]


def written(lamina: CommandLine, name: str, text: str) -> None:
    (lamina.directory / "files" / name).write_bytes(text.encode())


def test_a_construct_yaml(lamina: CommandLine) -> None:
    stack, left = init(lamina, "construct.yaml", *LINUX, "--platform", "linux-aarch64")
    assert stack["stack"]["name"] == "gridos"
    assert stack["stack"]["python"] == "3.12"
    assert stack["resolve"] == {
        "channels": ["https://conda.example.org/grid", "conda-forge"],
        "glibc": "2.17",
        "virtual": {"linux-64": {"__cuda": "12"}},
    }
    assert stack["conda"] == {
        "boost-cpp": "==1.84.0",
        "gfal2": ">=2.23",
        "git": "*",
        "python": "3.12.*",
        "voms-clients": "*",
        "xrootd": "5.7.*",
    }
    for line, what in [
        (3, "version: 2.47"),
        (4, "company"),
        (5, "license_file"),
        (15, "boost-cpp"),
        (16, "libiconv"),
        (17, "pywin32"),
        (18, "# [py312]"),
        (21, "exclude: qt"),
        (26, "post_install.sh"),
        (27, "post_install.bat"),
        (28, "condarc"),
    ]:
        assert any(
            f"construct.yaml line {n}: " in one and what in one
            for one in left
            for n in (line, line - 1)
        ), (line, what)
    assert len(left) == 11


def test_builds_are_exact_where_there_is_one_platform(lamina: CommandLine) -> None:
    stack, _ = init(lamina, "construct.yaml", "--platform", "linux-aarch64")
    assert stack["conda"]["boost-cpp"] == "==1.84.0 h10ce6a3_5"


def test_an_environment_yml_keeps_both_parts(lamina: CommandLine) -> None:
    stack, left = init(lamina, "environment.yml", *LINUX)
    assert stack["stack"]["name"] == "analysis-base"
    assert stack["resolve"]["channels"] == ["conda-forge"]
    assert stack["conda"] == {
        "coffea": "*",
        "numpy": "1.26.*",
        "pip": "*",
        "python": "3.12.*",
        "root": "==6.32 *_0",
        "uproot": ">=5.3,<6",
    }
    assert set(stack["packages"]) == {"dask-gateway", "fsspec-xrootd", "servicex"}
    assert stack["packages"]["dask-gateway"] == "==2024.1.0"
    assert [one.partition(": ")[0] for one in left] == [
        "environment.yml line 18",
        "environment.yml line 15",
    ]


def test_a_pixi_toml(lamina: CommandLine) -> None:
    stack, left = init(lamina, "pixi.toml")
    assert stack["stack"]["platforms"] == ["linux-64", "osx-arm64"]
    assert stack["conda"] == {
        "cupy": {"version": "13.*", "platforms": ["linux-64"]},
        "gxx": {"version": "*", "platforms": ["linux-64"]},
        "numpy": ">=2,<3",
        "python": "3.12.*",
        "xrootd": {"version": "5.7.*", "channel": "conda-forge"},
    }
    assert stack["packages"] == {
        "ours": {"git": "https://github.example.org/one/two.git"},
        "pyhf": {"version": ">=0.7", "extras": ["minuit"]},
    }
    assert stack["groups"] == {"test": ["pytest>=8"]}
    assert stack["resolve"]["glibc"] == "2.28"
    lines = [int(one.split(":")[0].rpartition(" ")[2]) for one in left]
    assert lines == [3, 4, 5, 7, 14, 33, 36]


def test_a_pyproject_toml_of_pixi(lamina: CommandLine) -> None:
    pixi = (FILES / "pixi.toml").read_text().replace("\n[", "\n[tool.pixi.")
    project = (
        '[project]\nname = "column-tool"\nrequires-python = ">=3.11,<3.12"\n'
        'dependencies = ["hist>=2"]\n[dependency-groups]\ndocs = ["furo"]\n'
    )
    written(lamina, "pyproject.toml", f"{project}[tool.pixi.{pixi.removeprefix('[')}")
    stack, _ = init(lamina, "pyproject.toml")
    assert stack["stack"]["name"] == "column-analysis"
    assert stack["stack"]["python"] == "3.12"
    assert set(stack["packages"]) == {"hist", "ours", "pyhf"}
    assert stack["groups"] == {"docs": ["furo"], "test": ["pytest>=8"]}


def test_an_explicit_list(lamina: CommandLine) -> None:
    stack, left = init(lamina, "explicit.txt")
    ours, mine = "https://conda.example.org/ours", "https://other.example.org/mine"
    assert stack["resolve"]["channels"] == [ours, mine]
    assert stack["conda"] == {
        "click": {"version": "==8.1.7", "build": "pyh1_0", "channel": ours},
        "lib-x": {"version": "==1.0", "build": "h0_0", "channel": mine},
        "python": {"version": "==3.12.4", "build": "h1_0_cpython", "channel": ours},
    }
    assert stack["stack"]["platforms"] == ["linux-64"]
    assert left[0].startswith("explicit.txt line 6: the credentials of channel")
    assert left[1].startswith("2 digests")


def test_windows_line_ends(lamina: CommandLine) -> None:
    for name in ("explicit.txt", "environment.yml", "pixi.toml"):
        before, _ = init(lamina, name)
        (lamina.directory / "new" / "lamina.toml").unlink()
        text = (FILES / name).read_text()
        written(lamina, name, "\ufeff" + text.replace("\n", "\r\n"))
        after, _ = init(lamina, name)
        (lamina.directory / "new" / "lamina.toml").unlink()
        assert after == before


@pytest.mark.parametrize(
    "text",
    [
        f"channels: [https://me:{A_SECRET}@conda.example.org/ours]\n",
        f"channels: [https://conda.example.org/t/{A_SECRET}/ours]\n",
        f"dependencies: ['https://conda.example.org/t/{A_SECRET}/ours::numpy']\n",
        f"dependencies: [pip: ['git+https://me:{A_SECRET}@example.org/x.git']]\n",
        f"dependencies: [pip: ['--index-url https://me:{A_SECRET}@example.org/simple']]\n",
        f"channels: ['https://conda.example.org/ours?key={A_SECRET}']\n",
    ],
)
def test_no_secret_comes_along(lamina: CommandLine, text: str) -> None:
    written(lamina, "environment.yml", f"{text}variables:\n")
    answer = lamina("init", "new", "--from", "files/environment.yml", *LINUX)
    stack = (lamina.directory / "new" / "lamina.toml").read_text()
    assert A_SECRET not in stack + answer.stdout + answer.stderr
    assert "not carried over" in answer.stderr
    if "conda.example.org" in text:
        assert 'channels = ["https://conda.example.org/ours"]' in stack


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("environment.yml", "dependencies: {a: b}\n", 3, "line 1: dependencies is no list"),
        ("environment.yml", "dependencies:\n- [a]\n", 3, "line 2: a dependency that is no text"),
        ("environment.yml", "channels:\n- {a: b}\n", 3, "line 2: a channel that is no text"),
        ("environment.yml", "dependencies:\n- pip:\n  - '!!'\n", 3, "line 3"),
        ("environment.yml", "dependencies:\n- pip:\n  - -r gone.txt\n", 3, "no such file"),
        ("construct.yaml", "specs: {a: b}\n", 3, "line 1: specs is no list"),
        ("explicit.txt", "@EXPLICIT\n", 3, "no packages are listed"),
        ("explicit.txt", "@EXPLICIT\nnumpy\n", 3, "line 2: 'numpy' is not the address"),
        ("explicit.txt", "@EXPLICIT\nhttps://x.org/c/noarch/a-1-0.conda#12\n", 3, "MD5"),
        ("explicit.txt", "@EXPLICIT\nhttps://x.org/c/noarch/a-1-0.zip\n", 3, "line 2"),
        ("pixi.toml", "[workspace\n", 3, "not valid TOML"),
        ("pixi.toml", "[dependencies]\n", 3, "workspace: no such table"),
        ("pixi.lock", "version: 99\n", 3, "not a pixi.lock"),
        ("pixi.lock", "{", 3, "not a pixi.lock"),
        ("pixi.lock", "", 3, "not a pixi.lock"),
        ("pyproject.toml", "[project]\nname = 'x'\n", 3, "tool.pixi.workspace"),
    ],
)
def test_bad_files(lamina: CommandLine, name: str, text: str, code: int, said: str) -> None:
    written(lamina, name, text)
    answer = lamina("init", "new", "--from", f"files/{name}", *LINUX, expect=code)
    assert said in answer.stderr
    assert not (lamina.directory / "new").exists()


def test_an_unknown_platform(lamina: CommandLine) -> None:
    line = "https://x.org/c/noarch/a-1-0.conda\n"
    written(lamina, "explicit.txt", f"# platform: zos-z\n@EXPLICIT\n{line}")
    _, left = init(lamina, "explicit.txt", *LINUX)
    assert left[0].startswith("explicit.txt line 1: platform zos-z: lamina knows linux-64")


def test_another_python_by_hand_wins(lamina: CommandLine) -> None:
    stack, left = init(lamina, "environment.yml", *LINUX, "--python", "3.13")
    assert stack["stack"]["python"] == "3.13"
    assert "python" not in stack["conda"]
    assert "python 3.12.*: --python 3.13 was given" in left


def test_a_range_of_pythons_takes_the_one_given(lamina: CommandLine) -> None:
    written(lamina, "environment.yml", "dependencies: ['python >=3.10,<3.13']\n")
    stack, _ = init(lamina, "environment.yml", *LINUX, "--python", "3.11")
    assert (stack["stack"]["python"], stack["conda"]["python"]) == ("3.11", ">=3.10,<3.13")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[dependencies]\na = 3\n", "line 3: a = 3: neither a version nor a table"),
        ("[pypi-dependencies]\na = [1]\n", "line 3: a = [1]: neither"),
        ("[feature.'é']\npypi-dependencies = { x = '*' }\n", "é: x: not a name of a group"),
        ("[feature.a]\nplatforms = [[1]]\n", "feature a: for no platform of lamina"),
        ("[target.b]\n", "line 2: target b: no platform of lamina"),
        ("[system-requirements]\nlibc = { family = 'glibc' }\n", "system-requirements.libc"),
        ("[dependencies]\na = { version = '1', md5 = 'x' }\n", "line 3: a: md5"),
        ("[pypi-dependencies]\na = { path = '.', editable = true }\n", "line 3: a: path ."),
    ],
)
def test_parts_of_a_manifest_that_cannot_come(lamina: CommandLine, text: str, said: str) -> None:
    written(lamina, "pixi.toml", f"[workspace]\n{text}")
    _, left = init(lamina, "pixi.toml", *LINUX)
    assert any(said in one for one in left), left
