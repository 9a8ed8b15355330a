"""Each kind of finding provoked for real: nothing else is found, and the command mends it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.layer.doctor.examine import KINDS
from support.ailments import AILMENTS
from support.doctor import findings, kinds, mended, snapshot

if TYPE_CHECKING:
    from support.doctor import Room

BY_OTHER_MEANS = {
    "layer-record-broken": "nobody knows what was asked of it",
    "layer-base-gone": "the base is not there",
    "conda-clobbered": "conda is not there",
    "conda-removed": "conda is not there",
    "metadata-broken": "it needs pip",
    "requirement-missing": "it needs pip",
    "requirement-conflict": "it needs pip",
    "requires-other-python": "it needs pip",
    "extension-other-python": "it needs pip",
    "extension-other-machine": "it needs pip",
    "extension-for-numpy-1": "it needs pip",
    "library-missing": "it needs pip",
    "library-of-the-system-missing": "it needs pip",
    "library-too-old": "it needs pip, and another wheel",
    "interpreter-gone": "the python3 of this machine decides",
}
"""Cases of which the command needs what the test does not have."""


def test_there_is_a_case_of_every_kind() -> None:
    # A release that has moved is in test_releases.py.
    assert {kind for kind, _ in AILMENTS.values()} | {"layer-base-moved"} == set(KINDS)


@pytest.mark.parametrize("name", AILMENTS)
def test_it_is_found_and_mended(room: Room, name: str) -> None:
    kind, make = AILMENTS[name]
    case = make(room)
    environ = room.workshop.environ | case.environ
    before = snapshot(room.path)
    found = findings(case.target, environ)
    assert kinds(found) == [kind], [one.what for one in found]
    assert found[0].what
    assert snapshot(room.path) == before, "the doctor has changed something"
    syntax = subprocess.run(["sh", "-n", "-c", found[0].mend], check=False, capture_output=True)
    assert syntax.returncode == 0, found[0].mend
    if not BY_OTHER_MEANS.get(name):
        assert findings(case.target, mended(found[0], environ)) == []


@pytest.mark.shells
@pytest.mark.parametrize("shell", ["dash", "zsh", "tcsh", "fish"])
def test_variables_are_mended_in_every_shell(room: Room, shell: str) -> None:
    case = AILMENTS["pythonpath-missing"][1](room)
    environ = room.workshop.environ | case.environ | {"SHELL": f"/bin/{shell}"}
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environ[name] = environ.get(name, str(room.path))
        found = findings(case.target, environ)
        after = mended(next(one for one in found if name in one.what), environ, shell=shell)
        assert after.get(name) == (str(room.path / "my own, kept") if name[6:] == "PATH" else None)
        environ = after
    assert findings(case.target, environ) == []
