from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.pylock_toml import read_pylock

if TYPE_CHECKING:
    from pathlib import Path


def _wheel(name: str) -> str:
    file = f"{name}-py3-none-any.whl"
    return (
        f'wheels = [{{ name = "{file}", url = "https://files.example.org/{file}",'
        ' hashes = { sha256 = "00" } }]'
    )


_HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'
_LOCK = f"""{_HEAD}
[[packages]]
name = "numpy"
version = "2.5.4"
index = "https://me:s3cret@index.example.org/simple"
{_wheel("numpy-2.5.4")}

[[packages]]
name = "tomli"
version = "2.0"
marker = "python_version < '3.11'"
{_wheel("tomli-2.0")}

[[packages]]
name = "notebook"
version = "7.0"
marker = "'gui' in extras"
{_wheel("notebook-7.0")}

[[packages]]
name = "ours"
directory = {{ path = "." }}

[[packages]]
name = "cloned"
vcs = {{ type = "git", url = "https://git.example.org/x.git", commit-id = "00" }}
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pylock.toml"
    path.write_text(text)
    return path


def test_packages_are_pinned(tmp_path: Path) -> None:
    imported = read_pylock(_write(tmp_path, _LOCK))
    assert [str(one) for one in imported.requirements] == [
        "numpy==2.5.4",
        'tomli==2.0; python_version < "3.11"',
    ]


def test_what_is_left_behind(tmp_path: Path) -> None:
    left = read_pylock(_write(tmp_path, _LOCK)).left_behind
    assert [one.partition(":")[0] for one in left] == [
        "notebook",
        "ours",
        "cloned",
        "index https",
        "hashes and addresses of files",
    ]
    assert "belongs to extras" in left[0]
    assert "comes from a directory" in left[1]
    assert "comes from a repository" in left[2]
    assert "s3cret" not in left[3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("lock-version = '1.0'\n", "created-by", id="field missing"),
        pytest.param(f"{_HEAD}[[packages]]\nname = 1\n", "packages", id="wrong type"),
        pytest.param("[[packages", "not valid TOML", id="no TOML"),
        pytest.param("lock-version = '9.0'\ncreated-by = 'x'\npackages = []\n", "9.0", id="newer"),
    ],
)
def test_a_lock_that_is_not_valid(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        read_pylock(_write(tmp_path, text))
