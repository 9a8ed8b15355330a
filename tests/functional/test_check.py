"""``lamina check`` against an index on loopback."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from support.index_server import LINUX, IndexServer
from support.stacks import stack_text

if TYPE_CHECKING:
    from support.command_line import CommandLine

CLOSED = "closed = true"
BOTH = '["linux-64", "osx-arm64"]'


@pytest.fixture
def index(index_server: IndexServer) -> IndexServer:
    """Return an index with packages that need each other."""
    index_server.wheel("app", "1.0", ["lib>=2", "plot"])
    index_server.wheel("plot", "1.0", ["lib", "colours>=1"])
    index_server.wheel("colours", "1.0", ["six"])
    index_server.wheel("six", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        index_server.wheel("lib", version)
    index_server.wheel("legacy", "1.0", ["lib<2"])
    return index_server


@pytest.fixture
def lamina(index: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, with the index as its default one."""
    assert index.url
    return command_line


def closed(packages: str, **more: str) -> str:
    return stack_text(packages, resolve=CLOSED, **more)


def test_a_complete_stack_is_in_order(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", closed('lib = "==2.0"\nsix = "*"'))
    lamina("lock")
    assert "in order: documents, lock, closed" in lamina("check").stdout


def test_an_open_stack_is_checked_without_network(lamina: CommandLine, index: IndexServer) -> None:
    lamina.write("lamina.toml", stack_text('app = "*"'))
    lamina("lock")
    index.requests.clear()
    assert "open set of packages" in lamina("check").stdout
    assert index.requests == []


def test_a_stale_lock(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", stack_text('six = "*"'))
    assert "there is no lock" in lamina("check", expect=3).stderr
    lamina("lock")
    lamina.write("lamina.toml", stack_text('six = "<1"'))
    answer = lamina("check", "--json", expect=3)
    assert answer.json["lock"] == ["stack-digest: the stack has changed since it was locked"]


def test_every_missing_dependency_is_named_with_who_needs_it(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", closed('app = "*"\nlib = "*"'))
    answer = lamina("check", expect=4)
    assert "plot is not listed: app 1.0 needs it (plot)" in answer.stderr
    assert "colours is not listed: app 1.0 -> plot 1.0 -> colours (colours>=1)" in answer.stderr
    assert "six is not listed: app 1.0 -> plot 1.0 -> colours 1.0 -> six" in answer.stderr
    assert "hint: lamina add colours plot six" in answer.stderr


def test_lock_of_a_closed_stack_adds_nothing(lamina: CommandLine) -> None:
    lamina.write("lamina.toml", closed('app = "*"\nlib = "*"\nplot = "*"'))
    answer = lamina("lock", expect=4)
    assert "colours is not listed: plot needs it" in answer.stderr
    assert "six is not listed" in answer.stderr
    assert not (lamina.directory / "lamina.lock").exists()


def test_a_dependency_listed_for_another_platform_only(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("user", "1.0", ["lib"])
    line = 'user = "*"\nlib = { version = "*", platforms = ["linux-64"] }'
    lamina.write("lamina.toml", closed(line, platforms=BOTH))
    answer = lamina("lock", expect=4)
    assert "lib is not listed: user needs it [osx-arm64/3.12]" in answer.stderr
    assert "[osx-arm64/3.12]" in lamina("check", expect=4).stderr


def test_every_conflict_is_named(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("other", "1.0", ["six>=4"])
    complete = 'app = "*"\nplot = "*"\ncolours = "*"\nsix = "*"\nlegacy = "*"\nother = "*"'
    lamina.write("lamina.toml", closed(f'{complete}\nlib = "==1.0"'))
    for command in ("lock", "check"):
        answer = lamina(command, expect=4)
        assert "app 1.0 needs lib>=2; the stack lists packages.lib = '==1.0'" in answer.stderr
        assert "other 1.0 needs six>=4; the stack lists packages.six = '*'" in answer.stderr
        assert (
            "app 1.0 needs lib>=2 and legacy 1.0 needs lib<2: no version of lib meets both"
            in answer.stderr
        )
    findings = lamina("check", "--json", expect=4).json["findings"]
    assert [one["kind"] for one in findings] == ["excluded", "outside", "outside"]


def test_a_chain_of_three_that_no_version_meets(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("a", "1.0", ["lib<3"])
    index.wheel("b", "1.0", ["lib!=2.0"])
    index.wheel("c", "1.0", ["lib>=2"])
    lamina.write("lamina.toml", closed('a = "*"\nb = "*"\nc = "*"\nlib = "*"'))
    answer = lamina("check", expect=4)
    assert "no version of lib meets all of a 1.0 (lib<3), b 1.0 (lib!=2.0)" in answer.stderr


def test_waivers_are_honoured_and_listed(lamina: CommandLine) -> None:
    line = (
        'app = { version = "*", waive = ["plot"] }\n'
        'six = { version = "*", waive = ["colours"] }\n'
        'lib = "*"'
    )
    lamina.write("lamina.toml", closed(line))
    lamina("lock")
    text = (lamina.directory / "lamina.lock").read_text()
    assert text.count("plot") == text.count('waived = ["plot"]') == 1
    answer = lamina("check")
    assert "waived: app without plot" in answer.stdout
    assert "waiver that nothing needs: six without colours" in answer.stdout


def test_a_waived_conflict_does_not_stop_the_lock(lamina: CommandLine) -> None:
    line = 'app = { version = "*", waive = ["lib", "plot"] }\nlib = "==1.0"'
    lamina.write("lamina.toml", closed(line))
    lamina("lock")
    assert "waived: app without lib" in lamina("check").stdout


def test_markers_and_extras_count_for_their_target(lamina: CommandLine, index: IndexServer) -> None:
    needs = ["lib ; sys_platform == 'darwin'", "six ; extra == 'fast'", "colours ; extra == 'no'"]
    index.wheel("marked", "1.0", needs, extras=["fast", "no"])
    lamina.write("lamina.toml", closed('marked = { version = "*", extras = ["fast"] }'))
    answer = lamina("check", expect=4)
    assert "six is not listed" in answer.stderr
    assert "lib is not listed" not in answer.stderr
    assert "colours is not listed" not in answer.stderr


def test_an_unlisted_package_that_does_not_exist(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("user", "1.0", ["gone", "six"])
    lamina.write("lamina.toml", closed('user = "*"'))
    answer = lamina("lock", expect=4)
    assert "gone is not listed: user 1.0 needs it" in answer.stderr
    assert "six is not listed: user 1.0 needs it" in answer.stderr


def test_a_listed_package_without_a_usable_version(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("native", "1.0", tag=LINUX)
    lamina.write("lamina.toml", closed('native = "*"', platforms=BOTH))
    answer = lamina("check", expect=4)
    why = "packages.native = '*': no file of 1.0 is for this platform [osx-arm64/3.12]"
    assert f"no usable version of native for {why}" in answer.stderr


def test_versions_for_a_newer_python_are_passed_over(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("modern", "1.0", ["six"], requires_python=">=3.8")
    index.wheel("modern", "2.0", ["gone"], requires_python=">=3.13")
    lamina.write("lamina.toml", closed('modern = "*"\nsix = "*"'))
    assert lamina("check", "--json", expect=3).json["findings"] == []


def test_prereleases_are_looked_at_where_the_stack_wants_them(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("fresh", "1.0")
    index.wheel("fresh", "2.0a1", ["six"])
    index.wheel("early", "1.0a1", ["colours"])
    lamina.write("lamina.toml", closed('fresh = "*"\nsix = "*"\ncolours = "*"\nearly = "*"'))
    assert lamina("check", "--json", expect=3).json["findings"] == []
    lamina.write("lamina.toml", closed('fresh = ">=2.0a1"\nearly = "*"'))
    found = lamina("check", "--json", expect=4).json["findings"]
    assert [one["package"] for one in found] == ["colours", "six"]


def test_extras_that_come_late_are_followed(lamina: CommandLine, index: IndexServer) -> None:
    index.wheel("kit", "1.0", ["colours ; extra == 'full'"], extras=["full"])
    index.wheel("late", "1.0", ["later"])
    index.wheel("later", "1.0", ["kit[full]"])
    lamina.write("lamina.toml", closed('kit = "*"\nlate = "*"\nlater = "*"\nsix = "*"'))
    answer = lamina("check", expect=4)
    assert "colours is not listed: kit 1.0 needs it (colours)" in answer.stderr


def test_versions_of_what_is_not_listed_are_those_that_are_needed(
    lamina: CommandLine, index: IndexServer
) -> None:
    index.wheel("old", "1.0", ["six"])
    index.wheel("old", "2.0", ["gone"])
    index.wheel("user", "1.0", ["old<2"])
    lamina.write("lamina.toml", closed('user = "*"\nsix = "*"'))
    answer = lamina("check", expect=4)
    assert "old is not listed" in answer.stderr
    assert "gone" not in answer.stderr


def test_sources_that_tell_only_when_built_are_named(
    lamina: CommandLine, index: IndexServer
) -> None:
    offer = index.sdist("dynamic", "1.0")
    offer.content = sdist_of_old("dynamic")
    offer.sha256 = hashlib.sha256(offer.content).hexdigest()
    lamina.write("lamina.toml", closed('dynamic = { version = "*", source = true }'))
    answer = lamina("check", expect=3)
    assert "not checked, says what it needs when built: dynamic-1.0.tar.gz" in answer.stdout


def sdist_of_old(name: str) -> bytes:
    """Return sources whose metadata is older than the rule that it may be relied on."""
    buffer = io.BytesIO()
    text = f"Metadata-Version: 1.1\nName: {name}\nVersion: 1.0\n".encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"{name}-1.0/PKG-INFO")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


def test_an_index_that_is_not_there(lamina: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    lamina.write("lamina.toml", closed('app = "*"'))
    assert "127.0.0.1:9" in lamina("check", expect=8).stderr


def test_metadata_that_differs_from_the_page(lamina: CommandLine, index: IndexServer) -> None:
    lamina.write("lamina.toml", closed('six = "*"'))
    index.offers["six"][0].content += b"more"
    assert "its page says" in lamina("check", expect=6).stderr


def test_no_command_without_a_stack(lamina: CommandLine) -> None:
    assert "hint: lamina init" in lamina("check", expect=3).stderr


def test_patches_that_are_not_there_are_named(index: IndexServer, lamina: CommandLine) -> None:
    fields = 'version = "*", platforms = ["linux-64"]'
    patches = 'patches = ["there.patch", "gone.patch"]'
    entry = f"six = {{ {fields}, source = true, {patches} }}"
    index.sdist("six", "1.0")
    lamina.write("lamina.toml", stack_text(entry))
    lamina.write("there.patch", "")
    lamina("lock")
    words = "packages.six.patches[1]: 'gone.patch': no such file"
    assert words in lamina("lock", "--check", expect=3).stderr
    answer = lamina("check", "--json", expect=3)
    assert words in answer.stderr
    assert answer.json["missing"] == [words]
    assert "in order" not in lamina("check", expect=3).stdout
    lamina.write("gone.patch", "")
    lamina("lock", "--check")
    assert lamina("check", "--json").json["missing"] == []
    assert "in order" in lamina("check").stdout
