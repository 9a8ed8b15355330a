"""The first lamina.toml of a stack, with comments that say what else can stand there."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamina.stack.entries import short_entry, write_key, write_value
from lamina.stack.files import parse_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lamina.model.names import StackName
    from lamina.model.platforms import Platform, PythonSeries
    from lamina.model.versions import ReleaseVersion

_FALLBACK = "stack"
_VERSION_COMMENT = '# PEP 440; or { from = "git" }: counted from the tags'


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStack:
    """What is known of a stack when it begins."""

    name: StackName
    version: ReleaseVersion
    python: tuple[PythonSeries, ...]
    platforms: tuple[Platform, ...]
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The fields of each entry, by name."""
    conda: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The fields of each entry of [conda], by name."""
    channels: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    floors: Mapping[str, str] = field(default_factory=dict)
    """``glibc`` and ``macos`` of [resolve]."""
    virtual: Mapping[Platform, Mapping[str, str]] = field(default_factory=dict)
    hooks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Commands by package."""
    closed: bool = False


def name_from_directory(directory: Path) -> str:
    """Return a stack name near to that of a directory."""
    plain = (
        unicodedata.normalize("NFKD", directory.name.casefold()).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^a-z0-9._-]+", "-", plain)[:64].strip("._-") or _FALLBACK


def write_stack(new: NewStack, path: Path) -> str:
    """Return the text of a new stack; raises DocumentError when it would not be valid."""
    series = [str(one) for one in new.python]
    lines = [
        f"name = {write_value(new.name)}",
        f"version = {write_value(new.version)}            {_VERSION_COMMENT}",
        f"python = {write_value(series[0] if len(series) == 1 else series)}",
        "# bundle = true               # a copy of the interpreter inside each release",
        f"platforms = {write_value([str(one) for one in new.platforms])}",
    ]
    text = _LAYOUT.format(
        stack="\n".join(lines),
        resolve=_resolve(new),
        channels="" if new.channels else _CHANNELS,
        packages=_entries(new.packages),
        conda=f"[conda]\n{_entries(new.conda)}\n" if new.conda else "",
        groups="".join(_hooks(new)) + _groups(new),
    )
    if new.closed:
        text = text.replace("# closed = true  ", "closed = true    ")
    parse_stack(text, path)
    return text


def _entries(entries: Mapping[str, Mapping[str, Any]]) -> str:
    return "".join(
        f"{write_key(name)} = {write_value(short_entry(fields))}\n"
        for name, fields in entries.items()
    )


def _resolve(new: NewStack) -> str:
    lines = [f"channels = {write_value(new.channels)}"] if new.channels else []
    lines += [f"{name} = {write_value(version)}" for name, version in sorted(new.floors.items())]
    virtual = {
        str(platform): dict(sorted(new.virtual[platform].items()))
        for platform in sorted(new.virtual)
        if platform in new.platforms
    }
    lines += [f"virtual = {write_value(virtual)}"] if virtual else []
    return "".join(f"{line}\n" for line in lines)


def _hooks(new: NewStack) -> Iterator[str]:
    for name, hooks in sorted(new.hooks.items()):
        lines = [f"{hook} = {_script(command)}\n" for hook, command in hooks.items()]
        yield "".join([f"[hooks.{write_key(name)}]\n", *lines, "\n"])


def _script(command: str) -> str:
    """Return commands on lines of their own where TOML lets them be."""
    literal = all(one in "\n\t" or one.isprintable() for one in command)
    if "\n" not in command or not literal or "'''" in command or command.endswith("'"):
        return write_value(command)
    return f"'''\n{command}'''"


def _groups(new: NewStack) -> str:
    if not new.groups:
        return '# [groups]\n# notebook = ["jupyterlab", "ipympl"]\n'
    lines = [f"{write_key(name)} = {write_value(texts)}\n" for name, texts in new.groups.items()]
    return "".join(["[groups]\n", *lines])


_CHANNELS = '# channels = ["conda-forge"]   # where what `lamina add --conda` lists comes from\n'
_LAYOUT = """\
# What this stack consists of. `lamina lock` resolves it, `lamina publish` makes it a release.

[stack]
{stack}

[resolve]
{resolve}# exclude-newer = 2026-11-01   # ignore later uploads: the same lock, whenever it is made
# closed = true                # nothing enters that is not listed below
{channels}
[packages]
# numpy = ">=2,<3"
# mytool = {{ version = "*", prerelease = true, platforms = ["linux-64"] }}
{packages}
{conda}{groups}
[test]
# imports = ["numpy"]
# commands = ["python -c 'import numpy; numpy.show_config()'"]
"""
