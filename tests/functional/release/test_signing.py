"""Releases signed with SSH keys, and what verifying says when they are not as signed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lamina.model.platforms import current_platform
from support.index_server import IndexServer
from support.uv_caches import empty_cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine

STACK = f"""\
[stack]
name = "small"
version = "1.0"
python = "3.12"
platforms = ["{current_platform()}"]

[packages]
tool = "*"
"""


def make_key(directory: Path, name: str, passphrase: str = "") -> Path:
    key = directory / name
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(key)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return key


def allow(path: Path, *lines: tuple[str, Path]) -> Path:
    """Write a list of signers: who, and the key."""
    text = "".join(
        f"{who} {key.with_name(f'{key.name}.pub').read_text().rsplit(' ', 1)[0]}\n"
        for who, key in lines
    )
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def lamina(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Return the program beside a stack, with two keys of librarians."""
    with IndexServer() as index:
        index.wheel("tool", "1.0")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", empty_cache(command_line.directory / "cache"))
        monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
        command_line.write("lamina.toml", STACK)
        make_key(command_line.directory, "ann")
        make_key(command_line.directory, "bob")
        yield command_line


def internal(lamina: CommandLine) -> Path:
    prefix = lamina.directory / "root" / "releases" / "small" / "1.0" / current_platform()
    return prefix / ".lamina"


def test_who_signed_is_told(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    here = lamina.directory
    signers = allow(here / "signers", ("bob@lab", here / "bob"), ("ann@lab", here / "ann"))
    answer = lamina("release", "verify", "small", "--signers", signers)
    assert answer.stdout.rstrip().endswith("as published, signed by ann@lab")
    assert lamina("release", "verify", "small").exit_code == 0
    signature = internal(lamina) / "release.toml.sig"
    assert signature.stat().st_mode & 0o777 == 0o444


def test_a_key_that_is_listed_for_other_purposes_first(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    signers = lamina.directory / "signers"
    key = (lamina.directory / "ann.pub").read_text().rsplit(" ", 1)[0]
    lines = [
        "# ours",
        f'git@lab namespaces="git" {key}',
        f'ann@lab namespaces="lamina-release" {key}',
    ]
    signers.write_text("\n".join([*lines, ""]), encoding="utf-8")
    answer = lamina("release", "verify", "small", "--signers", signers)
    assert answer.stdout.rstrip().endswith("signed by ann@lab")
    signers.write_text("\n".join([*lines[:2], ""]), encoding="utf-8")
    lamina("release", "verify", "small", "--signers", signers, expect=6)


def test_a_signature_by_somebody_else(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "bob")
    signers = allow(lamina.directory / "signers", ("ann@lab", lamina.directory / "ann"))
    answer = lamina("release", "verify", "small", "--signers", signers, expect=6)
    assert "not signed by anybody in" in answer.stderr


def test_a_manifest_that_was_changed_after_it_was_signed(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    signers = allow(lamina.directory / "signers", ("ann@lab", lamina.directory / "ann"))
    manifest = internal(lamina) / "release.toml"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace("created = 2", "created = 3"))
    answer = lamina("release", "verify", "small", "--signers", signers, expect=6)
    assert "not signed by anybody in" in answer.stderr


def test_a_file_that_was_changed(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    signers = allow(lamina.directory / "signers", ("ann@lab", lamina.directory / "ann"))
    module = next(internal(lamina).parent.glob("lib/python3*/site-packages/tool.py"))
    module.chmod(0o644)
    module.write_text("changed\n")
    answer = lamina("release", "verify", "small", "--signers", signers, expect=6)
    assert "changed: lib/python3.12/site-packages/tool.py" in answer.stdout


def test_a_release_without_a_signature(lamina: CommandLine) -> None:
    lamina("publish")
    signers = allow(lamina.directory / "signers", ("ann@lab", lamina.directory / "ann"))
    answer = lamina("release", "verify", "small", "--signers", signers, expect=6)
    assert "small/1.0 is not signed" in answer.stderr


def test_a_signature_for_another_purpose(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    signers = allow(lamina.directory / "signers", ("ann@lab", lamina.directory / "ann"))
    internal(lamina).chmod(0o755)
    (internal(lamina) / "release.toml.sig").unlink()
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(lamina.directory / "ann"), "-n", "file"]
    subprocess.run([*argv, str(internal(lamina) / "release.toml")], check=True)
    answer = lamina("release", "verify", "small", "--signers", signers, expect=6)
    assert "not signed by anybody in" in answer.stderr


@pytest.mark.parametrize("kind", ["passphrase", "nonsense", "public"])
def test_a_key_that_cannot_be_used_is_refused_at_once(lamina: CommandLine, kind: str) -> None:
    here = lamina.directory
    if kind == "passphrase":
        key = make_key(here, "locked", "secret words")
    elif kind == "public":
        key = here / "ann.pub"
        (here / "ann").unlink()
    else:
        key = lamina.write("nonsense", "no key\n")
        key.chmod(0o600)
    answer = lamina("publish", "--sign", key, expect=2)
    assert "cannot sign with it" in answer.stderr
    assert "ssh-agent" in answer.stderr
    assert not (here / "root").exists()
    assert not (here / "lamina.lock").exists()
    lamina("publish", "--sign", here / "missing", expect=2)


def test_a_key_that_an_agent_has(lamina: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = lamina.directory / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, text=True
    ) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            ann = lamina.directory / "ann"
            subprocess.run(["ssh-add", "-q", str(ann)], check=True, stdin=subprocess.DEVNULL)
            signers = allow(lamina.directory / "signers", ("ann@lab", ann))
            ann.unlink()
            lamina("publish", "--sign", "ann.pub")
            lamina("release", "verify", "small", "--signers", signers)
        finally:
            agent.terminate()


def test_a_release_is_not_signed_afterwards(lamina: CommandLine) -> None:
    lamina("publish")
    for dry in ([], ["--dry-run"]):
        said = lamina("publish", "--sign", "ann", *dry, expect=7).stderr
        assert "already, without a signature" in said
    assert not (internal(lamina) / "release.toml.sig").exists()


def test_published_again_with_the_same_key_or_another_one(lamina: CommandLine) -> None:
    lamina("publish", "--sign", "ann")
    assert "is there already" in lamina("publish", "--sign", "ann").stdout
    assert "is there already" in lamina("publish").stdout
    assert "already, with another key" in lamina("publish", "--sign", "bob", expect=7).stderr
    signature = internal(lamina) / "release.toml.sig"
    signature.chmod(0o644)
    signature.write_text("no signature\n")
    assert "another key" in lamina("publish", "--sign", "ann", expect=7).stderr
