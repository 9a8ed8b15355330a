"""What is installed, checked as a closed set: directories only, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import UsageError
from lamina.model.platforms import current_platform
from lamina.resolve.closed_set import check_installed
from lamina.stack.files import parse_stack
from support.stacks import stack_text
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lamina.resolve.findings import ClosureReport

HERE = f'["{current_platform()}"]'


def wheel(name: str, version: str = "1.0", *requires: str, headers: Sequence[str] = ()) -> Wheel:
    return Wheel(name=name, version=version, requires=requires, headers=headers)


def check(
    prefix: Path, packages: str, *wheels: Wheel, resolve: str = "closed = true"
) -> ClosureReport:
    site = prefix / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    for one in wheels:
        one.unpack(site)
    text = stack_text(packages, platforms=HERE, resolve=resolve)
    return check_installed(parse_stack(text, "lamina.toml"), prefix, [])


def messages(report: ClosureReport) -> list[str]:
    return [f"{one.kind}: {one.message}" for one in report.findings]


@pytest.mark.parametrize(
    ("packages", "wheels", "found"),
    [
        pytest.param('a = "*"\nb = "*"', [wheel("a", "1.0", "b"), wheel("b")], [], id="complete"),
        pytest.param(
            '"Typing.Extensions" = "*"\na = "*"',
            [wheel("typing_extensions"), wheel("a", "1.0", "typing-Extensions>=1")],
            [],
            id="names are normalised",
        ),
        pytest.param(
            'a = "*"\nc = "*"',
            [wheel("a", "1.0", "b>=2"), wheel("c", "3.0", "b")],
            ["missing: b is not listed: a 1.0 needs it (b>=2), c 3.0 needs it (b)"],
            id="all who ask for what is missing",
        ),
        pytest.param(
            'a = "*"\nb = ">=1"',
            [wheel("a", "1.0", "b")],
            ["missing: b is not there: packages.b = '>=1' lists it, a 1.0 needs it (b)"],
            id="listed and not installed",
        ),
        pytest.param(
            'a = "*"',
            [wheel("a"), wheel("b", "2.0"), wheel("pip", "26.0")],
            ["missing: b is not listed: there is b 2.0"],
            id="installed and not listed, but for pip",
        ),
        pytest.param(
            'a = "*"\nb = "<2"',
            [wheel("a", "1.0", "b>=3"), wheel("b", "2.0")],
            [
                "outside: a 1.0 needs b>=3; there is b 2.0",
                "outside: the stack lists packages.b = '<2'; there is b 2.0",
            ],
            id="a version that nobody wants",
        ),
        pytest.param(
            'a = "*"\nb = "*"',
            [wheel("a", "1.0", "b>=1"), wheel("b", "2.0a1")],
            [],
            id="a pre-release that is there counts",
        ),
        pytest.param(
            'a = "*"',
            [wheel("a", headers=["Requires-Python: <3.12"])],
            ["python: a 1.0 is for another python: it requires <3.12"],
            id="wrong Python",
        ),
        pytest.param(
            'a = "*"',
            [wheel("a", headers=["Requires-Python: <=3.12"])],
            [],
            id="the first release of a series is one of it",
        ),
        pytest.param(
            'a = { version = "*", extras = ["x"] }\nb = "*"\nc = "*"',
            [
                wheel("a", "1.0", "b[deep] ; extra == 'x'", "n ; extra == 'y'"),
                wheel("b", "1.0", "c>=2 ; extra == 'deep'", "w ; python_version < '3'"),
                wheel("c"),
            ],
            ["outside: b 1.0 needs c>=2; there is c 1.0"],
            id="extras and markers",
        ),
    ],
)
def test_findings(tmp_path: Path, packages: str, wheels: list[Wheel], found: list[str]) -> None:
    assert messages(check(tmp_path, packages, *wheels)) == found


def test_every_fault_at_once_and_who_asks(tmp_path: Path) -> None:
    report = check(
        tmp_path,
        'a = "*"\nb = "*"\nc = "*"',
        wheel("a", "1.0", "b>=2", "gone"),
        wheel("b", "1.0", "gone>=3"),
        wheel("c", "1.0", headers=["Requires-Python: >=4"]),
    )
    assert [(str(one.kind), one.package, one.needed_by) for one in report.findings] == [
        ("missing", "gone", ("a 1.0", "b 1.0")),
        ("outside", "b", ("a 1.0",)),
        ("python", "c", ()),
    ]


def test_waivers_with_reasons(tmp_path: Path) -> None:
    report = check(
        tmp_path,
        'a = { version = "*", waive = { gone = "in the framework", python = "tried it" } }\n'
        'b = { version = "*", waive = ["a"] }',
        wheel("a", "1.0", "gone", headers=["Requires-Python: <3.12"]),
        wheel("b"),
    )
    assert report.findings == ()
    assert report.waivers == ("a without gone: in the framework", "a without python: tried it")
    assert report.needless_waivers == ("b without a",)


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        pytest.param("cp312-cp312-win_arm64", "platform", id="platform"),
        pytest.param("cp27-cp27m-any", "python", id="python"),
        pytest.param("py3-none-any", "", id="any"),
    ],
)
def test_the_tags_of_a_wheel_without_a_known_file(tmp_path: Path, tag: str, kind: str) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    wheel("a").unpack(site)
    text = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n"
    (site / "a-1.0.dist-info" / "WHEEL").write_text(text)
    report = check(tmp_path, 'a = "*"')
    assert messages(report) == ([f"{kind}: a 1.0 is for another {kind}: {tag}"] if kind else [])


def test_an_egg_and_what_cannot_be_read(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    egg = site / "a-1.0.egg-info"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: a\nVersion: 1.0\n\nText\n")
    (egg / "requires.txt").write_text("b>=2\n")
    (site / "torn-1.0.dist-info").mkdir()
    report = check(tmp_path, 'a = "*"\nb = "*"', wheel("b"))
    assert messages(report) == ["outside: a 1.0 needs b>=2; there is b 1.0"]
    assert report.passed_over == ("torn-1.0.dist-info: its metadata cannot be read",)


@pytest.mark.parametrize(
    ("info", "text"),
    [
        pytest.param("no-1.0.dist-info", None, id="no-metadata"),
        pytest.param("no-1.0.dist-info", b"", id="empty"),
        pytest.param("no-1.0.dist-info", b"Version: 1.0\n", id="no-name"),
        pytest.param("no-1.0.dist-info", b"Name: no\n", id="no-version"),
        pytest.param("no-1.0.dist-info", b"Name: no\nVersion: of today\n", id="odd-version"),
        pytest.param("no-1.0.dist-info", b"Name: -no-\nVersion: 1.0\n", id="odd-name"),
        pytest.param("no-1.0.dist-info", b"\xff\xfe\x00", id="bytes"),
    ],
)
def test_metadata_that_say_nothing(tmp_path: Path, info: str, text: bytes | None) -> None:
    path = tmp_path / "lib" / "python3.12" / "site-packages" / info
    path.mkdir(parents=True)
    if text is not None:
        (path / "METADATA").write_bytes(text)
    report = check(tmp_path, 'a = "*"', wheel("a"))
    assert messages(report) == []
    assert report.passed_over == (f"{info}: its metadata cannot be read",)


@pytest.mark.parametrize("how", ["file", "directory"])
def test_files_where_directories_should_be(tmp_path: Path, how: str) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    if how == "file":
        (site / "no-1.0.dist-info").touch()
    else:
        (site / "no-1.0.dist-info" / "METADATA").mkdir(parents=True)
    report = check(tmp_path, 'a = "*"', wheel("a"))
    assert report.passed_over == ("no-1.0.dist-info: its metadata cannot be read",)


def test_one_that_is_there_twice_counts_once_and_is_named(tmp_path: Path) -> None:
    report = check(tmp_path, 'a = "==1.0"', wheel("a"), wheel("a", "2.0", "gone"))
    assert messages(report) == []
    assert report.passed_over == ("a-2.0.dist-info: there is a 1.0 before it",)


def test_the_metadata_count_and_not_the_name_of_their_directory(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    wheel("other", "3.0").unpack(site)
    (site / "other-3.0.dist-info").rename(site / "Misleading_Name-9.9.dist-info")
    report = check(tmp_path, 'a = "*"', wheel("a", "1.0", "Other>=2"))
    assert messages(report) == [
        "missing: other is not listed: a 1.0 needs it (other>=2)",
    ]


def test_what_is_installed_says_all_that_it_needs(tmp_path: Path) -> None:
    """Metadata of 2.1 without a requirement leave that open in sources, and not once installed."""
    report = check(tmp_path, 'a = "*"', wheel("a"))
    assert report.unchecked == ()


def test_an_open_stack_may_have_more(tmp_path: Path) -> None:
    report = check(tmp_path, 'a = "*"', wheel("a", "1.0", "c"), wheel("b"), resolve="")
    assert messages(report) == ["missing: c is not there: a 1.0 needs it (c)"]


def test_a_prefix_that_is_none(tmp_path: Path) -> None:
    stack = parse_stack(stack_text('a = "*"', platforms=HERE), "lamina.toml")
    with pytest.raises(UsageError, match="no packages are installed there"):
        check_installed(stack, tmp_path, [])
    (tmp_path / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"Python 3\.9 on this machine is none of the stack's"):
        check_installed(stack, tmp_path, [])
