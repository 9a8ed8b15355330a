"""The commands that mend, as they are quoted for each shell and each kind of environment."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lamina.layer.doctor.finding import Kind, listed, several
from lamina.layer.doctor.mending import (
    activate,
    install,
    move_away,
    reinstall,
    remake,
    set_variable,
    with_interpreter,
    with_pythonpath,
)
from lamina.layer.doctor.patient import Patient
from support.wheels import Wheel

RECORD = """\
schema = 1
requests = ["numpy>=2", "awkward"]

[base]
given = "GIVEN"
kind = "KIND"
prefix = "/base"
python = "/base/bin/python"
version = "3.12.1"
platform = "linux-x86_64"
digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
"""


def patient_at(prefix: Path, **environ: str) -> Patient:
    return Patient(
        prefix=prefix,
        python=prefix / "bin" / "python",
        environ=environ,
        active=True,
        root=prefix / "root",
        answer="it was not asked",
    )


def layer_at(path: Path, *, given: str = "./my base", kind: str = "prefix") -> Path:
    path.mkdir(parents=True)
    text = RECORD.replace("GIVEN", given).replace("KIND", kind)
    (path / "lamina-layer.toml").write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("shell", "value", "expected"),
    [
        ("/bin/bash", "/a b:/c", "export X='/a b:/c'"),
        ("/bin/bash", "", "unset X"),
        ("", "/a", "export X=/a"),
        ("/bin/tcsh", "/a!b", "setenv X '/a\\!b'"),
        ("/bin/csh", "", "unsetenv X"),
        ("/usr/bin/fish", "/it's", "set -gx X '/it\\'s'"),
        ("/usr/bin/fish", "", "set -e X"),
    ],
)
def test_a_variable_in_each_shell(shell: str, value: str, expected: str) -> None:
    assert set_variable("X", value, {"SHELL": shell}) == expected


def test_what_is_left_of_pythonpath(tmp_path: Path) -> None:
    patient = patient_at(tmp_path)
    assert with_pythonpath(patient, []) == "unset PYTHONPATH"
    assert with_pythonpath(patient, ["/a", "/b"]) == "export PYTHONPATH=/a:/b"


def test_installing_by_the_kind_of_environment(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert install(patient_at(venv), "a>=2") == f"{venv}/bin/python -m pip install 'a>=2'"
    forced = install(patient_at(venv), "a", again=True)
    assert forced.endswith("-m pip install --force-reinstall --no-deps a")
    layer = layer_at(tmp_path / "my layer")
    assert install(patient_at(layer), "a") == f"lamina layer add '{layer}' a"
    release = tmp_path / "releases" / "hep" / "1.0" / "linux-64"
    (release / ".lamina").mkdir(parents=True)
    (release / ".lamina" / "release.toml").touch()
    assert install(patient_at(release), "a") == (
        f"lamina layer create ./hep-layer --on {release} && lamina layer add ./hep-layer a"
    )


def test_reinstalling_where_it_is(tmp_path: Path) -> None:
    from lamina.layer.doctor.installed import read_directories

    wheel = Wheel(name="alpha", version="1.0")
    base, view = tmp_path / "base/lib/python3.12/site-packages", tmp_path / "view"
    wheel.unpack(base)
    wheel.unpack(view)
    in_base, in_view = (one.copies[0] for one in read_directories([str(base), str(view)]))
    patient = patient_at(tmp_path / "layer")
    assert f"--target {base} alpha==1.0" in reinstall(patient, in_base)
    assert f"--target {view} alpha==1.0" in reinstall(patient, in_view)
    (tmp_path / "base" / "bin").mkdir()
    (tmp_path / "base" / "bin" / "python").touch()
    assert reinstall(patient, in_base) == (
        f"{tmp_path}/base/bin/python -m pip install --force-reinstall --no-deps alpha==1.0"
    )


@pytest.mark.parametrize("brought", [True, False])
def test_a_release_below_is_not_written_to(tmp_path: Path, brought: bool) -> None:
    from lamina.layer.doctor.installed import read_directories

    layer = layer_at(tmp_path / "layer")
    release = layer / ".base" if brought else tmp_path / "root/releases/hep/1.0/linux-64"
    site = release / "lib/python3.12/site-packages"
    Wheel(name="alpha", version="1.0").unpack(site)
    (release / ".lamina").mkdir()
    (release / ".lamina" / "release.toml").touch()
    [found] = read_directories([str(site)])
    mend = f"lamina layer check {layer}" if brought else f"lamina release verify {release}"
    assert reinstall(patient_at(layer), found.copies[0]) == mend


@pytest.mark.parametrize(
    ("given", "kind", "on"),
    [("./my base", "prefix", "'./my base'"), ("hep@stable", "release", "hep@stable")],
)
def test_making_a_layer_again(tmp_path: Path, given: str, kind: str, on: str) -> None:
    layer = layer_at(tmp_path / "layer", given=given, kind=kind)
    assert remake(layer).split(" && ") == [
        f"mv {layer} {layer}.aside",
        f"lamina layer create {layer} --on {on}",
        f"lamina layer add {layer} 'numpy>=2' awkward",
    ]
    assert f"--on {tmp_path}/new" in remake(layer, on=tmp_path / "new")


def test_a_layer_that_no_longer_says_what_it_stands_on(tmp_path: Path) -> None:
    (tmp_path / "lamina-layer.toml").write_text("?", encoding="utf-8")
    assert remake(tmp_path).endswith(f"lamina layer create {tmp_path} --on BASE")


def test_the_first_line_of_scripts() -> None:
    command = with_interpreter(Path("/a|b&c/bin/python"), [Path("/x y/one"), Path("/two")])
    words = shlex.split(command)
    assert words[:2] == ["sed", "-i"]
    assert words[2].endswith("s|.*|#!/a\\|b\\&c/bin/python|}")
    assert words[3:] == ["/x y/one", "/two"]
    assert "\n" not in with_interpreter(Path("/a b/bin/python3.11"), [Path("/one")])


@pytest.mark.parametrize(
    ("shell", "file", "expected"),
    [
        ("/bin/bash", "activate", ". {}/bin/activate"),
        ("/bin/tcsh", "activate.csh", "source {}/bin/activate.csh"),
        ("/usr/bin/fish", "activate.fish", "source {}/bin/activate.fish"),
        ("/bin/bash", "activate.fish", "export PATH={}/bin:/usr/bin"),
    ],
)
def test_activating(tmp_path: Path, shell: str, file: str, expected: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / file).touch()
    patient = patient_at(tmp_path, SHELL=shell, PATH="/usr/bin")
    assert activate(patient) == expected.format(tmp_path)


def test_activating_with_conda(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    assert activate(patient_at(tmp_path)) == f"conda activate {tmp_path}"


def test_putting_aside() -> None:
    assert move_away("/a b", Path("/c")) == "mv '/a b' '/a b.aside' && mv /c /c.aside"


def test_words_of_findings() -> None:
    assert (several(1, "file"), several(2, "file")) == ("1 file", "2 files")
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdef")) == "a, b, c, d and 2 more"
    kind = Kind(name="k", why="Because.")
    assert kind.found("what", "mend", Path("/p")).value() == {
        "kind": "k", "what": "what", "why": "Because.", "mend": "mend", "places": ["/p"],
    }  # fmt: skip
