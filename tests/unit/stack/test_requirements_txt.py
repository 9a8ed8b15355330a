from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.core.errors import DocumentError
from lamina.stack.requirements_txt import read_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.stack.imported import Imported


def _read(tmp_path: Path, text: str) -> Imported:
    path = tmp_path / "requirements.txt"
    path.write_bytes(text.encode())
    return read_requirements(path)


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("\n# all of it a comment\n", [], id="comment"),
        pytest.param("numpy>=2  # why\nuproot#no comment", None, id="comment needs a space"),
        pytest.param("numpy >= 2 , < 3\n", ["numpy<3,>=2"], id="spaces"),
        pytest.param("\ufeffnumpy\r\nuproot\r\n", ["numpy", "uproot"], id="from Windows"),
        pytest.param("pyhf[minuit, contrib]\n", ["pyhf[contrib,minuit]"], id="extras"),
        pytest.param(
            "tomli; python_version<'3.11'", ['tomli; python_version < "3.11"'], id="marker"
        ),
        pytest.param("numpy \\\n  >=2 \\\n  ,<3\nhist", ["numpy<3,>=2", "hist"], id="continued"),
    ],
)
def test_what_is_read(tmp_path: Path, text: str, requirements: list[str] | None) -> None:
    if requirements is None:
        with pytest.raises(DocumentError):
            _read(tmp_path, text)
        return
    imported = _read(tmp_path, text)
    assert [str(one) for one in imported.requirements] == requirements
    assert imported.left_behind == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("-c limits.txt", "-c limits.txt: constraints", id="constraint"),
        pytest.param("--constraint=limits.txt", "--constraint limits.txt", id="long constraint"),
        pytest.param("-e .", "-e .: a working copy", id="editable"),
        pytest.param("--index-url https://index.example.org", "--index-url", id="index"),
        pytest.param("-i https://index.example.org", "index of this machine", id="short index"),
        pytest.param("--extra-index-url=https://index.example.org", "[resolve]", id="more"),
        pytest.param("--find-links ./wheels", "--find-links ./wheels", id="links"),
        pytest.param("--pre", "--pre: an option of pip", id="pre"),
        pytest.param("--no-binary :all:", "an option of pip", id="no binary"),
        pytest.param("./local/pkg", "not a package of an index", id="path"),
        pytest.param("pkg-1.0-py3-none-any.whl", "not a package of an index", id="wheel"),
        pytest.param("git+https://git.example.org/x.git", "not a package", id="repository"),
        pytest.param("x @ https://files.example.org/x.whl", "not a package", id="address"),
        pytest.param("-r https://files.example.org/r.txt", "not a file", id="remote file"),
        pytest.param("x --config-settings a=b", "--config-settings", id="option of a package"),
    ],
)
def test_what_is_left_behind_is_said_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    imported = _read(tmp_path, f"numpy\n{line}\n")
    assert "numpy" in [one.name for one in imported.requirements]
    (left,) = imported.left_behind
    assert left.startswith("requirements.txt line 2: ")
    assert said in left


def test_credentials_are_not_repeated(tmp_path: Path) -> None:
    imported = _read(tmp_path, "--index-url https://me:s3cret@index.example.org/simple\n")
    assert "s3cret" not in imported.left_behind[0]


def test_hashes_are_dropped_and_counted(tmp_path: Path) -> None:
    text = (
        "numpy==2.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nhist==1 --hash=sha256:cc\n"
    )
    imported = _read(tmp_path, text)
    assert [str(one) for one in imported.requirements] == ["numpy==2.0", "hist==1"]
    assert imported.left_behind == ("3 hashes: lamina.lock will have the index's own",)


@pytest.mark.parametrize(
    "include", ["-r more/in.txt", "-rmore/in.txt", "--requirement=more/in.txt"]
)
def test_included_files_are_read_beside_the_file_that_names_them(
    tmp_path: Path, include: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "in.txt").write_text("-r last.txt\nuproot\n")
    (tmp_path / "more" / "last.txt").write_text("hist\n-r ../requirements.txt\n")
    imported = _read(tmp_path, f"numpy\n{include}\nvector\n")
    assert [one.name for one in imported.requirements] == ["numpy", "hist", "uproot", "vector"]


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("ok\n>=2\n")
    with pytest.raises(DocumentError) as caught:
        _read(tmp_path, "a b\nnumpy\n-r in.txt\n-r nowhere.txt\nnumpy = 2\n")
    assert [one.where for one in caught.value.problems] == [
        "requirements.txt line 1",
        "in.txt line 2",
        "requirements.txt line 4",
        "requirements.txt line 5",
    ]
    assert "-r nowhere.txt: no such file" in caught.value.message
