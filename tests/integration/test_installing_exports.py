"""uv and pip accept what ``lamina export`` writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.engines.uv_program import UvProgram
from support.index_server import IndexServer, make_wheel
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.command_line import CommandLine

COMMANDS = {
    "uv pylock": ("pylock", "pylock.toml", ["uv", "pip", "sync", "--preview-features", "pylock"]),
    "uv requirements": (
        "requirements",
        "requirements.txt",
        ["uv", "pip", "sync", "--require-hashes"],
    ),
    "pip pylock": ("pylock", "pylock.toml", ["pip", "install", "--no-deps", "-r"]),
    "pip requirements": (
        "requirements",
        "requirements.txt",
        ["pip", "install", "--no-deps", "--require-hashes", "-r"],
    ),
    "pip explicit": ("explicit", "explicit.txt", ["pip", "install", "--no-deps", "-r"]),
    "uv explicit": ("explicit", "explicit.txt", ["uv", "pip", "sync"]),
}


@pytest.fixture(scope="session")
def pip(tmp_path_factory: pytest.TempPathFactory, interpreter: Callable[[str], Path]) -> Path:
    """Return a recent pip that installs into other environments."""
    import uv

    home = tmp_path_factory.mktemp("pip")
    binary = uv.find_uv_bin()
    python = home / "venv" / "bin" / "python"
    made = ["venv", "-q", "--python", str(interpreter("3.12")), str(home / "venv")]
    subprocess.run([binary, *made], check=True)
    subprocess.run([binary, "pip", "install", "-q", "--python", python, "pip>=26"], check=True)
    return python


@pytest.fixture
def environment(
    tmp_path: Path, interpreter: Callable[[str], Path], environ: dict[str, str]
) -> Path:
    """Return the Python of an empty environment."""
    target = tmp_path / "environment"
    UvProgram(environ=environ).call("venv", "--python", interpreter("3.12"), target)
    return target / "bin" / "python"


def install(words: list[str], file: Path, python: Path, pip: Path, environ: dict[str, str]) -> None:
    """Run uv or pip as a person would."""
    import uv

    if words[0] == "uv":
        argv = [uv.find_uv_bin(), *words[1:], str(file), "--python", str(python), "--no-config"]
    else:
        argv = [str(pip), "-m", "pip", "--python", str(python), *words[1:], str(file)]
        argv += (
            ["--index-url", environ["UV_DEFAULT_INDEX"]] if "UV_DEFAULT_INDEX" in environ else []
        )
    kept = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(argv, env=environ | kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def installed(python: Path) -> set[str]:
    site = next((python.parent.parent / "lib").glob("python*/site-packages"))
    return {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info")}


@pytest.mark.index
@pytest.mark.parametrize("command", COMMANDS)
def test_the_exact_versions_are_installed(
    command: str, command_line: CommandLine, environment: Path, pip: Path
) -> None:
    packages = 'click = "==8.1.7"\npackaging = "<26"\nnumpy = "==2.1.*"'
    command_line.write("lamina.toml", stack_text(packages, platforms='["linux-64", "osx-arm64"]'))
    command_line("lock")
    form, name, words = COMMANDS[command]
    path = command_line.directory / name
    command_line("export", "--as", form, "--target", "linux-64/3.12", "-o", path)
    install(words, path, environment, pip, command_line.environ)
    assert {"click-8.1.7", "numpy-2.1.3"} <= installed(environment)
    assert len(installed(environment)) == 3
    if command == "uv pylock":
        assert not list(environment.parent.parent.rglob("direct_url.json"))


@pytest.fixture
def two_indexes(index_server: IndexServer) -> Iterator[IndexServer]:
    """Return the index of the experiment; the default one has a foreign ``tool``."""
    index_server.wheel("tool", "1.0", note="foreign")
    index_server.wheel("plain", "1.0")
    with IndexServer() as ours:
        ours.wheel("tool", "1.0", note="ours")
        yield ours


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.index
def test_a_package_comes_from_its_index_here_too(
    command: str,
    two_indexes: IndexServer,
    command_line: CommandLine,
    environment: Path,
    pip: Path,
) -> None:
    resolve = f'indexes = {{ ours = "{two_indexes.url}" }}'
    line = 'plain = "*"\ntool = { version = "*", index = "ours" }'
    command_line.write("lamina.toml", stack_text(line, resolve=resolve))
    command_line("lock")
    form, name, words = COMMANDS[command]
    path = command_line.directory / name
    command_line("export", "--as", form, "-o", path)
    install(words, path, environment, pip, command_line.environ)
    [module] = environment.parent.parent.rglob("tool.py")
    assert "ours" in module.read_text()


@pytest.mark.parametrize("note", ["same-length", "of another length"])
def test_a_file_with_another_digest_is_not_installed(
    index_server: IndexServer, command_line: CommandLine, environment: Path, note: str
) -> None:
    index_server.wheel("tool", "1.0", note="some-length")
    command_line.write("lamina.toml", stack_text('tool = "*"'))
    command_line("lock")
    path = command_line.directory / "pylock.toml"
    command_line("export", "--as", "pylock", "-o", path)
    index_server.offers["tool"][0].content = make_wheel("tool", "1.0", note=note)
    fresh_cache = command_line.environ | {"UV_CACHE_DIR": str(command_line.directory / "fresh")}
    uv = UvProgram(environ=fresh_cache)
    with pytest.raises(IntegrityError, match=r"[Hh]ash mismatch|Size mismatch"):
        uv.call("pip", "sync", "--preview-features", "pylock", "--python", environment, path)
    assert installed(environment) == set()
    assert not list(Path(fresh_cache["UV_CACHE_DIR"]).rglob("tool.py"))


STACK = """\
[stack]
name = "small"
version = "2026.11.0"
python = "3.12"
platforms = ["linux-64"]

[packages]
humanize = "*"
numpy = "==1.26.4"
six = "*"
"""
_TOLD = """\
import importlib.metadata as metadata
for name in sorted({one.metadata["Name"] for one in metadata.distributions()}):
    print(f"{name}-{metadata.version(name)}")
"""


@pytest.fixture
def layer(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a layer with a newer numpy than its base, and a package more."""
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    command_line.write("lamina.toml", STACK)
    command_line("publish")
    command_line("layer", "create", "mine", "--on", "small")
    command_line("layer", "add", "mine", "numpy>=2", "iniconfig")
    yield command_line.directory / "mine"
    fs.remove_tree(root)


def seen_in(layer: Path) -> set[str]:
    """Return what Python sees in a layer."""
    python = layer / "bin" / "python"
    done = subprocess.run([python, "-c", _TOLD], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "numpy-1.26.4" not in found
    assert {one.partition("-")[0] for one in found} == {"humanize", "iniconfig", "numpy", "six"}
    return found


@pytest.mark.index
def test_what_is_made_of_a_layer_installs_what_is_seen_in_it(
    layer: Path,
    command_line: CommandLine,
    pip: Path,
    interpreter: Callable[[str], Path],
    environ: dict[str, str],
) -> None:
    wanted = seen_in(layer)
    forms = {**COMMANDS, "pip wheel": ("wheel", "dist", ["pip", "install"])}
    for command, (form, name, words) in forms.items():
        path = command_line.directory / name
        command_line("export", "mine", "--as", form, "-o", path)
        [file] = path.iterdir() if path.is_dir() else [path]
        fresh = command_line.directory / command
        UvProgram(environ=environ).call("venv", "--python", interpreter("3.12"), fresh)
        install(words, file, fresh / "bin" / "python", pip, environ)
        found = installed(fresh / "bin" / "python")
        own = {one for one in found if one.startswith("mine-2026.11.0+")}
        assert len(own) == (form == "wheel"), command
        assert found - own == wanted, command
