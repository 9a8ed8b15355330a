"""Real processes: what core.run promises about them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamina.core.errors import CommandFailedError, LaminaError, StorageError, TookTooLongError
from lamina.core.run import replace_process, run

ENV = {"PATH": "/usr/bin:/bin"}


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def test_both_streams_and_the_exit_code_come_back() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    answer = run(python(code), env=ENV, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, "out\n", "err\n")


def test_the_environment_is_exactly_the_one_given() -> None:
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"
    assert run(python(code), env={"ONE": "1"}).stdout == "['ONE']\n"


def test_standard_input_is_closed() -> None:
    code = (
        "import sys; from lamina.core.run import run;"
        "words = [sys.executable, '-I', '-c', 'import sys; print(repr(sys.stdin.read()))'];"
        "print(run(words, env={}).stdout, end='')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], input="not for it", capture_output=True, text=True, check=True
    )
    assert answer.stdout == "''\n"


def test_it_runs_in_the_directory_given(tmp_path: Path) -> None:
    answer = run(python("import os; print(os.getcwd())"), env=ENV, cwd=tmp_path)
    assert Path(answer.stdout.strip()).resolve() == tmp_path.resolve()


def test_no_shell_reads_the_words() -> None:
    words = [*python("import sys; print(sys.argv[1:])"), "$HOME; *", "a b"]
    assert run(words, env=ENV).stdout == "['$HOME; *', 'a b']\n"


def test_output_that_is_not_utf8_does_not_stop_us() -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\xff ok')"
    assert run(python(code), env=ENV).stdout == "\ufffd ok"


def test_much_output_does_not_block() -> None:
    code = "import sys; sys.stdout.write('x' * 10**6); sys.stderr.write('y' * 10**6)"
    answer = run(python(code), env=ENV)
    assert (len(answer.stdout), len(answer.stderr)) == (10**6, 10**6)


def test_a_failure_carries_what_the_program_said(tmp_path: Path) -> None:
    log = tmp_path / "uv.log"
    code = "import sys; sys.exit('no https://me:secret@index.example.org')"
    with pytest.raises(CommandFailedError) as caught:
        run(python(code), env=ENV, log=log)
    error = caught.value
    assert (error.program, error.returncode, error.log) == (Path(sys.executable).name, 1, log)
    assert error.output == "no https://***@index.example.org\n"
    assert str(log) in error.message
    assert "secret" not in error.message


def test_a_failure_that_only_wrote_to_standard_output_is_told_too() -> None:
    with pytest.raises(CommandFailedError, match="only here"):
        run(python("print('only here'); raise SystemExit(2)"), env=ENV)


def test_the_log_has_command_output_and_code_without_secrets(tmp_path: Path) -> None:
    log = tmp_path / "uv.log"
    for number in (0, 7):
        words = [*python(f"print('said {number}'); exit({number})"), "https://me:secret@a.example"]
        run(words, env=ENV, log=log, check=False)
    text = log.read_text(encoding="utf-8")
    assert text.count("$ ") == 2
    assert "said 0\n[exit 0]" in text
    assert "said 7\n[exit 7]" in text
    assert "secret" not in text


def test_a_log_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"uv\.log"):
        run(python(""), env=ENV, log=tmp_path / "missing" / "uv.log")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(LaminaError, match="cannot start no-such-program: No such file"):
        run(["no-such-program"], env=ENV)


def test_a_missing_directory_is_named_and_not_blamed_on_the_program(tmp_path: Path) -> None:
    with pytest.raises(LaminaError, match=r"cannot start .*: .*missing: No such file"):
        run(python(""), env=ENV, cwd=tmp_path / "missing")


def test_a_timeout_ends_the_program_and_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"])
with open({str(note)!r} + ".part", "w") as stream: stream.write(str(child.pid))
os.rename({str(note)!r} + ".part", {str(note)!r})
time.sleep(600)
"""
    with pytest.raises(TookTooLongError, match=r"took longer than 3 s"):
        run(python(code), env=ENV, timeout=3)
    assert is_gone(int(note.read_text(encoding="utf-8")))


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"])
with open({str(note)!r}, "w") as stream: stream.write(str(child.pid))
"""
    run(python(code), env=ENV)
    assert is_gone(int(note.read_text(encoding="utf-8")))


def test_a_word_that_no_program_can_get_is_an_error_of_ours() -> None:
    with pytest.raises(LaminaError, match=r"cannot start .*: embedded null byte"):
        run(python("a\0b"), env=ENV)


def is_gone(process: int) -> bool:
    """Wait for the end of a process that was killed; a zombie has ended."""
    for _ in range(200):
        try:
            os.kill(process, 0)
            state = Path(f"/proc/{process}/stat")
            if state.exists() and state.read_text(encoding="utf-8").split()[2] == "Z":
                return True
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    return False


def test_ctrl_c_ends_the_program_too(tmp_path: Path) -> None:
    note = tmp_path / "child"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"""
import signal, sys, threading, os, time
from lamina.core.run import run
def interrupt():
    while not (os.path.exists({str(note)!r}) and open({str(note)!r}).read()): time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    run([sys.executable, "-I", "-c", {child!r}], env={{}})
except KeyboardInterrupt:
    print("interrupted")
"""
    answer = run([sys.executable, "-c", code], env={}, timeout=60)
    assert answer.stdout == "interrupted\n"
    assert is_gone(int(note.read_text(encoding="utf-8")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "termination"])
def test_a_signal_ends_the_programs_of_all_threads_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
import click
from lamina.cli.edge import guarded
from lamina.core.run import run
@click.command()
def work():
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, ["a", "b", "never", "neither"]))
def one(name):
    run([sys.executable, "-I", "-c", {child!r}, {str(tmp_path)!r} + "/" + name], env={{}})
guarded(work)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    notes = [tmp_path / "a", tmp_path / "b"]
    deadline = time.monotonic() + 60
    while not all(note.exists() and note.read_text(encoding="utf-8") for note in notes):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (
        130,
        "error: interrupted; nothing half-done was left in place",
    )
    assert all(is_gone(int(note.read_text(encoding="utf-8"))) for note in notes)


def test_what_puts_things_back_is_not_interrupted(tmp_path: Path) -> None:
    """Neither by the signal that ends us, nor by the next one while it runs."""
    child = f"import pathlib, time; pathlib.Path({str(tmp_path / 'began')!r}).touch(); "
    child += f"time.sleep(0.5); pathlib.Path({str(tmp_path / 'done')!r}).touch()"
    code = f"""
import sys, time
import click
from lamina.cli.edge import guarded
from lamina.core.run import run
@click.command()
def work():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        run([sys.executable, "-I", "-c", {child!r}], env={{}}, last=True)
        open({str(tmp_path / "after")!r}, "w")
guarded(work)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "done").exists()
    assert not (tmp_path / "after").exists()


def test_becoming_another_program_keeps_its_exit_code() -> None:
    code = (
        "import sys; from lamina.core.run import replace_process;"
        "replace_process([sys.executable, '-I', '-c', 'import os; exit(len(os.environ[\"A\"]))'],"
        " env={'A': 'four'})"
    )
    assert run([sys.executable, "-c", code], env={}, check=False).returncode == 4


def test_becoming_a_program_that_is_not_there_raises() -> None:
    with pytest.raises(LaminaError, match="cannot start no-such-program"):
        replace_process(["no-such-program"], env=ENV)
