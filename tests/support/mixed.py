"""Channels of made-up Pythons and packages, for stacks of both sides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lamina.channel.index import add_packages
from support.archives import write_package

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PINNED = ["python >=3.12,<3.13.0a0"]
"""What compiled packages for Python 3.12 need."""
_SITE = {"noarch": "site-packages"}


def build(
    directory: Path,
    name: str,
    version: str = "1.0",
    depends: Iterable[str] = (),
    *,
    provides: str | None = "",
    **about: Any,
) -> Path:
    """Write an archive; ``provides`` is ``NAME-VERSION`` of a distribution inside, None for none.

    Empty: the package itself, where it needs Python.
    """
    needs = tuple(depends)
    subdir = about.get("subdir", "linux-64")
    site = _SITE.get(subdir, "lib/python3.12/site-packages")
    files = {f"share/{name}.txt": f"{name} {version}\n"}
    if provides == "" and any(one.split()[0] == "python" for one in needs):
        provides = f"{name.replace('-', '_')}-{version}"
    if provides:
        files[f"{site}/{provides}.dist-info/METADATA"] = f"{provides}\n"
    fields = {"moment": MOMENT} | about
    work = directory.parent / f"{directory.name}-work" / subdir
    return write_package(
        directory / subdir, work, name, version, depends=needs, files=files, **fields
    )


def python(directory: Path, version: str = "3.12.5", subdir: str = "linux-64") -> Path:
    """Write what a channel calls Python."""
    return build(directory, "python", version, ["__unix"], subdir=subdir, provides=None)


def offer(channel: Path, *files: Path) -> Path:
    """Put archives into a channel and return it."""
    add_packages(channel, list(files))
    return channel


def mixed_stack(packages: str, conda: str, *, resolve: str = "", **fields: str) -> str:
    """Return a lamina.toml with both sides; its channel is ``./channel``."""
    platforms = fields.get("platforms", '["linux-64"]')
    series = fields.get("python", '"3.12"')
    channels = fields.get("channels", '["./channel"]')
    return (
        f'[stack]\nname = "mixed"\nversion = "1.0"\npython = {series}\nplatforms = {platforms}\n'
        f"[resolve]\nchannels = {channels}\n{resolve}\n"
        f"[packages]\n{packages}\n[conda]\n{conda}\n"
    )
