"""What keeps a package from being built: named, with what helps, and the cache as it was."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lamina.build.wheels import opening
from support.sources import offer_source, stack_of
from support.survivors import wait_for

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


SOURCE = '{ version = "*", source = true }'
PATCHES = [
    pytest.param(
        "--- a/bad.py\n+++ b/bad.py\n@@ -1,2 +1,2 @@\n-value = 3\n+value = 4\n version = '1.0'\n",
        "bad.patch does not apply: bad.py, hunk 1 at line 1",
        id="another-text",
    ),
    pytest.param(
        "--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-value = 1\n+value = 2\n",
        "for a file that is not there",
        id="no-such-file",
    ),
    pytest.param(
        # patch(1) would leave out the last line, which is not there, and apply the rest.
        "--- a/bad.py\n+++ b/bad.py\n@@ -1,3 +1,3 @@\n-value = 1\n+value = 4\n version = '1.0'\n"
        " other = 2\n",
        "bad.patch does not apply: bad.py, hunk 1 at line 1",
        id="another-context",
    ),
    pytest.param("no patch at all\n", "Only garbage was found", id="garbage"),
]


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, on an index of the test's."""
    index_server.wheel("tool", "1.0")
    return command_line


def refused(
    lamina: CommandLine, index: IndexServer, expect: int, *, entry: str = SOURCE, more: str = "",
    **source: Any,
) -> str:  # fmt: skip
    """Build one package called ``bad`` and return what is said; nothing of it is in the cache."""
    offer_source(index, "bad", **source)
    lamina.write("lamina.toml", stack_of({"bad": entry}, more))
    lamina("lock")
    said = lamina("build", expect=expect).stderr
    builds = Path(lamina.environ["HOME"]) / ".cache/lamina/builds"
    assert not list(builds.glob("wheels/*"))
    assert not (builds / "work" / "bad").exists()
    return said


@pytest.mark.parametrize(("text", "said"), PATCHES)
def test_a_patch_that_does_not_apply(
    index_server: IndexServer, lamina: CommandLine, text: str, said: str
) -> None:
    lamina.write("bad.patch", text)
    entry = '{ version = "*", source = true, patches = ["bad.patch"] }'
    told = refused(lamina, index_server, 5, entry=entry)
    assert said in told
    assert "make it anew" in told
    [log] = Path(lamina.environ["HOME"]).glob(".cache/lamina/logs/build/made/bad.log")
    assert f"hint: less {log}" in told
    assert "bad.patch" in log.read_text()


def test_a_patch_that_is_not_there(index_server: IndexServer, lamina: CommandLine) -> None:
    entry = '{ version = "*", source = true, patches = ["none.patch"] }'
    said = refused(lamina, index_server, 3, entry=entry)
    assert "packages.bad.patches[0]: 'none.patch': no such file" in said


@pytest.mark.parametrize("hook", ["pre-prepare", "post-prepare", "pre-build", "post-build"])
def test_a_hook_that_fails(index_server: IndexServer, lamina: CommandLine, hook: str) -> None:
    more = f'[hooks.bad]\n{hook} = "echo all is lost >&2; false; echo never"'
    said = refused(lamina, index_server, 5, more=more)
    assert f"bad: its hook {hook} ended with exit code 1: all is lost" in said
    assert "logs/build/made/bad.log" in said


def test_a_missing_header(index_server: IndexServer, lamina: CommandLine) -> None:
    code = {"native.c": "#include <zlib_of_old.h>\n"}
    more = '[build.system]\n"stdio.h" = "libc"\n'
    said = refused(lamina, index_server, 5, files=code, more=more)
    assert "the header zlib_of_old.h is missing" in said


def test_what_the_machine_has_not_is_said_before_anything_is_built(
    index_server: IndexServer, lamina: CommandLine
) -> None:
    entry = '{ version = "*", source = true, system = ["no-such-program", "sh", "libnone"] }'
    more = '[build.system]\n"stdio.h" = "libc6-dev"\n"none_of_it.h" = "the package none-dev"\n'
    said = refused(lamina, index_server, 5, entry=entry, more=more)
    assert "apt-file search bin/no-such-program  # or: dnf provides '*/bin/no-such-program'" in said
    assert '"libnone" = "what to install", in [build.system], is said here' in said
    assert "no-such-program (needed by bad)" in said
    assert "libnone (needed by bad)" in said
    assert "none_of_it.h (needed by [build] system)" in said
    assert "install the package none-dev" in said
    assert "stdio.h" not in said
    assert "  sh" not in said


def test_no_compiler(index_server: IndexServer, lamina: CommandLine) -> None:
    step = "raise SystemExit(\"error: command 'gcc' failed: No such file or directory\")"
    said = refused(lamina, index_server, 5, step=step)
    assert "there is no compiler gcc here" in said
    assert "apt-get install gcc" in said


def test_a_machine_without_a_compiler(
    index_server: IndexServer, lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = lamina.directory / "bin"
    without.mkdir()
    for name in ("sh", "uv"):
        (without / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(without))
    said = refused(lamina, index_server, 5, native=True)
    assert "bad: its build failed: there is no compiler gcc here" in said
    assert "apt-get install gcc" in said


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param("input()", "EOFError", id="standard-input"),
        pytest.param("open('/dev/tty')", "No such device or address", id="terminal"),
        pytest.param(
            "[print('y' * 9_999) for _ in range(2_000)]; raise SystemExit('x' * 10_000)",
            f"{'x' * 400}...\n",
            id="much-output",
        ),
    ],
)
def test_what_a_build_has_of_this_terminal(
    index_server: IndexServer, lamina: CommandLine, step: str, said: str
) -> None:
    assert said in refused(lamina, index_server, 5, step=step)


def test_a_wheel_for_another_machine(index_server: IndexServer, lamina: CommandLine) -> None:
    move = "mv $WHEEL $(dirname $WHEEL)/bad-1.0-cp312-cp312-win_amd64.whl"
    said = refused(lamina, index_server, 5, more=f"[hooks.bad]\npost-build = '{move}'")
    assert "bad: the build made bad-1.0-cp312-cp312-win_amd64.whl, which is not for linux" in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param(
            {"step": "NAME = 'other'\nglobals().update(MODULE='other')"}, "it should be", id="wheel"
        ),
        pytest.param({"step": "raise SystemExit(3)"}, "its build failed", id="exit"),
        pytest.param({"step": "os.kill(os.getpid(), 9)"}, "it was killed", id="killed"),
        pytest.param(
            {"build_requires": ["nowhere"]}, "what the build of bad needs", id="requirement"
        ),
        pytest.param(
            {"files": {"pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "nope"'}},
            "its build back end nope cannot be imported",
            id="backend",
        ),
        pytest.param(
            {"files": {"pyproject.toml": "build-system = 3"}}, "is no table", id="build-system"
        ),
    ],
)
def test_sources_that_do_not_build(
    index_server: IndexServer, lamina: CommandLine, source: dict[str, Any], said: str
) -> None:
    expect = 4 if "build_requires" in source else 5
    told = refused(lamina, index_server, expect, **source)
    assert said in told
    nothing_ran = expect == 4 or said == "is no table"
    assert nothing_ran or "logs/build/made/bad.log" in told


def test_metadata_of_another_package(index_server: IndexServer, lamina: CommandLine) -> None:
    offer_source(index_server, "bad")
    lamina.write("lamina.toml", stack_of({"bad": SOURCE}, ""))
    lamina("lock")
    other = offer_source(index_server, "bad", said="good")
    lock = Path("lamina.lock")
    old = next(line for line in lock.read_text().splitlines() if "bad-1.0.tar.gz" in line)
    digest = old.partition('sha256 = "')[2][:64]
    lock.write_text(lock.read_text().replace(digest, other.sha256))
    said = lamina("build", expect=5).stderr
    assert "bad-1.0.tar.gz: its metadata say good 1.0, and it should be bad 1.0" in said


def test_a_full_disk_is_named(index_server: IndexServer, lamina: CommandLine) -> None:
    step = "raise OSError(28, 'No space left on device')"
    assert "bad: its build found no space left" in refused(lamina, index_server, 1, step=step)


def test_secrets_and_settings_do_not_reach_a_build(
    index_server: IndexServer, lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_INDEX_OURS_PASSWORD", "CFLAGS", "PYTHONPATH", "LAMINA_SECRET"):
        monkeypatch.setenv(name, "leaked")
    step = (
        "print([one for one, text in os.environ.items() if 'leaked' in text]); raise SystemExit(9)"
    )
    refused(lamina, index_server, 5, step=step)
    [log] = Path(lamina.environ["HOME"]).glob(".cache/lamina/logs/build/made/bad.log")
    assert "\n[]\n" in log.read_text()
    assert stat.S_ISREG(log.stat().st_mode)


def test_without_namespaces_a_build_is_not_kept_from_anything(
    index_server: IndexServer, lamina: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that forbids namespaces: said, and told in what is built."""
    monkeypatch.setattr(opening, "walls_here", lambda *_, **__: "none")
    outside = lamina.directory / "outside"
    step = f"Path({str(outside)!r}).write_text('x')\nif os.fork() == 0: os.setsid(); os.execvp("
    step += f"'sleep', ['sleep', '600', {str(outside)!r}])"
    offer_source(index_server, "bad", step=step)
    lamina.write("lamina.toml", stack_of({"bad": SOURCE}, ""))
    lamina("lock")
    answer = lamina("build", "--json")
    assert "builds are not kept from the network and from writing elsewhere" in answer.stderr
    [one] = answer.json["packages"]
    assert json.loads(Path(one["provenance"]).read_text())["kept-from"] == []
    assert outside.exists()
    wait_for(str(outside), count=0, seconds=10)


def test_options_of_recipes_need_a_recipe(lamina: CommandLine) -> None:
    assert "--skip-tests is for recipes" in lamina("build", "--skip-tests", expect=2).stderr
    assert "--channel" in lamina("build", ".", expect=2).stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("--on", "local"), ("--python", "x"), ("--series", "3.12"), ("--stack", "."), ("--root", ".")],
)
def test_options_of_stacks_go_with_no_recipe(
    command_line: CommandLine, option: str, value: str
) -> None:
    said = command_line("build", ".", "--channel", "c", option, value, expect=2).stderr
    assert f"{option} is for stacks" in said
