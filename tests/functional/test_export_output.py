"""What ``lamina export`` says about where it is to write, before it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.stacks import stack_text

if TYPE_CHECKING:
    from support.command_line import CommandLine
    from support.index_server import IndexServer


@pytest.fixture
def lamina(index_server: IndexServer, command_line: CommandLine) -> CommandLine:
    """Return the program, in a directory with a locked stack, and a directory in it."""
    index_server.wheel("app", "1.0")
    command_line.write("lamina.toml", stack_text('app = "*"', platforms='["linux-64"]'))
    command_line("lock")
    (command_line.directory / "dir").mkdir()
    return command_line


@pytest.mark.parametrize("form", ["requirements", "pylock", "explicit"])
def test_a_hyphen_is_standard_output(lamina: CommandLine, form: str) -> None:
    shown = lamina("export", "--as", form).stdout
    assert "app" in shown
    assert lamina("export", "--as", form, "-o", "-").stdout == shown
    assert not (lamina.directory / "-").exists()


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ("pack", "-o NAME.tar.zst"),
        ("installer", "-o NAME.sh"),
        ("squashfs", "-o NAME.sqfs"),
        ("oci", "-o DIRECTORY"),
        ("rpm", "-o DIRECTORY"),
        ("wheel", "-o DIRECTORY"),
    ],
)
def test_what_is_no_text_goes_into_files(lamina: CommandLine, form: str, hint: str) -> None:
    said = lamina("export", "small", "--as", form, "-o", "-", expect=2).stderr
    assert f"--as {form} cannot be written to standard output\nhint: {hint}\n" in said
    assert not (lamina.directory / "-").exists()


@pytest.mark.parametrize(
    ("form", "hint"),
    [
        ("pack", "-o dir/NAME.tar.zst"),
        ("installer", "-o dir/NAME.sh"),
        ("squashfs", "-o dir/NAME.sqfs"),
        ("requirements", "-o dir/requirements.txt"),
        ("sbom", "-o dir/sbom.cdx.json"),
        ("pylock", "-o dir/pylock.toml"),
    ],
)
def test_a_directory_is_not_taken_for_a_file(lamina: CommandLine, form: str, hint: str) -> None:
    said = lamina("export", "small", "--as", form, "-o", "dir", expect=2).stderr
    assert f"dir: a directory, and --as {form} writes a file\nhint: {hint}\n" in said
    assert list((lamina.directory / "dir").iterdir()) == []


@pytest.mark.parametrize("form", ["pack", "installer", "squashfs", "oci"])
def test_what_is_there_is_said_before_anything_is_looked_for(
    lamina: CommandLine, form: str
) -> None:
    (lamina.directory / "x.tar").touch()
    said = lamina("export", "gone/1.0", "--as", form, "-o", "x.tar", expect=7).stderr
    assert "x.tar: is there already" in said


def test_a_directory_that_is_not_there_is_named(lamina: CommandLine) -> None:
    said = lamina("export", "--as", "pylock", "-o", "no/pylock.toml", expect=2).stderr
    assert f"{lamina.directory}/no: no such directory" in said


@pytest.mark.parametrize(
    ("form", "name", "warned"),
    [
        ("pylock", "lock.toml", True),
        ("pylock", "pylock.toml", False),
        ("pylock", "pylock.small.toml", False),
        ("requirements", "anything", False),
    ],
)
def test_a_name_that_no_tool_knows_is_said(
    lamina: CommandLine, form: str, name: str, *, warned: bool
) -> None:
    said = lamina("export", "--as", form, "-o", name).stderr
    assert ("warning: lock.toml: tools know this by its name: pylock.toml" in said) == warned
    assert (lamina.directory / name).exists()


@pytest.mark.parametrize(
    ("word", "meant"),
    [("pak", "pack"), ("rpms", "rpm"), ("docker", "oci"), ("CycloneDX", "sbom"), ("xyzzy", "")],
)
def test_another_word_for_a_form(lamina: CommandLine, word: str, meant: str) -> None:
    said = lamina("export", "--as", word, expect=2).stderr
    assert f"'{word}' is not one of 'requirements', " in said
    assert ("did you mean" in said) == bool(meant)
    assert not meant or f"did you mean '{meant}'?" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--as", "pylock", "--format", "zip"], "--format is for --as pack, --as oci"),
        (["--as", "squashfs", "--format", "zip", "-o", "x.sqfs"], "--format is for"),
        (["--as", "pack", "--target", "linux-64/3.12", "-o", "x.tar"], "--target is for lists"),
        (["--as", "rpm", "--digest", "md5", "-o", "x"], "--digest is for lists"),
        (["--as", "pylock", "--rc", "x"], "--rc is for --as installer"),
        (["--as", "pack", "--push", "example.org/x:1", "-o", "x.tar"], "--push is for --as oci"),
        (["--as", "squashfs", "--platform", "linux-64", "-o", "x.sqfs"], "--platform is for --as"),
        (["--as", "pylock", "--fixed"], "--relocatable is for --as rpm, and this is pylock"),
        (["--as", "oci", "--clobbered", "-o", "x"], "--clobbered is for --as pack, --as installer"),
        (["--as", "rpm", "--with-base", "always", "-o", "x"], "--with-base is for --as pack"),
    ],
    ids=lambda one: " ".join(one[:3]) if isinstance(one, list) else "",
)
def test_options_of_other_forms_are_not_passed_over(
    lamina: CommandLine, words: list[str], why: str
) -> None:
    assert why in lamina("export", "small", *words, expect=2).stderr


@pytest.mark.parametrize("form", ["requirements", "sbom"])
@pytest.mark.parametrize("name", ["lamina.toml", "lamina.lock", "./dir/../lamina.lock"])
def test_a_list_does_not_replace_what_it_is_made_from(
    lamina: CommandLine, form: str, name: str
) -> None:
    before = (lamina.directory / name).read_text()
    said = lamina("export", "--as", form, "-o", name, expect=2).stderr
    assert "the list is made from this" in said
    assert (lamina.directory / name).read_text() == before
