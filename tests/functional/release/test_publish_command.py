from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.index_server import IndexServer
from support.interpreters import find_interpreter
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine

HERE = current_platform()
STACK = f"""\
[stack]
name = "small"
version = "1.0"
python = ["3.11", "3.12"]
platforms = ["{HERE}"]

[packages]
tool = "*"

[test]
imports = ["tool"]
"""


@pytest.fixture
def command_line(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """Return the program in a directory with a stack of one package, on an index of its own."""
    with IndexServer() as index:
        index.wheel("tool", "1.0")
        index.sdist("built", "2.0")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
        monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
        command_line.write("lamina.toml", STACK)
        yield command_line


def _prefix(command_line: CommandLine, version: str = "1.0") -> Path:
    return command_line.directory / "root" / "releases" / "small" / version / HERE


def test_publish_locks_first_and_prints_the_release(command_line: CommandLine) -> None:
    answer = command_line("publish")
    prefix = _prefix(command_line)
    assert answer.stdout == f"small/1.0 published\n{prefix}\n"
    assert "note: there is no lamina.lock yet: locking first" in answer.stderr
    assert (command_line.directory / "lamina.lock").is_file()
    assert (prefix / ".lamina" / "stack.toml").read_text() == STACK
    again = command_line("publish")
    assert again.stdout == f"small/1.0 is there already, with this content\n{prefix}\n"


def test_publish_json(command_line: CommandLine) -> None:
    value = command_line("publish", "--json", "--quiet", "--series", "3.11").json
    assert value.pop("seconds") > 0
    assert value.pop("tested") in {"namespace", "staging"}
    assert value.pop("written")["files"] > 10
    assert value == {
        "shared": {"files": 0, "bytes": 0},
        "release": "small/1.0",
        "platform": HERE,
        "prefix": str(_prefix(command_line)),
        "status": "published",
        "packages": 1,
    }
    assert (_prefix(command_line) / "lib" / "python3.11").is_dir()


def test_a_dry_run_writes_nothing(command_line: CommandLine) -> None:
    answer = command_line("publish", "--dry-run")
    assert answer.stdout.splitlines() == [
        f"release      small/1.0 for {HERE}",
        f"prefix       {_prefix(command_line)}",
        f"interpreter  {find_interpreter('3.12').resolve()}",
        "packages     1",
    ]
    left = {path.name for path in command_line.directory.iterdir()}
    assert left == {"lamina.toml", "cache"}
    value = command_line("publish", "--dry-run", "--json").json
    assert (value["status"], value["builds"], value["bundle"]) == ("new", [], False)


@pytest.mark.parametrize("written", ["small/1.0", "small", "PREFIX"])
def test_a_release_is_exported_by_its_own_lock(command_line: CommandLine, written: str) -> None:
    command_line("publish")
    expected = command_line("export", "--as", "requirements").stdout
    (command_line.directory / "lamina.lock").unlink()
    source = str(_prefix(command_line)) if written == "PREFIX" else written
    assert command_line("export", source, "--as", "requirements").stdout == expected
    assert "tool==1.0" in expected


def test_nothing_of_the_installers_stays_in_a_release(command_line: CommandLine) -> None:
    command_line("publish")
    assert {path.name for path in _prefix(command_line).iterdir()} <= {
        *(".lamina", "bin", "lib", "lib64", "pyvenv.cfg", "share", "etc", "include")
    }


@pytest.mark.parametrize("spelling", [["--root", "ROOT"], ["--root=ROOT"]], ids=["two", "one"])
@pytest.mark.parametrize("last", [True, False], ids=["after", "before"])
def test_run_takes_the_root_before_and_after_the_release(
    command_line: CommandLine, spelling: list[str], *, last: bool
) -> None:
    command_line("publish")
    (command_line.directory / "root").rename(command_line.directory / "moved")
    options = [one.replace("ROOT", str(command_line.directory / "moved")) for one in spelling]
    words = ["small", *options] if last else [*options, "small"]
    program = [sys.executable, "-m", "lamina", "run", *words, "--", "printenv", "PATH"]
    shown = subprocess.check_output(program, text=True, env=os.environ)
    assert shown.startswith(f"{command_line.directory}/moved/releases/small/1.0/{HERE}/bin:")


def test_a_named_package_is_built_from_source(command_line: CommandLine) -> None:
    command_line.write(
        "lamina.toml",
        STACK.replace('tool = "*"', 'tool = "*"\nbuilt = { version = "*", source = true }'),
    )
    plan = command_line("publish", "--dry-run", "--json").json
    assert plan["builds"] == ["built"]
    command_line("publish")
    code = "import importlib.metadata as m; print(m.version('built'))"
    python = _prefix(command_line) / "bin" / "python"
    assert subprocess.check_output([python, "-c", code], text=True) == "2.0\n"


@pytest.mark.parametrize(
    ("change", "arguments", "code", "words"),
    [
        pytest.param(
            ("[packages]", "[packages]\nbuilt = '*'"), (), 3,
            ["lamina.lock: 1 problem", "the stack has changed", "hint: lamina lock"],
            id="stale",
        ),
        pytest.param(
            ("python = [", "bundle = true\npython = ["), (), 7,
            ["small/1.0 is published", "another bundle; releases never change", "new version",
             "hint: lamina release show small/1.0 --root "],
            id="changed",
        ),
        pytest.param(
            ("", ""), ("--series", "3.9"), 2,
            ["small is for Python 3.11, 3.12, not for 3.9", "lamina publish --series 3.12"],
            id="series",
        ),
        pytest.param(
            ("", ""), ("--python", "/nowhere/python"), 1,
            ["/nowhere/python: not a CPython that runs here"],
            id="python",
        ),
        pytest.param(
            ('"1.0"', '"1.1"\n'), ("--root", "."), 7, ["is no root of lamina", "--root"],
            id="foreign-root",
        ),
        pytest.param(
            ("[test]", "[hooks.tool]\npost-install = 'true'\n\n[test]"), (), 7,
            ["small/1.0 is published", "another [build], [hooks] or settings of a build"],
            id="hooks",
        ),
        pytest.param(
            ('version = "1.0"', 'version = "1.1"'), (), 0, ["testing: 1 of 1 passed"],
            id="new-version",
        ),
    ],
)  # fmt: skip
def test_what_stands_against_publishing_again(
    command_line: CommandLine,
    change: tuple[str, str],
    arguments: tuple[str, ...],
    code: int,
    words: list[str],
) -> None:
    command_line("publish")
    command_line.write("lamina.toml", STACK.replace(*change, 1))
    answer = command_line("publish", *arguments, expect=code)
    for word in words:
        assert word in answer.stderr
    command_line("release", "verify", "small/1.0")


def test_the_next_release_says_what_it_shares(command_line: CommandLine) -> None:
    command_line("publish")
    command_line.write("lamina.toml", STACK.replace('version = "1.0"', 'version = "1.1"'))
    said = command_line("publish").stdout.splitlines()
    assert re.fullmatch(
        r"\d+ files are those of earlier releases \(\d\.\d MB\), \d+ were written \(0\.0 MB\)",
        said[2],
    )
    value = command_line("publish", "--json").json
    assert (value["status"], value["shared"]["files"]) == ("identical", 0)


def test_a_failing_test_is_named(command_line: CommandLine) -> None:
    command_line.write("lamina.toml", STACK.replace('["tool"]', '["tool", "toll"]'))
    answer = command_line("publish", expect=5)
    assert "import toll: ModuleNotFoundError: No module named 'toll'" in answer.stderr
    assert command_line("release", "list", "--json").json["releases"] == []
    assert command_line("publish", "--no-test", "--json").json["tested"] == "skipped"


def test_a_stack_for_other_machines(command_line: CommandLine) -> None:
    other = "linux-aarch64" if HERE != "linux-aarch64" else "linux-64"
    command_line.write("lamina.toml", STACK.replace(HERE, other))
    answer = command_line("publish", expect=2)
    assert f"small is for {other}; this machine is {HERE}" in answer.stderr


def test_list_show_and_verify(command_line: CommandLine) -> None:
    command_line("publish")
    prefix = _prefix(command_line)
    assert command_line("release", "list").stdout == f"small/1.0  {HERE}  {prefix}\n"
    assert command_line("release", "list", "small", "--json").json == {
        "root": str(command_line.directory / "root"),
        "releases": [
            {
                "release": "small/1.0", "stack": "small", "version": "1.0", "platform": HERE,
                "prefix": str(prefix), "tiers": [], "retired": False,
            }
        ],
    }  # fmt: skip
    shown = command_line("release", "show", "small").stdout
    assert "packages  1\n  tool 1.0\n" in shown
    value = command_line("release", "show", "small/1.0", "--json").json
    assert (value["release"], value["package"][0]["name"]) == ("small/1.0", "tool")
    assert value["size"] > 100
    assert value["python"]["series"] == "3.12"
    assert "as published" in command_line("release", "verify", "small").stdout


def test_verify_tells_what_changed(command_line: CommandLine) -> None:
    command_line("publish")
    module = next(_prefix(command_line).glob("lib/python3.12/site-packages/tool.py"))
    module.chmod(0o644)
    module.write_text("changed\n")
    answer = command_line("release", "verify", "small", expect=6)
    assert answer.stdout.splitlines() == [
        "small/1.0 is not as published",
        "changed: lib/python3.12/site-packages/tool.py (mode, size, content)",
    ]
    value = command_line("release", "verify", "small", "--json", expect=6).json
    assert (value["sound"], value["missing"], value["extra"]) == (False, [], [])
    assert value["changed"] == ["lib/python3.12/site-packages/tool.py"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("list",), "no releases there", id="no-root"),
        pytest.param(("show", "small"), "no releases there", id="show"),
        pytest.param(("verify", "Not A Name"), "is not a stack name", id="name"),
    ],
)
def test_what_cannot_be_looked_at(
    command_line: CommandLine, arguments: tuple[str, ...], words: str
) -> None:
    assert words in command_line("release", *arguments, expect=2).stderr


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode("utf-8")
    assert old in text
    path.chmod(0o644)
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "words"),
    [
        pytest.param(
            "release.toml", 'stack = "small"', 'stack = "other"', 3, "stack: 'other'", id="stack"
        ),
        pytest.param(
            "release.toml", 'version = "1.0"\nplatform', 'version = "9"\nplatform', 3, "'9'", id="v"
        ),
        pytest.param(
            "release.toml",
            'lock-digest = "',
            f'lock-digest = "{"0" * 64}"\n#',
            6,
            "not the lock that the manifest",
            id="lock",
        ),
        pytest.param(
            "files.mtree", "#mtree", "#mtree ü", 6, "not the listing that was published", id="list"
        ),
    ],
)
def test_an_edited_release_is_noticed(
    command_line: CommandLine, file: str, old: str, new: str, code: int, words: str
) -> None:
    command_line("publish", "--no-test")
    _edit(_prefix(command_line) / ".lamina" / file, old, new)
    assert words in command_line("release", "verify", "small", expect=code).stderr
    shown = command_line("release", "show", "small", expect=code if code == 3 else 0)
    assert "internal error" not in shown.stderr


def test_a_wrong_source_date_is_refused_before_any_work(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "9" * 30)
    answer = command_line("publish", expect=2)
    assert "hint: unset SOURCE_DATE_EPOCH" in answer.stderr
    assert not (command_line.directory / "root").exists()
    assert not (command_line.directory / "lamina.lock").exists()
