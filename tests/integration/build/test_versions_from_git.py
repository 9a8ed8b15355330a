"""Versions that real build back ends take from git: at the build they are those of the lock."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.repositories import make_repository
from support.sources import stack_of

if TYPE_CHECKING:
    from support.command_line import CommandLine

pytestmark = [pytest.mark.index, pytest.mark.heavy]
HEAD = '[project]\nname = "NAME"\ndynamic = ["version"]\n[build-system]\n'
BACKENDS = {
    "scm": 'requires = ["setuptools>=77", "setuptools-scm>=8"]\n'
    'build-backend = "setuptools.build_meta"\n[tool.setuptools]\npy-modules = ["scm"]\n'
    "[tool.setuptools_scm]\n",
    "hatched": 'requires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"\n'
    '[tool.hatch.version]\nsource = "vcs"\n'
    '[tool.hatch.build.targets.wheel]\nonly-include = ["hatched.py"]\n',
    "pdmed": 'requires = ["pdm-backend"]\nbuild-backend = "pdm.backend"\n'
    '[tool.pdm]\nversion = { source = "scm" }\n',
    "lit": 'requires = ["versioningit", "setuptools>=77"]\n'
    'build-backend = "setuptools.build_meta"\n[tool.setuptools]\npy-modules = ["lit"]\n'
    "[tool.versioningit]\n",
}


def test_back_ends_make_the_version_that_was_locked(
    command_line: CommandLine, tmp_path: Path
) -> None:
    packages = {}
    for name, text in BACKENDS.items():
        files = {"pyproject.toml": HEAD.replace("NAME", name) + text, f"{name}.py": "value = 1\n"}
        made = make_repository(tmp_path / name, files, tag="v1.2.0")
        made.commit({f"{name}.py": "value = 2\n"})
        packages[name] = f'{{ git = "{made.url}", branch = "main" }}'
    inner = make_repository(
        tmp_path / "mono",
        {"python/pyproject.toml": HEAD.replace("NAME", "scm") + BACKENDS["scm"] + 'root = ".."\n',
         "python/scm.py": ""},
        tag="v4.0",
    )  # fmt: skip
    command_line.write("lamina.toml", stack_of(packages))
    command_line("lock")
    text = Path("lamina.lock").read_text()
    versions = {one["name"]: one["version"] for one in tomllib.loads(text)["package"]}
    assert {one.split("+")[0] for one in versions.values()} == {
        "1.2.1.dev1", "1.2.0.post1",
    }  # fmt: skip
    command_line("lock")
    assert Path("lamina.lock").read_text() == text
    built = command_line("build", "--json").json["packages"]
    assert {one["name"]: one["version"] for one in built} == versions
    assert all(Path(one["wheel"]).name.split("-")[1] == one["version"] for one in built)
    where = f'{{ git = "{inner.url}", tag = "v4.0", subdirectory = "python" }}'
    command_line.write("lamina.toml", stack_of({"scm": where}))
    command_line("lock")
    [made_now] = command_line("build", "--json").json["packages"]
    assert made_now["version"] == "4.0"
