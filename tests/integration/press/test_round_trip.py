"""Wheels as conda packages that conda's engine installs, and back again as wheels."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.archive.reading import check_archive
from lamina.archive.zstd import decompressing
from lamina.channel.index import add_packages
from lamina.engines.conda_install import InstallRequest, install_new
from lamina.engines.conda_prefix import check_prefix
from lamina.engines.conda_solve import CondaChannels, SolveRequest, solve
from lamina.engines.conda_virtual import virtual_packages
from lamina.model.platforms import Platform, SystemFloor, Target
from lamina.press.pressing import PressRequest, press
from lamina.press.pythons import NOT_FREE_THREADED
from support.pressing import Compiled, install, said, write_contents, write_wheel_of
from support.wheels import metadata, wheel_contents

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.press.outcome import Pressed

LINUX = Target.parse("linux-64/3.12")
LICENCE = "do as you like\n"
PURE = [
    "Provides-Extra: plot", "Provides-Extra: all",
    "License-Expression: MIT", "License-File: LICENSE", "Summary: A pure one",
    "Project-URL: Homepage, https://pure.example.org",
    "Project-URL: Source, https://pure.example.org/code",
]  # fmt: skip


def pure_wheel(directory: Path, *requires: str) -> Path:
    """Write a wheel with everything that a pure wheel can have."""
    info = "pure_one-1.0.dist-info"
    files = {
        "pure_one/__init__.py": "def main():\n    print('pure')\n",
        "pure_one-1.0.data/scripts/pure-script": "#!python\nimport pure_one; print('script')\n",
        "pure_one-1.0.data/data/share/pure/data.txt": "data\n",
        "pure_one-1.0.data/headers/pure.h": "#define PURE\n",
        f"{info}/entry_points.txt": "[console_scripts]\npure = pure_one:main\n[x]\ny = pure_one\n",
        f"{info}/licenses/LICENSE": LICENCE,
    }
    about = metadata("Pure.One", "1.0", requires, requires_python=">=3.9")
    about += "".join(f"{one}\n" for one in PURE)
    contents = wheel_contents("pure_one", "1.0", files, about)
    return write_contents(directory / "pure_one-1.0-py3-none-any.whl", contents)


def pressed(file: Path, directory: Path, **options: Any) -> tuple[Pressed, Path]:
    (made,) = press(PressRequest(files=[file], directory=directory, target=None, **options))
    return made, directory / made.archive.name


def info_of(archive: Path, name: str) -> str:
    with zipfile.ZipFile(archive) as outer:
        packed = outer.read(f"info-{archive.name.removesuffix('.conda')}.tar.zst")
    with (
        decompressing(io.BytesIO(packed)) as plain,
        tarfile.open(fileobj=io.BytesIO(plain.read())) as inner,
    ):
        stream = inner.extractfile(f"info/{name}")
        assert stream is not None
        return stream.read().decode()


def conda_installed(spec: str, archive: Path, bootstrapped: Path, work: Path) -> Path:
    """Solve and install a package from a channel of its own, with Python from another."""
    own = work / "own-channel"
    add_packages(own, [archive])
    channels = CondaChannels(addresses=[str(own), str(bootstrapped)], cache=work / "cache")
    virtual = virtual_packages(Platform.LINUX_64, floor=SystemFloor(glibc=(2, 99)))
    request = SolveRequest(specs=[spec], platform=Platform.LINUX_64, virtual=virtual)
    archives = {}
    for record in solve(channels, request):
        places = [top / record.subdir / record.file_name for top in (own, bootstrapped)]
        archives[record] = next(place for place in places if place.is_file())
    prefix = install_new(
        InstallRequest(archives=archives, prefix=work / "prefix", platform=Platform.LINUX_64)
    )
    assert check_prefix(prefix) == []
    return prefix


def test_a_pure_wheel_there_and_back(tmp_path: Path, bootstrapped: Path, venv: Path) -> None:
    wheel = pure_wheel(tmp_path, "rich>=10; extra == 'plot'", "old; python_version < '3.8'")
    made, archive = pressed(wheel, tmp_path / "out")
    assert made.kind == "noarch"
    # What no Python that it is for needs pins nothing; an extra's is a limit and no need.
    assert (made.needs, made.constrains) == (("python >=3.9",), ("rich >=10",))
    assert made.warnings == ()
    check_archive(archive)
    assert info_of(archive, "licenses/LICENSE") == LICENCE
    about = json.loads(info_of(archive, "about.json"))
    assert about == {
        "home": "https://pure.example.org",
        "dev_url": "https://pure.example.org/code",
        "license": "MIT",
        "summary": "A pure one",
    }
    link = json.loads(info_of(archive, "link.json"))
    assert link["noarch"] == {"type": "python", "entry_points": ["pure = pure_one:main"]}

    prefix = conda_installed("pure-one", archive, bootstrapped, tmp_path)
    assert said(prefix, "pure") == "pure"
    assert said(prefix, "pure-script") == "script"
    assert (prefix / "share/pure/data.txt").read_text(encoding="utf-8") == "data\n"

    back, again = pressed(archive, tmp_path / "back")
    assert (again.name, back.conda_only, back.warnings) == (wheel.name, (), ())
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        same = {name for name in one.namelist() if "headers" not in name and "RECORD" not in name}
        kept = {name: other.read(name) for name in same if not name.endswith("WHEEL")}
        assert kept == {name: one.read(name) for name in kept}
    install(venv, again)
    assert [said(venv, "pure"), said(venv, "pure-script")] == ["pure", "script"]


def test_a_compiled_wheel_there_and_back(
    tmp_path: Path, compiled: Compiled, bootstrapped: Path, venv: Path, environ: dict[str, str]
) -> None:
    tag = "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64"
    wheel = write_wheel_of(tmp_path, compiled.module, compiled.suffix, tag)
    made, archive = pressed(wheel, tmp_path / "out")
    assert made.kind == "linux-64"
    assert made.needs == (
        "python >=3.9", "python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312", "__glibc >=2.17"
    )  # fmt: skip
    prefix = conda_installed("native", archive, bootstrapped, tmp_path)
    assert said(prefix, "native") == "native 41"
    back, again = pressed(archive, tmp_path / "back", environ=environ)
    assert back.kind.startswith("cp312-cp312-manylinux")
    assert back.conda_only == ()
    install(venv, again)
    assert said(venv, "native") == "native 41"


def test_one_package_of_the_stable_abi_serves_every_python(
    tmp_path: Path, compiled: Compiled, bootstrapped: Path, venv: Path, environ: dict[str, str]
) -> None:
    wheel = write_wheel_of(tmp_path, compiled.stable, ".abi3.so", "cp39-abi3-manylinux_2_17_x86_64")
    made, archive = pressed(wheel, tmp_path / "out")
    assert (made.kind, made.needs) == (
        "linux-64", ("python >=3.9", NOT_FREE_THREADED, "__glibc >=2.17")
    )  # fmt: skip
    index = json.loads(info_of(archive, "index.json"))
    assert (index["noarch"], index["subdir"], index["platform"]) == ("python", "linux-64", "linux")
    prefix = conda_installed("native", archive, bootstrapped, tmp_path)
    assert said(prefix, "native") == "native 41"
    back, again = pressed(archive, tmp_path / "back", environ=environ)
    assert back.kind.startswith("cp39-abi3-manylinux")
    install(venv, again)
    assert said(venv, "native") == "native 41"


def test_the_same_wheel_is_the_same_package(tmp_path: Path) -> None:
    wheel = pure_wheel(tmp_path, "rich")
    first, second = (pressed(wheel, tmp_path / name)[1] for name in ("one", "two"))
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    # The build string stands for what it needs, too.
    other = pressed(pure_wheel(tmp_path / "other", "rich>1"), tmp_path / "three")[1]
    assert other.name != first.name


@pytest.mark.index
@pytest.mark.heavy
def test_numpy_and_iminuit_there_and_back(
    tmp_path: Path, venv: Path, environ: dict[str, str]
) -> None:
    python = str(venv / "bin" / "python")
    words = ["-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(tmp_path / "in")]
    subprocess.run([python, *words, "iminuit"], check=True)
    wheels = sorted((tmp_path / "in").glob("*.whl"))
    there = press(PressRequest(files=wheels, directory=tmp_path / "out"))
    packages = [tmp_path / "out" / one.archive.name for one in there]
    request = PressRequest(files=packages, directory=tmp_path / "back", environ=environ)
    back = [str(request.directory / one.archive.name) for one in press(request)]
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", *back], check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    code = "import iminuit; m = iminuit.Minuit(lambda x: (x - 3) ** 2, x=0); m.migrad()"
    assert said(venv, "python", "-c", f"{code}; print(round(m.values[0], 3))") == "3.0"
