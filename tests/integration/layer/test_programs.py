"""Programs that people work with every day, of the base or of the layer, run in a layer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.index

PROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "own-work"
version = "1.0"
[project.scripts]
own-work = "own_work:main"
[project.entry-points.pytest11]
own-work = "own_work.plugin"
"""
CODE = "def main():\n    import pluggy\n    print('own work with', pluggy.__name__)\n"
PLUGIN = "import pytest\n\n@pytest.fixture\ndef of_the_layer():\n    return 42\n"
TEST = """\
import own_work

def test_both(of_the_layer, mocker):
    assert of_the_layer == 42 and mocker.stub is not None
"""


@pytest.fixture
def room(environ: dict[str, str], tmp_path: Path, interpreter: Callable[[str], Path]) -> Workshop:
    """Return a place with a base that has what people use, and a layer on it."""
    workshop = Workshop(path=tmp_path, environ=environ, index=None)  # type: ignore[arg-type]
    base = workshop.base(interpreter("3.12"))
    install(workshop, base, "pip", "pytest", "pytest-mock", "build", "setuptools", "ipython")
    workshop.layer(base)
    return workshop


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    files = {
        "pyproject.toml": PROJECT, "src/own_work/__init__.py": CODE,
        "src/own_work/plugin.py": PLUGIN, "tests/test_both.py": TEST,
    }  # fmt: skip
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def install(workshop: Workshop, prefix: Path, *packages: str) -> None:
    """Put packages into an environment, none of them resolved with what a layer stands on."""
    words = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", prefix / "bin" / "python"]
    run([*words, *packages], workshop.environ)


def inside(room: Workshop, *words: str, cwd: Path | None = None) -> str:
    """Run something as somebody who has activated the layer; return what it said."""
    layer = room.path / "layer"
    environ = room.environ | {
        "PATH": f"{layer}/bin:{room.environ['PATH']}",
        "VIRTUAL_ENV": str(layer),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": "dumb",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@"', "sh", *words],
        env=environ, cwd=cwd, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("whose", ["base", "layer"])
def test_an_editable_project_and_its_tests(room: Workshop, project: Path, whose: str) -> None:
    """pytest loads the plugins of base and layer, be it itself of the one or of the other."""
    layer = room.path / "layer"
    if whose == "layer":
        install(room, layer, "--no-deps", "pytest")
    inside(room, "python", "-m", "pip", "install", "-e", str(project))
    assert inside(room, "own-work") == "own work with pluggy\n"
    for program in ["pytest"], ["python", "-m", "pytest"]:
        said = inside(room, *program, "-v", "-p", "no:cacheprovider", cwd=project)
        assert "1 passed" in said
        assert "own-work-1.0" in said
        code = "import pytest; print(pytest.__file__)"
        assert inside(room, "python", "-c", code).startswith(str(site_of(room.path / whose)))
    inside(room, "pip", "uninstall", "--yes", "own-work")
    assert not (layer / "bin" / "own-work").exists()


@pytest.mark.parametrize("isolation", ["isolated", "--no-isolation"])
def test_a_project_is_built(room: Workshop, project: Path, isolation: str) -> None:
    options = [isolation] if isolation.startswith("-") else []
    inside(room, "python", "-m", "build", *options, str(project))
    built = sorted(path.name for path in (project / "dist").iterdir())
    assert built == ["own_work-1.0-py3-none-any.whl", "own_work-1.0.tar.gz"]
    assert not list(site_of(room.path / "layer").glob("*.dist-info"))


@pytest.mark.parametrize("program", [["ipython"], ["python", "-m", "IPython"]])
def test_ipython_sees_both(room: Workshop, program: list[str]) -> None:
    layer = room.path / "layer"
    install(room, layer, "--no-deps", "emoji")
    code = "import sys, emoji, pluggy; print(sys.prefix, emoji.__file__, pluggy.__file__)"
    prefix, mine, theirs = inside(room, *program, "--quiet", "-c", code).split()[-3:]
    assert prefix == str(layer)
    assert mine.startswith(str(site_of(layer)))
    assert theirs.startswith(str(site_of(room.path / "base")))


def test_pip_tells_the_truth(room: Workshop) -> None:
    base, layer = room.path / "base", room.path / "layer"
    inside(room, "pip", "install", "--no-deps", "emoji")
    assert f"Location: {site_of(base)}" in inside(room, "pip", "show", "pluggy")
    assert f"Location: {site_of(layer)}" in inside(room, "pip", "show", "emoji")
    frozen = {line.partition("==")[0] for line in inside(room, "pip", "freeze").splitlines()}
    assert frozen >= {"emoji", "pluggy", "ipython"}
    alone = inside(room, "pip", "list", "--local", "--format", "json")
    assert [one["name"] for one in json.loads(alone)] == ["emoji"]
    # From outside, as pipx and others ask.
    asked = inside(room, f"{base}/bin/python", "-m", "pip", "--python", str(layer), "list")
    assert "emoji" in asked
    assert "pluggy" in asked
    assert str(site_of(base)) in inside(room, f"{layer}/bin/python", "-I", "-m", "pip", "--version")


def test_editors_find_it(room: Workshop) -> None:
    """As a virtual environment: by its pyvenv.cfg, and by what its interpreter answers."""
    layer = room.path / "layer"
    assert inside(room, uv.find_uv_bin(), "python", "find", str(layer)).strip() == (
        f"{layer}/bin/python"
    )
    lines = (layer / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    said = dict(line.split(" = ", 1) for line in lines)
    assert said["version"].startswith("3.12.")
    assert (Path(said["home"]) / "python3.12").exists()
    assert all((layer / "bin" / name).exists() for name in ("activate", "python", "python3"))
    code = (
        "import json, sys; print(json.dumps([list(sys.version_info[:2]), sys.prefix, "
        "sys.base_prefix != sys.prefix, sys.executable, sys.path]))"
    )
    answer = json.loads(inside(room, f"{layer}/bin/python", "-I", "-c", code))
    assert answer[:4] == [[3, 12], str(layer), True, f"{layer}/bin/python"]
    assert answer[4].index(str(site_of(layer))) < answer[4].index(str(site_of(room.path / "base")))
    # jedi is what completes names in many editors; it trusts only what is a proper environment.
    complete = (
        "import jedi; e = jedi.create_environment({!r}); s = jedi.Script('import plug', "
        "environment=e); print([c.name for c in s.complete()])"
    )
    assert "pluggy" in inside(room, "python", "-c", complete.format(str(layer)))


@pytest.mark.parametrize("tool", ["venv", "uv", "virtualenv"])
def test_an_environment_made_with_a_layers_interpreter(room: Workshop, tool: str) -> None:
    """As tox and nox make them: of the interpreter alone, and that it works."""
    python, target = f"{room.path}/layer/bin/python", str(room.path / "made")
    if tool == "virtualenv":
        install(room, room.path / "layer", "virtualenv")
    words = {
        "venv": [python, "-m", "venv", "--without-pip", target],
        "uv": [uv.find_uv_bin(), "venv", "--quiet", "-p", python, target],
        "virtualenv": [python, "-m", "virtualenv", "--quiet", "--no-seed", target],
    }
    inside(room, *words[tool])
    code = "import sys; print(sys.prefix, *sys.path[1:])"
    prefix, *path = inside(room, f"{target}/bin/python", "-c", code).split()
    assert prefix == target
    assert [one for one in path if str(room.path) in one] == [str(site_of(Path(target)))]


def test_uv_builds_for_a_layer(room: Workshop, project: Path) -> None:
    """uv makes an environment for the build, and puts the project into the layer."""
    layer = room.path / "layer"
    program = uv.find_uv_bin()
    path = f"{layer}/bin:{Path(program).parent}"
    words = ["env", f"PATH={path}:/usr/bin:/bin", "uv", "pip", "install", "--no-deps", "-e"]
    inside(room, *words, str(project))
    assert inside(room, "own-work") == "own work with pluggy\n"
