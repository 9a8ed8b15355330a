"""``lamina init --from`` a directory as CMS has it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from lamina.stack.files import load_stack

if TYPE_CHECKING:
    from support.command_line import CommandLine


def write_tree(command_line: CommandLine) -> None:
    command_line.write("dist/pip/requirements.txt", "Six==1.16.0\nrich==14.0.0\n")
    command_line.write(
        "dist/pip/rich.file",
        "Requires: py3-Six\nPatch0: fix\n%define PipPostBuild \\\n  echo 'a' \\\n  rm %{i}/x\n"
        "%define PipDepsPost | grep -v markdown-it-py\n%define PipTypo 1\n",
    )
    command_line.write("dist/python_tools.spec", "Requires: py3-rich\n")
    command_line.write("dist/fix.patch", "--- a\n")


def test_init_from_cmsdist(command_line: CommandLine) -> None:
    write_tree(command_line)
    options = ("--python", "3.12", "--platform", "linux-64")
    answer = command_line("init", "cms", "--from", "dist", *options)
    assert answer.stdout == "wrote cms/lamina.toml with 2 packages; next: lamina add, lock\n"
    assert (
        answer.stderr == "warning: not carried over: rich.file line 7: PipTypo 1: unknown keyword\n"
    )
    path = command_line.directory / "cms" / "lamina.toml"
    assert tomllib.loads(path.read_text())["resolve"] == {"closed": True}
    assert (path.parent / "patches" / "fix.patch").read_text() == "--- a\n"
    stack = load_stack(path)
    rich = stack.packages[next(one for one in stack.packages if one == "rich")]
    assert (rich.version, rich.source, rich.requires) == ("==14.0.0", True, ("six",))
    assert (rich.patches, dict(rich.waive)) == (
        ("patches/fix.patch",),
        {"markdown-it-py": "PipDepsPost in rich.file line 6"},
    )
    [hooks] = stack.hooks.values()
    assert hooks.post_install == "echo 'a'\n  rm $PREFIX/x"
    assert stack.groups["python-tools"] == ("rich",)


def test_init_from_cmsdist_in_json_and_dry(command_line: CommandLine) -> None:
    write_tree(command_line)
    answer = command_line("init", "cms", "--from", "dist/pip", "--dry-run", "--json")
    assert answer.json["packages"] == ["rich", "six"]
    assert answer.json["not-carried-over"] == ["rich.file line 7: PipTypo 1: unknown keyword"]
    assert not (command_line.directory / "cms").exists()


def test_a_patch_that_is_there_already_stays(command_line: CommandLine) -> None:
    write_tree(command_line)
    mine = command_line.write("cms/patches/fix.patch", "mine\n")
    answer = command_line("init", "cms", "--from", "dist", expect=7)
    assert "fix.patch: there is another file already" in answer.stderr
    assert mine.read_text() == "mine\n"
    assert not (command_line.directory / "cms" / "lamina.toml").exists()


def test_what_is_left_is_told_in_the_order_of_the_lines(command_line: CommandLine) -> None:
    write_tree(command_line)
    lines = ["Six==1.16.0", "rich==14.0.0 ; disabled", "numpy>=2", "a==1 ; os_name=='nt'"]
    lines += ["b==1 ; whatever", "c>=3", "a==1 ; python_version<'3'"]
    command_line.write("dist/pip/requirements.txt", "\n".join(lines) + "\n")
    answer = command_line("init", "cms", "--from", "dist", "--python", "3.12")
    told = [one.split(":")[2].strip() for one in answer.stderr.splitlines()]
    numbers = [2, 3, 4, 5, 6, 7]
    assert told == [*(f"requirements.txt line {one}" for one in numbers), "rich.file line 7"]


def test_lines_of_which_none_counts(command_line: CommandLine) -> None:
    write_tree(command_line)
    command_line.write("dist/pip/requirements.txt", "a==1 ; os_name=='nt'\nb>=1\n")
    for spec in command_line.directory.glob("dist/*.spec"):
        spec.unlink()
    answer = command_line("init", "cms", "--from", "dist", "--python", "3.12")
    assert "requirements.txt: no line of it is for this stack, which is empty" in answer.stderr


def test_every_bad_line_is_named(command_line: CommandLine) -> None:
    write_tree(command_line)
    command_line.write("dist/pip/requirements.txt", "a==x y\nb==1\nc==\n")
    answer = command_line("init", "cms", "--from", "dist", expect=3)
    assert "requirements.txt: 2 problems" in answer.stderr
    assert "line 1: 'a==xy'" in answer.stderr
    assert "line 3: 'c=='" in answer.stderr
