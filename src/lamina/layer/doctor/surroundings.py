"""How an interpreter finds modules in the environment as it is set up now."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from lamina._target import surroundings as question
from lamina.core.errors import CommandFailedError, LaminaError
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PASSED_ON = frozenset(
    {
        "PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH",
        "PYTHONPLATLIBDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX",
        "ROOTSYS",
    }
)  # fmt: skip
_OLDEST = (3, 8)
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What ``_target/surroundings.py`` says."""

    version: str
    prefix: str
    base_prefix: str
    executable: str
    interpreter: str
    """Real path of the interpreter behind a virtual environment."""
    path: tuple[str, ...]
    """The whole search path."""
    library: tuple[str, ...]
    """Directories of the standard library."""
    sites: tuple[str, ...]
    """The interpreter's own site-packages."""
    user_site: str
    user_site_counts: bool
    layers: tuple[str, ...]
    """Site-packages of the layers, nearest first, as the start-up hook arranged them."""
    roots: tuple[str, ...]
    """Where the base of the layers lies."""
    suffixes: tuple[str, ...]
    """Endings of extension modules that it can import."""
    markers: Mapping[str, str]

    @property
    def series(self) -> str:
        """The minor series, such as ``3.12``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def virtual(self) -> bool:
        """Whether it is an environment upon another installation."""
        return self.prefix != self.base_prefix


def ask(python: Path, environ: Mapping[str, str]) -> Surroundings | str:
    """Ask an interpreter, in this environment; the answer is text where it does not run."""
    env = base_environment(environ)
    env |= {name: value for name, value in environ.items() if name in _PASSED_ON}
    try:
        answer = run([python, "-B", question.__file__], env=env, timeout=_SECONDS)
        # A .pth file of the environment may print something first.
        data = json.loads(answer.stdout[answer.stdout.find('{"schema"') :])
        values = {one.name: data[one.name] for one in fields(Surroundings)}
    except CommandFailedError as error:
        return (error.output.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
    except LaminaError as error:
        return error.message
    except (ValueError, KeyError, TypeError):
        return "it gave no answer that a Python would give"
    return Surroundings(**{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def too_old(around: Surroundings) -> bool:
    """Tell whether an interpreter is older than those that lamina works with."""
    return tuple(int(part) for part in around.version.split(".")[:2]) < _OLDEST
