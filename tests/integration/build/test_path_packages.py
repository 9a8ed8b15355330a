"""Packages of a directory or a file beside lamina.toml: what counts, what changed, who is told."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uv

from lamina.core import fs
from support.interpreters import find_interpreter
from support.repositories import Repository, make_repository, package_files, write_files
from support.sources import offer_source, stack_of
from support.workshop import run

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    index_server.wheel("tool", "1.0")
    write_files(command_line.directory / "vendor" / "mine", package_files("mine", "1.0", "tool"))
    command_line.write("lamina.toml", stack_of({"mine": '{ path = "vendor/mine" }'}))
    return command_line


def built(lamina: CommandLine) -> dict[str, Any]:
    [made] = lamina("build", "--json").json["packages"]
    return dict(made)


def value_in(wheel: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read("mine.py").decode()


def digest_in(lock: str) -> str:
    """Return the digest that a lock has of ``mine``, as far as people are shown it."""
    [digest] = [
        one["artifacts"][0]["sha256"]
        for one in tomllib.loads(lock)["package"]
        if one["name"] == "mine"
    ]
    return str(digest)[:12]


def test_a_directory_that_changed_is_refused_with_the_names_of_its_files(
    lamina: CommandLine,
) -> None:
    lamina("lock")
    text = Path("lamina.lock").read_text()
    assert 'index = "path"\norigin = { path = "vendor/mine" }' in text
    assert value_in(built(lamina)["wheel"]) == "value = 1\n"
    # What tools leave there does not count.
    write_files(Path("vendor/mine"), {"__pycache__/x.pyc": "", "build/x.py": "", "mine.pyc": ""})
    lamina("lock", "--check")
    lamina.write("vendor/mine/mine.py", "value = 2\n")
    lamina.write("vendor/mine/new.txt", "")
    for words in (["lock", "--check"], ["build"], ["check"]):
        said = lamina(*words, expect=3).stderr
        assert "vendor/mine changed since it was locked: mine.py, new.txt" in said
    before = digest_in(text)
    answer = lamina("lock", "--json").json
    after = digest_in(Path("lamina.lock").read_text())
    moved = {"name": "mine", "from": f"1.0 {before}", "to": f"1.0 {after}"}
    assert (answer["changes"]["up"], before != after) == ([moved], True)
    assert value_in(built(lamina)["wheel"]) == "value = 2\n"
    Path("vendor/mine/new.txt").unlink()
    lamina.write("vendor/mine/mine.py", "value = 1\n")
    assert f"~ mine 1.0 {after} -> 1.0 {before}" in lamina("lock").stdout
    assert Path("lamina.lock").read_text() == text
    Path("vendor/mine").rename("vendor/theirs")
    for words in (["lock"], ["lock", "--check"], ["build"], ["check"]):
        said = lamina(*words, expect=3).stderr
        assert "packages.mine.path: vendor/mine: no such file or directory; if it is a sub" in said


def test_what_counts_in_a_repository_is_what_git_would_take(lamina: CommandLine) -> None:
    repository = Repository(lamina.directory)
    repository.git("init", "--quiet")
    lamina.write(".gitignore", "*.log\n")
    repository.commit({})
    lamina("lock")
    text = Path("lamina.lock").read_text()
    lamina.write("vendor/mine/run.log", "x")
    lamina.write(".git/info/exclude", "*.mine\n")
    lamina("lock", "--check")
    lamina.write("vendor/mine/a.mine", "x")
    assert "a.mine" in lamina("lock", "--check", expect=3).stderr
    clone = lamina.directory.parent / "clone"
    Path("vendor/mine/a.mine").unlink()
    repository.git("clone", "--quiet", str(lamina.directory), str(clone))
    (clone / "lamina.lock").write_text(text)
    lamina("lock", "--check", "--stack", clone / "lamina.toml")


@pytest.mark.heavy
def test_the_version_of_a_working_copy_comes_from_its_tags(
    lamina: CommandLine, tmp_path: Path
) -> None:
    made = make_repository(lamina.directory / "copy", package_files("mine"), tag="v3.0")
    lamina.write("lamina.toml", stack_of({"mine": '{ path = "copy" }'}))
    lamina("lock")
    assert 'version = "3.0"' in Path("lamina.lock").read_text()
    made.commit({"mine.py": "value = 4\n"})
    lamina.write("copy/mine.py", "value = 5\n")
    assert "has changes that are not committed" in lamina("lock").stderr
    version = f"3.0.post1+g{made.head[:7]}.d315532800"
    assert f'version = "{version}"' in Path("lamina.lock").read_text()
    assert built(lamina)["version"] == version


def test_a_stack_may_be_beside_the_sources_of_its_package(lamina: CommandLine) -> None:
    write_files(lamina.directory, package_files("mine", "1.0"))
    lamina.write("lamina.toml", stack_of({"mine": '{ path = "." }'}))
    lamina("lock")
    lamina("lock", "--check")
    text = Path("lamina.lock").read_text()
    lamina("lock")
    assert Path("lamina.lock").read_text() == text


def test_sources_whose_file_says_nothing(lamina: CommandLine, index_server: IndexServer) -> None:
    Path("vendor", "main.tar.gz").write_bytes(offer_source(index_server, "raw", "1.5").content)
    lamina.write("lamina.toml", stack_of({"raw": '{ path = "vendor/main.tar.gz" }'}))
    lamina("lock")
    assert '{ file = "raw-1.5.tar.gz"' in Path("lamina.lock").read_text()
    assert built(lamina)["name"] == "raw"
    Path("vendor", "main.tar.gz").write_bytes(b"no archive")
    said = lamina("lock", "--check", expect=3).stderr
    assert "vendor/main.tar.gz changed since it was locked" in said


def test_files_are_taken_as_they_are(lamina: CommandLine, index_server: IndexServer) -> None:
    wheel = index_server.wheel("ready", "2.0")
    sources = offer_source(index_server, "raw", "1.5")
    for one in (wheel, sources):
        Path("vendor", one.filename).write_bytes(one.content)
    packages = {name: f'{{ path = "vendor/{one.filename}" }}'
                for name, one in (("ready", wheel), ("raw", sources))}  # fmt: skip
    lamina.write("lamina.toml", stack_of(packages))
    lamina("lock")
    locked = tomllib.loads(Path("lamina.lock").read_text())["package"]
    assert [one["artifacts"][0]["sha256"] for one in locked] == [sources.sha256, wheel.sha256]
    assert built(lamina)["name"] == "raw"
    Path("vendor", wheel.filename).write_bytes(b"other")
    assert "vendor/ready-2.0" in lamina("lock", "--check", expect=3).stderr


def test_a_release_says_where_its_packages_come_from(lamina: CommandLine, tmp_path: Path) -> None:
    made = make_repository(tmp_path / "r", package_files("theirs", "git", "tool"), tag="v1.0")
    wheel = lamina.directory / "vendor" / "plain-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("plain.py", "")
        about = "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n"
        archive.writestr("plain-1.0.dist-info/METADATA", about)
        archive.writestr("plain-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("plain-1.0.dist-info/RECORD", "")
    packages = {
        "mine": '{ path = "vendor/mine" }',
        "plain": f'{{ path = "vendor/{wheel.name}" }}',
        "theirs": f'{{ git = "{made.url}", tag = "v1.0" }}',
        "tool": '"*"',
    }
    text = stack_of(packages, '[test]\nimports = ["mine", "plain", "theirs"]\n')
    lamina.write("lamina.toml", text + "\n[resolve]\nclosed = true\n")
    lamina("publish", "--root", "root")
    lamina("check")
    prefix = next(Path("root/releases/made/1.0").iterdir())
    assert not list(prefix.rglob("direct_url.json"))
    bill = json.loads((prefix / ".lamina" / "sbom.cdx.json").read_text())
    parts = {one["name"]: one for one in bill["components"]}
    [reference] = parts["theirs"]["externalReferences"]
    assert (reference["type"], reference["url"]) == ("vcs", made.url)
    assert parts["theirs"]["purl"].startswith("pkg:pypi/theirs@1.0?vcs_url=git%2B")
    assert made.head in parts["theirs"]["purl"]
    assert parts["mine"]["purl"] == "pkg:generic/mine@1.0"
    assert parts["plain"]["purl"] == "pkg:generic/plain@1.0"
    told = {one["name"] for name in ("mine", "theirs") for one in parts[name]["properties"]}
    assert told == {"lamina:build", "lamina:file", "lamina:path"}
    assert {"name": "lamina:path", "value": "vendor/mine"} in parts["mine"]["properties"]
    why = lamina("release", "why", "made/1.0", "theirs", "--root", "root").stdout
    assert f"from git {made.url} at {made.head[:12]} (tag v1.0)" in why
    check_exports(lamina, made)


def test_the_suite_of_a_namesake_on_an_index_is_not_run(
    lamina: CommandLine, index_server: IndexServer
) -> None:
    offer_source(index_server, "mine", files={"tests/test_it.py": "def test_it(): pass\n"})
    lamina("publish", "--root", "root")
    answer = lamina("test", "made/1.0", "--root", "root", "--suite", "--json", expect=5)
    [told] = [one for one in answer.json["outcomes"] if (one["kind"], one["package"]) ==
              ("suite", "mine")]  # fmt: skip
    assert told["status"] == "blocked"
    assert told["detail"] == "it comes from a git revision or a path, of no index"


def test_paths_in_a_list_lead_from_where_it_is(lamina: CommandLine, tmp_path: Path) -> None:
    lamina("lock")
    real = tmp_path / "far" / "away"
    real.mkdir(parents=True)
    (lamina.directory / "lists").symlink_to(real)
    answer = lamina("export", "--as", "pylock", "-o", "lists/pylock.toml")
    assert not answer.stderr
    [mine, _] = tomllib.loads(Path("lists/pylock.toml").read_text())["packages"]
    assert mine["directory"]["path"] == f"../../{lamina.directory.name}/vendor/mine"
    python = ["--python", find_interpreter("3.12"), "--target", real / "site", "--quiet"]
    words = ["pip", "install", "--preview-features", "pylock", "-r", "lists/pylock.toml", *python]
    run([uv.find_uv_bin(), *words], lamina.environ, cwd=lamina.directory)
    assert (real / "site" / "mine.py").is_file()
    # Out of the lock alone, and out of a release: it has no directories.
    lamina("publish", "--root", "root")
    for place, lost in ((".", False), ("lists", True)):
        listed = ("export", "made/1.0", "--root", "root", "--as", "pylock")
        answer = lamina(*listed, "-o", f"{place}/pylock.made.toml")
        said = "a release has no sources, and these are not there, seen from this list: mine ("
        assert (said in answer.stderr) == lost
        text = Path(place, "pylock.made.toml").read_text()
        assert 'directory = { path = "vendor/mine", ' in text
        assert (said in text) == lost
    Path("vendor").rename("elsewhere")
    said = lamina("export", "--as", "pylock").stderr
    assert "warning: these are not there, seen from this list: mine (vendor/mine)" in said
    fs.remove_tree(Path("root"))


def check_exports(lamina: CommandLine, made: Repository) -> None:
    lock = tomllib.loads(lamina("export", "--as", "pylock").stdout)
    packages = {one["name"]: one for one in lock["packages"]}
    assert packages["theirs"]["vcs"] == {
        "type": "git", "url": made.url, "requested-revision": "v1.0", "commit-id": made.head,
    }  # fmt: skip
    assert packages["mine"]["directory"] == {"path": "vendor/mine", "editable": False}
    assert packages["plain"]["archive"]["path"] == "vendor/plain-1.0-py3-none-any.whl"
    assert "version" not in packages["mine"]
    for form in ("requirements", "explicit", "wheel"):
        said = lamina("export", "--as", form, "-o", "out", expect=2).stderr
        assert "mine (path vendor/mine)" in said
        assert "theirs (git" in said or form != "wheel"
    lamina.write("lamina.toml", stack_of({"theirs": f'{{ git = "{made.url}", tag = "v1.0" }}'}))
    lamina("lock")
    text = lamina("export", "--as", "requirements").stdout
    assert f"theirs @ git+{made.url}@{made.head}" in text
    assert "--hash" not in text


@pytest.mark.heavy
def test_a_child_stack_does_not_guess_where_sources_are(lamina: CommandLine) -> None:
    lamina("publish", "--root", "root")
    child = stack_of({}).replace('name = "made"', 'name = "child"\nextends = ["made"]')
    lamina.write("child/lamina.toml", child)
    said = lamina("lock", "--stack", "child/lamina.toml", "--root", "root", expect=3).stderr
    assert "mine of made/1.0 comes from the path vendor/mine there, of no index" in said
