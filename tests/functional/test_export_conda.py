"""``lamina export`` of conda packages; what is written is read by those whom it is for."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rattler import LockFile, MatchSpec
from rattler.explicit_environment import ExplicitEnvironmentSpec
from rattler.lock import CondaLockedBinaryPackage, PypiLockedPackage

from lamina.lock.files import save_lock
from support.conda_locks import conda_entry, conda_lock, solved_lock
from support.locks import LINUX, MACOS, file_entry, package_entry

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.lock.document import Lock
    from support.command_line import CommandLine
    from support.index_server import IndexServer

STACK = """
[stack]
name = "small"
version = "1.0"
python = "3.12"
platforms = ["linux-64", "osx-arm64"]
[resolve]
channels = ["ours"]
[conda]
python = "3.12.*"
"""
ADDRESS = "https://conda.example.org/ours"
PYTHON = conda_entry("python", "3.12.4", "h1_0_cpython", depends=["lib-z >=1"], size=10)
NAMES = ("a-tool", "lib-z", "python", "zoo")
PACKAGES = (
    conda_entry("a-tool", "2.0", "pyh_0", subdir="noarch", noarch="python", depends=["python"]),
    conda_entry("lib-z", "1.3", "h5_1", provides=[{"name": "lib-z", "version": "1.3"}]),
    PYTHON,
    conda_entry("zoo"),
)


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    """Return an index with one package."""
    index_server.wheel("app", "1.0", ["other[fast]>=2"])
    return index_server


@pytest.fixture
def lamina(index: IndexServer, command_line: CommandLine, monkeypatch: Any) -> CommandLine:
    """Return the program beside a stack whose channel is known to this machine."""
    monkeypatch.setenv("LAMINA_CHANNEL_OURS", ADDRESS)
    command_line.write("lamina.toml", STACK)
    return command_line


def mixed(index: IndexServer) -> Lock:
    """Return a lock of packages of both kinds."""
    wheel = index.offers["app"][0]
    files = [file_entry(wheel.filename) | {"sha256": wheel.sha256}]
    needs = [{"name": "lib-z", "extras": ["fast"], "extra": "x", "marker": "os_name == 'nt'"}]
    return conda_lock(PACKAGES, package_entry("app", artifacts=files, dependencies=needs))


def locked(lamina: CommandLine, lock: Lock) -> None:
    """Write a lock."""
    save_lock(lock, lamina.directory / "lamina.lock")


def export(lamina: CommandLine, *options: str) -> str:
    """Return what is written."""
    return lamina("export", "--as", *options).stdout


@pytest.mark.parametrize(
    ("options", "digest"), [((), "cd" * 16), (("--digest", "sha256"), "sha256:" + "ab" * 32)]
)
def test_trap_20_an_explicit_list_is_in_the_order_of_installation(
    lamina: CommandLine, options: tuple[str, ...], digest: str
) -> None:
    locked(lamina, conda_lock(PACKAGES))
    text = export(lamina, "explicit", *options)
    assert text.splitlines()[1:] == [
        "# platform: linux-64",
        "@EXPLICIT",
        f"{ADDRESS}/linux-64/lib-z-1.3-h5_1.conda#{digest}",
        f"{ADDRESS}/linux-64/python-3.12.4-h1_0_cpython.conda#{digest}",
        f"{ADDRESS}/linux-64/zoo-1.0-h0_0.conda#{digest}",
        f"{ADDRESS}/noarch/a-tool-2.0-pyh_0.conda#{digest}",
    ]
    read = ExplicitEnvironmentSpec.from_str(text)
    assert str(read.platform) == "linux-64"
    assert len(read.packages) == len(PACKAGES)


def test_what_cannot_be_in_an_explicit_list_is_said(
    lamina: CommandLine, index: IndexServer
) -> None:
    locked(lamina, mixed(index))
    answer = lamina("export", "--as", "explicit")
    assert "warning: not in conda's explicit list, being of the package index: 1" in answer.stderr
    assert "# not here: 1 of the package index" in answer.stdout


@pytest.mark.parametrize("form", ["requirements", "pylock"])
def test_what_cannot_be_in_a_list_for_pip_is_said(
    lamina: CommandLine, index: IndexServer, form: str
) -> None:
    locked(lamina, mixed(index))
    said = lamina("export", "--as", form).stderr
    assert f"warning: not in {form}, being conda packages: {len(PACKAGES)}\n" in said


def test_an_explicit_list_without_md5(lamina: CommandLine) -> None:
    locked(lamina, conda_lock([PYTHON.model_copy(update={"md5": None})]))
    said = lamina("export", "--as", "explicit", expect=2).stderr
    assert "no MD5 in the lock of python-3.12.4" in said
    assert "--digest sha256" in said


def test_an_environment_yml(lamina: CommandLine, index: IndexServer) -> None:
    locked(lamina, mixed(index))
    document = yaml.safe_load(export(lamina, "environment"))
    assert document["name"] == "small"
    assert document["channels"] == [ADDRESS, "nodefaults"]
    *conda, pip, requirements = document["dependencies"]
    assert conda[1] == "python=3.12.4=h1_0_cpython"
    assert (pip, requirements) == ("pip", {"pip": ["app==1.0"]})
    for text in conda:
        spec = MatchSpec(text, strict=False)
        assert (spec.version or "").startswith("==")
        assert spec.build


def test_a_pixi_toml_for_two_platforms(lamina: CommandLine) -> None:
    mac = conda_entry("python", "3.12.4", "h9_0", subdir="osx-arm64", targets=[MACOS])
    linux = conda_entry("python", "3.12.4", "h1_0_cpython", targets=[LINUX])
    tool = conda_entry("a-tool", "2.0", "pyh_0", subdir="noarch")
    locked(lamina, conda_lock([tool, linux, mac], package_entry("app"), targets=(LINUX, MACOS)))
    document = tomllib.loads(export(lamina, "pixi"))
    assert document["workspace"] == {
        "name": "small",
        "channels": [ADDRESS],
        "platforms": ["linux-64", "osx-arm64"],
    }
    assert document["dependencies"] == {"a-tool": {"version": "==2.0", "build": "pyh_0"}}
    assert document["pypi-dependencies"] == {"app": "==1.0"}
    python = {name: one["dependencies"]["python"] for name, one in document["target"].items()}
    assert {name: one["build"] for name, one in python.items()} == {
        "linux-64": "h1_0_cpython",
        "osx-arm64": "h9_0",
    }


def test_paths_in_a_pixi_toml_lead_from_where_it_is(lamina: CommandLine) -> None:
    path = package_entry("mine", index="path", origin={"path": "vendor/mine"})
    locked(lamina, conda_lock([PYTHON], path))
    assert "these are not there, seen from this list: mine (vendor/mine)" in (
        lamina("export", "--as", "pixi").stderr
    )
    lamina.write("vendor/mine/pyproject.toml", "")
    lamina.write("lists/x", "")
    for place, wanted in ((".", "./vendor/mine"), ("lists", "../vendor/mine")):
        answer = lamina("export", "--as", "pixi", "-o", f"{place}/pixi.toml")
        assert not answer.stderr
        document = tomllib.loads((lamina.directory / place / "pixi.toml").read_text())
        assert document["pypi-dependencies"] == {"mine": {"path": wanted}}


def test_a_pixi_toml_names_newer_systems_than_usual_ones(lamina: CommandLine) -> None:
    usual = conda_entry("usual", depends=["__glibc >=2.17,<3.0.a0", "__osx >=11.0"])
    newer = conda_entry("newer", depends=["__glibc >=2.36"])
    locked(lamina, conda_lock([PYTHON, usual]))
    assert "system-requirements" not in tomllib.loads(export(lamina, "pixi"))
    locked(lamina, conda_lock([newer, PYTHON, usual]))
    assert tomllib.loads(export(lamina, "pixi"))["system-requirements"] == {"libc": "2.36"}


def test_trap_14_a_pixi_lock_has_the_digests_of_both_kinds(
    lamina: CommandLine, index: IndexServer
) -> None:
    locked(lamina, mixed(index))
    lamina("export", "--as", "pixi-lock", "-o", "pixi.lock")
    environment = LockFile.from_path(lamina.directory / "pixi.lock").default_environment()
    assert environment is not None
    assert [str(one) for one in environment.channels()] == [f"{ADDRESS}/"]
    [platform] = environment.platforms()
    packages = environment.packages(platform) or []
    conda = {one.name: one for one in packages if isinstance(one, CondaLockedBinaryPackage)}
    [pypi] = [one for one in packages if isinstance(one, PypiLockedPackage)]
    assert sorted(conda) == list(NAMES)
    hashes = conda["python"].hashes
    assert hashes is not None
    assert (hashes.sha256, hashes.md5) == (b"\xab" * 32, b"\xcd" * 16)
    assert conda["python"].repo_data_record().depends == ["lib-z >=1"]
    assert pypi.location.startswith(index.url.removesuffix("/simple"))
    assert pypi.hashes is not None
    assert pypi.hashes.sha256 is not None
    assert pypi.hashes.sha256.hex() == index.offers["app"][0].sha256
    [needed] = pypi.requires_dist
    assert needed.startswith("lib-z[fast]")


@pytest.mark.parametrize("form", ["explicit", "environment", "pixi", "pixi-lock"])
def test_no_credentials_are_written(
    lamina: CommandLine, index: IndexServer, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(lamina, mixed(index))
    plain = export(lamina, form)
    for address in (
        ADDRESS.replace("https://", "https://me:sesame@"),
        ADDRESS.replace("/ours", "/t/sesame/ours"),
    ):
        monkeypatch.setenv("LAMINA_CHANNEL_OURS", address)
        assert export(lamina, form) == plain


def test_an_environment_without_conda_packages_has_python_and_pip(lamina: CommandLine) -> None:
    locked(lamina, conda_lock([], package_entry("app")))
    assert yaml.safe_load(export(lamina, "environment"))["channels"] == [ADDRESS, "nodefaults"]
    stack = lamina.directory / "lamina.toml"
    stack.write_text(stack.read_text().partition("[resolve]")[0])
    written = yaml.safe_load(export(lamina, "environment"))
    assert written == {
        "name": "small",
        "dependencies": ["python=3.12", "pip", {"pip": ["app==1.0"]}],
    }
    assert MatchSpec(written["dependencies"][0], strict=False).version == "3.12.*"


@pytest.mark.parametrize("form", ["pixi", "pixi-lock"])
def test_a_lock_without_conda_packages(lamina: CommandLine, form: str) -> None:
    lock = conda_lock([], package_entry("app"))
    locked(lamina, lock)
    assert "the lock has none" in lamina("export", "--as", form, expect=2).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pylock", "--digest", "md5"], "--digest is about"),
        (["pixi"], "one series of Python"),
        (["explicit", "--target", "win-64/3.12"], "the lock is not for"),
    ],
)
def test_what_is_refused(lamina: CommandLine, arguments: list[str], said: str) -> None:
    locked(lamina, conda_lock(PACKAGES, targets=(LINUX, "linux-64/3.13")))
    assert said in lamina("export", "--as", *arguments, expect=2).stderr


FORMS = {
    "explicit": "explicit.txt",
    "environment": "environment.yml",
    "pixi": "pixi.toml",
    "pixi-lock": "pixi.lock",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_begins_a_stack_of_the_same(
    lamina: CommandLine, bootstrapped: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real channel: the specs of the new stack are met by the packages of the lock, exactly."""
    monkeypatch.setenv("LAMINA_CHANNEL_OURS", str(bootstrapped))
    lock = solved_lock(bootstrapped, ["tool-box", "python 3.12.*"], lamina.directory / "cache")
    locked(lamina, lock)
    lamina("export", "--as", form, "-o", FORMS[form])
    new = lamina("init", "new", "--from", FORMS[form], "--platform", "linux-64", "--json").json
    document = tomllib.loads(new["text"])
    assert document["resolve"]["channels"] == [bootstrapped.as_uri()]
    assert document["conda"] == {
        str(one.name): f"=={one.version} {one.build}" for one in lock.conda
    }
    again = solved_lock(
        bootstrapped,
        [f"{name} {spec}" for name, spec in document["conda"].items()],
        lamina.directory / "cache",
    )
    assert again.conda == lock.conda
