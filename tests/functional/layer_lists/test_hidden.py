"""What is said of packages of the base, until the layer has others in their place."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from lamina.core import fs
from support.listed_layers import HERE
from support.stacks import stack_text
from support.wheels import Wheel

if TYPE_CHECKING:
    import pytest

    from support.command_line import CommandLine
    from support.index_server import IndexServer


def test_what_the_base_waives_is_not_said_of_what_took_its_place(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    index_server.wheel("app", "1.0", ["odd"])
    index_server.wheel("odd", "1.0")
    packages = 'app = { version = "*", waive = ["odd"] }'
    text = stack_text(packages, platforms=f'["{HERE}"]', resolve="closed = true")
    command_line.write("lamina.toml", text)
    command_line("publish")
    said = "the stack goes without odd"
    assert said in command_line("export", "small", "--as", "requirements").stdout
    index_server.wheel("app", "2.0")
    index_server.wheel("app", "3.0", ["odd"])
    for version, listed in (("2.0", False), ("3.0", True)):
        name = f"with-{version}"
        command_line("layer", "create", name, "--on", "small")
        assert said in command_line("export", name, "--as", "requirements").stdout
        command_line("layer", "add", name, f"app=={version}")
        text = command_line("export", name, "--as", "requirements").stdout
        assert said not in text
        assert f"app=={version} " in text
        assert ("odd==1.0 " in text) == listed
    fs.remove_tree(root)


def test_what_the_base_waives_and_the_layer_has_otherwise_is_said(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack goes without it, so that any version may come; pip knows of no waiver."""
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    index_server.wheel("app", "1.0", ["odd>=2", "never>=2 ; os_name == 'nt'"])
    for version in ("1.0", "2.0"):
        index_server.wheel("odd", version)
        index_server.wheel("never", version)
    packages = 'app = { version = "*", waive = ["odd"] }'
    text = stack_text(packages, platforms=f'["{HERE}"]', resolve="closed = true")
    command_line.write("lamina.toml", text)
    command_line("publish")
    said = "app 1.0 needs odd>=2, and 1.0 is here\n"
    for name, version in (("old", "1.0"), ("new", "2.0")):
        command_line("layer", "create", name, "--on", "small")
        command_line("layer", "add", name, f"odd=={version}", "never==1.0")
        for form, before in (
            ("requirements", "install it with --no-deps"),
            ("wheel", "whatever resolves it refuses it"),
        ):
            answer = command_line("export", name, "--as", form, "-o", f"{name}-{form}")
            assert answer.stderr == (f"warning: {before}: {said}" if name == "old" else "")
    fs.remove_tree(root)


def test_what_is_of_no_index_is_said_or_refused_until_the_layer_has_another(
    index_server: IndexServer, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = command_line.directory / "root"
    monkeypatch.setenv("LAMINA_ROOT", str(root))
    wheel = Wheel(name="box", version="1.0")
    (command_line.directory / "vendor").mkdir()
    wheel.write(command_line.directory / "vendor")
    packages = f'box = {{ path = "vendor/{wheel.filename}" }}'
    command_line.write("lamina.toml", stack_text(packages, platforms=f'["{HERE}"]'))
    command_line("publish")
    command_line("layer", "create", "mine", "--on", "small")
    said = command_line("export", "mine", "--as", "requirements", expect=2).stderr
    assert (
        f"where packages come from that are of no index: box (path vendor/{wheel.filename})" in said
    )
    [package] = tomllib.loads(command_line("export", "mine", "--as", "pylock").stdout)["packages"]
    assert package["archive"]["path"] == f"vendor/{wheel.filename}"
    index_server.wheel("box", "2.0")
    command_line("layer", "add", "mine", "box>=2")
    answer = command_line("export", "mine", "--as", "requirements")
    assert "\nbox==2.0 " in answer.stdout
    assert answer.stderr == ""
    fs.remove_tree(root)
