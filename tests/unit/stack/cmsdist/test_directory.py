"""Small directories of cmsdist's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import Platform, PythonSeries
from lamina.stack.sources import read_source

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.stack.imported import Imported

TREE = {
    "python_tools.spec": "### RPM external python_tools 3.0\nRequires: root\n"
    "Requires: py3-Theano py3-lost\n%{!?small:Requires: py3-tensor}\n%build\nmake\n",
    "py3-pip.spec": "### RPM external py3-pip 24.0\nRequires: python3\n",
    "common.file": "Requires: py3-numpy\n",
    "fix-it.patch": "--- a\n",
    "pip/local.patch": "--- b\n",
    "pip/requirements.txt": "#NO_AUTO_UPDATE: with the framework\nTheano==1.0.5\nnumpy==1.24.3\n"
    "backports-lru==1.0\ntensor==2.12.0\nplain==3.0 ; platform_machine=='x86'\n",
    "pip/Theano.file": "## INCLUDE common\nRequires: py3-backports-lru zlib\nPatch0: fix-it\n"
    "Patch1: pip/local\n%define PipPreBuild export A=1; export L=${ZLIB_ROOT}/lib\n"
    "%define PipPostBuild \\\n  rm %{i}/bin/x \\\n  echo %{realversion}\n"
    "%define patchsrc sed -i s/a/b/ setup.py\n",
    "pip/backports-lru.file": "%define pip_name backports.lru\n%define PipNoWheelDep 1\n",
    "pip/tensor.file": "%define PipDownloadSourceType none\n"
    "%define PipDepsPost | grep -v libclang\n"
    "%define PipPostBuild mv %{i}/bin/t %{i}/bin/t3\nRequires: py3-numpy\n",
}


ONLY_CMSDIST = "refers to what only cmsdist sets; give env its value"
STEPS = "steps of RPM; it is built as other packages are"
WAIVED = {"libclang": "PipDepsPost in tensor.file line 2"}


def read(directory: Path, tree: dict[str, str | bytes] | dict[str, str]) -> Imported:
    for name, text in tree.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    platforms = (Platform.LINUX_64, Platform.LINUX_AARCH64)
    return read_source(directory, default_python=PythonSeries(3, 12), platforms=platforms)


def left_of(directory: Path, recipe: str | bytes, requirements: str = "a==1.0\n") -> list[str]:
    tree = {"pip/requirements.txt": requirements, "pip/a.file": recipe}
    return list(read(directory, tree).left_behind)


def test_what_comes_along(tmp_path: Path) -> None:
    found = read(tmp_path, TREE)
    assert found.closed
    assert found.entries == {
        "theano": {
            "version": "==1.0.5",
            "source": True,
            "patches": ["patches/fix-it.patch", "patches/pip/local.patch"],
            "env": {"A": "1"},
            "hold": {"reason": "with the framework"},
            "requires": ["backports-lru", "numpy"],
        },
        "numpy": {"version": "==1.24.3", "source": True},
        "backports-lru": {"version": "==1.0", "source": True},
        "tensor": {
            "version": "==2.12.0",
            "waive": {"libclang": "PipDepsPost in tensor.file line 2"},
        },
        "plain": {"version": "==3.0", "source": True, "platforms": ["linux-64"]},
        "pip": {"version": "==24.0", "source": True},
    }
    assert found.hooks == {
        "theano": {
            "post-prepare": "sed -i s/a/b/ setup.py",
            "post-install": "rm $PREFIX/bin/x\n  echo 1.0.5",
        },
        "tensor": {"post-install": "mv $PREFIX/bin/t $PREFIX/bin/t3"},
    }
    assert found.groups == {"python-tools": ("tensor", "theano")}
    assert found.files == {
        "patches/fix-it.patch": b"--- a\n",
        "patches/pip/local.patch": b"--- b\n",
    }


def test_what_stays_behind(tmp_path: Path) -> None:
    conda = "not of the index; conda's go into [conda]"
    assert sorted(read(tmp_path, TREE).left_behind) == [
        f"Theano.file line 2: Requires py3-backports-lru zlib: zlib: {conda}",
        f"Theano.file line 5: PipPreBuild: L=${{ZLIB_ROOT}}/lib: {ONLY_CMSDIST}",
        f"python_tools.spec line 2: Requires root: root: {conda}",
        "python_tools.spec line 3: py3-lost: there is no such package",
        f"python_tools.spec line 5: %build %build make: {STEPS}",
        "tensor.file line 4: Requires: of a wheel; tensor says itself what it needs",
    ]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        pytest.param("%define PipPostBiuld ls\n",
                     "line 1: PipPostBiuld ls: unknown keyword (did you mean 'PipPostBuild'?)",
                     id="unknown keyword"),
        pytest.param("\nwhat is this\n", "line 2: what is this: cannot be read", id="unreadable"),
        pytest.param("Patch0: gone\n", "line 1: Patch0 gone: no such patch", id="no patch"),
        pytest.param("Patch0: ../../secret\n", "line 1: Patch0 ../../secret: no such patch",
                     id="a patch from elsewhere"),
        pytest.param("%define source0 none\n", "line 1: source0 none: sources come from the index",
                     id="sources"),
        pytest.param("%define PipBuildOptions -C a=b\n",
                     "line 1: PipBuildOptions -C a=b: options of pip", id="options"),
        pytest.param("%if 1\nRequires: py3-b\n%if 2\n%endif\n%endif\n",
                     "line 1: %if %if 1 Requires: py3-b %if 2 %endif %endif: conditions of RPM;"
                     " look at what they are about", id="conditions"),
        pytest.param("%define PipPostPost %{relocateConfig}lib/x\n",
                     "line 1: PipPostPost %{relocateConfig}lib/x: moves paths of an RPM; releases"
                     " are moved by lamina", id="relocation"),
        pytest.param("%define PipPrePrep ls %{cmsroot}\n",
                     "line 1: PipPrePrep ls %{cmsroot}: uses %{cmsroot}, which lamina has not",
                     id="a macro of CMS"),
        pytest.param("%define PipPreBuild make -C ${X_ROOT}\n",
                     "line 1: PipPreBuild: $X_ROOT: set by other packages of cmsdist; the hook is"
                     " there, and env has to give them", id="a variable of CMS"),
        pytest.param("%define PipDepsPost | tail -1\n",
                     "line 1: PipDepsPost | tail -1: no filter of names; waive them by hand",
                     id="a filter"),
        pytest.param("%define PipDownloadSourceType some\n",
                     "line 1: PipDownloadSourceType some: neither 'all' nor 'none'; it is"
                     " built from source", id="kind of source"),
        pytest.param("## INCLUDE gone\n", "line 1: INCLUDE gone: no such file", id="include"),
        pytest.param(b"# \xe9\n", "line 1: not UTF-8; read as Latin-1", id="Latin-1"),
    ],
)  # fmt: skip
def test_each_thing_left_behind_has_its_place(
    tmp_path: Path, recipe: str | bytes, said: str
) -> None:
    (tmp_path / "secret.patch").write_text("")
    assert left_of(tmp_path / "cmsdist", recipe) == [f"a.file {said}"]


def test_a_macro_that_another_line_uses_is_no_unknown_keyword(tmp_path: Path) -> None:
    recipe = "%define tag v%{realversion}\n%define PipPrePrep git checkout %{tag}\n"
    found = read(tmp_path, {"pip/requirements.txt": "a==1.0\n", "pip/a.file": recipe})
    assert (found.hooks, found.left_behind) == ({"a": {"pre-prepare": "git checkout v1.0"}}, ())


def test_files_and_lines_without_each_other(tmp_path: Path) -> None:
    tree = {"requirements.txt": "a==1.0\n", "b.file": "Requires: py3-a\n"}
    found = read(tmp_path, tree)
    assert list(found.entries) == ["a"]
    assert found.left_behind == ("b.file: no line of requirements.txt is about it",)


def test_a_circle_is_named_and_broken(tmp_path: Path) -> None:
    requirements = "a==1.0\nb==1.0\nc==1.0\n"
    tree = {"pip/requirements.txt": requirements, "pip/c.file": "Requires: py3-a\n"}
    tree |= {"pip/a.file": "Requires: py3-b py3-a\n", "pip/b.file": "\nRequires: py3-a\n"}
    found = read(tmp_path, tree)
    circles = [one for one in found.left_behind if "a circle" in one]
    assert len(circles) == 2
    assert any("a -> b -> a" in one or "b -> a -> b" in one for one in circles)
    assert all(one.startswith(("a.file line 1: ", "b.file line 2: ")) for one in circles)
    between = [one.get("requires", []) for one in (found.entries["a"], found.entries["b"])]
    assert sorted(map(len, between)) == [0, 1]
    assert found.entries["c"]["requires"] == ["a"]


def test_two_packages_of_one_name_on_the_index(tmp_path: Path) -> None:
    left = left_of(tmp_path, "%define pip_name b\n", "b==1.0\na==1.0\n")
    assert left == [
        "requirements.txt line 2: a==1.0: b on the index, as requirements.txt line 1 already"
    ]


def test_a_directory_with_mere_requirements_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy>=2\n")
    with pytest.raises(Exception, match="no packages are installed there"):
        read_source(tmp_path, default_python=PythonSeries(3, 12))


@pytest.mark.parametrize(
    ("recipe", "fields"),
    [
        ("%define source0 git+https://github.com/a/%{n}.git?obj=main/v%{realversion}&export=x\n",
         {"git": "https://github.com/a/py3-plain.git", "rev": "v3.0"}),
        (("%define github_user cms\n"
         "Source: https://github.com/%{github_user}/plain/archive/refs/tags/v%{realversion}.tar.gz\n"),
         {"git": "https://github.com/cms/plain.git", "tag": "v3.0"}),
    ],
    ids=["git", "an archive"],
)  # fmt: skip
def test_sources_in_a_repository(tmp_path: Path, recipe: str, fields: dict[str, str]) -> None:
    found = read(tmp_path, {"requirements.txt": "plain==3.0\n", "plain.file": recipe})
    assert found.entries == {"plain": {**fields, "source": True}}
    assert found.left_behind == ()


def test_sources_in_a_repository_with_a_login(tmp_path: Path) -> None:
    recipe = "%define source0 git+https://me:secret@github.com/a/b.git\n"
    found = read(tmp_path, {"requirements.txt": "plain==3.0\n", "plain.file": recipe})
    assert found.entries == {"plain": {"version": "==3.0", "source": True}}
    [left] = found.left_behind
    assert "has credentials" in left
    assert "secret" not in left
