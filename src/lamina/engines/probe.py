"""What an interpreter is and holds: asked of it, or read from what a release keeps of it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from lamina._target import probe as probe_code
from lamina.core.errors import CommandFailedError, DocumentError, LaminaError, Problem, UsageError
from lamina.core.run import base_environment, run
from lamina.model.digests import Sha256, digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PROBE_SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A distribution as its metadata describes it."""

    key: str
    """Normalised name."""
    name: str
    version: str
    """Nothing where it is unknown."""
    location: str
    """The directory on the search path that it is in."""
    metadata: str
    """Name of its .dist-info or .egg-info; nothing for a module that no metadata tells of."""
    modules: tuple[str, ...]
    """Top-level names that can be imported, as far as the metadata say."""
    requires: tuple[str, ...]
    """PEP 508 requirements."""
    extras: tuple[str, ...]
    requires_python: str
    direct: bool
    """Installed from an address or directory, not from an index."""
    editable: bool
    entries: dict[str, str]
    """Console scripts: name -> ``module:function``."""
    files: dict[str, str]
    """Other scripts: name -> path."""

    @property
    def label(self) -> str:
        """Name and version for people."""
        return f"{self.name} {self.version or '(version unknown)'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseProbe:
    """An interpreter and what can be imported by it."""

    schema: int
    version: str
    implementation: str
    platform: str
    magic: str
    """Magic number of its byte code, in hexadecimal."""
    prefix: str
    base_prefix: str
    executable: str
    interpreter: str
    """Real path of the interpreter behind a virtual environment."""
    stdlib: tuple[str, ...]
    layers: tuple[str, ...]
    """Site-packages of the layers it consists of, nearest first."""
    path: tuple[str, ...]
    """The search path after the standard library and the layers."""
    sites: tuple[str, ...]
    """Directories whose .pth files count, nearest first."""
    roots: tuple[str, ...]
    """Directories whose whole content belongs to it."""
    pythonpath: tuple[str, ...]
    data: tuple[str, ...]
    """Prefixes with share and etc directories."""
    distributions: tuple[Distribution, ...]
    """Those with a version."""
    unrecorded: tuple[Distribution, ...]
    """What can be imported as well: with broken metadata, or modules without any."""

    @property
    def series(self) -> str:
        """The minor series, such as ``3.12``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def digest(self) -> Sha256:
        """Digest of what it offers: series, platform and the version of each distribution."""
        pins = [(one.key, one.version) for one in self.distributions]
        return content_digest(self.series, self.platform, pins)


def content_digest(series: str, platform: str, pins: Iterable[tuple[str, str]]) -> Sha256:
    """Return the digest of what can be imported: ``pins`` are names with versions, by name."""
    words = [series, platform, *(f"{name}=={version}" for name, version in pins)]
    return digest_of_bytes("\n".join(words).encode())


def probe(
    python: Path,
    *,
    environ: Mapping[str, str],
    search: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> BaseProbe:
    """Ask an interpreter what it is and what it holds.

    ``search`` is a PYTHONPATH that belongs to what is described; None: without any. ``variables``
    are others that its interpreter needs.

    Raises UsageError when ``python`` is no Python that lamina can use.
    """
    env = base_environment(environ) | dict(variables or {})
    flags = ["-I"]
    if search is not None:
        env["PYTHONPATH"] = search
        flags = ["-s"]
    try:
        answer = run([python, *flags, "-B", probe_code.__file__], env=env, timeout=120)
    except CommandFailedError as error:
        last = (error.output.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(f"{python}: not a Python that works ({last})") from error
    except LaminaError as error:
        raise UsageError(f"{python}: not a Python that works ({error.message})") from error
    start = answer.stdout.find("{")
    try:
        data = json.loads(answer.stdout[start:])
    except json.JSONDecodeError as error:
        raise UsageError(f"{python}: not a Python that lamina can use") from error
    return _from_data(data, str(python))


def read_distributions(locations: Sequence[str]) -> tuple[Distribution, ...]:
    """Return what the directories hold, without any interpreter."""
    return tuple(_distribution(one) for one in probe_code.distributions(locations))


def dump_probe(described: BaseProbe) -> str:
    """Return the JSON text that ``load_probe`` reads."""
    return json.dumps(asdict(described), sort_keys=True, ensure_ascii=False) + "\n"


def load_probe(path: Path) -> BaseProbe:
    """Read what was kept of an interpreter; raises DocumentError, also for another schema."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DocumentError(path, [Problem(where="", found="no such file")]) from None
    except (OSError, ValueError) as error:
        raise DocumentError(path, [Problem(where="", found=str(error))]) from error
    return _from_data(data, path)


def moved(described: BaseProbe, old: Path, new: Path) -> BaseProbe:
    """Return the description of a tree that was probed at ``old`` and will be at ``new``."""
    text = dump_probe(described)
    before, after = (json.dumps(str(one), ensure_ascii=False)[1:-1] for one in (old, new))
    for end in ("/", '"'):
        text = text.replace(f'"{before}{end}', f'"{after}{end}')
    return _from_data(json.loads(text), new)


def _from_data(data: Any, where: Path | str) -> BaseProbe:
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != PROBE_SCHEMA:
        problem = Problem(where="schema", found=f"found {schema!r}", allowed=f"only {PROBE_SCHEMA}")
        raise DocumentError(where, [problem])
    try:
        values = {one.name: _frozen(data[one.name]) for one in fields(BaseProbe)}
        for name in ("distributions", "unrecorded"):
            values[name] = tuple(_distribution(item) for item in data[name])
    except (KeyError, TypeError) as error:
        raise DocumentError(where, [Problem(where=str(error), found="missing")]) from error
    return BaseProbe(**values)


def _distribution(item: Mapping[str, Any]) -> Distribution:
    return Distribution(**{one.name: _frozen(item[one.name]) for one in fields(Distribution)})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def watched_paths(described: BaseProbe) -> set[str]:
    """Return the files and directories that a description depends on, be they there or not."""
    directories = [*described.layers, *described.path, *described.sites, *described.pythonpath]
    paths = {described.interpreter, f"{described.prefix}/pyvenv.cfg", *directories}
    for directory in directories:
        try:
            names = os.listdir(directory)  # noqa: PTH208
        except OSError:
            continue  # It has no lines either; that it comes back shows in the directory itself.
        paths.update(f"{directory}/{one}" for one in names if one.endswith((".pth", ".egg-link")))
    for one in (*described.distributions, *described.unrecorded):
        if one.metadata:
            file = "METADATA" if one.metadata.endswith(".dist-info") else "PKG-INFO"
            paths.add(f"{one.location}/{one.metadata}/{file}")
            paths.add(f"{one.location}/{one.metadata}")
    return paths


def identity(path: str) -> list[int] | None:
    """Return what changes when a file or directory does; None when it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCache:
    """Descriptions kept as long as nothing they depend on has changed."""

    directory: Path

    def get(
        self,
        python: Path,
        *,
        environ: Mapping[str, str],
        search: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> BaseProbe:
        """Return the description of an interpreter, asked of it only when it may have changed."""
        needs = json.dumps(sorted((variables or {}).items()))
        place = self.directory / f"{_key([str(python), search or '', needs])}.json"
        try:
            kept = json.loads(place.read_text(encoding="utf-8"))
            if all(identity(path) == before for path, before in kept["watched"].items()):
                return _from_data(kept["probe"], place)
        except (OSError, ValueError, KeyError, DocumentError):
            pass  # Never asked, or kept in the form of another version.
        fresh = probe(python, environ=environ, search=search, variables=variables)
        self._keep(place, fresh, {str(python), *filter(None, (search or "").split(os.pathsep))})
        return fresh

    def _keep(self, place: Path, fresh: BaseProbe, asked: set[str]) -> None:
        from lamina.core import fs
        from lamina.core.errors import StorageError

        watched = {path: identity(path) for path in sorted(asked | watched_paths(fresh))}
        text = json.dumps({"watched": watched, "probe": asdict(fresh)})
        try:
            fs.make_directory(place.parent)
            fs.write_text(place, text)
        except StorageError:
            return  # A cache that cannot be written costs time, nothing else.


def _key(words: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:32]
