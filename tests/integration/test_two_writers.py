"""Two processes that write the same file, or remove the same leftovers, at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import StorageError
from lamina.core.leftovers import remove_leftover

if TYPE_CHECKING:
    from pathlib import Path

# Between opening the file and locking it, the other one is done: an audit hook stands in for it.
LATE = """
import sys
from pathlib import Path
from lamina.core import fs
from lamina.core.errors import ConflictError
target, end = Path(sys.argv[1]), sys.argv[2]
part = target.with_name(f".{target.name}.part")

def other(event, _):
    if event == "fcntl.flock" and part.exists():
        part.write_bytes(b"whole")
        part.replace(target) if end == "done" else part.unlink()

sys.addaudithook(other)
try:
    with fs.replacing(target) as stream:
        stream.write(b"half")
        stream.flush()
        raise SystemExit("written")
except ConflictError as error:
    print(error.message)
"""


@pytest.mark.parametrize("end", ["done", "failed"])
def test_who_comes_late_leaves_the_file_of_the_other_as_it_is(tmp_path: Path, end: str) -> None:
    target = tmp_path / "out"
    words = [sys.executable, "-c", LATE, str(target), end]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.stdout == f"{target}: another process is writing it\n", answer.stderr
    assert [one.read_text() for one in tmp_path.iterdir()] == (["whole"] if end == "done" else [])


def test_what_another_has_removed_is_gone(tmp_path: Path) -> None:
    leftover = tmp_path / "leftover"
    leftover.mkdir()

    def other(operation: str, path: Path) -> None:
        shutil.rmtree(path)
        raise StorageError(f"{operation} {path}: No such file or directory")

    with fs.observe(other):
        remove_leftover(leftover)
    assert not leftover.exists()
