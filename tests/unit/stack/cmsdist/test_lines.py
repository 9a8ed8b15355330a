from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import DocumentError
from lamina.model.platforms import Platform, PythonSeries
from lamina.stack.cmsdist.lines import Choice, choose_lines, read_lines

NOT_HERE = "not for the platforms of this stack"
PATH = Path("requirements.txt")
LINUX, ARM, MACOS = Platform.LINUX_64, Platform.LINUX_AARCH64, Platform.OSX_ARM64


def choose(text: str, *platforms: Platform) -> tuple[dict[str, Choice], list[str]]:
    left: list[str] = []
    lines = read_lines(text, PATH, left)
    return choose_lines(lines, platforms or (LINUX,), PythonSeries(3, 12), left), left


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param("platform_machine=='x86_64'", True, id="machine"),
        pytest.param("platform_machine=='aarch64'", False, id="another machine"),
        pytest.param("platform_machine!='aarch64'", True, id="not another machine"),
        pytest.param("platform_machine=='x86'", True, id="a prefix is enough"),
        pytest.param("platform_machine!='x86'", False, id="and is too much"),
        pytest.param("platform_machine=='(ppc|x86).*'", True, id="a regular expression"),
        pytest.param("sys_platform=='linux'", True, id="system"),
        pytest.param("os_name == 'posix'", True, id="with spaces"),
        pytest.param("cmsos_name=='el8'", True, id="el8"),
        pytest.param("cmsos_name=='slc7'", False, id="slc7"),
        pytest.param("sys_platform=='linux' ; platform_machine=='aarch64'", False, id="both"),
        pytest.param("python_version>'3.0'", True, id="Python 3"),
        pytest.param("python_version<'3.0'", False, id="Python 2"),
        pytest.param("python_version < '3.0' and sys_platform=='linux'", False, id="and Python 2"),
        pytest.param("python_version>='3.9' and  sys_platform=='linux'", True, id="and"),
        pytest.param("platform_machine=='x86' and os_name=='posix'", True, id="and of prefixes"),
        pytest.param("python_version<'3' or sys_platform=='linux'", True, id="or"),
        pytest.param("python_version in '3.11 3.12'", True, id="in"),
        pytest.param("disabled not used", True, id="anything else"),
    ],
)
def test_conditions(condition: str, *, holds: bool) -> None:
    chosen, left = choose(f"a==1.0 ; {condition}\n")
    assert bool(chosen) is holds
    assert any("says nothing" in one for one in left) is ("disabled" in condition)
    if not holds:
        said = "not for Python 3.12" if "python" in condition else NOT_HERE
        assert said in left[-1]


def test_a_line_of_another_platform_is_not_put_down_to_python() -> None:
    _, left = choose("a==1.0; python_version>='3.9' and platform_machine=='aarch64'\n")
    assert NOT_HERE in left[-1]


def test_a_condition_that_says_nothing_is_told_as_such() -> None:
    chosen, left = choose("a==1.0 ; disabled not used\n")
    assert "a" in chosen
    [said] = left
    assert said.startswith("requirements.txt line 1: the condition 'disabled not used' of a says")
    assert said.endswith("the line counts without it")


def test_extras_are_named() -> None:
    with pytest.raises(
        DocumentError, match=r"'foo\[bar\]==1': cmsdist has no extras; write foo==1"
    ):
        choose("foo[bar]==1\n")


def test_the_first_line_that_holds_wins() -> None:
    chosen, left = choose("a==1.0; cmsos_name=='slc7'\na==2.0\na==3.0\n")
    assert chosen["a"].line.version == "2.0"
    assert left == [
        "requirements.txt line 1: cmsos_name: of several systems of Linux, el8 counts",
        f"requirements.txt line 1: a==1.0 ; cmsos_name=='slc7': {NOT_HERE}",
        "requirements.txt line 3: a==3.0: an earlier line counts (requirements.txt line 2)",
    ]


def test_platforms_that_differ() -> None:
    text = "a==1.0 ; platform_machine=='aarch64'\na==2.0\nb==1.0 ; sys_platform=='linux'\n"
    chosen, left = choose(text, LINUX, ARM, MACOS)
    assert (chosen["a"].line.version, chosen["a"].platforms) == ("2.0", (LINUX, MACOS))
    assert (chosen["b"].line.version, chosen["b"].platforms) == ("1.0", (LINUX, ARM))
    [said] = left
    assert said.startswith(
        "requirements.txt line 1: a==1.0 ; platform_machine=='aarch64': for linux-"
    )
    assert said.endswith("stands once in a stack, and a==2.0 (requirements.txt line 2) came first")


def test_two_names_for_one_package() -> None:
    chosen, left = choose("Typing_Extensions==1.0\ntyping-extensions==2.0\n")
    assert list(chosen) == ["typing-extensions"]
    [said] = left
    assert said.startswith("requirements.txt line 2: typing-extensions==2.0: the same package as ")
    assert said.endswith("Typing_Extensions (requirements.txt line 1)")


@pytest.mark.parametrize(
    ("text", "held"),
    [
        pytest.param("#NO_AUTO_UPDATE: why not\na==1\nb==1\n", {"a": "why not"}, id="the next"),
        pytest.param("# NO_AUTO_UPDATE:2: why\n# x\na==1\nb==1\nc==1\n", {"a": "why", "b": "why"},
                     id="the next two"),
        pytest.param("#NO_AUTO_UPDATE:1\na==1\n", {"a": "NO_AUTO_UPDATE"}, id="without a reason"),
        pytest.param("##NO_AUTO_UPDATE: an example\na==1\n", {}, id="documentation"),
    ],
)  # fmt: skip
def test_what_is_held(text: str, held: dict[str, str]) -> None:
    chosen, left = choose(text)
    assert {name: one.line.held for name, one in chosen.items() if one.line.held} == held
    assert left == []


def test_lines_that_are_none() -> None:
    text = "# a comment\n\nnumpy>=2\na==not a version\n==1\nb==1 ; sys_platform=='(x'\nfine==1.0\n"
    left: list[str] = []
    with pytest.raises(DocumentError) as caught:
        read_lines(text, PATH, left)
    assert [one.where for one in caught.value.problems] == [
        "requirements.txt line 4",
        "requirements.txt line 5",
        "requirements.txt line 6",
    ]
    assert left == ["requirements.txt line 3: numpy>=2: cmsdist passes over lines without =="]
