"""``lamina check --audit`` and ``lamina release audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from support.osv import Advisories, advisory, package, versions_from
from support.stacks import stack_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import Answer, CommandLine
    from support.index_server import IndexServer

HERE = current_platform()
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
GHSA, PYSEC, CVE = "GHSA-aaaa-bbbb-cccc", "PYSEC-2026-7", "CVE-2026-1234"
ASKED = 'app = "*"\nplain = ">=1,<2"'


@pytest.fixture
def lamina(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """Return the program beside a locked stack."""
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    index_server.wheel("app", "1.0", ["mid"])
    index_server.wheel("mid", "1.0", ["lib"])
    index_server.wheel("lib", "1.5")
    index_server.wheel("plain", "1.0")
    write(command_line)
    command_line("lock")
    yield command_line
    if (command_line.directory / "root").exists():
        fs.remove_tree(command_line.directory / "root")


@pytest.fixture
def advisories(lamina: CommandLine) -> Advisories:
    """Return a database with one vulnerability, of which three advisories tell."""
    made = Advisories(lamina.directory / "db")
    made.add(
        advisory(
            GHSA,
            package("Lib", versions_from("1.0", fixed="1.6")),
            aliases=[CVE],
            summary="Reads what it should not",
            database_specific={"severity": "HIGH"},
            severity=[{"type": "CVSS_V3", "score": VECTOR}],
        ),
        advisory(PYSEC, package("lib", versions_from("0", fixed="1.7")), aliases=[CVE, GHSA]),
        advisory(CVE, package("lib", versions_from("0", fixed="1.0"))),
        advisory("PYSEC-2020-1", package("plain", versions_from("0", fixed="0.9"))),
        advisory("PYSEC-2020-2", package("app", ecosystem="npm")),
    )
    return made


def write(lamina: CommandLine, *, accept: str = "", packages: str = ASKED) -> None:
    more = f"[audit]\naccept = {{ {accept} }}" if accept else ""
    lamina.write("lamina.toml", stack_text(packages, platforms=f'["{HERE}"]', more=more))


def check(lamina: CommandLine, *more: str, expect: int = 0, database: str = "db") -> Answer:
    return lamina("check", "--audit", database, *more, expect=expect)


def test_a_vulnerability_is_one_finding_with_all_there_is_to_know(
    lamina: CommandLine, advisories: Advisories
) -> None:
    error = check(lamina, expect=4).stderr
    assert error.splitlines()[-8:] == [
        "error: 1 known vulnerability:",
        f"  lib 1.5: {GHSA} ({PYSEC}, {CVE})",
        f"    severity HIGH, {VECTOR}",
        "    Reads what it should not",
        "    fixed in 1.7",
        "    the stack asks for app -> mid -> lib",
        "hint: lamina lock -P lib",
        f'hint: or accept it: [audit] accept = {{ "{GHSA}" = "the reason" }}',
    ]


def test_an_upgrade_finds_nothing_after_the_day_of_the_stack(
    lamina: CommandLine, advisories: Advisories
) -> None:
    day = "exclude-newer = 2026-11-01"
    text = stack_text(ASKED, platforms=f'["{HERE}"]', resolve=day)
    lamina.write("lamina.toml", text)
    lamina("lock")
    error = check(lamina, expect=4).stderr
    assert "hint: lamina lock, with a later day in [resolve] exclude-newer\n" in error
    assert "-P" not in error


def test_as_json(lamina: CommandLine, advisories: Advisories) -> None:
    value = check(lamina, "--json", expect=4).json["audit"]
    (finding,) = value["findings"]
    assert finding == {
        "package": "lib",
        "version": "1.5",
        "index": "pypi",
        "ids": [GHSA, PYSEC, CVE],
        "summary": "Reads what it should not",
        "severity": ["HIGH", VECTOR],
        "fixed": [{"version": "1.7", "refused-by": []}],
        "chain": ["app", "mid", "lib"],
        "targets": [],
        "accepted": None,
    }
    assert (value["advisories"], value["packages"], value["unreadable"]) == (5, 4, [])
    assert "audit" not in lamina("check", "--json").json


def test_without_findings(lamina: CommandLine, advisories: Advisories) -> None:
    for name in (GHSA, PYSEC):
        (advisories.path / f"{name}.json").unlink()
    assert "audited: 4 packages, 3 advisories, nothing found" in check(lamina).stdout
    zipped = advisories.zipped(lamina.directory / "all.zip")
    assert "nothing found" in check(lamina, database=str(zipped)).stdout


def test_no_network(lamina: CommandLine, advisories: Advisories, index_server: IndexServer) -> None:
    index_server.requests.clear()
    check(lamina, expect=4)
    assert index_server.requests == []


def test_a_fix_that_the_stack_does_not_allow(lamina: CommandLine, advisories: Advisories) -> None:
    advisories.add(
        advisory("PYSEC-2026-8", package("plain", versions_from("0", fixed="2.1"))),
        advisory("PYSEC-2026-9", package("plain", versions_from("0", last_affected="1.5"))),
    )
    for name in (GHSA, PYSEC):
        (advisories.path / f"{name}.json").unlink()
    error = check(lamina, expect=4).stderr
    assert "error: 2 known vulnerabilities:" in error
    assert "    fixed in 2.1, which packages.plain = '>=1,<2' does not allow\n" in error
    assert "    no version is named in which it is fixed\n" in error
    assert "the stack asks for" not in error
    assert "lamina lock -P" not in error


@pytest.mark.parametrize("name", [GHSA, PYSEC, CVE])
def test_accepted_by_any_of_its_names(
    lamina: CommandLine, advisories: Advisories, name: str
) -> None:
    write(lamina, accept=f'"{name}" = "no input from outside"')
    answer = check(lamina)
    assert answer.stdout.splitlines() == [
        "small is in order: documents, lock, open set of packages",
        f"accepted: lib 1.5: {GHSA} ({PYSEC}, {CVE}): no input from outside",
        "audited: 4 packages, 5 advisories, nothing else found",
    ]
    (finding,) = check(lamina, "--json").json["audit"]["findings"]
    assert finding["accepted"] == "no input from outside"


def test_acceptances_that_change_nothing_are_named(
    lamina: CommandLine, advisories: Advisories
) -> None:
    gone = advisory("PYSEC-2026-9", package("lib"), withdrawn="2026-10-01T00:00:00Z")
    advisories.add(gone)
    accept = ", ".join(
        f'"{one}" = "why not"'
        for one in (GHSA, "GHSA-aaaa-bbbb-cccd", "PYSEC-2020-1", "PYSEC-2026-9", "RUSTSEC-1")
    )
    write(lamina, accept=accept)
    answer = check(lamina)
    assert [line for line in answer.stdout.splitlines() if "in vain" in line] == [
        f"accepted in vain: GHSA-aaaa-bbbb-cccd: not in the database (did you mean '{GHSA}'?)",
        "accepted in vain: PYSEC-2020-1: no package here is affected",
        "accepted in vain: PYSEC-2026-9: it was withdrawn",
        "accepted in vain: RUSTSEC-1: not in the database",
    ]


def test_what_cannot_be_judged_is_said(lamina: CommandLine, advisories: Advisories) -> None:
    write(lamina, accept=f'"{GHSA}" = "why not"')
    commits = {"type": "GIT", "repo": "https://example.org/x", "events": [{"introduced": "0"}]}
    advisories.add(advisory("OSV-2026-1", package("mid", commits), summary="By commits"))
    answer = check(lamina)
    assert "cannot be judged: mid 1.0: OSV-2026-1: By commits" in answer.stdout


def test_broken_files_are_never_passed_over(lamina: CommandLine, advisories: Advisories) -> None:
    (advisories.path / "broken.json").write_text("{")
    answer = check(lamina, expect=4)
    assert "cannot be read: broken.json: not JSON" in answer.stdout
    write(lamina, accept=f'"{GHSA}" = "why not"')
    answer = check(lamina, expect=3)
    assert "db: 1 problem\n  broken.json: not JSON" in answer.stderr
    assert "audited" not in answer.stdout
    for number in range(30):
        (advisories.path / f"more-{number}.json").write_text("{")
    assert "  and 11 more" in check(lamina, expect=3).stderr


def test_no_database(lamina: CommandLine) -> None:
    (lamina.directory / "empty").mkdir()
    assert "no JSON files in it" in check(lamina, expect=3, database="empty").stderr
    assert "no such directory" in check(lamina, expect=3, database="nowhere").stderr


def test_a_stale_lock_comes_first(lamina: CommandLine, advisories: Advisories) -> None:
    write(lamina, packages='plain = "*"')
    assert "the stack has changed" in check(lamina, expect=3).stderr


def test_a_closed_stack(lamina: CommandLine, advisories: Advisories) -> None:
    every = "\n".join(f'{one} = "*"' for one in ("app", "mid", "lib", "plain"))
    text = stack_text(every, platforms=f'["{HERE}"]', resolve="closed = true")
    lamina.write("lamina.toml", text)
    lamina("lock")
    answer = check(lamina, expect=4)
    assert "in order: documents, lock, closed" in answer.stdout
    assert "1 known vulnerability" in answer.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param('"CVE-1-1" = " "', "no reason given", id="reason"),
        pytest.param('"numpy" = "x"', "'numpy' is not the id of an advisory", id="id"),
    ],
)
def test_acceptances_have_an_id_and_a_reason(lamina: CommandLine, line: str, words: str) -> None:
    write(lamina, accept=line)
    assert words in lamina("check", expect=3).stderr


def test_accepting_makes_no_lock_stale(lamina: CommandLine) -> None:
    write(lamina, accept='"CVE-1-1" = "x"')
    lamina("lock", "--check")


def release_of(lamina: CommandLine) -> Path:
    lamina("publish", "--no-test")
    for name in ("lamina.toml", "lamina.lock"):
        (lamina.directory / name).unlink()
    return lamina.directory


def test_a_release_is_audited_later(lamina: CommandLine, advisories: Advisories) -> None:
    release_of(lamina)
    answer = lamina("release", "audit", "small", "db", expect=4)
    assert f"lib 1.5: {GHSA} ({PYSEC}, {CVE})" in answer.stderr
    assert "the stack asks for app -> mid -> lib" in answer.stderr
    value = lamina("release", "audit", "small/1.0", "db", "--json", expect=4).json
    assert (value["release"], len(value["findings"])) == ("small/1.0", 1)


def test_a_release_with_the_acceptances_of_today(
    lamina: CommandLine, advisories: Advisories
) -> None:
    release_of(lamina)
    write(lamina, accept=f'"{CVE}" = "known by now"')
    lamina("release", "audit", "small", "db", expect=4)
    answer = lamina("release", "audit", "small", "db", "--stack", "lamina.toml")
    assert answer.stdout.splitlines() == [
        f"accepted: lib 1.5: {GHSA} ({PYSEC}, {CVE}): known by now",
        "audited: 4 packages, 5 advisories, nothing else found",
    ]


def test_a_release_without_a_database(lamina: CommandLine) -> None:
    release_of(lamina)
    assert "no such directory" in lamina("release", "audit", "small", "db", expect=3).stderr
    assert "no release" in lamina("release", "audit", "small/2.0", "db", expect=2).stderr
