from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lamina.core.errors import UsageError
from lamina.layer import memo
from lamina.layer.create import layer_directory
from lamina.layer.data_links import is_real, plan_data_links
from lamina.layer.planting import (
    csh_quoted,
    filled,
    fish_quoted,
    mark,
    occupied,
    plant,
    prompt_name,
    shebang,
    shell_quoted,
)


@pytest.mark.parametrize("text", ["plain", "a b", "it's", '"$HOME`', "ü", "a\\b", "!x"])
def test_words_of_the_shell(text: str) -> None:
    assert shlex.split(shell_quoted(text)) == [text]


def test_words_of_csh_and_fish() -> None:
    assert csh_quoted("it's!") == "'it'\\''s\\!'"
    assert fish_quoted("it's\\") == "'it\\'s\\\\'"


@pytest.mark.parametrize(
    ("layer", "start"),
    [
        ("/a/b", "#!/a/b/bin/python"),
        ("/a b", "#!/bin/sh\n'''exec' '/a b/bin/python' \"$0\" \"$@\"\n' '''"),
        ("/" + "x" * 130, "#!/bin/sh\n"),
    ],
    ids=["plain", "space", "long"],
)
def test_first_lines(layer: str, start: str) -> None:
    assert shebang(layer).startswith(start)


def test_the_prompt_has_nothing_to_expand() -> None:
    assert prompt_name("/x/a$b`c%d!e") == "a_b_c_d_e"


def test_marks_are_filled() -> None:
    text = f"cd {mark('sh')} # {mark('prompt')}"
    assert filled(text, "/my layer") == "cd '/my layer' # my layer"


SEED = {
    "directories": ["bin", "lib"],
    "files": {"bin/run": f"{mark('shebang')}\n", "note": "ü"},
    "executable": ["bin/run"],
    "links": {"bin/python": "/py"},
}


def test_planting(tmp_path: Path) -> None:
    layer = tmp_path / "deep" / "layer"
    plant(SEED, str(layer))  # type: ignore[arg-type]
    assert (layer / "bin" / "run").read_text(encoding="utf-8") == f"#!{layer}/bin/python\n"
    assert (layer / "bin" / "run").stat().st_mode & 0o111
    assert not (layer / "note").stat().st_mode & 0o111
    assert str((layer / "bin" / "python").readlink()) == "/py"
    assert occupied(str(layer))


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    broken = SEED | {"links": {"missing/link": "/py"}}
    with pytest.raises(FileNotFoundError):
        plant(broken, str(tmp_path / "layer"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way(tmp_path: Path) -> None:
    assert not occupied(str(tmp_path / "new"))
    assert not occupied(str(tmp_path))
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert occupied(str(tmp_path))
    assert occupied(str(tmp_path / "file"))
    (tmp_path / "dangling").symlink_to("nowhere")
    assert occupied(str(tmp_path / "dangling"))


@pytest.mark.parametrize("name", ["a:b", "a\nb"])
def test_paths_that_path_cannot_hold(name: str) -> None:
    with pytest.raises(UsageError):
        layer_directory(Path(name))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("share/jupyter", True),
        ("share/jupyter/labextensions/@scope", True),
        ("share/jupyter/labextensions/plain", False),
        ("etc/jupyter/jupyter_server_config.d", True),
        ("etc/jupyter/a/b.d", False),
        ("share/man", False),
    ],
)
def test_real_directories(path: str, *, expected: bool) -> None:
    assert is_real(path) is expected


def test_links_are_folded_and_the_first_prefix_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for prefix, names in ((one, ["man/a.1", "jupyter/kernels/k/x"]), (two, ["man/b.1", "doc/c"])):
        for name in names:
            (prefix / "share" / name).parent.mkdir(parents=True, exist_ok=True)
            (prefix / "share" / name).write_text("", encoding="utf-8")
    directories, links = plan_data_links([str(one), str(two)])
    assert directories == ["share", "share/jupyter", "share/jupyter/kernels"]
    assert links == {
        "share/jupyter/kernels/k": f"{one}/share/jupyter/kernels/k",
        "share/man": f"{one}/share/man",
        "share/doc": f"{two}/share/doc",
    }


def remembered(tmp_path: Path) -> dict[str, str]:
    environ = {"HOME": str(tmp_path / "home")}
    watched = tmp_path / "watched"
    watched.write_text("", encoding="utf-8")
    memo.remember("/base", None, environ, SEED, [str(watched)])  # type: ignore[arg-type]
    return environ


def test_a_layer_is_made_from_memory(tmp_path: Path) -> None:
    environ = remembered(tmp_path)
    layer = str(tmp_path / "layer")
    assert memo.replay([layer, "--on", "/base"], environ) == layer
    assert (tmp_path / "layer" / "bin" / "run").exists()
    assert memo.replay([layer, "--on", "/base"], environ) is None, "not empty"


@pytest.mark.parametrize(
    "words",
    [
        ["--on", "/other"],
        ["--on", "/base", "--root", "/r"],
        ["--on", "/base", "--json"],
        ["--on", "/base", "another"],
        ["--on"],
        [],
    ],
    ids=["base", "root", "option", "words", "no-value", "nothing"],
)
def test_what_is_unusual_is_left_to_the_command(tmp_path: Path, words: list[str]) -> None:
    environ = remembered(tmp_path)
    assert memo.replay([str(tmp_path / "layer"), *words], environ) is None


@pytest.mark.parametrize("change", ["watched", "variable", "cache"])
def test_what_changed_is_found_out_anew(tmp_path: Path, change: str) -> None:
    environ = remembered(tmp_path)
    match change:
        case "watched":
            (tmp_path / "watched").unlink()
        case "variable":
            environ["LAMINA_ROOT"] = "/elsewhere"
        case _:
            for kept in (tmp_path / "home" / ".cache" / "lamina" / "seeds").iterdir():
                kept.write_bytes(b"broken")
    assert memo.replay([str(tmp_path / "layer"), "--on", "/base"], environ) is None


def test_of_a_systems_prefix_only_jupyters_data_is_shown() -> None:
    """A layer over the operating system's Python is no copy of /usr/share."""
    directories, links = plan_data_links(["/usr"])
    kept = {"share", "etc"}
    assert [
        one for one in (*directories, *links) if one not in kept and "/jupyter" not in one
    ] == []
