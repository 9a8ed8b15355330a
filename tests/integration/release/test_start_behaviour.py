"""Programs behave with a start-up index as they do without: what is imported, and how."""

from __future__ import annotations

import shutil
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from support.import_programs import ANSWERS, PROGRAMS

if TYPE_CHECKING:
    from pathlib import Path

    from support.indexed import Indexed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="indexes are for Linux")


@pytest.mark.parametrize("name", PROGRAMS | ANSWERS)
def test_a_program_is_none_the_wiser(odd: Indexed, tmp_path: Path, name: str) -> None:
    program = tmp_path / "program.py"
    program.write_text((PROGRAMS | ANSWERS)[name], encoding="utf-8")
    answer = odd.both(program, cwd=tmp_path)
    assert "lamina" not in answer.err
    assert "_lamina_start" not in answer.out
    assert answer.out or answer.err


OPTIONS = [
    *("-O", "-OO", "-I", "-S", "-B", "-E", "-s", "-u", "-bb", "-Wd", "-Xdev", "-Xutf8"),
    *("-Xfrozen_modules=off", "--check-hash-based-pycs always", "--check-hash-based-pycs never"),
]
_MODES = """
import sys
try:
    import optimized, encoded, no_code
    print(optimized.checks.__doc__, optimized.__doc__, optimized.__cached__, optimized.__file__)
    print(optimized.checks() if sys.flags.optimize else None, encoded.text, no_code.answer)
    print(no_code.__cached__)
except ImportError as error:
    print(error)
import logging.handlers
print(logging.handlers.__cached__)
"""


@pytest.mark.parametrize("option", OPTIONS)
def test_the_interpreter_takes_its_options(odd: Indexed, option: str) -> None:
    answer = odd.both(*option.split(), "-c", _MODES)
    assert answer.code == 0
    assert "lamina" not in answer.err


@pytest.mark.parametrize("variable", ["PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"])
def test_the_interpreter_takes_its_variables(odd: Indexed, tmp_path: Path, variable: str) -> None:
    answer = odd.both("-c", _MODES, **{variable: str(tmp_path / "codes")})
    assert answer.code == 0


@pytest.mark.parametrize(
    "words", [["nested", "x"], ["plain"], ["portion"], ["nested.deep"], ["no"]]
)
def test_modules_are_run(odd: Indexed, words: list[str]) -> None:
    answer = odd.both("-m", *words)
    assert answer.out or answer.err or words == ["plain"]


def test_scripts_have_what_is_beside_them(odd: Indexed) -> None:
    answer = odd.both("-B", odd.prefix / "bin" / "script.py")
    assert answer.out.split()[1] == "42"


def test_import_times_are_told(odd: Indexed) -> None:
    words = ("-X", "importtime", "-c", "import nested.deep.leaf, cold, logging.handlers")
    told = [
        {line.rpartition("|")[2].strip() for line in odd.run(*words, use=use).err.splitlines()}
        for use in (True, False)
    ]
    assert told[0] ^ told[1] <= {"_lamina_start", "zlib"}
    assert {"nested.deep.leaf", "logging.handlers"} <= told[0]


def test_what_stands_before_the_release_wins(odd: Indexed, tmp_path: Path) -> None:
    for place in ("variable", "script", "here"):
        directory = tmp_path / place
        (directory / "portion").mkdir(parents=True)
        (directory / "styled").mkdir()
        (directory / "styled" / "__init__.py").write_text("from pkgutil import extend_path\n")
        with (directory / "styled" / "__init__.py").open("a") as stream:
            stream.write("__path__ = extend_path(__path__, __name__)\n")
        for name in ("hidden_by_all.py", f"portion/{place}.py", f"styled/{place}.py"):
            (directory / name).write_text(f"where = {place!r}\n")
    code = "import portion.one, hidden_by_all as h, styled.here; print(h.where, h.__file__)\n"
    code += "print(list(portion.__path__), styled.__path__, styled.here.where)\n"
    code += "import pkgutil; print([m[1:] for m in pkgutil.walk_packages(portion.__path__)])\n"
    script = tmp_path / "script" / "run.py"
    script.write_text(code)
    path = str(tmp_path / "variable")
    here = tmp_path / "here"
    assert odd.both("-c", code).out.startswith("release ")
    assert odd.both("-c", code, PYTHONPATH=path).out.startswith("variable ")
    assert odd.both("-c", code, PYTHONPATH=path, cwd=here).out.startswith("here ")
    assert odd.both(script, PYTHONPATH=path, cwd=here).out.startswith("script ")
    assert odd.both("-I", "-c", code, PYTHONPATH=path, cwd=here).out.startswith("release ")


def test_archives_are_imported_from(odd: Indexed, tmp_path: Path) -> None:
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("zipped/__init__.py", "import plain\nwhere = __file__\n")
        stream.writestr("hidden_by_all.py", "where = __file__\n")
    code = (
        "import zipped, hidden_by_all; print(zipped.where, hidden_by_all.where, zipped.__loader__)"
    )
    answer = odd.both("-c", code.replace(", zipped.__loader__", ""), PYTHONPATH=str(archive))
    assert answer.out.count(str(archive)) == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"])
def test_closed_standard_streams_stay_closed(odd: Indexed, tmp_path: Path, closed: str) -> None:
    """What is opened next has the lowest number that is free: an index must not be a stream."""
    shell = shutil.which("sh")
    assert shell
    out = tmp_path / "out"
    code = "import sys, os, cold; print(sys.stdin, sys.stdout, sys.stderr, file=open(%r, 'a'))\n"
    code += "print(os.path.exists('/proc/self/fd/0'), file=open(%r, 'a'))"
    program = "import subprocess, sys; subprocess.run(['sh', '-c', sys.argv[1]], check=True)"
    script = f'"{odd.prefix}/bin/python" -c "{code % (str(out), str(out))}" {closed}'
    texts = []
    for use in (True, False):
        out.unlink(missing_ok=True)
        odd.run("-c", program, script, use=use)
        texts.append(out.read_text())
    assert texts[0] == texts[1]


def test_one_index_is_used_once(odd: Indexed) -> None:
    """The .pth files of a virtual environment are read twice."""
    code = "import sys; print([type(one).__name__ for one in sys.path_hooks].count('Index'))"
    assert odd.run("-c", code).out == "1\n"


def test_modules_of_another_release_are_not_taken_for_ours(odd: Indexed, tmp_path: Path) -> None:
    """PYTHONPATH may name its site-packages, and lamina may have been another version."""
    for name in ("_lamina_start", "_lamina_start_answers"):
        (tmp_path / f"{name}.py").write_text("raise OSError('of another release')\n")
    code = "import plain, sys, importlib.metadata as m; print(sys.path[:2], m.version('whole'))\n"
    odd.both("-c", code, PYTHONPATH=str(tmp_path))
    code = "import plain; print(type(plain.__loader__).__module__)"
    answer = odd.run("-c", code, PYTHONPATH=str(tmp_path))
    assert (answer.out, answer.err) == ("_lamina_start\n", "")


def test_a_link_to_one_directory_makes_no_release(odd: Indexed, tmp_path: Path) -> None:
    """What is beside the link is not what is beside the directory in the release."""
    site = tmp_path / odd.site.relative_to(odd.prefix)
    site.parent.mkdir(parents=True)
    site.symlink_to(odd.site)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "own.py").write_text("where = 'own'\n")
    code = "import sys; sys.path[:0] = sys.argv[1:]\n"
    code += "import plain, own; print(plain.__file__, own.where)"
    answer = odd.both("-c", code, site, tmp_path / "bin")
    assert answer.out == f"{site}/plain.py own\n"


_GROUPS = """
import os, signal, sys
import _lamina_start
[index] = [one for one in sys.path_hooks if isinstance(one, _lamina_start.Index)]
end, place = 0, index.archive.root["metadata"][1]
table = index.archive.root["files"]
index.groups.update(plain=(0, table), cold=(0, table), lazy=(0, table))
"""


@pytest.mark.parametrize("how", ["closed", "raced", "ignored"])
def test_reading_ahead_is_never_heard_of(odd: Indexed, how: str) -> None:
    act = {
        "closed": "import plain; os.closerange(3, 256); import cold; print('found')",
        "raced": "index.groups.clear(); index.read_ahead('plain'); print('found')",
        "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN); _lamina_start._COLD = -1\n"
        "index.groups['plain'] = 0, index.archive.root['ahead']; import plain; print('found')",
    }[how]
    code = (
        _GROUPS
        + (
            "from marshal import dumps\n"
            "index.archive.root['ahead'] = place\n"
            "plain = index.archive.section\n"
            "index.archive.section = lambda at: ([], [], []) if at is place else plain(at)\n"
        )
        + act
    )
    answer = odd.run("-c", code, LAMINA_READ_AHEAD="1")
    assert (answer.out, answer.err) == ("found\n", "")
