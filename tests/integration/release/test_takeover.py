"""What the next release has in common with an earlier one is not written again."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.model.names import StackName
from lamina.model.versions import parse_release_version
from lamina.release.mtree import MTREE_NAME
from lamina.release.publish import Outcome, publish
from lamina.release.root import open_root
from lamina.release.verify import verify_release
from support.mounts import mounted
from support.release_wheels import DirectoryLocator, lock_of, make_wheel, small_wheels
from support.releases import make_stack, publish_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.release.draft import PublishRequest
    from lamina.release.root import Release

SITE = "lib/python3.12/site-packages"
BIG = {f"big/part_{n}.py": f"def part_{n}():\n    return {n}\n" for n in range(30)}
# What a package has vendored has no say in whose a file is.
BIG["big/_vendor/inner-1.0.dist-info/RECORD"] = "../part_1.py,,\n"
SHARED_NAMES = {"names.py": "".join(f"def part_{n}():\n    return answer\n" for n in range(30))}


def _request(
    tmp_path: Path,
    environ: dict[str, str],
    version: str,
    wheels: Mapping[str, tuple[str, dict[str, str]]],
    **changes: Any,
) -> PublishRequest:
    """Return a request for the two small wheels and others: name -> version and files."""
    stack = make_stack(**changes.pop("table", {}))
    more = [make_wheel(tmp_path / "wheels", name, *rest) for name, rest in wheels.items()]
    lock = lock_of(stack, [*small_wheels(tmp_path / "wheels"), *more])
    return publish_request(
        tmp_path, environ, version=parse_release_version(version), lock=lock, stack=stack, **changes
    )


def _listing(release: Release) -> str:
    return (release.internal / MTREE_NAME).read_text()


def _shared(one: Release, other: Release) -> set[str]:
    """Return the files that two releases have in common."""
    inodes = {
        path.stat().st_ino
        for path in one.prefix.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return {
        str(path.relative_to(other.prefix))
        for path in other.prefix.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_ino in inodes
    }


def _alone(request: PublishRequest, aside: Path) -> Outcome:
    """Publish into the same path as before, with nothing there."""
    request.root.rename(aside)
    return publish(request)


def test_the_next_release_writes_what_changed_and_is_the_same_as_alone(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    old = {"big": ("1.0", BIG), "names": ("1.0", SHARED_NAMES)}
    first = publish(_request(tmp_path, environ, "1.0", old))
    new = {"big": ("1.0", BIG), "names": ("1.1", SHARED_NAMES | {"more.py": "new = 1\n"})}
    request = _request(tmp_path, environ, "2.0", new)
    second = publish(request)
    assert first.tally.shared_files == 0
    # Nothing else was asked for.
    assert isinstance(request.locator, DirectoryLocator)
    assert request.locator.asked == ["names-1.1-py3-none-any.whl"]
    shared = _shared(first.release, second.release)
    assert f"{SITE}/big/part_7.py" in shared
    assert f"{SITE}/big/__pycache__/part_7.cpython-312.pyc" in shared
    assert f"{SITE}/greeter/data/ünï cöde.txt" in shared
    # A package that changed shares what did not change of it.
    assert f"{SITE}/names.py" in shared
    assert not {f"{SITE}/more.py", "bin/greet", "pyvenv.cfg", ".lamina/base.json"} & shared
    assert second.tally.shared_files == len(shared) > 70
    assert 0 < second.tally.written_files < 40
    greet = subprocess.check_output([second.release.prefix / "bin" / "greet"], text=True)
    assert greet == f"hello from {second.release.prefix}\n"
    assert verify_release(first.release).sound
    assert verify_release(second.release).sound
    listing = _listing(second.release)
    alone = _alone(request, tmp_path / "aside")
    assert alone.tally.shared_files == 0
    assert listing == _listing(alone.release)


def test_what_is_published_before_is_never_written_to(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Whatever is done for and to the second release, the first one stays as it was."""
    release = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)})).release
    before = {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode)
        for path in release.prefix.rglob("*")
    }
    second = publish(_request(tmp_path, environ, "2.0", {"big": ("1.0", BIG)})).release
    fs.remove_tree(second.prefix)
    after = {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode)
        for path in release.prefix.rglob("*")
    }
    assert before == after
    assert verify_release(release).sound


def test_the_earlier_release_goes_and_the_next_one_is_whole(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    first = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)})).release
    second = publish(_request(tmp_path, environ, "2.0", {"big": ("1.0", BIG)})).release
    fs.remove_tree(first.prefix)
    assert verify_release(second).sound
    subprocess.run([second.interpreter, "-c", "import big.part_3, greeter"], check=True)


def test_a_file_that_another_package_brings_now_is_installed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """The installer's order decides whose it is, as without an earlier release."""
    publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)}))
    [first] = (tmp_path / "root/releases/small/1.0").iterdir()
    same = {"big/part_0.py": BIG["big/part_0.py"], "newer.py": "new = 1\n"}
    request = _request(tmp_path, environ, "2.0", {"big": ("1.0", BIG), "newer": ("1.0", same)})
    outcome = publish(request)
    assert verify_release(outcome.release).sound
    python = outcome.release.interpreter
    subprocess.run([python, "-c", "import big.part_0, big.part_29, newer, greeter"], check=True)
    assert (first / SITE / "big/part_0.py").read_text() == BIG["big/part_0.py"]
    listing = _listing(outcome.release)
    assert listing == _listing(_alone(request, tmp_path / "aside").release)


def test_a_package_with_an_empty_directory_is_installed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """No RECORD has directories, and a program may look for its plugins in there."""
    stack = make_stack()
    wheel = make_wheel(tmp_path / "wheels", "odd", "1.0", {"odd/__init__.py": "", "odd/a.py": ""})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(zipfile.ZipInfo("odd/plugins/", (2020, 1, 1, 0, 0, 0)), "")
    lock = lock_of(stack, [*small_wheels(tmp_path / "wheels"), wheel])
    for version in ("1.0", "2.0"):
        request = publish_request(
            tmp_path, environ, version=parse_release_version(version), lock=lock, stack=stack
        )
        outcome = publish(request)
        assert (outcome.release.prefix / SITE / "odd/plugins").is_dir()
    assert isinstance(request.locator, DirectoryLocator)
    assert request.locator.asked == [wheel.name]


def _break(release: Path, how: str) -> None:
    site = release / SITE
    internal = release / ".lamina"
    target = {
        "content": site / "big/part_3.py",
        "byte code": site / "big/__pycache__/part_3.cpython-312.pyc",
        "missing": site / "big/part_3.py",
        "no record": site / "big-1.0.dist-info/RECORD",
        "listing": internal / MTREE_NAME,
        "no listing": internal / MTREE_NAME,
        "link": site / "big/part_3.py",
        "mode": site / "big/part_3.py",
    }[how]
    if how == "mode":
        target.chmod(0o555)
        return
    target.parent.chmod(0o755)
    data = target.read_bytes()
    target.unlink()
    if how in {"content", "byte code"}:
        target.write_bytes(data.replace(b"3", b"4"))
    elif how == "listing":
        target.write_bytes(data + b"./none type=dir mode=0755\n")
    elif how == "link":
        target.symlink_to("part_4.py")


@pytest.mark.parametrize(
    ("how", "others"),
    [
        pytest.param("content", True, id="content"),
        pytest.param("byte code", True, id="byte-code"),
        pytest.param("missing", True, id="missing"),
        pytest.param("link", True, id="link"),
        pytest.param("mode", True, id="mode"),
        pytest.param("no record", True, id="record"),
        pytest.param("listing", False, id="listing"),
        pytest.param("no listing", False, id="no-listing"),
    ],
)
def test_damage_is_not_handed_on(
    tmp_path: Path, environ: dict[str, str], how: str, *, others: bool
) -> None:
    first = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)})).release
    _break(first.prefix, how)
    request = _request(tmp_path, environ, "2.0", {"big": ("1.0", BIG)})
    second = publish(request).release
    shared = _shared(first, second)
    assert (f"{SITE}/greeter/__init__.py" in shared) is others
    assert f"{SITE}/big/part_3.py" not in shared or how in {"no record", "byte code"}
    listing = _listing(second)
    assert verify_release(second).sound
    assert listing == _listing(_alone(request, tmp_path / "aside").release)


def test_damage_done_meanwhile_is_not_recorded_as_what_was_published(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wheels = {"big": ("1.0", BIG)}
    first = publish(_request(tmp_path, environ, "1.0", wheels)).release

    def meanwhile(_stage: Path) -> dict[str, str]:
        """Write into a file of the first release, once the next one has it too."""
        part = first.prefix / SITE / "big/part_3.py"
        part.chmod(0o644)
        part.write_text("damaged\n")
        return {}

    with pytest.raises(IntegrityError, match=r"big/part_3\.py: somebody wrote to this file"):
        publish(_request(tmp_path, environ, "2.0", wheels, known=meanwhile))
    assert [one.version for one in open_root(tmp_path / "root").releases()] == ["1.0"]


def test_another_interpreter_shares_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    publish(publish_request(tmp_path, environ))
    other = publish_request(tmp_path, environ, series="3.11", version=parse_release_version("2.0"))
    assert publish(other).tally.shared_files == 0


def test_another_stack_of_the_root_will_do(tmp_path: Path, environ: dict[str, str]) -> None:
    first = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)})).release
    table = {"table": {"name": StackName("other")}}
    second = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)}, **table)).release
    assert second.stack == "other"
    assert f"{SITE}/big/part_7.py" in _shared(first, second)


def test_a_package_from_the_release_before_the_last(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    first = publish(_request(tmp_path, environ, "1.0", {"big": ("1.0", BIG)})).release
    publish(_request(tmp_path, environ, "2.0", {"big": ("1.1", {"big/other.py": ""})}))
    third = publish(_request(tmp_path, environ, "3.0", {"big": ("1.0", BIG)})).release
    assert f"{SITE}/big/part_7.py" in _shared(first, third)
    assert not (third.prefix / SITE / "big/other.py").exists()


def test_packages_of_different_releases_that_bring_the_same_file(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    one = {"one": ("1.0", {"one.py": "", "both.py": "both = 1\n"})}
    other = {"other": ("1.0", {"other.py": "", "both.py": "both = 1\n"})}
    publish(_request(tmp_path, environ, "1.0", one))
    publish(_request(tmp_path, environ, "2.0", other))
    third = publish(_request(tmp_path, environ, "3.0", one | other)).release
    assert verify_release(third).sound
    subprocess.run([third.interpreter, "-c", "import one, other, both"], check=True)


def test_a_file_system_that_links_do_not_reach(tmp_path: Path) -> None:
    far = tmp_path / "far"
    source = tmp_path / "source"
    source.write_text("content\n")
    source.chmod(0o555)
    before = sorted(tmp_path.iterdir())
    way = "clone" if fs.can_clone(tmp_path) else "link"
    assert sorted(tmp_path.iterdir()) == before
    assert fs.share_file(source, tmp_path / "near") == way
    assert fs.share_file(source, tmp_path / "copied", clone=False, link=False) == "copy"
    assert (tmp_path / "copied").read_text() == "content\n"
    assert (tmp_path / "copied").stat().st_mode & 0o777 == 0o555
    far.mkdir()
    with mounted(far, "size=16m"):
        assert fs.share_file(source, far / "copied") == "copy"
        assert (far / "copied").read_text() == "content\n"
    shutil.rmtree(far)
