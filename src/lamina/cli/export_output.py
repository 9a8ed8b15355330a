"""Where ``lamina export`` writes to, said before any work begins, and the names of its forms."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamina.cli.options import given_options
from lamina.core import report
from lamina.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECTORIES = ("wheel", "conda", "rpm", "oci")
"""Forms that are written into a directory."""
FILES = {"pack": ".tar.zst", "installer": ".sh", "squashfs": ".sqfs"}
"""Forms that are one file, which has to be sought in, and how it is called."""
LISTS = {
    "requirements": "requirements.txt",
    "pylock": "pylock.toml",
    "explicit": "explicit.txt",
    "environment": "environment.yml",
    "pixi": "pixi.toml",
    "pixi-lock": "pixi.lock",
    "sbom": "sbom.cdx.json",
}
"""Forms that are a text, and how it is called."""

_NAMES: dict[str, tuple[str, str]] = {
    "pylock": ("pylock.*.toml", "pylock.toml or pylock.NAME.toml (PEP 751)"),
    "environment": ("*.y*ml", "environment.yml"),
    "pixi": ("pixi.toml", "pixi.toml"),
    "pixi-lock": ("pixi.lock", "pixi.lock"),
}
_OTHER_WORDS = {
    "apptainer": "squashfs",
    "archive": "pack",
    "conda-pack": "pack",
    "constructor": "installer",
    "container": "oci",
    "cyclonedx": "sbom",
    "docker": "oci",
    "image": "oci",
    "metapackage": "wheel",
    "singularity": "squashfs",
    "tar": "pack",
}
_FORMS_OF = {
    "archive": ("pack", "oci"),
    **dict.fromkeys(("environment_file", "hook", "key"), ("installer",)),
    "clobbered": ("pack", "installer", "rpm"),
    "with_base": ("pack",),
    **dict.fromkeys(
        ("per_package", "prefix", "builder", "side_by_side", "relocatable", "repository"), ("rpm",)
    ),
    **dict.fromkeys(
        ("like", "base", "with_libc", "platforms", "compression", "entrypoint", "push"), ("oci",)
    ),
    "plain_http": ("oci",),
}
"""What forms an option is about, by its parameter."""


class FormChoice(click.Choice[str]):
    """The forms, with the one that was probably meant by another word."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what is wrong, and what was meant."""
        from lamina.model.document import near_match

        known = [str(one) for one in self.choices]
        word = str(value).lower()
        near = _OTHER_WORDS.get(word) or near_match(word, known)
        said = super().get_invalid_choice_message(value, ctx)
        return f"{said.removesuffix('.')}; did you mean {near!r}?" if near else said


def output_path(form: str, path: Path | None) -> Path | None:
    """Return what is to be written, None for standard output; raises UsageError."""
    if path == Path("-"):
        if form in LISTS:
            return None
        example = "DIRECTORY" if form in DIRECTORIES else f"NAME{FILES[form]}"
        raise UsageError(
            f"--as {form} cannot be written to standard output", hints=[f"-o {example}"]
        )
    if path is None or form in DIRECTORIES:
        return path
    if path.is_dir():
        inside = path / (LISTS.get(form) or f"NAME{FILES[form]}")
        raise UsageError(
            f"{path}: a directory, and --as {form} writes a file",
            hints=[f"-o {shlex.quote(str(inside))}"],
        )
    if form in LISTS and not path.absolute().parent.is_dir():
        raise UsageError(f"{path.absolute().parent}: no such directory")
    _check_name(form, path)
    return path


def _check_name(form: str, path: Path) -> None:
    """Warn of a name by which no tool knows the file."""
    pattern, name = _NAMES.get(form, ("*", ""))
    if not (path.match(pattern) or path.name == LISTS.get(form)):
        report.warn(f"{path.name}: tools know this by its name: {name}")


def check_options(form: str, lists: Mapping[str, str | None]) -> None:
    """Raise UsageError for options that are about other forms, and would count for nothing.

    ``lists``: the options of lists, by name.
    """
    for parameter, option in given_options(_FORMS_OF).items():
        if form not in (forms := _FORMS_OF[parameter]):
            these = ", ".join(f"--as {one}" for one in forms)
            raise UsageError(f"{option} is for {these}, and this is {form}")
    given = next((name for name, one in lists.items() if one), None)
    if given and form in (*FILES, "rpm", "oci"):
        raise UsageError(
            f"{given} is for lists: a release, which --as {form} holds, is for one target"
        )
