"""Transcripts of lamina init, add and remove."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from support.stack_files import SMALLEST

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine

STACK = SMALLEST + '\n[packages]\nnumpy = ">=2"  # why\nscikit-learn = "*"\n'


@pytest.fixture
def stack(command_line: CommandLine) -> Path:
    return command_line.write("lamina.toml", STACK)


# init


def test_init_writes_a_stack(command_line: CommandLine) -> None:
    answer = command_line(
        "init", "a stäck", "--version", "2026.11.0", "--python", "3.12", "--platform", "linux-64"
    )
    assert answer.stdout == "wrote a stäck/lamina.toml; next: lamina add, lock\n"
    assert answer.stderr == ""
    text = (command_line.directory / "a stäck" / "lamina.toml").read_text()
    assert tomllib.loads(text) == {
        "stack": {
            "name": "a-stack",
            "version": "2026.11.0",
            "python": "3.12",
            "platforms": ["linux-64"],
        },
        "resolve": {},
        "packages": {},
        "test": {},
    }


def test_init_here_takes_the_name_of_the_directory(command_line: CommandLine) -> None:
    assert command_line("init", "--json").json["name"] == "work"
    assert (command_line.directory / "lamina.toml").is_file()


def test_init_of_several(command_line: CommandLine) -> None:
    command_line(
        *("init", "--name", "many", "--python", "3.13", "--python", "3.12"),
        *("--platform", "osx-arm64", "--platform", "linux-64", "--platform", "osx-arm64"),
    )
    written = tomllib.loads((command_line.directory / "lamina.toml").read_text())["stack"]
    assert written["python"] == ["3.12", "3.13"]
    assert written["platforms"] == ["osx-arm64", "linux-64"]


def test_init_says_what_it_would_write(command_line: CommandLine) -> None:
    answer = command_line("init", "new", "--dry-run")
    assert tomllib.loads(answer.stdout)["stack"]["name"] == "new"
    assert not (command_line.directory / "new").exists()


def test_init_does_not_overwrite(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("init", expect=7)
    assert answer.stderr == (
        "error: lamina.toml: there is a stack already\nhint: lamina add NAME\n"
    )
    assert stack.read_text() == STACK


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--name", "No Good"], "--name: 'No Good' is not a stack name", id="name"),
        pytest.param(["--version", "x"], "--version: 'x' is not a PEP 440", id="version"),
        pytest.param(["--python", "3"], "--python: '3' is not a Python series", id="python"),
        pytest.param(["--platform", "linux-46"], "'linux-46' is not one of", id="platform"),
        pytest.param(["--from", "no.txt"], "no.txt: no such file or directory", id="source"),
        pytest.param(["--from", "poetry.lock"], "lamina cannot start a stack from this", id="kind"),
    ],
)
def test_init_refuses(command_line: CommandLine, arguments: list[str], said: str) -> None:
    command_line.write("poetry.lock", "")
    answer = command_line("init", *arguments, expect=2)
    assert said in answer.stderr
    assert not (command_line.directory / "lamina.toml").exists()


def test_init_from_requirements(command_line: CommandLine) -> None:
    command_line.write(
        "requirements.txt",
        "--index-url https://me:s3cret@index.example.org/simple\n"
        "numpy<3,>=2 --hash=sha256:00\npyhf[minuit]\nroot==0.1a12\nx; sys_platform == 'win32'\n",
    )
    source = ("--from", "requirements.txt", "--platform", "linux-64", "--name", "x")
    answer = command_line("init", "new", *source)
    assert answer.stdout == "wrote new/lamina.toml with 3 packages; next: lamina add, lock\n"
    warnings = answer.stderr.splitlines()
    assert [line.split(": ")[:2] for line in warnings] == [["warning", "not carried over"]] * 3
    assert "s3cret" not in answer.stderr
    written = tomllib.loads((command_line.directory / "new" / "lamina.toml").read_text())
    assert written["packages"] == {
        "numpy": ">=2,<3",
        "pyhf": {"version": "*", "extras": ["minuit"]},
        "root": {"version": "==0.1a12", "prerelease": True},
    }


def test_init_from_requirements_in_json(command_line: CommandLine) -> None:
    command_line.write("requirements.txt", "numpy\n-e .\n")
    answer = command_line("init", "new", "--from", "requirements.txt", "--json", "--quiet")
    assert answer.json["packages"] == ["numpy"]
    assert answer.json["not-carried-over"] == [
        "requirements.txt line 2: -e .: a working copy, not a package of an index"
    ]
    assert answer.json["file"] == "new/lamina.toml"


def test_init_names_every_bad_line(command_line: CommandLine) -> None:
    command_line.write("requirements.txt", "a b\nnumpy\nc d\n")
    answer = command_line("init", "--from", "requirements.txt", expect=3)
    assert "requirements.txt: 2 problems" in answer.stderr
    assert "line 1" in answer.stderr
    assert "line 3" in answer.stderr


def test_init_from_a_prefix_takes_its_python(command_line: CommandLine) -> None:
    metadata = "Metadata-Version: 2.1\nName: numpy\nVersion: 2.5.4\n"
    command_line.write("p/lib/python3.10/site-packages/numpy-2.5.4.dist-info/METADATA", metadata)
    command_line("init", "new", "--from", "p")
    written = tomllib.loads((command_line.directory / "new" / "lamina.toml").read_text())
    assert written["stack"]["python"] == "3.10"
    assert written["packages"] == {"numpy": ">=2.5.4"}


# add


def test_add(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("add", "numpy>=2.1,<3", "pyhf[minuit]")
    assert answer.stdout == (
        'updated in [packages]: numpy = ">=2.1,<3"\n'
        'added to [packages]: pyhf = { version = "*", extras = ["minuit"] }\n'
    )
    assert stack.read_text() == STACK.replace(">=2", ">=2.1,<3") + (
        'pyhf = { version = "*", extras = ["minuit"] }\n'
    )


def test_add_with_every_option(command_line: CommandLine, stack: Path) -> None:
    stack.write_text(STACK + '[resolve.indexes]\nours = "https://index.example.org/simple"\n')
    command_line(
        *("add", "root==0.1a12", "--platform", "linux-64", "--prerelease"),
        *("--index", "ours", "--source"),
    )
    assert tomllib.loads(stack.read_text())["packages"]["root"] == {
        "version": "==0.1a12",
        "prerelease": True,
        "platforms": ["linux-64"],
        "index": "ours",
        "source": True,
    }


def test_add_to_a_group(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("add", "jupyterlab>=4", "--group", "notebook")
    assert answer.stdout == "added to [groups] notebook: jupyterlab>=4\n"
    assert tomllib.loads(stack.read_text())["groups"] == {"notebook": ["jupyterlab>=4"]}


def test_add_shows_what_it_would_do(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("add", "numpy>=3", "--dry-run")
    assert answer.stdout.splitlines()[:2] == ["--- a/lamina.toml", "+++ b/lamina.toml"]
    assert '-numpy = ">=2"  # why' in answer.stdout
    assert '+numpy = ">=3"  # why' in answer.stdout
    assert stack.read_text() == STACK


def test_add_in_json(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("add", "numpy>=3", "--json")
    assert answer.json["changes"] == [
        {"action": "updated", "name": "numpy", "value": ">=3", "where": "packages"}
    ]
    assert answer.json["file"] == str(stack.resolve())
    assert answer.json["dry-run"] is False
    assert '+numpy = ">=3"' in answer.json["diff"]


def test_add_from_below_or_with_a_path(
    command_line: CommandLine, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = command_line.directory / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    command_line("add", "hist")
    monkeypatch.chdir("/")
    command_line("add", "vector", "--stack", command_line.directory)
    command_line("add", "uproot", "--stack", stack)
    assert set(tomllib.loads(stack.read_text())["packages"]) >= {"hist", "vector", "uproot"}


def test_add_keeps_the_mode_and_follows_a_link(command_line: CommandLine, stack: Path) -> None:
    real = stack.rename(command_line.directory / "real.toml")
    real.chmod(0o640)
    stack.symlink_to("real.toml")
    command_line("add", "hist")
    assert stack.is_symlink()
    assert "hist" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_nothing_to_do_does_not_touch_the_file(command_line: CommandLine, stack: Path) -> None:
    before = stack.stat().st_ino
    answer = command_line("add", "numpy>=2")
    assert answer.stdout == 'unchanged in [packages]: numpy = ">=2"\n'
    assert stack.stat().st_ino == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["a b", "c>>1"], 2, "2 requirements cannot be read", id="requirements"),
        pytest.param(["x", "--index", "No Good"], 2, "--index: 'No Good'", id="index name"),
        pytest.param(["x", "--index", "ours"], 3, "packages.x.index: no index 'ours'", id="index"),
        pytest.param(["x", "--platform", "win-64"], 3, "not among stack.platforms", id="platform"),
        pytest.param(["x", "--platform", "win"], 2, "'win' is not one of", id="no platform"),
        pytest.param(["x", "--group", "g", "--source"], 2, "--source: only an entry", id="group"),
        pytest.param(["x", "--group", "g g"], 3, 'groups."g g"', id="group name"),
        pytest.param(["x", "X"], 2, "X: given twice", id="twice"),
        pytest.param([], 2, "Missing argument", id="nothing"),
        pytest.param(["x", "--stack", "nowhere.toml"], 3, "no such file", id="no file"),
    ],
)
def test_add_refuses_and_writes_nothing(
    command_line: CommandLine, stack: Path, arguments: list[str], code: int, said: str
) -> None:
    answer = command_line("add", *arguments, expect=code)
    assert said in answer.stderr
    assert answer.stdout == ""
    assert stack.read_text() == STACK


def test_add_without_a_stack(command_line: CommandLine) -> None:
    answer = command_line("add", "numpy", expect=3)
    assert "no such file, nor in any directory above" in answer.stderr
    assert answer.stderr.endswith("hint: lamina init\n")


def test_add_to_a_broken_stack_says_all_that_is_wrong(
    command_line: CommandLine, stack: Path
) -> None:
    stack.write_text(STACK.replace("python", "pyhton") + 'hist = ">>1"\n')
    answer = command_line("add", "numpy", expect=3)
    assert "3 problems" in answer.stderr
    assert "(did you mean 'python'?)" in answer.stderr


# remove


def test_remove(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("remove", "NumPy")
    assert answer.stdout == 'removed from [packages]: numpy = ">=2"\n'
    assert stack.read_text() == STACK.replace('numpy = ">=2"  # why\n', "")


def test_remove_says_in_which_table_it_is(command_line: CommandLine, stack: Path) -> None:
    stack.write_text(f'{stack.read_text()}\n[conda]\ngfal2 = "*"\n')
    said = command_line("remove", "gfal2", expect=2).stderr
    assert "hint: lamina remove --conda gfal2\n" in said
    said = command_line("remove", "--conda", "numpy", expect=2).stderr
    assert "hint: lamina remove numpy\n" in said


def test_remove_from_a_group(command_line: CommandLine, stack: Path) -> None:
    command_line("add", "jupyterlab", "ipympl", "--group", "notebook")
    answer = command_line("remove", "ipympl", "--group", "notebook", "--json")
    assert answer.json["changes"] == [
        {"action": "removed", "name": "ipympl", "value": "ipympl", "where": "groups.notebook"}
    ]
    assert tomllib.loads(stack.read_text())["groups"] == {"notebook": ["jupyterlab"]}


def test_remove_shows_what_it_would_do(command_line: CommandLine, stack: Path) -> None:
    answer = command_line("remove", "numpy", "--dry-run")
    assert '-numpy = ">=2"  # why' in answer.stdout
    assert stack.read_text() == STACK


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["scikit-lern", "numpy"],
            "error: 'scikit-lern' is not in [packages] (did you mean 'scikit-learn'?)\n",
            id="misspelt",
        ),
        pytest.param(["numpy", "--group", "g"], "error: no group 'g'\n", id="no group"),
        pytest.param(["numpy", "NumPy"], "error: NumPy: given twice\n", id="twice"),
    ],
)
def test_remove_refuses_and_writes_nothing(
    command_line: CommandLine, stack: Path, arguments: list[str], said: str
) -> None:
    answer = command_line("remove", *arguments, expect=2)
    assert answer.stderr == said
    assert stack.read_text() == STACK


def test_additions_at_the_same_time_are_all_there(stack: Path) -> None:
    names = [f"package-{number}" for number in range(6)]
    words = [sys.executable, "-P", "-m", "lamina", "add", "--stack", str(stack)]
    running = [subprocess.Popen([*words, name], stdout=subprocess.DEVNULL) for name in names]
    assert [one.wait(60) for one in running] == [0] * len(names)
    assert set(names) < set(tomllib.loads(stack.read_text())["packages"])


def test_lines_end_as_they_did(command_line: CommandLine, stack: Path) -> None:
    stack.write_bytes(STACK.replace("\n", "\r\n").encode())
    command_line("add", "awkward>=2", "uproot[http]")
    text = stack.read_bytes()
    assert b"awkward" in text
    assert text.count(b"\n") == text.count(b"\r\n")
    command_line("remove", "awkward", "uproot")
    assert stack.read_bytes() == STACK.replace("\n", "\r\n").encode()


def test_a_link_that_leads_nowhere_is_in_the_way(command_line: CommandLine) -> None:
    link = command_line.directory / "lamina.toml"
    link.symlink_to("elsewhere.toml")
    assert "there is a stack already" in command_line("init", expect=7).stderr
    assert link.is_symlink()
    assert not link.exists()
