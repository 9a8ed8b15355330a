"""What a layer stands on: a release, a prefix, another layer, or the environment as set up now."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lamina.core import report
from lamina.core.errors import CommandFailedError, DocumentError, UsageError
from lamina.core.run import run
from lamina.engines.probe import BaseProbe, ProbeCache, load_probe, probe
from lamina.layer.conda_prefix import has_programs, with_programs
from lamina.layer.transaction import JOURNAL, settle
from lamina.layer.variables import kept_variables, recorded_variables, with_variables
from lamina.model.layer_files import LAYER_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

BaseKind = Literal["release", "prefix", "layer", "env"]
ENVIRONMENT = "env"
_OLDEST = (3, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is that has an interpreter."""

    given: str
    """As the user named it."""
    kind: BaseKind
    python: Path
    prefix: Path
    release: str | None = None
    search: str | None = None
    """The PYTHONPATH that belongs to it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What else of the environment belongs to it: name -> value."""
    bin: Path | None = None
    """What to put on PATH, where it is not the interpreter's directory."""

    @property
    def programs(self) -> Path:
        """The directory that comes first on PATH."""
        return self.prefix / "bin" if self.kind != "env" else self.python.parent

    @property
    def lasting(self) -> bool:
        """Whether the name means the same as long as what is there does not change.

        What a stack's newest release is depends on the whole root, ``env`` on everything.
        """
        newest = self.kind == "release" and not any(one in self.given for one in "/@.~")
        return self.kind != "env" and not newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A place and what it holds."""

    place: Place
    probe: BaseProbe


def find_place(given: str, *, root: Path, environ: Mapping[str, str]) -> Place:
    """Return the place that a user names: ``env``, a path, or a release of the root.

    A name that is also a directory with a Python in it is the directory. Raises UsageError.
    """
    if given == ENVIRONMENT:
        return _environment(environ)
    path = Path(given).expanduser()
    if given.startswith(("/", ".", "~")) or _python_in(path) or is_layer(path) or path.is_file():
        return _path(given, path, environ)
    return _release(given, root)


def is_layer(path: Path) -> bool:
    """Tell whether a directory is a layer, be it one to which a change was killed half-way."""
    return (path / LAYER_NAME).is_file() or (path / JOURNAL).is_file()


def find_layer(path: Path) -> Path:
    """Return a layer's directory, absolute; raises UsageError when there is no layer."""
    # Links are kept: the layer's own scripts have the path as it was given.
    absolute = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100
    if not is_layer(absolute):
        what = "is no layer" if absolute.exists() else "does not exist"
        raise UsageError(
            f"{path}: {what}",
            hints=[f"lamina layer create {shlex.quote(str(path))} --on STACK_OR_PREFIX"],
        )
    return absolute


def active_layer(environ: Mapping[str, str], *, first: str | None = None) -> Path:
    """Return the layer that is activated; raises UsageError when none is.

    ``first`` is a word that the user may have meant as a layer.
    """
    active = environ.get("VIRTUAL_ENV")
    if active and is_layer(Path(active)):
        return Path(active)
    what = f"{active}: the active environment is no layer" if active else "no layer is active"
    if first is not None:
        what = f"{first}: no layer there, and {what}"
    raise UsageError(
        what, hints=["name the layer: lamina layer COMMAND DIR ...", ". DIR/bin/activate"]
    )


def look_at(place: Place, *, environ: Mapping[str, str]) -> Base:
    """Return what a place holds; a release says so itself, others are asked.

    Raises UsageError when it is no Python that a layer can stand on.
    """
    described = _known(place) or _asked(place, environ)
    version = tuple(int(part) for part in described.version.split("."))
    if version < _OLDEST:
        raise UsageError(
            f"{place.prefix}: Python {described.version}; a layer needs Python 3.8 or newer"
        )
    if not described.path and not described.layers:
        raise UsageError(
            f"{place.prefix}: its Python has no site-packages directory, so there is nothing to "
            "stand on",
            hints=["name the prefix that has bin/python and lib/python3.N/site-packages"],
        )
    return Base(place=place, probe=described)


def warn_of_less(former: Place, place: Place) -> None:
    """Warn where an environment is set up no more: a mere interpreter instead of what it showed."""
    if former.kind == place.kind == ENVIRONMENT and former.search and not place.search:
        report.warn(
            f"no PYTHONPATH is set now: the new base is {place.python} without what was in "
            f"{former.search}"
        )


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return where lamina keeps what it can find out again."""
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "lamina"
    return Path(environ.get("HOME") or "/nonexistent") / ".cache" / "lamina"


def _known(place: Place) -> BaseProbe | None:
    kept = place.prefix / ".lamina" / "base.json"
    if place.kind != "release" or not kept.is_file():
        return None
    try:
        described = load_probe(kept)
    except DocumentError:
        return None  # Written by another version of lamina: ask the interpreter.
    return described if _is_of(described, place) else None


def _is_of(described: BaseProbe, place: Place) -> bool:
    """Tell whether a description is that of a place, and not of what the place is a copy of."""
    try:
        return Path(described.executable).exists() and place.prefix.samefile(described.prefix)
    except OSError:
        return False


def _asked(place: Place, environ: Mapping[str, str]) -> BaseProbe:
    if not os.access(place.python, os.X_OK):
        raise UsageError(f"{place.python}: not a program that can be run")
    # Only what libraries are found by: it is set where the interpreter itself may need it.
    variables = with_variables(place.variables, {})
    if "HOME" not in environ and "XDG_CACHE_HOME" not in environ:
        return probe(place.python, environ=environ, search=place.search, variables=variables)
    cache = ProbeCache(directory=cache_directory(environ) / "probes")
    return cache.get(place.python, environ=environ, search=place.search, variables=variables)


def _environment(environ: Mapping[str, str]) -> Place:
    for name in ("python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH", os.defpath)):
            python = _behind(Path(os.path.abspath(found)), environ)  # noqa: PTH100
            return Place(
                given=ENVIRONMENT,
                kind="env",
                python=python,
                prefix=python.parent.parent,
                search=environ.get("PYTHONPATH", ""),
                variables=kept_variables(environ, python),
            )
    raise UsageError("no python3 on PATH", hints=["set up the environment first, then run this"])


def _behind(python: Path, environ: Mapping[str, str]) -> Path:
    """Return an interpreter; of a script that starts one, the one that it starts.

    What such a script (pyenv's shims are some) starts tomorrow, or in another directory, may be
    another one. Raises UsageError when it starts none.
    """
    if not os.access(python, os.X_OK) or not _is_script(python):
        return python
    words = [str(python), "-I", "-S", "-c", "import sys; print(sys.executable)"]
    try:
        # With all of the environment: the script decides by what it likes.
        answer = run(words, env=environ, timeout=60)
    except CommandFailedError as error:
        last = (error.output.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(f"{python}: not a Python that works ({last})") from error
    behind = Path(answer.stdout.strip().rpartition("\n")[2])
    if not behind.is_absolute() or not os.access(behind, os.X_OK):
        raise UsageError(f"{python}: not a Python that lamina can use")
    return behind


def _is_script(program: Path) -> bool:
    try:
        with program.open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False


def _path(given: str, path: Path, environ: Mapping[str, str]) -> Place:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100
    if absolute.is_file():
        behind = _behind(absolute, environ)
        return Place(given=given, kind="prefix", python=behind, prefix=behind.parent.parent)
    if not absolute.is_dir():
        raise UsageError(f"{given}: no such directory")
    python = _python_in(absolute)
    if python is None:
        raise UsageError(
            f"{given}: no Python there (looked for bin/python and bin/python3)",
            hints=["name a release (stack@tier, stack/version), a venv, a conda prefix or a layer"],
        )
    if (absolute / ".lamina" / "release.toml").is_file():
        return _release_at(given, absolute)
    kind: BaseKind = "layer" if is_layer(absolute) else "prefix"
    settle(absolute)
    variables: Mapping[str, str] = {}
    if kind == "layer":
        variables = recorded_variables(absolute / LAYER_NAME)
        if has_programs(absolute):
            variables = with_programs(variables, absolute)
    return Place(given=given, kind=kind, python=python, prefix=absolute, variables=variables)


def _release_at(given: str, prefix: Path) -> Place:
    """Return the release itself: what leads to it, such as a tier, may lead elsewhere tomorrow."""
    if prefix.parts[-4:-3] != ("releases",):
        prefix = prefix.resolve()
    return Place(
        given=given,
        kind="release",
        python=prefix / "bin" / "python",
        prefix=prefix,
        release="/".join(prefix.parts[-3:-1]),
    )


def _python_in(prefix: Path) -> Path | None:
    if not (prefix / "bin").is_dir():
        return None
    names = ["python", "python3", *(f"python3.{minor}" for minor in range(30, 7, -1))]
    return next((one for name in names if (one := prefix / "bin" / name).is_file()), None)


def _release(given: str, root: Path) -> Place:
    from lamina.model.references import ReleaseReference
    from lamina.release.root import open_root

    try:
        reference = ReleaseReference.parse(given)
    except ValueError as error:
        raise UsageError(
            f"{given}: neither a directory with a Python nor the name of a release ({error})",
            hints=["lamina release list"],
        ) from None
    release = open_root(root).find(reference)
    return Place(
        given=given,
        kind="release",
        python=release.interpreter,
        prefix=release.prefix,
        release=release.name,
    )
