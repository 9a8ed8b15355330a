from __future__ import annotations

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.files import digest_of_resolution, parse_stack
from support.stacks import stack_text

X = 'git = "https://git.example.org/x.git"'


def said(entry: str, more: str = "") -> str:
    with pytest.raises(DocumentError) as caught:
        parse_stack(stack_text(f"x = {{ {entry} }}", resolve=more), "lamina.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (f'{X}, path = "x"', "packages.x.path: git is given too"),
        (f'{X}, index = "pypi"', "packages.x.index: git is given too"),
        ('path = "x", index = "pypi"', "packages.x.index: path is given too"),
        (f'{X}, tag = "a", branch = "b"', "packages.x.branch: tag is given too"),
        (f'{X}, rev = "a", tag = "b", branch = "c"', "packages.x.branch: rev is given too"),
        ('tag = "a"', "packages.x.tag: is about a git repository"),
        ('path = "x", subdirectory = "y"', "packages.x.subdirectory: is about a git"),
        (f"{X}, source = false", "packages.x.source: git gives sources to build"),
        ('path = "x.whl", source = true', "packages.x.source: a wheel is installed as it is"),
        ('path = "x.whl", patches = ["a"]', "packages.x.patches: is about a build from source"),
        (f'{X}, bootstrap = "wheel"', "packages.x.bootstrap: is about a wheel of an index"),
        ('git = "https://me:pw@h/x"', "packages.x.git: has credentials"),
        ('path = "../x"', "packages.x.path: '../x' is not a path below"),
    ],
)
def test_what_goes_not_together(entry: str, words: str) -> None:
    assert words in said(entry)


def test_a_wheel_is_not_built_where_all_others_are() -> None:
    text = said('path = "x.whl", env = { A = "1" }', "source = true")
    assert "packages.x.env: is about a build from source; take it out" in text


def test_no_index_is_called_as_what_is_of_none() -> None:
    text = said(X, 'indexes = { git = "https://index.example.org" }')
    assert "resolve.indexes.git: 'git' says that a package is of no index" in text


def test_what_is_built_and_where_it_is_from() -> None:
    stack = parse_stack(
        stack_text(
            f'x = {{ {X}, tag = "v1", patches = ["a"] }}\ny = {{ path = "./v/y.whl" }}\nz = "*"'
        ),
        "lamina.toml",
    )
    x, y, z = (stack.packages[name] for name in ("x", "y", "z"))  # type: ignore[index]
    assert [one.no_index for one in (x, y, z)] == ["git", "path", None]
    assert [stack.is_source(name) for name in stack.packages] == [True, False, False]
    assert (x.reference, y.reference, y.path) == (("tag", "v1"), None, "v/y.whl")


def test_another_revision_is_another_resolution_and_old_locks_stay_fresh() -> None:
    def digest(entry: str) -> str:
        return digest_of_resolution(parse_stack(stack_text(f"x = {entry}"), "lamina.toml"))

    one, other = (digest(f'{{ {X}, tag = "{tag}" }}') for tag in ("v1", "v2"))
    assert one != other
    assert digest('"*"') == "12c5d20bd5796ab370af9a390bf446cbb079f90c080911211fdbc032b5afdb58"
