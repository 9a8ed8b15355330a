"""Where there are no mount namespaces, a release is tested in its staging directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import BuildFailedError
from lamina.engines.namespace import MountNamespace
from lamina.release import seal
from lamina.release.place import final_place
from lamina.release.publish import publish
from lamina.release.verify import verify_release
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def _no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "final_place", lambda **_: None)


@pytest.mark.usefixtures("_no_namespaces")
def test_the_manifest_says_where_the_tests_ran(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"commands": ["greet | grep -q [.]staging"]})
    outcome = publish(publish_request(tmp_path, environ, stack=stack))
    assert outcome.tested == "staging"
    assert verify_release(outcome.release).sound
    scripts = outcome.release.prefix / "bin"
    assert str(outcome.release.prefix) in (scripts / "greet").read_text()
    assert ".staging" not in (scripts / "greet").read_text()


@pytest.mark.usefixtures("_no_namespaces")
def test_tests_that_write_into_the_release_fail(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(test={"commands": ["touch $VIRTUAL_ENV/lib/new-file"]})
    with pytest.raises(BuildFailedError, match=r"the tests wrote into the release: .*new-file"):
        publish(publish_request(tmp_path, environ, stack=stack))


def test_a_view_that_cannot_be_made_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    missing = tmp_path / "missing"
    namespace = MountNamespace(stage=missing, final=missing, hidden=missing)
    assert not namespace.available(environ)
    log = tmp_path / "log"
    assert final_place(stage=missing, final=missing, environ=environ, log=log) is None


@pytest.mark.namespaces
def test_a_view_shows_the_stage_at_the_final_path(tmp_path: Path, environ: dict[str, str]) -> None:
    stage, final = tmp_path / "staging" / "a b", tmp_path / "ü"
    for directory in (stage, final):
        directory.mkdir(parents=True)
    (stage / "file").write_text("content")
    place = final_place(stage=stage, final=final, environ=environ, log=tmp_path / "log")
    if place is None:
        pytest.skip("no mount namespaces")
    script = 'cat "$1/file"; ls "$2"; touch "$1/new" || echo read-only'
    words = ("/bin/sh", "-c", script, "sh", final, stage.parent)
    answer = place.run(*words, home=tmp_path, timeout=60)
    assert answer.stdout == "contentread-only\n"
    assert not any(final.iterdir())
