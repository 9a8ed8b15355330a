"""What a layer says of itself, read without changing anything."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import LaminaError
from lamina.engines.probe import BaseProbe, probe
from lamina.layer.base import is_layer
from lamina.layer.doctor.mending import record_of
from lamina.layer.ownership import HOOK
from lamina.layer.scripts import DISPATCHER, interpreter_of
from lamina.layer.variables import with_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.document import LayerDocument

_CALL = "\n\nstart("


def made_at(layer: Path) -> Path | None:
    """Return where a layer was made, None when it is there still or does not say."""
    if not is_layer(layer):
        return None
    python = interpreter_of(layer / "bin" / DISPATCHER)
    if python is None:
        return None
    place = Path(python).parent.parent
    return None if os.path.realpath(place) == os.path.realpath(layer) else place


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """The start-up hook in a layer: its code, and what it knows of the base."""

    path: Path
    code: str
    facts: Mapping[str, list[str]]


def hook_files(layer: Path) -> list[Path]:
    """Return the hook's module in each site-packages directory of a layer."""
    return [site / f"{HOOK}.py" for site in sorted(layer.glob("lib/python3*/site-packages"))]


def read_hook(path: Path) -> Hook | None:
    """Return a hook, None when it is not there or does not end as ours do."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    code, call, rest = text.rpartition(_CALL)
    if not call:
        return None
    try:
        tree = ast.parse(f"start({rest}", mode="eval")
        facts = ast.literal_eval(tree.body.args[0])  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, AttributeError, IndexError):
        return None
    return Hook(path=path, code=code, facts=facts) if isinstance(facts, dict) else None


def base_now(document: LayerDocument, environ: Mapping[str, str]) -> BaseProbe | None:
    """Ask a layer's base what it holds now; None when it is gone or does not answer."""
    base = document.base
    variables = with_variables(base.variables, {})
    try:
        return probe(Path(base.python), environ=environ, search=base.search, variables=variables)
    except LaminaError:
        return None


def base_is_there(document: LayerDocument) -> bool:
    """Tell whether a layer's base is where it was."""
    return Path(document.base.prefix).is_dir() and Path(document.base.python).exists()


def document_of(layer: Path) -> LayerDocument | None:
    """Return a layer's record, None for what is no layer or whose record cannot be read."""
    return record_of(layer) if is_layer(layer) else None
