"""Where there are no mount namespaces, a release is tested in its staging directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lamina.core.errors import BuildFailedError
from lamina.engines.namespace import MountNamespace
from lamina.model.versions import parse_release_version
from lamina.release import begin
from lamina.release.place import Place, final_place
from lamina.release.publish import publish
from lamina.release.verify import verify_release
from support.release_wheels import lock_of, make_wheel, small_wheels
from support.releases import make_stack, publish_request


@pytest.fixture
def _no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begin, "final_place", lambda **_: None)


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


@pytest.mark.usefixtures("_no_namespaces")
def test_tests_cannot_write_into_an_earlier_release(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """What the next release has in common with it is its own until the tests have run."""
    first = publish(publish_request(tmp_path, environ)).release
    module = "lib/python3.12/site-packages/greeter/__init__.py"
    version = parse_release_version("2.0")
    test = f"chmod u+w $VIRTUAL_ENV/{module} && echo x >> $VIRTUAL_ENV/{module}"
    stack = make_stack(test={"commands": [test]})
    with pytest.raises(BuildFailedError, match="the tests wrote into the release"):
        publish(publish_request(tmp_path, environ, version=version, stack=stack))
    assert verify_release(first).sound
    second = publish(publish_request(tmp_path, environ, version=version))
    assert second.tested == "staging"
    assert (first.prefix / module).samefile(second.release.prefix / module)
    assert verify_release(second.release).sound


def test_a_view_that_cannot_be_made_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    missing = tmp_path / "missing"
    final = tmp_path / "final"
    namespace = MountNamespace(stage=missing, final=final, hidden=missing)
    assert not namespace.available(environ)
    log = tmp_path / "log"
    assert final_place(stage=missing, final=final, environ=environ, log=log) is None


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


@pytest.mark.namespaces
def test_a_final_path_that_is_not_there_yet(tmp_path: Path, environ: dict[str, str]) -> None:
    above = tmp_path / "read-only"
    (above / "other" / "deep").mkdir(parents=True)
    (above / "file").write_text("content")
    (above / "link").symlink_to("file")
    (tmp_path / "staging" / "a").mkdir(parents=True)
    (tmp_path / "staging" / "a" / "inside").write_text("staged")
    final = above / "releases" / "a" / "1.0"
    place = final_place(
        stage=tmp_path / "staging" / "a", final=final, environ=environ, log=tmp_path / "log"
    )
    if place is None:
        pytest.skip("no mount namespaces")
    script = 'cd "$1"; cat link releases/a/1.0/inside; ls other; touch new || echo read-only'
    answer = place.run("/bin/sh", "-c", script, "sh", above, home=tmp_path, timeout=60)
    assert answer.stdout == "contentstageddeep\nread-only\n"
    assert {path.name for path in above.iterdir()} == {"file", "link", "other"}


@pytest.mark.namespaces
def test_root_cannot_write_through_the_link_to_the_interpreter(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    prefix = tmp_path / "machine"
    (prefix / "bin").mkdir(parents=True)
    program = prefix / "bin" / "python"
    program.write_text("the only one")
    (tmp_path / "staging" / "a").mkdir(parents=True)
    (tmp_path / "staging" / "a" / "python").symlink_to(program)
    place = _view(tmp_path, environ, prefix)
    script = 'echo gone > "$1/python" || echo read-only'
    answer = place.run("/bin/sh", "-c", script, "sh", place.prefix, home=tmp_path, timeout=60)
    assert answer.stdout == "read-only\n"
    assert program.read_text() == "the only one"


@pytest.mark.namespaces
def test_an_interpreter_above_the_scratch_directory_stays_writable(tmp_path: Path) -> None:
    top = Path(tmp_path.anchor)
    place = _view(tmp_path, {}, top)
    answer = place.run("/bin/sh", "-c", ": > x && echo ok", home=tmp_path, timeout=60)
    assert answer.stdout == "ok\n"


def _view(tmp_path: Path, environ: dict[str, str], interpreter: Path | None = None) -> Place:
    """Return a place with an empty stage."""
    stage, final = tmp_path / "staging" / "a", tmp_path / "final"
    stage.mkdir(parents=True, exist_ok=True)
    final.mkdir()
    log = tmp_path / "log"
    place = final_place(stage=stage, final=final, environ=environ, log=log, interpreter=interpreter)
    if place is None:
        pytest.skip("no mount namespaces")
    return place


_LEAVES = {
    "child": "import subprocess, sys; child = subprocess.Popen({sleep}).pid",
    "session": "import subprocess, sys; "
    "child = subprocess.Popen({sleep}, start_new_session=True).pid",
    "daemon": "import os, subprocess, sys\nif os.fork():\n    os.wait()\n    sys.exit()\n"
    "os.setsid()\nchild = subprocess.Popen({sleep}).pid",
}


@pytest.mark.namespaces
@pytest.mark.parametrize("kind", sorted(_LEAVES))
def test_what_a_test_leaves_behind_ends_with_it(
    tmp_path: Path, environ: dict[str, str], kind: str
) -> None:
    place = _view(tmp_path, environ)
    code = _LEAVES[kind].format(sleep="[sys.executable, '-c', 'import time; time.sleep(600)']")
    code += "\nopen('child', 'w').write(str(child))"
    answer = place.run(sys.executable, "-c", code, home=tmp_path, timeout=60)
    assert answer.returncode == 0, answer.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "child").read_text()), 0)


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("exit 7", 7, id="exit code"),
        pytest.param("kill -TERM $$", -15, id="termination"),
        pytest.param("kill -KILL $$", -9, id="kill"),
        pytest.param("kill -KILL $PPID; sleep 60", -9, id="its parent"),
    ],
)
def test_how_a_test_ended_is_passed_on(
    tmp_path: Path, environ: dict[str, str], command: str, code: int
) -> None:
    place = _view(tmp_path, environ)
    answer = place.run("/bin/sh", "-c", command, home=tmp_path, timeout=60)
    assert answer.returncode == code


@pytest.mark.usefixtures("_no_namespaces")
def test_what_is_imported_to_see_what_a_start_opens_cannot_write_into_an_earlier_release(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    code = """\
import os, sys
if "record_start" in sys.argv[0]:
    os.chmod(__file__, 0o644)
    with open(__file__, "a") as stream:
        stream.write("answer = 42\\n")
"""
    stack = make_stack(test={"imports": ["odd"]})
    wheels = [*small_wheels(tmp_path / "wheels")]
    wheels.append(make_wheel(tmp_path / "wheels", "odd", "1.0", {"odd.py": code}))
    lock = lock_of(stack, wheels)
    first = publish(publish_request(tmp_path, environ, stack=stack, lock=lock)).release
    version = parse_release_version("2.0")
    publish(publish_request(tmp_path, environ, stack=stack, lock=lock, version=version))
    assert verify_release(first).sound
