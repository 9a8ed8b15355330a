"""A tested installer becomes the final one: another header, the same payload."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.core.errors import IntegrityError
from lamina.engines.signing import signer_of
from lamina.export.installer_header import BLOCK
from lamina.export.installer_promotion import read_header
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.installers import RC, install

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.packs import Shipped


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def test_only_the_header_changes_and_what_is_installed_says_both(
    installer: Path, command_line: CommandLine, key: Path, tmp_path: Path
) -> None:
    target = tmp_path / "final.sh"
    words: list[str | Path] = ["installer", "promote", installer, "--version", "2.0", "-o", target]
    told = command_line(*words, "--sign", key, "--json").json
    assert (told["version"], told["tested-version"]) == ("2.0", "1.0")
    old, new = installer.read_bytes(), target.read_bytes()
    assert (old[:BLOCK] != new[:BLOCK], old[BLOCK:] == new[BLOCK:]) == (True, True)
    assert told["payload-digest"].encode() in old[:BLOCK]
    assert target.stat().st_mode & 0o777 == 0o755
    signers = tmp_path / "signers"
    signers.write_text(f"librarian {key.with_suffix('.pub').read_text()}")
    signature = target.with_name("final.sh.sig")
    assert signer_of(target, signature, signers, environ=command_line.environ) == "librarian"

    assert install(target, "-b", "-p", tmp_path / "there").code == 0
    release = release_at(tmp_path / "there")
    assert release is not None
    manifest = release.manifest()
    assert (release.name, manifest.version, manifest.tested_as) == ("small/2.0", "2.0", "1.0")
    assert verify_release(release).sound
    assert "small 2.0 (tested as 1.0)" in install(target, "--version").text
    with target.open("r+b") as stream:
        stream.seek(BLOCK + 5)
        stream.write(b"?")
    altered = install(target, "--check")
    assert (altered.code, "part 1 of 5 is altered" in altered.text) == (6, True)
    with pytest.raises(IntegrityError):
        signer_of(target, signature, signers, environ=command_line.environ)
    target.write_bytes(new)
    again = command_line(
        "installer", "promote", target, "--version", "3.0", "-o", tmp_path / "x", "--json"
    )
    assert again.json["tested-version"] == "1.0"
    fs.remove_tree(tmp_path / "there")


def installed(installer: Path, prefix: Path) -> tuple[str, str | None]:
    """Return the version of what is installed, and what it was tested as."""
    assert install(installer, "-b", "-p", prefix).code == 0
    release = release_at(prefix)
    assert release is not None
    assert verify_release(release).sound
    manifest = release.manifest()
    return manifest.version, manifest.tested_as


def test_what_it_was_tested_as_goes_along_wherever_it_goes(
    installer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    def promoted(source: Path, version: str) -> Path:
        target = tmp_path / f"{source.stem}-{version}.sh"
        command_line("installer", "promote", source, "--version", version, "-o", target)
        return target

    assert installed(promoted(installer, "2.0"), tmp_path / "there") == ("2.0", "1.0")
    again = tmp_path / "again.sh"
    words: list[str | Path] = ["export", tmp_path / "there", "--as", "installer", "-o", again]
    told = command_line(*words, "--rc", RC, "--json").json
    assert (told["version"], told["tested-version"]) == ("2.0", "1.0")
    assert read_header(again).environment_file == RC
    for version, tested in (("2.0", "1.0"), ("3.0", "1.0"), ("1.0", None)):
        source = again if version == "2.0" else promoted(again, version)
        assert installed(source, tmp_path / version) == (version, tested)
        fs.remove_tree(tmp_path / version)
    fs.remove_tree(tmp_path / "there")


@pytest.mark.parametrize(
    ("place", "why"),
    [(1 << 15, "the script"), (BLOCK + 5, "part 1 of 5 is altered"), (-5, "part 5 of 5")],
)
def test_what_is_damaged_is_not_promoted(
    installer: Path, command_line: CommandLine, tmp_path: Path, place: int, why: str
) -> None:
    data = bytearray(installer.read_bytes())
    data[place] ^= 1
    (tmp_path / "bad.sh").write_bytes(data)
    target = tmp_path / "final.sh"
    words: list[str | Path] = [
        "installer",
        "promote",
        tmp_path / "bad.sh",
        "--version",
        "2.0",
        "-o",
        target,
    ]
    assert why in command_line(*words, expect=6).stderr
    assert not target.exists()


def test_what_cannot_be_promoted(
    installer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    target = tmp_path / "final.sh"
    words: list[str | Path] = ["installer", "promote", installer, "--version", "2.0", "-o", target]
    other = command_line.write("other.sh", "#!/bin/sh\necho hello\n")
    assert "no installer" in command_line(*words[:2], other, *words[3:], expect=2).stderr
    assert "PEP 440" in command_line(*words[:4], "final!", *words[5:], expect=2).stderr
    target.write_text("mine")
    command_line(*words, expect=7)
    assert target.read_text() == "mine"


def test_export_says_what_it_wrote_and_refuses_what_cannot_be(
    shipped: Shipped, command_line: CommandLine, tmp_path: Path
) -> None:
    root = shipped.release.prefix.parents[3]
    words: list[str | Path] = ["export", "small/1.0", "--root", root, "--as", "installer"]
    assert "is a file" in command_line(*words, expect=2).stderr
    target = tmp_path / "small.sh"
    refused = command_line(*words, "-o", target, "--rc", "bin", expect=2).stderr
    assert "has a file of that name" in refused
    assert (
        "cannot be the name" in command_line(*words, "-o", target, "--rc", "a b", expect=2).stderr
    )
    assert (
        "--as installer"
        in command_line(
            "export",
            "small/1.0",
            "--root",
            root,
            "--as",
            "pack",
            "--rc",
            "x",
            "-o",
            target,
            expect=2,
        ).stderr
    )
    assert not target.exists()
    told = command_line(*words, "-o", target, "--json").json
    assert (told["name"], told["version"], told["tested-version"]) == ("small", "1.0", "1.0")
    assert target.stat().st_size == told["bytes"]
    assert install(target, "--check").code == 0


def test_it_is_not_promoted_into_itself(installer: Path, command_line: CommandLine) -> None:
    words: list[str | Path] = ["installer", "promote", installer, "--version", "2.0"]
    said = command_line(*words, "-o", installer, expect=2).stderr
    assert "this is the installer to be promoted" in said
    assert "hint: -o ANOTHER.sh" in said
