"""Write a layer's first tree: few calls of the operating system, and next to no imports.

``lamina layer create`` is measured against a compiled program that needs 20 ms, which is what a
Python needs to start. So this file imports ``os`` alone, the tree is made beside the target without
waiting for the disk, and one rename puts it in place: a layer holds nothing yet that could be lost.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypedDict

    class Seed(TypedDict):
        """What a new layer consists of, whatever its directory."""

        directories: list[str]
        files: dict[str, str]
        """Relative path -> text with marks for the layer's directory."""
        executable: list[str]
        links: dict[str, str]
        """Relative path -> target."""


MARK = "\0"
"""Stands around the name of a quoting in the texts of a seed; no path can contain it."""


def shell_quoted(text: str) -> str:
    """Return a word of the POSIX shells."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def csh_quoted(text: str) -> str:
    """Return a word of csh, where ``!`` is special even between quotes."""
    return "'" + text.replace("'", "'\\''").replace("!", "\\!") + "'"


def fish_quoted(text: str) -> str:
    """Return a word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def told(text: str) -> str:
    """Return a word of the POSIX shells that, printed, is a word which can be pasted."""
    return shell_quoted(shell_quoted(text))


def prompt_name(layer: str) -> str:
    """Return the directory's name for a prompt."""
    return prompt_text(os.path.basename(layer))  # noqa: PTH119


def prompt_text(name: str) -> str:
    """Return a name without what a shell would expand in a prompt."""
    return "".join("_" if one in "\\$`%!\"'\n" else one for one in name)


def shebang(layer: str) -> str:
    """Return the first lines of a script run by the layer's interpreter."""
    python = f"{layer}/bin/python"
    if len(python) < 120 and not any(one.isspace() for one in python):
        return f"#!{python}"
    # The kernel neither splits at quotes nor reads long lines: let the shell start it.
    return f"#!/bin/sh\n'''exec' {shell_quoted(python)} \"$0\" \"$@\"\n' '''"


QUOTINGS: Mapping[str, Callable[[str], str]] = {
    "sh": shell_quoted,
    "csh": csh_quoted,
    "fish": fish_quoted,
    "told": told,
    "plain": str,
    "prompt": prompt_name,
    "shebang": shebang,
}


def mark(quoting: str) -> str:
    """Return what stands for the layer's directory, quoted in a certain way, in a seed's text."""
    return f"{MARK}{quoting}{MARK}"


def filled(text: str, layer: str) -> str:
    """Return a seed's text for a layer at ``layer``."""
    parts = text.split(MARK)
    parts[1::2] = [QUOTINGS[quoting](layer) for quoting in parts[1::2]]
    return "".join(parts)


def occupied(layer: str) -> bool:
    """Tell whether something is at ``layer`` that a new layer would replace."""
    try:
        return bool(os.listdir(layer))  # noqa: PTH208
    except FileNotFoundError:
        return os.path.islink(layer)  # noqa: PTH114
    except NotADirectoryError:
        return True


def plant(seed: Seed, layer: str) -> None:
    """Make the layer; raises OSError, after which nothing of it is left."""
    parent, name = os.path.split(layer)
    os.makedirs(parent, exist_ok=True)  # noqa: PTH103
    stage = f"{parent}/.{name}.{os.urandom(6).hex()}"
    os.mkdir(stage)  # noqa: PTH102
    try:
        fill(seed, stage, layer)
        os.rename(stage, layer)  # noqa: PTH104
    except BaseException:
        import shutil

        shutil.rmtree(stage, ignore_errors=True)
        raise


def fill(seed: Seed, stage: str, layer: str) -> None:
    """Write the tree into ``stage``, an empty directory, as that of a layer at ``layer``."""
    for directory in seed["directories"]:
        os.mkdir(f"{stage}/{directory}")  # noqa: PTH102
    for path, target in seed["links"].items():
        os.symlink(target, f"{stage}/{path}")  # noqa: PTH211
    executable = set(seed["executable"])
    for path, text in seed["files"].items():
        mode = 0o777 if path in executable else 0o666
        descriptor = os.open(f"{stage}/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.write(descriptor, filled(text, layer).encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)
