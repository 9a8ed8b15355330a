"""Entering a release of conda packages: PATH, CONDA_PREFIX, and what its packages bring for it.

Packages bring shell scripts and variables (``etc/conda``). Shells read the scripts that are for
them; what other scripts change of the environment is found out in a shell apart and carried over
(``_target/conda_environment.py``), as there is no csh among what packages bring. The same file and
the same lines enter the conda prefixes of a layer, and those that it stands on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina._target import conda_environment
from lamina.core import fs, report
from lamina.core.errors import BuildFailedError
from lamina.engines.conda_prefix import META, read_prefix
from lamina.release.conda_scripts import CSH, FISH, POSIX, with_lines
from lamina.release.prompt_lines import with_prompt
from lamina.release.root import INTERNAL, MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.release.draft import Draft

HELPER = f"{INTERNAL}/{Path(conda_environment.__file__).name}"
LIST = f"{INTERNAL}/{conda_environment.LIST}"
_SCRIPTS = {
    "activate": (POSIX, "posix", conda_environment.shell_quoted),
    "activate.csh": (CSH, "csh", conda_environment.csh_quoted),
    "activate.fish": (FISH, "fish", conda_environment.fish_quoted),
}
SCRIPTS = tuple(_SCRIPTS)


def is_conda_release(prefix: Path) -> bool:
    """Tell whether a prefix is a release that has conda packages."""
    return (prefix / INTERNAL / MANIFEST_NAME).is_file() and (prefix / META).is_dir()


def prefixes_entered(prefix: Path) -> list[str]:
    """Return the conda prefixes that are entered with a release or a layer, in that order.

    The first stays in force as CONDA_PREFIX; it is empty where none does.
    """
    if not (prefix / HELPER).is_file():
        return [""]
    return conda_environment.prefixes_of(str(prefix / INTERNAL))


def with_conda(prefix: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as it is once a release or a layer was entered, but for PATH.

    Scripts of packages are run for that. Where one fails, it is warned of and none counts.
    """
    found, _ = conda_environment.environment_after(
        "activate", prefixes_entered(prefix), environ, warn=report.warn
    )
    return conda_environment.without_kept(found)


def helper_text() -> str:
    """Return the program that scripts of activation run."""
    return Path(conda_environment.__file__).read_text(encoding="utf-8")


def write_activation(draft: Draft) -> None:
    """Write the scripts by which people enter a release of conda packages.

    Raises BuildFailedError for a package that brings a file of the same name.
    """
    stage = draft.stage
    prefix = draft.place.prefix if draft.place is not None else stage
    for package in read_prefix(stage):
        names = {file.path for file in package.files} & {f"bin/{one}" for one in SCRIPTS}
        if names:
            raise BuildFailedError(
                f"{package.record} brings {min(names)}, which belongs to the release itself",
                hints=[f"take {package.record.name} out of [conda]"],
            )
    fs.make_directory(stage / INTERNAL)
    fs.write_text(stage / HELPER, helper_text(), durable=False)
    for script, (text, shell, quoted) in _SCRIPTS.items():
        whole = with_lines(text, shell, "${_lamina_release:q}" if shell == "csh" else "@prefix@")
        whole = with_prompt(whole, shell, old="_lamina_release_prompt")
        whole = whole.replace("@prefix@", quoted(str(prefix)))
        whole = whole.replace("@prompt@", draft.release.name)
        fs.write_text(stage / "bin" / script, whole, durable=False)
