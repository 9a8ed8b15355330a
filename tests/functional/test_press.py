"""``lamina press``, as a person calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.archives import a_file, forge, write_package
from support.channels import TOOL
from support.command_line import CommandLine
from support.pressing import write_contents

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lamina(tmp_path: Path, environ: dict[str, str]) -> CommandLine:
    return CommandLine(directory=tmp_path, environ=environ)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a pure wheel with a marker of another system."""
    return TOOL.write(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_wheel_there_and_back(lamina: CommandLine, wheel: Path, out: Path) -> None:
    answer = lamina("press", wheel, "-o", out)
    (package,) = out.iterdir()
    assert answer.stdout == f"{wheel.name} -> {package}\n"
    assert "win-part; sys_platform" in answer.stderr
    assert "not needed with" in answer.stderr
    back = lamina("press", package, "-o", out, "--json").json
    assert back["dry-run"] is False
    (made,) = back["made"]
    assert made == {
        "from": str(package),
        "to": str(out / wheel.name),
        "kind": "py3-none-any",
        "needs": list(TOOL.requires),
        "constrains": [],
        "bundled": [],
        "conda-only": [],
        "warnings": [],
    }


def test_several_at_once_and_in_both_directions(
    lamina: CommandLine, wheel: Path, tmp_path: Path, out: Path
) -> None:
    lamina("press", wheel, "-o", tmp_path)
    (package,) = tmp_path.glob("*.conda")
    made = lamina("press", package, wheel, "-o", out, "--json").json["made"]
    assert [one["from"] for one in made] == [str(package), str(wheel)]
    assert {one.name for one in out.iterdir()} == {package.name, wheel.name}


def test_a_dry_run_writes_nothing(lamina: CommandLine, wheel: Path, out: Path) -> None:
    answer = lamina("press", wheel, "-o", out, "--dry-run", "--json")
    assert answer.json["dry-run"] is True
    assert answer.json["made"][0]["kind"] == "noarch"
    assert not out.exists()


def test_nothing_is_replaced_without_force(lamina: CommandLine, wheel: Path, out: Path) -> None:
    lamina("press", wheel, "-o", out)
    (package,) = out.iterdir()
    package.write_bytes(b"mine")
    for words in ([], ["--dry-run"]):
        answer = lamina("press", wheel, "-o", out, *words, expect=7)
        assert f"{package}: is there already" in answer.stderr
    assert package.read_bytes() == b"mine"
    lamina("press", wheel, "-o", out, "--force")
    assert package.read_bytes()[:2] == b"PK"


def test_all_or_none(lamina: CommandLine, wheel: Path, tmp_path: Path, out: Path) -> None:
    bad = tmp_path / "bad-1-py3-none-any.whl"
    bad.write_bytes(b"no archive")
    answer = lamina("press", wheel, bad, "-o", out, expect=6)
    assert f"{bad}: not a whole wheel" in answer.stderr
    assert not out.exists()


def test_two_files_with_one_result(
    lamina: CommandLine, wheel: Path, tmp_path: Path, out: Path
) -> None:
    other = tmp_path / "other" / wheel.name
    other.parent.mkdir()
    other.write_bytes(wheel.read_bytes())
    answer = lamina("press", wheel, other, "-o", out, expect=7)
    assert f": of {wheel} and of {other}" in answer.stderr


def test_names_are_those_that_are_given(
    lamina: CommandLine, wheel: Path, tmp_path: Path, out: Path
) -> None:
    names = tmp_path / "names.toml"
    names.write_text('[names]\nnative-part = "libnative"\n', encoding="utf-8")
    words: list[str | Path] = [
        "--names",
        names,
        "--name",
        "tool-box=box",
        "--for",
        "linux-aarch64/3.13",
    ]
    (made,) = lamina("press", wheel, "-o", out, *words, "--json").json["made"]
    assert made["to"].startswith(f"{out}/box-1.2-pyh")
    assert "libnative >=1,<2a0" in made["needs"]
    (back,) = lamina("press", made["to"], "-o", out, *words, "--json").json["made"]
    assert (back["conda-only"], back["warnings"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--for", "linux-64"], 2, "--for 'linux-64'"),
        (["--for", "linux-64/3.8"], 2, "not for linux-64/3.8"),
        (["--name", "tool-box"], 2, "not DISTRIBUTION=PACKAGE"),
        (["--name", "a=x", "--name", "a=y"], 2, "a is x already"),
        (["--names", "nowhere.toml"], 3, "no such file"),
    ],
)
def test_wrong_words(
    lamina: CommandLine, wheel: Path, out: Path, words: list[str], code: int, reason: str
) -> None:
    assert reason in lamina("press", wheel, "-o", out, *words, expect=code).stderr


def test_a_package_of_two_distributions(lamina: CommandLine, tmp_path: Path, out: Path) -> None:
    files = {"site-packages/thing.py": "x = 1\n"}
    package = write_package(
        tmp_path, tmp_path / "work", "thing", subdir="noarch", noarch="python", files=files
    )
    words = ["--name", "one=thing", "--name", "two=thing"]
    answer = lamina("press", package, "-o", out, *words, expect=2)
    assert "thing: the conda package of one and of two" in answer.stderr
    made = lamina("press", package, "-o", out, *words[:2], "--json").json["made"]
    assert made[0]["to"] == str(out / "one-1.0-py3-none-any.whl")


@pytest.mark.parametrize("name", ["x.txt", "x.zip", "x"])
def test_neither_wheel_nor_package(lamina: CommandLine, out: Path, name: str) -> None:
    assert "neither a wheel" in lamina("press", name, "-o", out, expect=2).stderr


@pytest.mark.parametrize("name", ["x-1-0.conda", "x-1-0.tar.bz2", "x-1-py3-none-any.whl"])
def test_what_is_not_there_or_no_archive(
    lamina: CommandLine, tmp_path: Path, out: Path, name: str
) -> None:
    assert "no such file" in lamina("press", tmp_path / name, "-o", out, expect=6).stderr
    (tmp_path / name).write_bytes(b"no archive at all")
    assert "not a whole" in lamina("press", tmp_path / name, "-o", out, expect=6).stderr


@pytest.mark.parametrize("member", ["/etc/cron.d/x", "../../x", "lib/../../x"])
def test_members_that_would_leave(
    lamina: CommandLine, tmp_path: Path, out: Path, member: str
) -> None:
    package = forge(tmp_path, [a_file(member)], recorded={})
    answer = lamina("press", package, "-o", out, expect=6)
    assert f"member {member!r} is a" in answer.stderr


@pytest.mark.parametrize(
    "entry", ["../../../x = thing:f", "x = thing", "x = thing:f; import os"], ids=str
)
def test_entry_points_that_are_none(
    lamina: CommandLine, tmp_path: Path, out: Path, entry: str
) -> None:
    contents = TOOL.contents()
    contents["tool_box-1.2.dist-info/entry_points.txt"] = f"[console_scripts]\n{entry}\n"
    wheel = write_contents(tmp_path / TOOL.filename, contents)
    assert "is no entry point" in lamina("press", wheel, "-o", out, expect=6).stderr
    assert list(tmp_path.rglob("*.conda")) == []
