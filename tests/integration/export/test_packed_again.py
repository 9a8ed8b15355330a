"""What was unpacked or installed is packed again: the same bytes, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped]
import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.export.document import Pack, Prefixes, parse_pack_document
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.installers import RC, install
from support.packs import make_shipped, pack, run, unpacked
from support.stack_files import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lamina.release.root import Release
    from support.command_line import CommandLine
    from support.packs import Shipped


@pytest.fixture(scope="module")
def place(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the pack was unpacked; a path that makes scripts start through sh."""
    top = unpacked(shipped.archive, tmp_path_factory.mktemp("again") / ("a blank and " + "x" * 130))
    run(top / "bin" / "lamina-unpack")
    yield top
    fs.remove_tree(top)


def at(top: Path) -> Release:
    release = release_at(top)
    assert release is not None
    return release


def test_an_unpacked_pack_gives_the_bytes_of_the_pack(
    shipped: Shipped, place: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    assert run(place / "bin" / "greet") == f"hello from {place}\n"
    again = tmp_path / "again.tar.zst"
    told = command_line("export", place, "--as", "pack", "-o", again, "--json").json
    assert told["name"] == "small/1.0"
    assert again.read_bytes() == shipped.archive.read_bytes()
    assert verify_release(at(place)).sound


def test_scripts_start_as_they_did_wherever_the_release_was(
    command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Interpreters have scripts whose first line no installer would write: beyond what fits."""
    top = tmp_path_factory.mktemp("far")
    far = top / ("y" * 130)
    far.mkdir()
    shipped = make_shipped(far)
    there = unpacked(shipped.archive, top / "there")
    run(there / "bin" / "lamina-unpack")
    command_line("export", there, "--as", "pack", "-o", top / "again.tar.zst")
    assert (top / "again.tar.zst").read_bytes() == shipped.archive.read_bytes()
    fs.remove_tree(top)


def test_what_an_installer_installed_is_packed_with_all_that_came(
    shipped: Shipped, installer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    prefix = tmp_path / "installed"
    assert install(installer, "-b", "-p", prefix).code == 0
    archive = tmp_path / "installed.tar"
    pack(at(prefix), archive, shipped.environ)
    command_line("import", archive, "--root", tmp_path / "root")
    there = tmp_path / "root" / "releases" / "small" / "1.0" / str(shipped.release.platform)
    assert verify_release(at(there)).sound
    assert str(there) in (there / RC).read_text()
    fs.remove_tree(tmp_path)


def _other_module(place: Path) -> Path:
    return next(place.glob("lib/python*/site-packages/greeter/__init__.py"))


def _script(place: Path) -> Path:
    return place / "bin" / "greet"


def _state(place: Path) -> Path:
    return place / ".lamina" / "prefixes.json"


@pytest.mark.parametrize(
    ("which", "why"),
    [
        (_other_module, "not as it was published"),
        (_script, "not as packed: bin/greet"),
        (_state, "prefixes.json: "),
    ],
)
def test_what_was_altered_is_not_packed(
    shipped: Shipped, place: Path, tmp_path: Path, which: Callable[[Path], Path], why: str
) -> None:
    victim = which(place)
    before, mode = victim.read_bytes(), victim.stat().st_mode & 0o777
    fs.write_bytes(victim, before[::-1], mode=mode)
    try:
        with pytest.raises(IntegrityError, match=why):
            pack(at(place), tmp_path / "no.tar", shipped.environ)
    finally:
        fs.write_bytes(victim, before, mode=mode)
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == []


def test_a_pack_that_says_something_else_was_packed_is_refused(
    shipped: Shipped, place: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    document = place / ".lamina" / "pack.json"
    before = document.read_bytes()
    words: list[str | Path] = ["export", place, "--as", "pack", "-o", tmp_path / "no.tar"]
    listing = at(place).manifest().files_digest
    try:
        for digest, code, why in (
            (listing, 6, "cannot be made again what was packed, small/1.0"),
            (None, 6, "pack.json: "),
            ("", 6, "files-digest"),
        ):
            value = json.loads(before) | {"files-digest": digest}
            if digest is None:
                del value["name"]
            fs.write_text(document, json.dumps(value))
            assert why in command_line(*words, expect=code).stderr
        value = json.loads(before)
        del value["files-digest"]
        fs.write_text(document, json.dumps(value))
        assert "does not say what it was" in command_line(*words, expect=2).stderr
    finally:
        fs.write_bytes(document, before)


@pytest.mark.parametrize("which", ["python/bin/python3.12", "bin/greet"])
def test_what_lacks_something_is_not_packed(
    place: Path, command_line: CommandLine, tmp_path: Path, which: str
) -> None:
    [victim] = place.glob(which)
    victim.rename(tmp_path / "away")
    try:
        words: list[str | Path] = ["export", place, "--as", "pack", "-o", tmp_path / "no.tar"]
        said = command_line(*words, expect=6).stderr
        assert f"not as packed: {which}\n" in said
        assert "hint: lamina release verify '" in said
        if which.startswith("python"):
            victim.write_text("#!/nowhere/at/all\n")
            victim.chmod(0o755)
            assert "cannot start" in command_line(*words, expect=6).stderr
    finally:
        (tmp_path / "away").rename(victim)


def test_where_it_is_to_be_made_to_work_is_told(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    """Just unpacked, and after a move: its files name another place."""
    top = unpacked(shipped.archive, tmp_path / "there")
    words: list[str | Path] = ["release", "verify", top, "--root", tmp_path / "none"]
    answer = command_line(*words, expect=6)
    assert answer.stdout == "small/1.0 is not as published yet\n"
    assert ".lamina/pack.json" in command_line(*words, "--json", expect=6).json["extra"]
    launcher = top / "bin/lamina-unpack"
    assert f"note: unpacked, and not made to work where it is yet: {launcher}\n" in answer.stderr
    said = command_line("release", "repair", *words[2:], expect=2).stderr
    assert f"hint: {launcher}\n" in said
    run(launcher)
    assert "warning" not in command_line(*words).stderr
    assert command_line(*words, "--json").json["names"] is None
    moved = tmp_path / "moved"
    fs.rename(top, moved)
    answer = command_line("release", "verify", moved)
    assert f"{moved}: its files name {top}; after a move, run {moved}/bin/lamina-unpack" in (
        answer.stderr
    )
    (tmp_path / "link").symlink_to(moved)
    run(moved / "bin/lamina-unpack")
    assert "warning" not in command_line("release", "verify", tmp_path / "link").stderr
    fs.remove_tree(moved)


@pytest.mark.parametrize("form", ["oci", "rpm"])
def test_other_forms_say_how(
    place: Path, command_line: CommandLine, tmp_path: Path, form: str
) -> None:
    words: list[str | Path] = ["export", place, "--as", form, "-o", tmp_path / "out"]
    said = command_line(*words, expect=2).stderr
    assert "hint: lamina import FILE.tar.zst" in said


def test_its_documents_are_what_their_schemas_say(place: Path, shipped: Shipped) -> None:
    models: tuple[tuple[str, type[Pack | Prefixes]], ...] = (("pack", Pack), ("prefixes", Prefixes))
    for name, model in models:
        data = (place / ".lamina" / f"{name}.json").read_bytes()
        packed = run("tar", "-xOf", shipped.archive, f".lamina/{name}.json").encode()
        schema = json.loads((REPOSITORY / "docs/reference" / f"{name}.schema.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        for text in (data, packed):
            assert parse_pack_document(model, text, name).prefixes[0].inside == ""
            assert list(validator.iter_errors(json.loads(text))) == []
        assert list(validator.iter_errors(json.loads(data) | {"more": 1})) != []
        with pytest.raises(IntegrityError, match="another version"):
            parse_pack_document(model, b'{"schema": 2}', name)
