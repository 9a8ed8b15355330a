"""What a release tells the layers on it, so that none of them has to find it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.engines.probe import read_distributions
from lamina.layer.abi.scan import COMPILED
from lamina.layer.imports.mentions import MENTIONED
from lamina.layer.keeping import answers_text

if TYPE_CHECKING:
    from pathlib import Path


def known_of(prefix: Path) -> dict[str, str]:
    """Return the files, by name, that a release keeps of its packages."""
    sites = sorted(prefix.glob("lib/python3*/site-packages"))
    distributions = read_distributions([str(site) for site in sites])
    return {one.file: answers_text(distributions, one) for one in (COMPILED, MENTIONED)}
