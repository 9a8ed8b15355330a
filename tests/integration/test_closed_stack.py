"""A closed stack of a real size: every package of hep-analysis, at its version."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.closed import closed_text

from lamina.core.http import HttpClient
from lamina.engines.index_pages import project_files
from lamina.engines.index_settings import public_index
from lamina.lock.files import LOCK_NAME, load_lock, save_lock
from lamina.model.names import parse_package_name
from support.planted import with_file
from support.stack_files import REPOSITORY

if TYPE_CHECKING:
    from lamina.lock.document import Lock
    from support.command_line import CommandLine

pytestmark = [pytest.mark.index, pytest.mark.heavy]

LINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
FAULTS = (
    # Needs chardet, which nothing else does.
    ("requests", "2.25.1", "requests-2.25.1-py2.py3-none-any.whl"),
    # pydantic wants another one, and no other.
    ("pydantic-core", "2.27.2", f"pydantic_core-2.27.2-cp312-cp312-{LINUX}"),
    ("pyyaml", "6.0.2", "PyYAML-6.0.2-cp312-cp312-macosx_11_0_arm64.whl"),
    ("msgpack", "1.1.0", f"msgpack-1.1.0-cp311-cp311-{LINUX}"),
    # Sources that are not for Python 3.12, as their metadata says.
    ("numba", "0.55.2", "numba-0.55.2.tar.gz"),
)


def planted(lock: Lock) -> Lock:
    """Return the lock with five faults, all of real files."""
    environ = dict(os.environ)
    with HttpClient(environ) as client:
        for name, version, filename in FAULTS:
            offers = project_files(client, public_index(environ), parse_package_name(name))
            digest = offers[filename][0].sha256
            assert digest is not None
            lock = with_file(lock, name, version, filename, digest)
    return lock


def test_a_large_closed_stack_and_five_faults_in_it(command_line: CommandLine) -> None:
    text = (REPOSITORY / "examples" / "hep-analysis" / "lamina.toml").read_text()
    command_line.write("lamina.toml", text)
    path = command_line.directory / LOCK_NAME
    command_line("lock")
    command_line.write("lamina.toml", closed_text(text, load_lock(path)))
    command_line("lock")
    lock = load_lock(path)
    assert len(lock.packages) >= 150
    assert command_line("check", "--json").json["findings"] == []
    save_lock(planted(lock), path)
    found: list[dict[str, Any]] = command_line("check", "--json", expect=4).json["findings"]
    by_fault = {(one["kind"], one["package"]): one for one in found}
    assert by_fault["missing", "chardet"]["needed-by"] == ["requests 2.25.1"]
    messages = [one["message"] for one in found if one["kind"] == "outside"]
    assert any(
        one.startswith("pydantic ") and one.endswith("there is pydantic-core 2.27.2")
        for one in messages
    )
    assert by_fault["platform", "pyyaml"]["message"].endswith("macosx_11_0_arm64.whl")
    assert "cp311" in by_fault["python", "msgpack"]["message"]
    assert "it requires" in by_fault["python", "numba"]["message"]
    others = {package for kind, package in by_fault if kind != "outside"}
    assert others == {"chardet", "pyyaml", "msgpack", "numba"}
