"""rattler-build, in a process of its own: rendering recipes, building outputs, testing packages."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core.errors import BuildFailedError, DocumentError, LaminaError, Problem
from lamina.core.run import base_environment, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lamina.model.platforms import Platform

_WORKER = "lamina.engines.conda_build_worker"
_LAST_LINES = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What recipes are rendered with."""

    platform: Platform
    """What is built for."""
    build_platform: Platform
    """What is built on."""
    variants: Sequence[Path] = ()
    """Files of variants, of which the last counts most; one beside a recipe counts least."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Keys of variants that have one value, whatever any file says."""

    def request(self) -> dict[str, Any]:
        """Return it as the worker wants it."""
        return {
            "platform": str(self.platform),
            "build_platform": str(self.build_platform),
            "variants": [str(one.resolve()) for one in self.variants],
            "fixed": {key: [value] for key, value in self.fixed.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One package that a recipe makes, with one combination of variants."""

    recipe: Path
    name: str
    version: str
    build: str
    """The build string."""
    subdir: str
    variant: Mapping[str, str]
    skipped: bool
    """``build.skip`` of its recipe holds."""
    staging: Sequence[Mapping[str, Any]] = field(repr=False)
    rendered: Mapping[str, Any] = field(repr=False)
    """The recipe without templates."""

    @property
    def stem(self) -> str:
        """The name of its archive without the ending."""
        return f"{self.name}-{self.version}-{self.build}"

    def requirements(self, section: str) -> list[str]:
        """Return what it needs in ``build``, ``host``, ``run`` or ``run_constraints``."""
        places = [self.rendered, *self.staging]
        return [_spec(one) for told in places for one in _section(told, section)]

    def sources(self) -> list[Mapping[str, Any]]:
        """Return its sources as the recipe has them."""
        found = [told.get("source") or [] for told in (self.rendered, *self.staging)]
        return [one for many in found for one in (many if isinstance(many, list) else [many])]


def _section(told: Mapping[str, Any], section: str) -> list[Any]:
    return list((told.get("requirements") or {}).get(section) or [])


def _spec(requirement: Any) -> str:
    """Return a requirement as a MatchSpec; of a pin, the name is known only."""
    if isinstance(requirement, str):
        return requirement
    return str(next(iter(requirement.values()))["name"])


def required_name(spec: str) -> str:
    """Return the package that a requirement of a recipe names; empty where it names none."""
    found = _NAME.match(spec.rpartition("::")[2].strip())
    return found[0].lower() if found else ""


def render(
    recipes: Iterable[Path], rendering: Rendering, environ: Mapping[str, str]
) -> list[Output]:
    """Return what recipes make, in their order.

    Raises DocumentError that names everything wrong with those that are none, by file and line.
    """
    words = {"what": "render", "recipes": [str(one) for one in recipes]} | rendering.request()
    answer = _ask(words, environ, log=None)
    if problems := answer["problems"]:
        _raise_problems(problems)
    return [Output(**{**one, "recipe": Path(one["recipe"])}) for one in answer["outputs"]]


def build(
    output: Output,
    rendering: Rendering,
    *,
    channels: Sequence[Path],
    work: Path,
    environ: Mapping[str, str],
    log: Path,
) -> Path:
    """Build an output below ``work``, an empty directory; return its archive.

    All that the build wrote is in ``log``. Raises BuildFailedError with its last lines.
    """
    what = {"recipe": str(output.recipe), "name": output.name, "build": output.build}
    request = {"what": "build", "output_dir": str(work), "channels": _addresses(channels)} | what
    answer = _ask(request | rendering.request(), environ, log=log)
    if "error" in answer:
        raise _failed(f"{output.stem}: the build failed", answer["error"], log)
    return Path(answer["archive"])


def test_package(
    archive: Path, *, channels: Sequence[Path], environ: Mapping[str, str], log: Path
) -> int:
    """Run the tests that an archive brings along; return how many they are.

    Raises BuildFailedError with the last lines of a test that failed.
    """
    request = {"what": "test", "archive": str(archive), "channels": _addresses(channels)}
    answer = _ask(request, environ, log=log)
    if "error" in answer:
        raise _failed(f"{archive.name}: it was built, and its tests fail", answer["error"], log)
    return int(answer["tests"])


def _addresses(channels: Sequence[Path]) -> list[str]:
    return [one.resolve().as_uri() for one in channels]


def _ask(request: dict[str, Any], environ: Mapping[str, str], *, log: Path | None) -> Any:
    with tempfile.TemporaryDirectory(prefix="lamina-build-") as name:
        given, answer = Path(name, "request.json"), Path(name, "answer.json")
        given.write_text(json.dumps(request), encoding="utf-8")
        # -P: a directory of sources is not where this package is imported from.
        words = [sys.executable, "-P", "-m", _WORKER, str(given), str(answer)]
        ended = run(words, env=base_environment(environ), log=log, check=False)
        if ended.returncode == 0 and answer.is_file():
            return json.loads(answer.read_text(encoding="utf-8"))
    text = f"the build engine ended with exit code {ended.returncode}"
    if log is not None:
        raise _failed(text, "", log)
    raise LaminaError(f"{text}\n{_tail(ended.stdout + ended.stderr)}")


def _failed(what: str, why: str, log: Path) -> BuildFailedError:
    reason = f": {why}" if why else ""
    return BuildFailedError(
        f"{what}{reason}\n{_tail(log.read_text(encoding='utf-8', errors='replace'))}\n"
        f"whole output: {log}"
    )


def _tail(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-_LAST_LINES:])


def _raise_problems(problems: Sequence[Mapping[str, str]]) -> None:
    """Raise what is wrong with recipes, of all of them; the file is that of the first."""
    from lamina.engines.conda_build_problems import problem_in

    found = [(Path(one["recipe"]), problem_in(one["recipe"], one["message"])) for one in problems]
    text = " ".join(one["message"] for one in problems)
    hints = ["--system-compilers takes that of this machine"] if "_stdlib`" in text else []
    if len({path for path, _ in found}) == 1:
        raise DocumentError(found[0][0], [problem for _, problem in found], hints=hints)
    listed = [
        Problem(where=f"{path} {one.where}".strip(), found=one.found, suggestion=one.suggestion)
        for path, one in found
    ]
    raise DocumentError("recipes", listed, hints=hints)
