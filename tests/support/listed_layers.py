"""A layer that is written as a list, over a release with groups, hooks and an index of its own."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lamina.model.platforms import current_platform
from support.stacks import stack_text

if TYPE_CHECKING:
    from pathlib import Path

    from support.command_line import CommandLine
    from support.index_server import IndexServer

HERE = current_platform()
PACKAGES = """
app = { version = "*", extras = ["gui"] }
lib = "*"
tool = { version = "==1.0", index = "ours" }
"""
MORE = """
[groups]
notebook = ["nb"]

[hooks.lib]
post-install = "true"

[hooks.tool]
post-install = "true"
"""
WHOLE = {
    "app": "2.0", "fresh": "1.0", "gone": "1.0", "lib": "2.0", "nb": "1.0", "nb-part": "1.0",
    "plot": "1.0", "tool": "1.0",
}  # fmt: skip
"""The layer: app, lib and fresh of its own, all else of the base."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The program, beside a layer that has a newer application than its base."""

    lamina: CommandLine
    index: IndexServer
    ours: IndexServer

    @property
    def layer(self) -> Path:
        """The layer."""
        return self.lamina.directory / "mine"

    @property
    def version(self) -> str:
        """The version that the layer has where a version is wanted."""
        return f"1.0+{sha256((self.layer / 'lamina-layer.lock').read_bytes()).hexdigest()[:8]}"

    def export(self, form: str, *options: str | Path) -> str:
        """Return a list."""
        return self.lamina("export", self.layer, "--as", form, *options).stdout

    def said(self, form: str) -> str:
        """Return what is said beside a list."""
        return self.lamina("export", self.layer, "--as", form).stderr


def make(site: Site) -> None:
    """Publish a release, and make a layer on it that hides some of it."""
    gui: dict[str, Any] = {"extras": ["gui"]}
    site.index.wheel("app", "1.0", ["lib", "gone", "plot ; extra == 'gui'"], **gui)
    for name in ("gone", "lib", "nb-part", "plot"):
        site.index.wheel(name, "1.0")
    site.index.wheel("nb", "1.0", ["lib", "nb-part"])
    resolve = f'indexes = {{ ours = "{site.ours.url}" }}'
    text = stack_text(PACKAGES, platforms=f'["{HERE}"]', resolve=resolve, more=MORE)
    site.lamina.write("lamina.toml", text)
    site.lamina("publish")
    for name in ("lamina.toml", "lamina.lock"):
        (site.lamina.directory / name).unlink()
    needs = ["lib>=2", "fresh[nothing]", "plot ; extra == 'gui'", "odd ; os_name == 'nt'"]
    site.index.wheel("app", "2.0", needs, **gui)
    site.index.wheel("lib", "2.0")
    site.index.wheel("fresh", "1.0", ["lib"])
    site.lamina("layer", "create", "mine", "--on", "small")
    site.lamina("layer", "add", "mine", "app>=2")
