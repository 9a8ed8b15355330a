"""What tests share is for each of them as if it had been made for it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.venvs import make_venv
from support.workshop import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.index_server import IndexServer
    from support.places import Place


def make(path: Path, server: IndexServer) -> None:
    (path / "sub").mkdir()
    (path / "sub" / "one").write_text("one")
    (path / "sub" / "other").hardlink_to(path / "sub" / "one")
    (path / "link").symlink_to(path / "sub")
    (path / "sub").chmod(0o555)
    server.wheel("core", "1.0")


def test_each_test_finds_what_the_first_has_made(place: Place) -> None:
    made = []
    path, server = place.path, place.server

    def make_it() -> None:
        made.append(1)
        make(path, server)

    for turn in range(3):
        environ: dict[str, str] = {}
        assert place.begin() == path
        assert list(path.iterdir()) == []
        assert place.index(environ) is server
        assert (server.offers, environ["UV_DEFAULT_INDEX"]) == ({}, server.url)
        place.once("tree", make_it)
        assert (path / "sub" / "one").samefile(path / "link" / "other"), turn
        assert (path / "sub").stat().st_mode & 0o777 == 0o555
        assert (path / "sub" / "other").read_text() == "one"
        assert list(server.offers) == ["core"]
        (path / "sub").chmod(0o755)
        (path / "sub" / "one").write_text("changed")
        (path / "more").touch()
        server.wheel("core", "2.0")
        assert len(server.offers["core"]) == 2
    assert made == [1]


def everything(prefix: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of all that is there, but for the command that made it."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        text = str(path.readlink()) if path.is_symlink() else ""
        if not text and path.is_file():
            text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if not line.startswith("command = ")]
        found[str(path.relative_to(prefix))] = (path.lstat().st_mode, "\n".join(lines))
    return found


def test_an_environment_is_what_the_interpreter_makes(
    tmp_path: Path, environ: dict[str, str], interpreter: Callable[[str], Path]
) -> None:
    for series in ("3.8", "3.13"):
        python, prefix = interpreter(series), tmp_path / series / "here"
        prefix.parent.mkdir()
        run([python, "-m", "venv", "--without-pip", prefix], environ)
        whole = everything(prefix)
        assert str(prefix) in whole["bin/activate"][1]
        prefix.rename(tmp_path / series / "away")
        make_venv(python, prefix, environ)
        assert everything(prefix) == whole
