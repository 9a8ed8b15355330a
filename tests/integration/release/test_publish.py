from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lamina.core.errors import BuildFailedError, ConflictError
from lamina.model.versions import parse_release_version
from lamina.release.mtree import MTREE_NAME
from lamina.release.publish import Outcome, plan_publish, publish
from lamina.release.root import open_root
from lamina.release.verify import verify_release
from support.release_wheels import lock_of, make_wheel
from support.releases import FakeInstaller, make_stack, publish_request


def _says(program: Path | str, *arguments: str) -> str:
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def _nothing_published(root: Path) -> bool:
    left = [*(root / ".staging").iterdir(), *(root / "releases").iterdir()]
    return open_root(root).releases() == [] and not left


@pytest.mark.parametrize(
    "series", [pytest.param("3.12", id="3.12"), pytest.param("3.11", id="3.11")]
)
def test_a_release_runs_from_its_final_path(
    tmp_path: Path, environ: dict[str, str], series: str
) -> None:
    request = publish_request(tmp_path, environ, series=series)
    release = publish(request).release
    prefix = release.prefix
    assert _says(prefix / "bin" / "greet") == f"hello from {prefix}"
    assert _says(prefix / "bin" / "greet-script") == f"hello from {prefix}"
    assert _says(release.interpreter, "-c", "import sys; print(sys.prefix)") == str(prefix)
    code = "import greeter; print(greeter.main.__code__.co_filename, greeter.__cached__)"
    filename, cached = _says(release.interpreter, "-c", code).split()
    assert filename == f"{prefix}/lib/python{series}/site-packages/greeter/__init__.py"
    assert Path(cached).exists()
    assert verify_release(release).sound
    manifest = release.manifest()
    assert [(one.kind, one.subject) for one in manifest.tests] == [
        ("import", "greeter"),
        ("command", "greet"),
    ]
    assert [one.name for one in manifest.packages] == ["greeter", "numbers-of-ours"]
    assert str(manifest.python.series) == series


def test_nothing_names_the_staging_directory(tmp_path: Path, environ: dict[str, str]) -> None:
    prefix = publish(publish_request(tmp_path, environ)).release.prefix
    files = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 15
    assert [path for path in files if b".staging" in path.read_bytes()] == []


def test_records_stay_true(tmp_path: Path, environ: dict[str, str]) -> None:
    prefix = publish(publish_request(tmp_path, environ)).release.prefix
    site = prefix / "lib" / "python3.12" / "site-packages"
    checked = 0
    for record in site.glob("*.dist-info/RECORD"):
        for path, digest, size in csv.reader(record.read_text().splitlines()):
            if digest:
                data = (site / path).read_bytes()
                kept = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
                assert (f"sha256={kept.decode()}", str(len(data))) == (digest, size), path
                checked += 1
    assert checked > 8


def test_everything_is_read_only(tmp_path: Path, environ: dict[str, str]) -> None:
    prefix = publish(publish_request(tmp_path, environ)).release.prefix
    writable = [
        path
        for path in (prefix, *prefix.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o222
    ]
    assert writable == []


@pytest.mark.parametrize(
    "name", ["a root with spaces", "Wurzel-ä-é-根", "it's a 'root'", "r" * 150]
)
def test_any_path_will_do(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    request = publish_request(tmp_path, environ, root=tmp_path / name)
    release = publish(request).release
    assert _says(release.prefix / "bin" / "greet") == f"hello from {release.prefix}"
    assert _says(release.prefix / "bin" / "greet-script") == f"hello from {release.prefix}"
    script = f". {shlex.quote(str(release.prefix))}/bin/activate && greet"
    assert _says("/bin/sh", "-c", script) == f"hello from {release.prefix}"
    assert verify_release(release).sound


@pytest.mark.parametrize("mask", [0o077, 0o002, 0o022], ids=oct)
def test_colleagues_can_read_it_whatever_the_umask(
    tmp_path: Path, environ: dict[str, str], mask: int
) -> None:
    before = os.umask(mask)
    try:
        request = publish_request(tmp_path, environ, installer=FakeInstaller())
        root = tmp_path / "ours" / "root"
        release = publish(dataclasses.replace(request, root=root, run_tests=False)).release
    finally:
        os.umask(before)
    way = [one for one in release.prefix.parents if one.is_relative_to(root)]
    assert {one.stat().st_mode & 0o777 for one in way} == {0o777 & ~mask | 0o555}
    modes = {
        one.lstat().st_mode & 0o777 for one in release.prefix.rglob("*") if not one.is_symlink()
    }
    assert modes == {0o444, 0o555}
    assert (root / "lamina-root.toml").stat().st_mode & 0o777 == 0o644
    # What leads to the root is not ours to open.
    assert root.parent.stat().st_mode & 0o777 == 0o777 & ~mask


def test_the_same_lock_gives_the_same_files(tmp_path: Path, environ: dict[str, str]) -> None:
    request = publish_request(tmp_path, environ)
    listings = []
    for turn in range(2):
        release = publish(request).release
        listings.append((release.internal / MTREE_NAME).read_text())
        request.root.rename(tmp_path / f"root {turn}")
    assert listings[0] == listings[1]


def test_an_identical_release_is_not_written_again(tmp_path: Path, environ: dict[str, str]) -> None:
    request = publish_request(tmp_path, environ)
    first = publish(request)
    before = first.release.prefix.stat()
    second = publish(request)
    assert (first.status, second.status) == ("published", "identical")
    assert second.release.prefix.stat() == before


def test_a_version_never_changes(tmp_path: Path, environ: dict[str, str]) -> None:
    request = publish_request(tmp_path, environ)
    publish(request)
    wheel = make_wheel(tmp_path / "wheels", "other", "1.0", {"other.py": ""})
    changed = publish_request(tmp_path, environ, lock=lock_of(request.stack, [wheel]))
    with pytest.raises(ConflictError, match="with another lock; releases never change") as caught:
        publish(changed)
    assert "choose a new version" in caught.value.hints[0]
    assert verify_release(open_root(request.root).releases()[0]).sound


def test_a_failing_test_publishes_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = make_stack(
        test={"imports": ["greeter", "no_such_module"], "commands": ["echo oh no >&2; exit 3"]}
    )
    request = publish_request(tmp_path, environ, stack=stack)
    with pytest.raises(BuildFailedError) as caught:
        publish(request)
    assert caught.value.message.splitlines() == [
        "2 tests of the release failed; nothing was published",
        "  import no_such_module: ModuleNotFoundError: No module named 'no_such_module'",
        "  command echo oh no >&2; exit 3: oh no",
    ]
    assert caught.value.hints == (f"less {request.log}",)
    assert "oh no" in request.log.read_text()
    assert _nothing_published(request.root)


def test_tests_see_the_final_path_and_cannot_write_to_it(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    commands = [
        "greet > $HOME/said && grep -q releases/small/1.0 $HOME/said",
        "! touch $VIRTUAL_ENV/lib/new",
    ]
    stack = make_stack(test={"commands": commands})
    outcome: Outcome = publish(publish_request(tmp_path, environ, stack=stack))
    if outcome.tested != "namespace":
        pytest.skip("no mount namespaces")
    assert verify_release(outcome.release).sound


def test_tests_leave_the_librarians_home_alone(tmp_path: Path, environ: dict[str, str]) -> None:
    home = tmp_path / "librarian"
    home.mkdir()
    commands = [
        'test -z "$XDG_CACHE_HOME" && test -z "$PYTHONPATH"',
        "echo mine > ~/.config-of-a-test && echo x > $TMPDIR/x",
        "test ! -e ~/.config-of-a-test",
        "kill -9 $$",
    ]
    stack = make_stack(test={"commands": commands})
    mine = environ | {"HOME": str(home), "XDG_CACHE_HOME": "/c", "PYTHONPATH": "/p"}
    with pytest.raises(BuildFailedError) as caught:
        publish(publish_request(tmp_path, mine, stack=stack))
    assert caught.value.message.splitlines()[1:] == ["  command kill -9 $$: ended by signal 9"]
    assert not any(home.iterdir())


def test_a_foreign_directory_in_the_place_of_a_release(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    request = publish_request(tmp_path, environ, installer=FakeInstaller())
    root = open_root(request.root, create=True)
    prefix = plan_publish(request, root).release.prefix
    prefix.mkdir(parents=True)
    (prefix / "thesis.tex").write_text("")
    with pytest.raises(ConflictError, match="not empty, and no release"):
        publish(request)
    assert (prefix / "thesis.tex").exists()


def test_without_tests_the_manifest_says_so(tmp_path: Path, environ: dict[str, str]) -> None:
    changes: dict[str, Any] = {"installer": FakeInstaller(), "run_tests": False}
    assert publish(publish_request(tmp_path, environ, **changes)).tested == "skipped"
    stack = make_stack(test={"imports": []})
    changes |= {"stack": stack, "version": parse_release_version("1.1"), "run_tests": True}
    assert publish(publish_request(tmp_path, environ, **changes)).tested == "none"


def test_verify_finds_every_difference(tmp_path: Path, environ: dict[str, str]) -> None:
    release = publish(publish_request(tmp_path, environ, installer=FakeInstaller())).release
    site = release.prefix / "lib" / "python3.12" / "site-packages"
    for path in (site, site / "greeter.py", site / "numbers_of_ours.py"):
        path.chmod(0o755)
    (site / "greeter.py").write_text("answer = 41\n")
    (site / "numbers_of_ours.py").unlink()
    (site / "new one.py").write_text("")
    findings = verify_release(release)
    place = "lib/python3.12/site-packages"
    assert list(findings.changed) == [place, f"{place}/greeter.py"]
    assert findings.missing == (f"{place}/numbers_of_ours.py",)
    assert findings.extra == (f"{place}/new one.py",)


def test_the_creation_time_can_be_given(tmp_path: Path, environ: dict[str, str]) -> None:
    changed = environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    request = publish_request(tmp_path, changed, installer=FakeInstaller())
    assert publish(request).release.manifest().created.timestamp() == 1_700_000_000
    assert re.search(
        r"^created = 2023-11-14T22:13:20Z$",
        (open_root(request.root).releases()[0].internal / "release.toml").read_text(),
        re.MULTILINE,
    )
