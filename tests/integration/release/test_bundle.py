from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import ConflictError, NotSupportedError, StorageError
from lamina.engines.interpreters import Interpreter, inspect_interpreter
from lamina.model.versions import parse_release_version
from lamina.release.bundle import bundle_interpreter
from lamina.release.mtree import MTREE_NAME
from lamina.release.publish import plan_publish, publish
from lamina.release.root import open_root
from lamina.release.verify import verify_release
from support.interpreters import find_interpreter
from support.mounts import mounted
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from lamina.release.root import Release

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bundles are for Linux")

_MODULES = "ssl, ctypes, sqlite3, lzma, bz2, zlib, readline, curses, uuid, decimal, hashlib, venv"
_OURS = f"""
import {_MODULES}
loaded = {{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}}
print(*sorted(path for path in loaded))
"""
_OF_THE_MACHINE = ("libc.", "libm.", "ld-linux", "libdl.", "libpthread.", "libutil.", "librt.")


@pytest.fixture(params=[pytest.param("3.12", id="3.12"), pytest.param("/usr/bin/python3", id="os")])
def original(request: pytest.FixtureRequest, environ: dict[str, str]) -> Interpreter:
    """Return an interpreter that was built here, and that of the operating system."""
    path = Path(request.param)
    found = inspect_interpreter(
        path if path.is_absolute() else find_interpreter(request.param), environ
    )
    if found is None:
        pytest.skip(f"no {request.param}")
    return found


def _answer(program: Path, code: str, *arguments: str) -> list[str]:
    # What LD_LIBRARY_PATH offers must not win over the copy.
    env = {"PATH": os.defpath, "LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu"}
    words = [str(program), "-I", "-c", code, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=env).stdout.split()


def test_a_copy_loads_nothing_from_outside(
    tmp_path: Path, environ: dict[str, str], original: Interpreter
) -> None:
    target = tmp_path / "copy"
    program = bundle_interpreter(original, target, final=target, environ=environ)
    loaded = [Path(path) for path in _answer(program, _OURS)]
    outside = [
        path.name
        for path in loaded
        if not path.is_relative_to(target) and not path.name.startswith(_OF_THE_MACHINE)
    ]
    assert outside == []
    assert len([path for path in loaded if path.is_relative_to(target)]) > 8


@pytest.mark.namespaces
def test_a_copy_that_has_no_room_is_not_begun(tmp_path: Path, environ: dict[str, str]) -> None:
    interpreter = inspect_interpreter(find_interpreter("3.12"), environ)
    assert interpreter is not None
    with mounted(tmp_path, "size=8m"):
        place = tmp_path / "there"
        with pytest.raises(StorageError, match=rf"{place}: a copy of .* needs \d\d+ MB, and 8 MB"):
            bundle_interpreter(interpreter, place, final=place, environ=environ)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bundle", [True, False])
def test_a_root_from_which_nothing_can_be_started(
    tmp_path: Path, environ: dict[str, str], bundle: bool
) -> None:
    """Only a Python that is in the release would have to be."""
    top = tmp_path / "mounted"
    top.mkdir()
    stack = make_stack(bundle=bundle)
    request = publish_request(tmp_path, environ, root=top / "root", stack=stack)
    with mounted(top, "noexec,size=300m"):
        if bundle:
            with pytest.raises(NotSupportedError, match="a file system without exec"):
                publish(request)
            assert not list(top.glob("root/.staging/*"))
            assert not list(top.glob("root/releases/*/*"))
        else:
            assert plan_publish(request, open_root(request.root, create=True)).status == "new"


def test_what_is_built_against_the_copy_names_it(
    tmp_path: Path, environ: dict[str, str], original: Interpreter
) -> None:
    target, final = tmp_path / "copy", Path("/final/place")
    program = bundle_interpreter(original, target, final=final, environ=environ)
    code = (
        "import sysconfig as s; print(s.get_config_var('INCLUDEPY'), s.get_config_var('LIBDEST'))"
    )
    headers, _ = _answer(program, code)
    assert headers == f"{final}/include/python{original.series}"
    assert (target / "include" / f"python{original.series}" / "Python.h").is_file()


def test_nothing_heavy_comes_along(tmp_path: Path, environ: dict[str, str]) -> None:
    original = inspect_interpreter(find_interpreter("3.12"), environ)
    assert original is not None
    bundle_interpreter(original, tmp_path / "copy", final=tmp_path / "copy", environ=environ)
    names = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert names.isdisjoint({"test", "tests", "site-packages", "libpython3.12.a", "__pycache__"})
    links = [path for path in (tmp_path / "copy").rglob("*") if path.is_symlink()]
    assert [link for link in links if not link.exists()] == []


@pytest.mark.namespaces
@pytest.mark.parametrize("kind", ["3.12", "os"])
def test_a_bundled_release_needs_no_other_python(
    tmp_path: Path, environ: dict[str, str], kind: str
) -> None:
    path = Path("/usr/bin/python3") if kind == "os" else find_interpreter(kind)
    interpreter = inspect_interpreter(path, environ)
    assert interpreter is not None
    series = str(interpreter.series)
    stack = make_stack(
        python=series, bundle=True, test={"imports": ["ssl", "ctypes"], "commands": ["greet"]}
    )
    request = publish_request(
        tmp_path, environ, stack=stack, series=series, interpreter=interpreter
    )
    release = publish(request).release
    assert release.manifest().python.bundled
    assert verify_release(release).sound
    assert _hidden(release, original=interpreter).splitlines() == [
        f"hello from {release.prefix}",
        str(release.prefix / "python"),
    ]


def test_where_the_interpreter_was_does_not_matter_to_a_copy(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Published again from another machine, where the same Python is somewhere else."""
    stack = make_stack(bundle=True, test={"imports": []})
    request = publish_request(tmp_path, environ, stack=stack)
    assert publish(request).status == "published"
    assert request.interpreter is not None
    elsewhere = dataclasses.replace(request.interpreter, path=Path("/elsewhere/bin/python3.12"))
    again = dataclasses.replace(request, interpreter=elsewhere)
    assert publish(again).status == "identical"
    newer = dataclasses.replace(elsewhere, version="3.12.99")
    with pytest.raises(ConflictError, match="with another Python"):
        publish(dataclasses.replace(request, interpreter=newer))


@pytest.mark.heavy
def test_the_next_release_shares_the_copy(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(bundle=True, test={"imports": []})
    request = publish_request(tmp_path, environ, stack=stack)
    first = publish(request).release
    again = dataclasses.replace(request, version=parse_release_version("2.0"))
    second = publish(again)
    library = "python/lib/python3.12"
    code = "json/__pycache__/decoder.cpython-312.pyc"
    for path in ("python/bin/python3.12", f"{library}/os.py", f"{library}/{code}"):
        assert (first.prefix / path).samefile(second.release.prefix / path)
    # What names its place is not the same.
    [data] = first.prefix.glob(f"{library}/_sysconfigdata_*.py")
    assert not data.samefile(second.release.prefix / data.relative_to(first.prefix))
    assert second.tally.shared_bytes > 20 * second.tally.written_bytes
    assert verify_release(second.release).sound
    listing = (second.release.internal / MTREE_NAME).read_text()
    request.root.rename(tmp_path / "aside")
    assert listing == (publish(again).release.internal / MTREE_NAME).read_text()


def _hidden(release: Release, *, original: Interpreter) -> str:
    """Run the release where the interpreter that it was copied from is not to be seen."""
    libraries = original.prefix / "lib" / f"python{original.series}"
    script = (
        'mount -t tmpfs none "$1" && ! test -e "$1/os.py" && "$2/bin/greet" '
        '&& "$2/bin/python" -c "import ssl, sqlite3, lzma, sys; print(sys.base_prefix)"'
    )
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh"]
    answer = subprocess.run(
        [*words, libraries, release.prefix], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
