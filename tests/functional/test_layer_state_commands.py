"""The transcripts of ``lamina layer lock|restore|check|migrate|kernel``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lamina.core import fs
from lamina.model.platforms import current_platform
from lamina.release.publish import publish
from support.papers import offer
from support.releases import publish_request
from support.stacks import stack_text
from support.wheels import FileIndex, Wheel
from support.workshop import Workshop, run, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.command_line import CommandLine
    from support.index_server import IndexServer

OLD = Wheel(name="alpha", version="1.0")
NEW = Wheel(name="alpha", version="2.0")
NEWEST = Wheel(name="alpha", version="3.0")


@pytest.fixture
def base(
    index_server: IndexServer,
    command_line: CommandLine,
    interpreter: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    offer(index_server, OLD, NEW)
    for name in ("UV_DEFAULT_INDEX", "UV_CACHE_DIR", "UV_HTTP_RETRIES"):
        monkeypatch.setenv(name, command_line.environ[name])
    monkeypatch.setenv("LAMINA_ROOT", str(command_line.directory / "root"))
    return workshop(command_line).base(interpreter("3.12"), OLD)


def workshop(command_line: CommandLine) -> Workshop:
    unused = FileIndex(command_line.directory / "unused")
    return Workshop(path=command_line.directory, environ=command_line.environ, index=unused)


@pytest.fixture
def layer(command_line: CommandLine, base: Path) -> Path:
    command_line("layer", "create", "mine", "--on", base)
    command_line("layer", "add", "./mine", "alpha>=2")
    return command_line.directory / "mine"


def test_lock_and_restore(command_line: CommandLine, layer: Path) -> None:
    shown = command_line("layer", "lock", layer)
    written = command_line("layer", "lock", layer, "-o", "paper.lock")
    assert written.stdout == "wrote paper.lock\n"
    text = (command_line.directory / "paper.lock").read_text(encoding="utf-8")
    assert shown.stdout == text
    value = command_line("layer", "lock", layer, "--json").json
    assert value == {"layer": str(layer), "text": text}
    again = command_line.directory / "again"
    answer = command_line("layer", "restore", "paper.lock", "--to", "again")
    assert answer.stdout == (
        f"  + alpha 2.0\n1 package on {command_line.directory / 'base'}, into {again}\n"
        f". '{again}/bin/activate'\n"
    )
    listed = command_line("layer", "list", again).stdout
    assert listed == command_line("layer", "list", layer).stdout


def test_a_dry_run_of_restore(command_line: CommandLine, layer: Path) -> None:
    command_line("layer", "lock", layer, "-o", "paper.lock")
    arguments = ("layer", "restore", "paper.lock", "--to", "again", "--dry-run")
    value = command_line(*arguments, "--json").json
    assert value["done"] is False
    assert value["flat"] is False
    assert value["base"]["prefix"] == str(command_line.directory / "base")
    assert [one["file"] for one in value["files"]] == ["alpha-2.0-py3-none-any.whl"]
    assert "activate" not in command_line(*arguments).stdout
    assert not (command_line.directory / "again").exists()


def test_restore_from_standard_input(
    command_line: CommandLine, layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command that a check prints does it."""
    text = command_line("layer", "lock", layer).stdout
    (command_line.directory / "paper.lock").write_text(text, encoding="utf-8")
    with (command_line.directory / "paper.lock").open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        command_line("layer", "restore", "-", "--to", "again")
    assert "again: sound" in command_line("layer", "check", "again").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nowhere.lock", "--to", "again"], 3, "error: nowhere.lock: 1 problem\n  no such file"),
        (["paper.lock"], 2, "Missing option '--to'"),
        (["paper.lock", "--to", "mine"], 7, "mine: not empty"),
        (["paper.lock", "--to", "a", "--flat", "--on", "base"], 2, "--flat stands on no base"),
        (["paper.lock", "--to", "a", "--python", "/x"], 2, "--python is for --flat"),
        (["paper.lock", "--to", "a", "--index", "ours"], 2, "not NAME=ADDRESS"),
        (["paper.lock", "--to", "a", "--index", "Ours=https://a.example"], 2, "not an index name"),
        (["paper.lock", "--to", "a", "--flat"], 4, "of these packages of the base: alpha"),
        (["paper.lock", "--to", "a", "--on", "./other"], 6, "alpha 3.0 instead of 1.0"),
        (["paper.lock", "--to", "a:b"], 2, "cannot contain ':'"),
    ],
    ids=[
        "no-file", "no-target", "not-empty", "flat-on", "python", "index", "index-name",
        "flat-unknown", "other-base", "colon",
    ],
)  # fmt: skip
def test_mistakes_in_restoring(
    command_line: CommandLine,
    layer: Path,
    interpreter: Callable[[str], Path],
    words: list[str],
    code: int,
    message: str,
) -> None:
    shop = workshop(command_line)
    other = Wheel(name="other", version="1.0")
    shop.base(interpreter("3.12"), NEWEST, name="other")
    command_line("layer", "lock", layer, "-o", "paper.lock")
    if code == 4:
        paper = command_line.directory / "paper.lock"
        document = paper.read_text(encoding="utf-8")
        assert other.name not in document
        # As if nothing of the layer's own hid the base's alpha.
        command_line("layer", "create", "empty", "--on", command_line.directory / "base")
        command_line("layer", "lock", "./empty", "-o", "paper.lock")
    assert message in command_line("layer", "restore", *words, expect=code).stderr
    assert not (command_line.directory / "a").exists()


def test_a_lock_that_was_edited(command_line: CommandLine, layer: Path) -> None:
    text = command_line("layer", "lock", layer).stdout
    text = text.replace('version = "1.0" }', 'version = "1.1" }').replace("because", "because-of")
    command_line.write("paper.lock", text)
    answer = command_line("layer", "restore", "paper.lock", "--to", "again", expect=3)
    assert "paper.lock: 2 problems" in answer.stderr
    assert "package[0].because-of: unknown key" in answer.stderr
    assert "(did you mean 'because'?)" in answer.stderr
    assert "base.digest: not the digest of series, platform and packages" in answer.stderr


def test_flat(command_line: CommandLine, base: Path) -> None:
    command_line("layer", "create", "mine", "--on", base)
    command_line("layer", "lock", "./mine", "--look-up", "-o", "paper.lock")
    shutil.rmtree(base)
    answer = command_line("layer", "restore", "paper.lock", "--to", "flat", "--flat")
    flat = command_line.directory / "flat"
    assert "1 package on no base, with Python 3.12." in answer.stdout
    code = "import alpha; print(alpha.__version__, alpha.__file__)"
    version, where = run([flat / "bin" / "python", "-c", code], command_line.environ).split()
    assert (version, Path(where).is_relative_to(flat)) == ("1.0", True)


def test_check(command_line: CommandLine, layer: Path) -> None:
    answer = command_line("layer", "check", layer)
    assert answer.stdout == f"{layer}: sound (1 package, 5 files, 1 module)\n"
    (site_of(layer) / "alpha" / "__init__.py").write_text("", encoding="utf-8")
    answer = command_line("layer", "check", layer, expect=6)
    assert answer.stdout == (
        f"{layer}: 1 finding (1 package, 5 files, 1 module)\n"
        "  file-changed: 1 file of alpha changed: "
        "lib/python3.12/site-packages/alpha/__init__.py\n"
        f"    mend: lamina layer migrate {layer} --to {command_line.directory / 'base'}\n"
    )
    value = command_line("layer", "check", layer, "--json", expect=6).json
    assert value["sound"] is False
    assert value["looked-at"] == {"packages": 1, "files": 5, "modules": 1}
    [only] = value["findings"]
    assert (only["kind"], only["package"]) == ("file-changed", "alpha")
    command_line(*only["mend"].split()[1:])
    command_line("layer", "check", layer)


def test_migrate(
    command_line: CommandLine, layer: Path, interpreter: Callable[[str], Path]
) -> None:
    newer = workshop(command_line).base(interpreter("3.12"), NEWEST, name="newer")
    answer = command_line("layer", "migrate", layer, "--to", "./newer", "--dry-run")
    diff = (
        f"from {command_line.directory / 'base'} to {newer}\n"
        "  - alpha 2.0: the new base has 3.0\n"
        "0 carried over, 0 changed or new, 1 dropped\n"
    )
    assert answer.stdout == diff
    answer = command_line("layer", "migrate", layer, "--to", "./newer")
    kept = command_line.directory / "mine.before-base"
    assert answer.stdout == f"{diff}the layer as it was: {kept}\n"
    value = command_line("layer", "migrate", layer, "--to", "./base", "--json", "--discard").json
    assert value["done"] is True
    assert value["before"] is None
    assert [one["name"] for one in value["packages"]] == ["alpha"]
    command_line("layer", "migrate", layer, expect=2)
    command_line("layer", "migrate", layer, "--to", "./nowhere", expect=2)


def test_kernel(command_line: CommandLine, layer: Path) -> None:
    answer = command_line("layer", "kernel", layer, expect=2)
    assert answer.stderr == (
        f"error: neither {layer} nor its base has ipykernel\n"
        f"hint: lamina layer add '{layer}' ipykernel\n"
    )
    workshop(command_line).add(layer, Wheel(name="ipykernel", version="7.0"))
    place = Path(command_line.environ["HOME"]) / ".local/share/jupyter/kernels"
    place = Path(os.environ.get("XDG_DATA_HOME", place.parents[1])) / "jupyter" / "kernels"
    dry = command_line("layer", "kernel", layer, "--dry-run", "--json").json
    assert (dry["done"], dry["path"]) == (False, str(place / "mine" / "kernel.json"))
    assert not place.exists()
    answer = command_line("layer", "kernel", layer, "--display-name", "My thesis")
    assert answer.stdout == f"mine: My thesis\n{place / 'mine' / 'kernel.json'}\n"
    spec = json.loads((place / "mine" / "kernel.json").read_text(encoding="utf-8"))
    assert spec["display_name"] == "My thesis"
    answer = command_line("layer", "kernel", "mine", "--remove")
    assert answer.stdout == f"removed {place / 'mine' / 'kernel.json'}\n"
    command_line("layer", "kernel", "mine", "--remove", expect=2)
    prefix = command_line.directory / "prefix"
    command_line("layer", "kernel", layer, "--prefix", prefix, "--name", "thesis")
    assert (prefix / "share/jupyter/kernels/thesis/kernel.json").is_file()
    command_line("layer", "kernel", layer, "--prefix", prefix, "--user", expect=2)
    shutil.rmtree(layer)
    command_line("layer", "kernel", "mine", "--prefix", prefix, "--name", "thesis", "--remove")
    assert not (prefix / "share/jupyter/kernels/thesis").exists()


@pytest.mark.parametrize("command", ["lock", "check", "kernel"])
def test_the_active_layer_is_the_default(
    command_line: CommandLine, layer: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    answer = command_line("layer", command, expect=2)
    assert answer.stderr.startswith("error: no layer is active\n")
    workshop(command_line).add(layer, Wheel(name="ipykernel", version="7.0"))
    monkeypatch.setenv("VIRTUAL_ENV", str(layer))
    assert str(layer) in command_line("layer", command, "--json").stdout


@pytest.fixture
def root(command_line: CommandLine, base: Path) -> Iterator[Path]:
    """Publish the release small/1.0, and make a layer on it."""
    text = stack_text("", platforms=f'["{current_platform()}"]')
    publish(publish_request(command_line.directory, command_line.environ, stack_text=text))
    command_line("layer", "create", "over", "--on", "small")
    command_line("layer", "add", "./over", "alpha>=2")
    yield command_line.directory / "root"
    for left in command_line.directory.glob("root*"):
        fs.remove_tree(left)


def test_a_release_of_the_same_content_is_found(command_line: CommandLine, root: Path) -> None:
    """In another root, where nothing is where it was."""
    command_line("layer", "lock", "./over", "-o", "paper.lock")
    other = command_line.directory / "root-moved"
    root.rename(other)
    python = command_line.directory / "over" / "bin" / "python"
    python.unlink()
    python.symlink_to(root / "python")  # as of a release with an interpreter of its own
    answer = command_line("layer", "check", "./over", expect=6)
    assert "base-gone" in answer.stdout
    assert "interpreter-gone" in answer.stdout
    assert f"--to {root}/" not in answer.stdout
    answer = command_line("layer", "check", "./over", "--root", other, expect=6)
    prefix = other / "releases" / "small" / "1.0" / current_platform()
    assert f"base-moved: {root}" in answer.stdout
    assert f"--to {prefix}" in answer.stdout
    assert f"--to {root}/" not in answer.stdout
    command_line("layer", "restore", "paper.lock", "--to", "again", expect=6)
    command_line("layer", "restore", "paper.lock", "--to", "again", "--root", other)
    shown = command_line("layer", "show", "./again", "--json").json
    assert (shown["base"]["release"], shown["base"]["prefix"]) == ("small/1.0", str(prefix))
    command_line("layer", "check", "./again")
    command_line("layer", "migrate", "./over", "--to", prefix)
    command_line("layer", "check", "./over")


def test_a_release_restored_flat(command_line: CommandLine, root: Path) -> None:
    """Its lock has recorded every file; here they are no longer on the index."""
    command_line("layer", "lock", "./over", "-o", "paper.lock")
    fs.remove_tree(root)
    words = ("layer", "restore", "paper.lock", "--to", "flat", "--flat")
    answer = command_line(*words, expect=4)
    for name in ("greeter-1.0-py3-none-any.whl", "numbers_of_ours-2.0-py3-none-any.whl"):
        assert name in answer.stderr
    assert "alpha" not in answer.stderr
    command_line(*words, "--find-links", "wheels")
    flat = command_line.directory / "flat"
    code = "import alpha, greeter, numbers_of_ours; print(alpha.__version__, greeter.__file__)"
    version, where = run([flat / "bin" / "python", "-c", code], command_line.environ).split()
    assert (version, Path(where).is_relative_to(flat)) == ("2.0", True)
    said = run([flat / "bin" / "greet"], command_line.environ)
    assert said == f"hello from {flat}\n"
