"""Packages that bring files of the release itself, or of each other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core.errors import BuildFailedError
from lamina.release.publish import publish
from lamina.release.root import open_root
from support.release_wheels import lock_of, make_wheel
from support.releases import make_stack, publish_request
from support.reporters import kept_warnings

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.release.draft import PublishRequest


def request_of(
    tmp_path: Path, environ: dict[str, str], wheels: dict[str, dict[str, str]], **table: Any
) -> PublishRequest:
    """Return a request for a release of wheels with the files given."""
    stack = make_stack(test={}, **table)
    request = publish_request(tmp_path, environ, stack=stack, run_tests=False)
    made = [make_wheel(tmp_path / "wheels", name, "1.0", files) for name, files in wheels.items()]
    return dataclasses.replace(request, lock=lock_of(stack, made))


@pytest.mark.parametrize(
    ("path", "named"),
    [
        pytest.param("evil-1.0.data/scripts/activate", "bin/activate", id="activation"),
        pytest.param("evil-1.0.data/data/pyvenv.cfg", "pyvenv.cfg", id="configuration"),
        pytest.param("evil-1.0.data/data/.lamina/release.toml", ".lamina/", id="manifest"),
    ],
)
def test_a_package_cannot_bring_files_of_the_release(
    tmp_path: Path, environ: dict[str, str], path: str, named: str
) -> None:
    request = request_of(tmp_path, environ, {"evil": {path: "evil", "evil.py": ""}})
    with pytest.raises(BuildFailedError, match=f"evil-1.0 brings {named}") as caught:
        publish(request)
    assert caught.value.hints == ("lamina remove evil",)
    root = open_root(request.root)
    assert root.releases() == []
    assert list(root.staging.iterdir()) == []


def test_a_package_cannot_bring_files_of_a_bundled_interpreter(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wheels = {"evil": {"evil-1.0.data/data/python/lib/python3.12/os.py": "evil"}}
    request = request_of(tmp_path, environ, wheels, bundle=True)
    with pytest.raises(BuildFailedError, match=r"evil-1.0 brings python/lib/python3.12/os.py"):
        publish(request)


def test_without_a_bundle_a_directory_of_that_name_is_the_packages(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wheels = {"fine": {"fine-1.0.data/data/python/notes.txt": "mine"}}
    prefix = publish(request_of(tmp_path, environ, wheels)).release.prefix
    assert (prefix / "python" / "notes.txt").read_text() == "mine"


def test_files_that_differ_between_packages_are_said(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wheels = {
        "one": {"tests/__init__.py": "", "tests/common.py": "a = 1\n"},
        "two": {"tests/__init__.py": "", "tests/common.py": "a = 2\n"},
    }
    with kept_warnings() as warned:
        publish(request_of(tmp_path, environ, wheels))
    path = "lib/python3.12/site-packages/tests/common.py"
    said = f"{path} comes with one-1.0 and two-1.0, which differ: one of them is there"
    assert warned == [said]


def test_packages_that_keep_python_from_starting_are_no_wrong_usage(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    line = "import os, sys; sys.stderr.write('stop here'); sys.stderr.flush(); os._exit(3)\n"
    wheels = {"evil": {"evil.pth": line}}
    request = request_of(tmp_path, environ, wheels)
    with pytest.raises(BuildFailedError, match=r"does not start with these packages: .*stop here"):
        publish(request)
    assert open_root(request.root).releases() == []
