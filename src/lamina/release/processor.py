"""Releases that are compiled for a micro-architecture: they run where the processor has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import joined
from lamina.core import fs
from lamina.core.errors import NotSupportedError

if TYPE_CHECKING:
    from lamina.model.platforms import Platform
    from lamina.stack.document import Stack

MODULE_NAME = "_lamina_machine.py"
LINE_NAME = "+lamina-machine.pth"
"""Before the .pth files of packages: names of those begin with letters, or ~."""

_TOLD = Path("/proc/cpuinfo")


def require_processor(stack: Stack, platform: Platform, *, told: Path = _TOLD) -> None:
    """Raise NotSupportedError where this machine cannot run what the stack is compiled for.

    Goes on where the machine does not tell (``told``): macOS has no such file.
    """
    march = stack.build.march_on(platform)
    if march is None or not told.is_file():
        return
    from lamina.model.processors import lacking

    lines = told.read_text(encoding="ascii", errors="replace").splitlines()
    if missing := lacking(march, lines):
        raise NotSupportedError(
            f"{stack.stack.name} is compiled for {march}, and the processor of this machine "
            f"lacks {', '.join(sorted(missing))}: its tests cannot run here",
            hints=["publish it on a machine that has them", "or change [build] march"],
        )


def write_check(stack: Stack, platform: Platform, stage: Path) -> None:
    """Let every start of the release's Python look at the processor first."""
    march = stack.build.march_on(platform)
    if march is None:
        return
    from lamina.model.processors import features_of

    needed = " ".join(sorted(features_of(march)))
    line = f"import _lamina_machine; _lamina_machine.check({march!r}, {needed!r})\n"
    for site in stage.glob("lib/python3.*/site-packages"):
        fs.write_text(site / MODULE_NAME, joined("machine.py"), durable=False)
        fs.write_text(site / LINE_NAME, line, durable=False)
