"""An installer of a layer: it and its base in one prefix, where there is neither."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.export.installer_promotion import read_header
from lamina.release.root import release_at
from lamina.release.verify import verify_release
from support.installers import install
from support.packs import make_shipped, run
from support.papers import offer
from support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer
    from support.packs import Shipped

SITE = "lib/python3.12/site-packages"


@pytest.fixture
def layer(shipped: Shipped, command_line: CommandLine) -> Iterator[Path]:
    """Return a layer with a module and a program of its own."""
    directory = command_line.directory / "mine"
    command_line("layer", "create", directory, "--on", shipped.release.prefix)
    (directory / SITE / "mine.py").write_text("import greeter\nanswer = 42\n")
    program = directory / "bin" / "mine"
    program.write_text(f"#!{directory}/bin/python\nimport mine\nprint(mine.answer)\n")
    program.chmod(0o755)
    yield directory
    fs.remove_tree(directory)


@pytest.fixture
def installer(layer: Path, command_line: CommandLine) -> Path:
    """Return an installer of the layer."""
    path = command_line.directory / "mine.sh"
    told = command_line("export", layer, "--as", "installer", "-o", path, "--rc", "rc", "--json")
    assert (told.json["name"], told.json["version"]) == ("mine", read_header(path).version)
    return path


@pytest.mark.shells
@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
def test_it_brings_the_base_along(
    shipped: Shipped, layer: Path, installer: Path, tmp_path: Path, shell: str
) -> None:
    fs.rename(layer, layer.with_name("gone"))
    there = tmp_path / "with a blank"
    answer = install(installer, "-bt", "-p", there, shell=shell)
    fs.rename(layer.with_name("gone"), layer)
    assert answer.code == 0, answer.text
    assert "running its tests\n" in answer.text
    assert f"mine {read_header(installer).version} is in {there}\n" in answer.text
    assert run(there / "bin" / "mine") == "42\n"
    asked = "import sys, greeter; print(sys.prefix, sys.base_prefix, greeter.__file__, sep='|')"
    base = there / ".base"
    assert run(there / "bin" / "python", "-c", asked).strip().split("|") == [
        str(there), f"{base}/python", f"{base}/{SITE}/greeter/__init__.py"
    ]  # fmt: skip
    old = run("grep", "-rlF", "-e", shipped.release.prefix, "-e", layer, ".", cwd=there)
    assert old == "./.lamina/pack.json\n"
    release = release_at(base)
    assert release is not None
    assert verify_release(release).sound
    said = run(shell, "-c", f". '{there}/rc'; mine; greet; echo \"$VIRTUAL_ENV|$LAMINA_PREFIX\"")
    assert said == f"42\nhello from {there}\n{there}|{there}\n"
    fs.remove_tree(there)


def test_a_changed_layer_is_another_version_and_updates_what_is_installed(
    index_server: IndexServer,
    layer: Path,
    installer: Path,
    command_line: CommandLine,
    tmp_path: Path,
) -> None:
    offer(index_server, Wheel(name="extra", version="2.1", scripts={"extra": "extra:main"}))
    there, newer, again = tmp_path / "there", tmp_path / "newer.sh", tmp_path / "again.sh"
    command_line("export", layer, "--as", "installer", "-o", again, "--rc", "rc")
    assert again.read_bytes() == installer.read_bytes()
    assert read_header(installer).version == "1.0"
    command_line("layer", "add", layer, "extra")
    command_line("export", layer, "--as", "installer", "-o", newer)
    version = read_header(newer).version
    assert re.fullmatch(r"1\.0\+[0-9a-f]{6,8}", version)
    assert install(installer, "-b", "-p", there).code == 0
    refused = install(newer, "-b", "-p", there)
    assert (refused.code, "mine 1.0 is there already" in refused.text) == (7, True)
    assert "-u updates it" in refused.text
    updated = install(newer, "-b", "-u", "-p", there)
    assert updated.code == 0, updated.text
    assert run(there / "bin" / "extra").split() == ["extra", "2.1"]
    assert f"mine {version} is there already" in install(newer, "-b", "-u", "-p", there).text
    told = (there / ".lamina" / "installed.toml").read_text()
    assert f'layer = "mine"\nversion = "{version}"\n' in told
    command_line("layer", "remove", there, "extra")
    same = install(newer, "-b", "-u", "-p", there)
    assert (same.code, "were changed since it was installed" in same.text) == (7, True)
    latest = tmp_path / "latest.sh"
    command_line("installer", "promote", newer, "--version", "2.0", "-o", latest)
    refused = install(latest, "-b", "-u", "-p", there)
    assert (refused.code, "were changed since it was installed" in refused.text) == (7, True)
    assert not (there / "bin" / "extra").exists()
    assert install(latest, "-b", "-u", "-f", "-p", there).code == 0
    assert run(there / "bin" / "extra").split() == ["extra", "2.1"]
    fs.remove_tree(there)


def test_what_is_damaged_is_installed_again(
    index_server: IndexServer, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    offer(index_server, Wheel(name="extra", version="2.1", scripts={"extra": "extra:main"}))
    command_line("layer", "add", layer, "extra")
    path, there = tmp_path / "mine.sh", tmp_path / "there"
    command_line("export", layer, "--as", "installer", "-o", path)
    assert install(path, "-b", "-p", there).code == 0
    (there / SITE / "extra" / "__init__.py").write_text("damaged\n")
    said = command_line("layer", "check", there, expect=6).stdout
    assert f"mend: sh INSTALLER -b -f -p {there}\n" in said
    said = command_line("release", "verify", there, expect=2).stderr
    assert f"hint: lamina layer check {there}\n" in said
    assert install(path, "-b", "-f", "-p", there).code == 0
    assert "sound" in command_line("layer", "check", there).stdout
    (there / ".base" / SITE / "greeter" / "__init__.py").unlink()
    said = command_line("layer", "check", there, expect=6).stdout
    assert f"{there}/.base: missing: {SITE}/greeter/__init__.py" in said
    assert install(path, "-b", "-f", "-p", there).code == 0
    assert "files" in command_line("release", "verify", there / ".base").stdout
    fs.remove_tree(there)


def test_what_lacks_files_does_not_leave_and_what_was_changed_is_said(
    index_server: IndexServer, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    offer(index_server, Wheel(name="extra", version="2.1", scripts={"extra": "extra:main"}))
    command_line("layer", "add", layer, "extra")
    module = layer / SITE / "extra" / "__init__.py"
    before = module.read_bytes()
    words: list[str | Path] = ["export", layer, "--as", "installer", "-o"]
    module.write_bytes(before + b"# mine\n")
    said = command_line(*words, tmp_path / "changed.sh").stderr
    assert "warning: " in said
    assert f"1 file of extra changed: {SITE}/extra/__init__.py" in said
    module.unlink()
    for form in ("installer", "pack", "oci", "squashfs"):
        out = tmp_path / f"it.{form}.tar"
        said = command_line("export", layer, "--as", form, "-o", out, expect=6).stderr
        assert f"{layer}: damaged: 1 file of extra missing: {SITE}/extra/__init__.py" in said
        assert f"hint: lamina layer check {layer}" in said
        assert not out.exists()
    (layer / "lamina-layer.lock").write_text("no lock\n")
    command_line(*words, tmp_path / "unreadable.sh", expect=3)
    module.write_bytes(before)


def test_only_what_an_installer_put_there_is_replaced(
    shipped: Shipped, layer: Path, installer: Path, tmp_path: Path
) -> None:
    """Neither a layer that somebody works in, nor a release."""
    for target in (layer, shipped.release.prefix):
        answer = install(installer, "-b", "-f", "-p", target)
        assert (answer.code, "there, and no installed layer of lamina" in answer.text) == (7, True)
    assert run(layer / "bin" / "mine") == "42\n"
    assert "replace the installed layer of lamina" in install(installer, "-h").text


def test_a_release_does_not_replace_an_installed_layer(
    shipped: Shipped, installer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    release, there = tmp_path / "release.sh", tmp_path / "there"
    words: list[str | Path] = ["export", shipped.release.prefix, "--as", "installer"]
    command_line(*words, "-o", release)
    assert install(installer, "-b", "-p", there).code == 0
    answer = install(release, "-b", "-f", "-p", there)
    assert (answer.code, "there, and no release of lamina" in answer.text) == (7, True)
    assert "replace the release of lamina" in install(release, "-h").text
    fs.remove_tree(there)


def test_it_is_promoted_upgraded_and_rolled_back(
    installer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    final, server = tmp_path / "final.sh", tmp_path / "server"
    tested = read_header(installer).version
    command_line("installer", "promote", installer, "--version", "1.1", "-o", final)
    assert install(installer, "-b", "--upgrade", server).code == 0
    assert install(final, "-b", "--upgrade", server).code == 0
    assert (server / "pro").readlink().name == "1.1"
    bill = command_line("export", server / "pro", "--as", "sbom", "-o", "-").json
    component = bill["metadata"]["component"]
    assert (component["name"], component["version"]) == ("mine", "1.1")
    told = (server / "pro" / ".lamina" / "installed.toml").read_text()
    assert f'version = "1.1"\ntested-as = "{tested}"\n' in told
    assert run(server / "pro" / "bin" / "mine") == "42\n"
    assert install(final, "-b", "--rollback", server).code == 0
    assert (server / "pro").readlink().name == tested
    assert run(server / "pro" / "bin" / "mine") == "42\n"
    fs.remove_tree(server)


def test_tests_of_the_base_run_with_what_the_layer_hides(
    shipped: Shipped, layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    (layer / SITE / "greeter.py").write_text("raise ImportError('hidden by a layer')\n")
    path, there = tmp_path / "broken.sh", tmp_path / "there"
    command_line("export", layer, "--as", "installer", "-o", path)
    answer = install(path, "-bt", "-p", there)
    assert (answer.code, "hidden by a layer" in answer.text) == (5, True)
    assert not there.exists()


def test_a_link_gives_it_another_name(shipped: Shipped, command_line: CommandLine) -> None:
    layer = command_line.directory / "分析"
    command_line("layer", "create", layer, "--on", shipped.release.prefix)
    path, link = command_line.directory / "named.sh", command_line.directory / "tau"
    words = ("--as", "installer", "-o", path)
    said = command_line("export", layer, *words, expect=2).stderr
    assert f"hint: ln -s '{layer}' NAME, and the export of NAME\n" in said
    link.symlink_to(layer)
    command_line("export", link, *words)
    assert read_header(path).name == "tau"


def test_the_file_to_source_is_not_called_like_the_lock_that_is_to_come(
    layer: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    words = ("--as", "installer", "-o", tmp_path / "x.sh", "--rc", "lamina-layer.lock")
    said = command_line("export", layer, *words, expect=2).stderr
    assert "lamina-layer.lock: what lamina calls the lock of a layer" in said
    assert not (tmp_path / "x.sh").exists()


def test_a_base_without_its_own_interpreter_is_refused(
    command_line: CommandLine, tmp_path: Path
) -> None:
    top = tmp_path / "unbundled"
    top.mkdir()
    other = make_shipped(top, bundle=False)
    layer = command_line.directory / "on-a-system"
    command_line("layer", "create", layer, "--on", other.release.prefix)
    said = command_line(
        "export", layer, "--as", "installer", "-o", tmp_path / "x.sh", expect=2
    ).stderr
    assert "has no interpreter of its own" in said
    assert "bundle = true" in said
    assert not list(tmp_path.glob("*.sh"))
