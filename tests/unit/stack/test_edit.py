from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError, LaminaError, UsageError
from lamina.model.names import parse_index_name
from lamina.model.platforms import Platform
from lamina.stack.edit import Addition, add_requirements, remove_packages
from lamina.stack.files import parse_stack
from lamina.stack.places import parse_asked
from support.stack_files import SMALLEST

if TYPE_CHECKING:
    from lamina.stack.edit import Edit

STACK = (
    SMALLEST
    + """
[resolve]
indexes = { ours = "https://index.example.org/simple" }

[packages]
# arrays
numpy = ">=2"   # the release notes say why
uproot = { version = "*", extras = [ "xrootd" ] }  # files

# what follows is about groups
[groups]
notebook = [
    "jupyterlab",  # the browser
    "ipympl>=0.9",
]
"""
)


def _addition(*texts: str, **options: object) -> Addition:
    return Addition(requirements=parse_asked(texts)[0], **options)  # type: ignore[arg-type]


def _add(text: str, *texts: str, **options: object) -> Edit:
    return add_requirements(text, _addition(*texts, **options), path="lamina.toml")


def _changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.splitlines()
    return [one for one in old if one not in new], [one for one in new if one not in old]


@pytest.mark.parametrize(
    ("requirement", "options", "gone", "come"),
    [
        pytest.param("vector", {}, [], ['vector = "*"'], id="new"),
        pytest.param("Vector<2,>=1", {}, [], ['vector = ">=1,<2"'], id="new with a range"),
        pytest.param(
            "root==0.1a12",
            {"prerelease": True, "platforms": (Platform.LINUX_64,)},
            [],
            ['root = { version = "==0.1a12", prerelease = true, platforms = ["linux-64"] }'],
            id="new with fields",
        ),
        pytest.param(
            "mytool",
            {"index": parse_index_name("ours"), "source": True},
            [],
            ['mytool = { version = "*", index = "ours", source = true }'],
            id="new from an index",
        ),
        pytest.param(
            "numpy>=2.1",
            {},
            ['numpy = ">=2"   # the release notes say why'],
            ['numpy = ">=2.1"   # the release notes say why'],
            id="range of a text",
        ),
        pytest.param(
            "NumPy",
            {"prerelease": True},
            ['numpy = ">=2"   # the release notes say why'],
            ['numpy = { version = ">=2", prerelease = true }   # the release notes say why'],
            id="field of a text, range kept",
        ),
        pytest.param(
            "uproot[http]>=5",
            {},
            ['uproot = { version = "*", extras = [ "xrootd" ] }  # files'],
            ['uproot = { version = ">=5", extras = ["xrootd", "http"] }  # files'],
            id="table, extras added",
        ),
        pytest.param(
            "uproot; python_version >= '3.12'",
            {},
            ['uproot = { version = "*", extras = [ "xrootd" ] }  # files'],
            [
                """uproot = { version = "*", extras = ["xrootd"], \
marker = "python_version >= \\\"3.12\\\"" }  # files"""
            ],
            id="marker",
        ),
        pytest.param(
            "ipympl>=1",
            {"group": "Notebook"},
            ['    "ipympl>=0.9",'],
            ['    "ipympl>=1",'],
            id="range in a group",
        ),
        pytest.param("jupyterlab", {"group": "notebook"}, [], [], id="already in the group"),
        pytest.param("voila", {"group": "notebook"}, [], ['    "voila",'], id="new in a group"),
        pytest.param("zfit", {"group": "fits"}, [], ['fits = ["zfit"]'], id="new group"),
        pytest.param(
            "zfit",
            {"group": "fits", "platforms": (Platform.LINUX_64,)},
            [],
            ['fits = ["zfit; sys_platform == \\"linux\\" and platform_machine == \\"x86_64\\""]'],
            id="group with a platform",
        ),
    ],
)
def test_only_the_line_in_question_changes(
    requirement: str, options: dict[str, object], gone: list[str], come: list[str]
) -> None:
    after = _add(STACK, requirement, **options).text
    assert _changed_lines(STACK, after) == (gone, come)


def test_a_new_package_stands_after_the_last_before_the_comment_that_follows() -> None:
    lines = _add(STACK, "vector", "hist").text.splitlines()
    at = lines.index('vector = "*"')
    assert lines[at - 1].startswith("uproot")
    assert lines[at + 1 : at + 4] == ['hist = "*"', "", "# what follows is about groups"]


def test_changes_say_what_happened() -> None:
    edit = _add(STACK, "vector", "numpy>=3", "uproot")
    assert [(one.action, one.name, one.where, one.text) for one in edit.changes] == [
        ("added", "vector", "packages", "*"),
        ("updated", "numpy", "packages", ">=3"),
        ("unchanged", "uproot", "packages", '{ version = "*", extras = ["xrootd"] }'),
    ]


def test_nothing_to_do_changes_nothing() -> None:
    assert _add(STACK, "numpy>=2", "uproot[xrootd]").text == STACK


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        pytest.param("", '\n[packages]\nvector = "*"\n', id="no table"),
        pytest.param(
            "\n[packages]\n# one\n# two\n\n[test]\n",
            '\n[packages]\n# one\n# two\nvector = "*"\n\n[test]\n',
            id="only comments",
        ),
        pytest.param("\n[packages]\n", '\n[packages]\nvector = "*"\n', id="empty table"),
        pytest.param(
            '\n[packages]\nnumpy = "*"', '\n[packages]\nnumpy = "*"\nvector = "*"\n', id="no end"
        ),
        pytest.param(
            '\n[packages]\nnumpy = "*"\n\n[packages.root]\nversion = "*"\n# end\n',
            '\n[packages]\nnumpy = "*"\nvector = "*"\n\n[packages.root]\nversion = "*"\n# end\n',
            id="tables inside",
        ),
    ],
)
def test_where_a_package_goes(tail: str, expected: str) -> None:
    assert _add(SMALLEST + tail, "vector").text == SMALLEST + expected


def test_a_package_with_a_table_of_its_own_keeps_it() -> None:
    before = SMALLEST + '\n[packages.root]\n# alpha\nversion = "==0.1a12"  # c\n# end\n'
    after = _add(before, "root==0.1a13", prerelease=True).text
    assert after == before.replace("0.1a12", "0.1a13").replace("# end", "prerelease = true\n# end")


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param('packages.numpy = "*"\n' + SMALLEST, id="dotted keys"),
        pytest.param('packages = { numpy = "*" }\n' + SMALLEST, id="inline table"),
        pytest.param(
            SMALLEST + '[packages]\nnumpy = "*"\n[test]\n[packages.root]\nversion = "*"\n',
            id="scattered",
        ),
        pytest.param((SMALLEST + '[packages]\nnumpy = "*"\n').replace("\n", "\r\n"), id="CRLF"),
    ],
)
def test_unusual_layouts(layout: str) -> None:
    after = parse_stack(_add(layout, "numpy>=2", "vector[x]>=1").text, "x")
    packages = {str(name): entry.version for name, entry in after.packages.items()}
    assert packages | {"root": "*"} == {"numpy": ">=2", "vector": ">=1", "root": "*"}


def test_a_layout_beyond_the_editor_is_left_alone() -> None:
    layout = 'packages.numpy = "*"\npackages.vector = "*"\n' + SMALLEST
    with pytest.raises(LaminaError, match="more than lamina's editor can handle") as caught:
        remove_packages(layout, ["numpy", "vector"], path="lamina.toml")
    assert "by hand" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            {"index": parse_index_name("our")},
            "packages.vector.index: no index 'our'; known: ours, pypi (did you mean 'ours'?)",
            id="index",
        ),
        pytest.param(
            {"platforms": (Platform.OSX_64,)},
            "packages.vector.platforms[0]: 'osx-64' is not among stack.platforms; there: linux-64",
            id="platform",
        ),
    ],
)
def test_a_result_that_is_not_valid_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        _add(STACK, "vector", **options)
    assert caught.value.message == f"lamina.toml (after this change): 1 problem\n  {said}"


def test_a_stack_that_is_not_valid_before_is_refused_as_such() -> None:
    with pytest.raises(DocumentError, match=r"^lamina.toml: 1 problem\n  stack: missing"):
        _add("[packages]\n", "vector")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"prerelease": True}, "--prerelease", id="prerelease"),
        pytest.param({"source": True, "index": parse_index_name("ours")}, "--index, --source"),
    ],
)
def test_a_group_cannot_say_everything(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}: only an entry of"):
        _add(STACK, "vector", group="notebook", **options)


def test_a_name_given_twice() -> None:
    with pytest.raises(UsageError, match="Foo_bar: given twice"):
        _add(STACK, "foo-bar>=1", "Foo_bar<2")


def test_a_group_may_name_a_package_under_several_markers() -> None:
    text = SMALLEST + "[groups]\na = [\"b>=1; os_name == 'nt'\", \"b>=2; os_name == 'posix'\"]\n"
    after = parse_stack(_add(text, "b>=3; os_name == 'posix'", group="a").text, "x")
    assert after.groups["a"] == ("b>=1; os_name == 'nt'", 'b>=3; os_name == "posix"')
    more = parse_stack(_add(text, "b>=4", group="a").text, "x")
    assert more.groups["a"][2:] == ("b>=4",)


@pytest.mark.parametrize(
    ("names", "group", "gone"),
    [
        pytest.param(["NumPy"], None, ['numpy = ">=2"   # the release notes say why'], id="one"),
        pytest.param(["ipympl"], "notebook", ['    "ipympl>=0.9",'], id="from a group"),
    ],
)
def test_removal_takes_the_line_only(names: list[str], group: str | None, gone: list[str]) -> None:
    edit = remove_packages(STACK, names, group=group, path="lamina.toml")
    assert _changed_lines(STACK, edit.text) == (gone, [])
    assert [one.action for one in edit.changes] == ["removed"]


def test_a_group_goes_with_its_last_member() -> None:
    edit = remove_packages(STACK, ["ipympl", "jupyterlab"], group="notebook", path="x")
    assert "notebook" not in edit.text
    assert "[groups]" in edit.text


@pytest.mark.parametrize(
    ("names", "group", "message", "hints"),
    [
        pytest.param(
            ["nunpy", "uproot", "zzz"],
            None,
            "'nunpy' is not in [packages] (did you mean 'numpy'?)\n'zzz' is not in [packages]",
            (),
            id="all that are not there",
        ),
        pytest.param(
            ["ipympl"],
            None,
            "'ipympl' is not in [packages]",
            ("lamina remove ipympl --group notebook",),
            id="in a group",
        ),
        pytest.param(
            ["numpy"], "notebook", "'numpy' is not in [groups.notebook]", (), id="not in the group"
        ),
        pytest.param(
            ["numpy"], "notebok", "no group 'notebok' (did you mean 'notebook'?)", (), id="no group"
        ),
    ],
)
def test_what_is_not_there_cannot_be_removed(
    names: list[str], group: str | None, message: str, hints: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        remove_packages(STACK, names, group=group, path="x")
    assert (caught.value.message, caught.value.hints) == (message, hints)


def test_a_package_that_others_name_is_not_removed() -> None:
    text = STACK + '\n[hooks.numpy]\npost-install = "true"\n'
    with pytest.raises(DocumentError, match=r"hooks.numpy: 'numpy' is not in \[packages\]"):
        remove_packages(text, ["numpy"], path="x")


GIT = {"git": "https://git.example.org/x.git", "tag": "v1.4"}


@pytest.mark.parametrize(
    ("before", "requirement", "place", "after"),
    [
        pytest.param("", "x", GIT, f'x = {{ git = "{GIT["git"]}", tag = "v1.4" }}', id="new"),
        pytest.param(
            'x = ">=2"  # why', "X[b,a]", {"path": "vendor/x"},
            'x = { path = "vendor/x", extras = ["a", "b"] }  # why', id="in place of a range",
        ),
        pytest.param(
            'x = { git = "file:///old", branch = "main", subdirectory = "p", env = { A = "1" } }',
            "x", GIT, f'x = {{ git = "{GIT["git"]}", tag = "v1.4", env = {{ A = "1" }} }}',
            id="in place of another repository",
        ),
        pytest.param(
            'x = { version = ">=2", index = "ours", source = true, platforms = ["linux-64"] }',
            "x", {"path": "x"}, 'x = { path = "x", platforms = ["linux-64"] }', id="of an index",
        ),
        pytest.param(
            '[packages.x]\npath = "x"  # beside\nisolated = true  # why', "x", GIT,
            f'[packages.x]\nisolated = true  # why\ngit = "{GIT["git"]}"\ntag = "v1.4"',
            id="in a table of its own",
        ),
        pytest.param(
            'x = { path = "x" }', "x>=2", None, 'x = { path = "x", version = ">=2" }',
            id="a condition",
        ),
    ],
)  # fmt: skip
def test_places_of_packages(
    before: str, requirement: str, place: dict[str, str] | None, after: str
) -> None:
    head = SMALLEST + '\n[resolve.indexes]\nours = "https://index.example.org/simple"\n'
    head += "\n" if before.startswith("[") else "\n[packages]\n"
    places = {"x": place} if place else {}
    edit = _add(f"{head}{before}\n", requirement, places=places)
    assert edit.text.strip() == f"{head}{after}".strip()
    again = _add(edit.text, requirement, places=places)
    assert (again.text, again.changes[0].action) == (edit.text, "unchanged")
