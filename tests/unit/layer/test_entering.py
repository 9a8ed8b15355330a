"""The environment that ``lamina run`` and ``lamina shell`` give to what they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.core.errors import UsageError
from lamina.layer.base import BaseKind, Place, active_layer
from lamina.layer.entering import entered, plan_run, plan_shell

OUTER = {
    "PATH": "/usr/bin:/bin",
    "PYTHONHOME": "/somewhere",
    "VIRTUAL_ENV": "/other",
    "VIRTUAL_ENV_PROMPT": "other",
    "EDITOR": "vi",
}


def place(prefix: Path, kind: BaseKind = "release", release: str | None = "hep/1.0") -> Place:
    return Place(
        given="hep", kind=kind, python=prefix / "bin" / "python", prefix=prefix, release=release
    )


def test_a_release_is_in_force_and_nothing_of_another_environment_is_left() -> None:
    env, dropped = entered(place(Path("/r")), OUTER)
    assert env == {"PATH": "/r/bin:/usr/bin:/bin", "EDITOR": "vi"}
    assert dropped == ()


def test_a_layer_is_what_virtual_environments_are() -> None:
    search = "/view/lib/python3.12/site-packages::/mine"
    env, dropped = entered(place(Path("/l/mine"), "layer"), OUTER | {"PYTHONPATH": search})
    assert env == {
        "PATH": "/l/mine/bin:/usr/bin:/bin", "EDITOR": "vi", "VIRTUAL_ENV": "/l/mine",
        "VIRTUAL_ENV_PROMPT": "mine", "PYTHONPATH": search,
    }  # fmt: skip
    assert dropped == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param({"PATH": ""}, "/r/bin", id="empty"),
        pytest.param({"PATH": "/a b:"}, "/r/bin:/a b:", id="blank-and-empty-entry"),
    ],
)
def test_path(path: dict[str, str], expected: str) -> None:
    assert entered(place(Path("/r")), path)[0]["PATH"] == expected


@pytest.mark.parametrize(
    ("search", "kept", "dropped"),
    [
        pytest.param("", None, (), id="empty"),
        pytest.param("/mine:/x/lib/y", "/mine:/x/lib/y", (), id="own"),
        pytest.param(":/mine:", "/mine", (), id="empty-entries-mean-the-working-directory"),
        pytest.param(
            "/v/lib/python3/dist-packages", None, ("/v/lib/python3/dist-packages",), id="system"
        ),
        pytest.param(
            "RELEASE/lib/python3.12/site-packages:/v/site-packages/sub",
            "RELEASE/lib/python3.12/site-packages", ("/v/site-packages/sub",), id="its-own",
        ),
    ],
)  # fmt: skip
def test_pythonpath_of_a_release(
    tmp_path: Path, search: str, kept: str | None, dropped: tuple[str, ...]
) -> None:
    environ = OUTER | {"PYTHONPATH": search.replace("RELEASE", str(tmp_path))}
    env, left_out = entered(place(tmp_path), environ)
    assert env.get("PYTHONPATH") == (kept and kept.replace("RELEASE", str(tmp_path)))
    assert left_out == dropped


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_command_of_the_place_goes_before_that_of_path(tmp_path: Path) -> None:
    there, here = program(tmp_path / "path" / "tool"), program(tmp_path / "r" / "bin" / "tool")
    other = program(tmp_path / "path" / "other")
    environ = {"PATH": str(there.parent)}
    words = ["tool", "--help", "", "a b"]
    entry = plan_run(place(tmp_path / "r"), words, environ)
    assert entry.argv == (str(here), "--help", "", "a b")
    assert plan_run(place(tmp_path / "r"), ["other"], environ).argv == (str(other),)
    assert plan_run(place(tmp_path / "r"), [str(there)], environ).argv == (str(there),)


def test_a_command_that_is_nowhere_has_a_hint_that_can_be_pasted(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan_run(place(tmp_path / "my root"), ["nope"], {"PATH": ""})
    assert caught.value.hints == (f"ls '{tmp_path}/my root/bin'",)


@pytest.mark.parametrize(
    ("shell", "given", "expected"),
    [
        pytest.param("zsh", {"ZDOTDIR": "/z"}, {"LAMINA_USER_ZDOTDIR": "/z"}, id="zsh"),
        pytest.param("zsh", {}, {"LAMINA_USER_ZDOTDIR": None}, id="zsh-without"),
        pytest.param("dash", {"ENV": "/e"}, {"LAMINA_USER_ENV": "/e"}, id="dash"),
        pytest.param("sh", {}, {"LAMINA_USER_ENV": None}, id="sh-without"),
        pytest.param("tcsh", {}, {"LAMINA_USER_HOME": "HOME"}, id="tcsh"),
        pytest.param("bash", {}, {"HOME": "HOME"}, id="bash"),
    ],
)
def test_a_shell_finds_the_users_own_start_files(
    tmp_path: Path, shell: str, given: dict[str, str], expected: dict[str, str | None]
) -> None:
    environ = OUTER | {"HOME": str(tmp_path), "SHELL": f"/opt/bin/{shell}"} | given
    entry = plan_shell(place(Path("/r")), environ)
    found = {name: entry.environ.get(name) for name in expected}
    assert found == {
        name: value and value.replace("HOME", str(tmp_path)) for name, value in expected.items()
    }
    # The activation puts it there, after the user's own start files.
    assert entry.environ["PATH"] == OUTER["PATH"]
    assert "PYTHONHOME" not in entry.environ
    assert "VIRTUAL_ENV" not in entry.environ


def start_files(tmp_path: Path, where: Place) -> dict[str, str]:
    environ = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path), "SHELL": "/bin/bash"}
    start = Path(plan_shell(where, environ).argv[2]).parent
    return {path.name: path.read_text(encoding="utf-8") for path in start.iterdir()}


def test_the_prompt_is_the_name_of_the_release(tmp_path: Path) -> None:
    texts = start_files(tmp_path, place(Path("/lamina/releases/hep/1.0/linux-64")))
    assert "VIRTUAL_ENV_PROMPT='hep/1.0'" in texts["activate"]
    assert "set -gx VIRTUAL_ENV_PROMPT 'hep/1.0'" in texts["activate.fish"]
    texts = start_files(tmp_path, place(Path("/venvs/mine"), "prefix", None))
    assert "setenv VIRTUAL_ENV_PROMPT 'mine'" in texts["activate.csh"]


def test_in_a_layer_the_layers_own_activation_is_read(tmp_path: Path) -> None:
    texts = start_files(tmp_path, place(Path("/my layers/one"), "layer"))
    assert texts["activate"] == ". '/my layers/one/bin/activate'\n"
    assert texts["activate.csh"] == "source '/my layers/one/bin/activate.csh'\n"


@pytest.mark.parametrize(
    ("given", "kind", "lasting"),
    [
        pytest.param("hep", "release", False, id="newest"),
        pytest.param("hep/1.0", "release", True, id="version"),
        pytest.param("hep@pro", "release", True, id="tier"),
        pytest.param("./here", "release", True, id="path"),
        pytest.param("venv", "prefix", True, id="directory"),
        pytest.param("env", "env", False, id="env"),
    ],
)
def test_what_may_be_remembered(given: str, kind: BaseKind, *, lasting: bool) -> None:
    one = Place(given=given, kind=kind, python=Path("/p"), prefix=Path("/"))
    assert one.lasting is lasting


def test_the_active_layer(tmp_path: Path) -> None:
    (tmp_path / "lamina-layer.toml").touch()
    assert active_layer({"VIRTUAL_ENV": str(tmp_path)}) == tmp_path
    with pytest.raises(UsageError, match=r"^no layer is active$"):
        active_layer({})
