"""What uv is asked when a stack is locked."""

from __future__ import annotations

import dataclasses
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from lamina.core.errors import UnsatisfiableError
from lamina.core.run import Completed
from lamina.engines.uv_lock import PROJECT_NAME, Preference, UvProject, resolve_project
from lamina.model.names import parse_package_name

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.engines.uv_program import UvProgram

A, B, C = (parse_package_name(one) for one in "abc")
LOCKED = f"""\
version = 1
[[package]]
name = "{PROJECT_NAME}"
version = "0"
source = {{ virtual = "." }}
"""
PROJECT = UvProject(
    requirements=("a",),
    environments=("sys_platform == 'linux'",),
    requires_python=">=3.11",
    default_index="https://index.example.org/simple",
)


@dataclass
class FakeUv:
    """Notes what it is asked and what lies in its directory."""

    words: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    error: UnsatisfiableError | None = None

    def call(self, *arguments: str | Path, cwd: Path) -> Completed:
        self.words = [str(one) for one in arguments]
        self.files = {one.name: one.read_text() for one in cwd.iterdir()}
        self.modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in cwd.iterdir()}
        self.directory = cwd
        if self.error is not None:
            raise self.error
        (cwd / "uv.lock").write_text(LOCKED)
        return Completed(returncode=0, stdout="", stderr="")

    def resolve(self, **changes: Any) -> list[str]:
        project = dataclasses.replace(PROJECT, **changes)
        resolve_project(project, cast("UvProgram", self), python="/p/python")
        return self.words


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        pytest.param({}, ["--no-build"], id="wheels only"),
        pytest.param({"only_binary": False}, [], id="sources where there is no wheel"),
        pytest.param(
            {"source": (A, B)},
            ["--no-build", "--no-binary-package", "a", "--no-binary-package", "b"],
            id="named sources",
        ),
        pytest.param(
            {"only_binary": False, "never_built": (C,)},
            ["--no-build-package", "c"],
            id="never built",
        ),
        pytest.param(
            {"prereleases": (A,)},
            ["--no-build", "--prerelease-package", "a=allow"],
            id="pre-releases of one",
        ),
        pytest.param(
            {"exclude_newer": datetime(2026, 11, 2, tzinfo=UTC)},
            ["--no-build", "--exclude-newer", "2026-11-02T00:00:00Z"],
            id="time",
        ),
    ],
)
def test_the_options(changes: dict[str, Any], options: list[str]) -> None:
    assert FakeUv().resolve(**changes) == ["lock", "--python", "/p/python", *options]


def test_the_project_may_have_credentials_in_it() -> None:
    uv = FakeUv()
    uv.resolve()
    assert uv.modes == {"pyproject.toml": 0o600}
    assert not uv.directory.exists()


def test_nothing_is_left_behind_by_a_failure() -> None:
    uv = FakeUv(error=UnsatisfiableError("no"))
    with pytest.raises(UnsatisfiableError):
        uv.resolve()
    assert not uv.directory.exists()


def test_a_lock_lies_there_where_versions_are_preferred() -> None:
    uv = FakeUv()
    one = Preference(name=A, version="1", registry="https://index.example.org/simple")
    uv.resolve(preferences=(one,))
    assert set(uv.files) == {"pyproject.toml", "uv.lock"}
    assert 'version = "1"' in uv.files["uv.lock"]
