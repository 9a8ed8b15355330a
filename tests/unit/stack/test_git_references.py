from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from lamina.model.platforms import PythonSeries
from lamina.stack.git_references import name_in, read_git_reference, without_address
from lamina.stack.imported import entries_of
from lamina.stack.pixi_toml import read_pixi
from lamina.stack.pylock_toml import read_pylock
from lamina.stack.requirements_txt import read_requirements

if TYPE_CHECKING:
    from pathlib import Path

X = "https://git.example.org/x.git"
COMMIT = "0a" * 20


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (f"git+{X}", {"git": X}),
        (f"git+{X}@v1.4", {"git": X, "rev": "v1.4"}),
        (f"git+{X}@a/b#egg=x&subdirectory=p/q", {"git": X, "rev": "a/b", "subdirectory": "p/q"}),
        (f"git+{X}?obj=main/{COMMIT}&export=x&output=/x.tgz", {"git": X, "rev": COMMIT}),
        ("git+ssh://git@h/x.git@v1", {"git": "ssh://git@h/x.git", "rev": "v1"}),
        ("https://github.com/a/b/archive/v1.2.tar.gz",
         {"git": "https://github.com/a/b.git", "rev": "v1.2"}),
        ("https://github.com/a/b/archive/refs/tags/1.2.zip",
         {"git": "https://github.com/a/b.git", "tag": "1.2"}),
        ("https://github.com/a/b/archive/refs/tags/py/1.2.tar.gz",
         {"git": "https://github.com/a/b.git", "tag": "py/1.2"}),
        ("https://github.com/a/b/archive/refs/heads/main.tar.gz",
         {"git": "https://github.com/a/b.git", "branch": "main"}),
        ("https://github.com/a/b/archive/feature/x.zip",
         {"git": "https://github.com/a/b.git", "rev": "feature/x"}),
        ("https://gitlab.example.org/a/b/-/archive/v1.2/b-v1.2.tar.gz",
         {"git": "https://gitlab.example.org/a/b.git", "rev": "v1.2"}),
        ("https://gitlab.example.org/a/c/b/-/archive/feature/x/b-feature-x.zip",
         {"git": "https://gitlab.example.org/a/c/b.git", "rev": "feature/x"}),
        (X, None),
        ("https://example.org/x-1.0.tar.gz", None),
    ],
)  # fmt: skip
def test_addresses_of_other_files(text: str, fields: dict[str, str] | None) -> None:
    assert read_git_reference(text) == fields


@pytest.mark.parametrize(
    "text",
    ["git+https://me:secret@h/x.git", f"git+{X}@a..b", f"git+{X}#subdirectory=../x", "git+x"],
)
def test_addresses_that_no_stack_may_have(text: str) -> None:
    with pytest.raises(ValueError, match=r"credentials|revision|not a path|not the address"):
        read_git_reference(text)


def test_names_in_addresses() -> None:
    assert name_in(f"git+{X}#egg=My_Thing[a]>=1&subdirectory=x") == "My_Thing[a]"
    assert name_in(f"git+{X}") == ""
    one = Requirement(f"My.Thing[a] @ git+{X}@v1 ; python_version > '3'")
    assert without_address(one) == ("my-thing", {"git": X, "rev": "v1"})
    assert str(one) == 'My.Thing[a]; python_version > "3"'


def test_requirements_files(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        f"one[a] @ git+{X}@v1 ; python_version > '3'\n"
        f"git+{X}@v2#egg=two[b]\n-e git+{X}#egg=three\nfour @ git+https://me:secret@h/x.git\n"
        "five @ https://github.com/a/b/archive/v1.tar.gz\n"
    )
    found = read_requirements(path)
    assert entries_of(found) == {
        "one": {"git": X, "rev": "v1", "extras": ["a"], "marker": 'python_version > "3"'},
        "three": {"git": X},
        "two": {"git": X, "rev": "v2", "extras": ["b"]},
        "five": {"git": "https://github.com/a/b.git", "rev": "v1"},
    }
    editable, secret = found.left_behind
    assert "three: not editable, but built as others are" in editable
    assert "has credentials" in secret
    assert "me:secret" not in secret


def test_a_pylock(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "one"\n'
        f'vcs = {{ type = "git", url = "{X}", commit-id = "{COMMIT}", subdirectory = "p" }}\n'
    )
    found = read_pylock(path)
    assert entries_of(found) == {"one": {"git": X, "rev": COMMIT, "subdirectory": "p"}}


def test_a_pixi_manifest(tmp_path: Path) -> None:
    path = tmp_path / "pixi.toml"
    path.write_text(
        '[workspace]\nchannels = []\nplatforms = ["linux-64"]\n[pypi-dependencies]\n'
        f'one = {{ git = "{X}", tag = "v1", extras = ["a"] }}\n'
        'two = { git = "https://me:secret@h/x" }\n'
    )
    found = read_pixi(path, PythonSeries.parse("3.12"))
    assert entries_of(found) == {"one": {"git": X, "tag": "v1", "extras": ["a"]}}
    assert any("two: git" in one for one in found.left_behind)
