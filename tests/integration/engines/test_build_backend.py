"""What back ends of others answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lamina.core.errors import BuildFailedError
from lamina.engines.build_backend import Backend, BuildSystem
from lamina.engines.build_room import BuildRoom


@pytest.mark.parametrize("answer", ["None", "'/tmp/x.whl'", "'../x.whl'", "'x.tar.gz'"])
def test_an_answer_that_names_no_wheel(tmp_path: Path, answer: str) -> None:
    body = f"def build_wheel(*_, **__):\n    return {answer}\n"
    (tmp_path / "backend.py").write_text(body)
    room = BuildRoom(
        work=tmp_path, walls="none", log=tmp_path / "log", variables={"PATH": os.environ["PATH"]}
    )
    system = BuildSystem(backend="backend", requires=(), path=(".",))
    backend = Backend(system=system, source=tmp_path, python=Path(sys.executable), room=room)
    with pytest.raises(BuildFailedError, match=r"back end backend says that it made .* no wheel"):
        backend.build_wheel(tmp_path / "dist")
