"""Extensions: packages of a release that announce themselves to others, and their order.

By the entry point group ``lamina.extensions``, or as extensions of DIRAC do: ``metadata`` in the
group ``dirac`` is a callable that returns a dictionary with ``priority``, and optionally ``setups``
and ``default_setup``; the name of the extension is that of its top-level module, and the higher
priority comes first. Source: DIRAC.Core.Utilities.Extensions.extensionsByPriority.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import canonicalize_name

from lamina._target.probe import sections
from lamina.core import fs, report
from lamina.core.errors import LaminaError
from lamina.core.run import base_environment, run
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.platforms import Target
from lamina.model.precedence import in_order
from lamina.release.extension_source import read_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lamina.model.names import PackageName
    from lamina.release.root import Release

OURS, DIRAC = "lamina.extensions", "dirac"
_ASK = Path(__file__).parents[1] / "_target" / "extension_metadata.py"
_ANSWER_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One extension, with what it says of itself."""

    name: str
    group: str
    distribution: PackageName
    version: str
    value: str
    """Of its entry point: ``module`` or ``module:object``."""
    site: Path
    priority: float = 0
    extends: tuple[str, ...] = ()
    """Extensions or distributions that it comes before, beyond those that it requires."""
    more: Mapping[str, Any]
    """What else it says: DIRAC's ``setups``, ``default_setup``, ``primary_extension``."""
    told: Literal["source", "run", "nothing"] = "nothing"
    """Whether its source told it, or only running it did; ``nothing`` when that failed."""


def find_extensions(release: Release, environ: Mapping[str, str]) -> list[Extension]:
    """Return the extensions in a release, in order: see ``order_extensions``.

    What the source of an extension does not tell, the interpreter of the release is asked for. A
    warning names what cannot be told.
    """
    found, unclear = [], []
    for one in _announced(release.prefix):
        told = read_source(one.site, one.value)
        if told is None:
            unclear.append(one)
        else:
            found.append(_with(one, told, "source"))
    found += list(_ask(release, unclear, environ))
    manifest = release.manifest()
    lock = load_lock(release.internal / LOCK_NAME)
    needs = {
        one.name: {each.name for each in one.dependencies}
        for one in lock.packages_for(Target(release.platform, manifest.python.series))
    }
    return order_extensions(found, needs)


def _announced(prefix: Path) -> Iterator[Extension]:
    for path in sorted(prefix.glob("lib/python3*/site-packages/*.dist-info/entry_points.txt")):
        name, _, version = path.parent.name.removesuffix(".dist-info").partition("-")
        groups = sections(path.read_text(encoding="utf-8", errors="replace"))
        for group in (OURS, DIRAC):
            for key, value in sorted(groups.get(group, {}).items()):
                if group == DIRAC and key != "metadata":
                    continue
                top = value.partition(":")[0].partition(".")[0].strip()
                yield Extension(
                    name=key if group == OURS else top,
                    group=group,
                    distribution=canonicalize_name(name),
                    version=version,
                    value=value,
                    site=path.parents[1],
                    more={},
                )


def _with(one: Extension, told: Mapping[str, Any], how: Literal["source", "run"]) -> Extension:
    priority, extends = told.get("priority", 0), told.get("extends", ())
    if isinstance(priority, bool) or not isinstance(priority, int | float):
        report.warn(f"{one.name}: the priority {priority!r} is no number; it counts as 0")
        priority = 0
    names = [extends] if isinstance(extends, str) else extends or ()
    if not isinstance(names, list | tuple):
        report.warn(f"{one.name}: what it extends is no list: {extends!r}; it counts as nothing")
        names = ()
    more = {key: told[key] for key in sorted(told) if key not in {"priority", "extends"}}
    return replace(one, priority=priority, extends=tuple(map(str, names)), more=more, told=how)


def _ask(
    release: Release, unclear: Sequence[Extension], environ: Mapping[str, str]
) -> Iterator[Extension]:
    """Run the extensions whose source does not tell, in a process of the release's interpreter."""
    if not unclear:
        return
    with tempfile.TemporaryDirectory(prefix="lamina-extensions-") as directory:
        questions = Path(directory) / "values.json"
        fs.write_text(questions, json.dumps([one.value for one in unclear]))
        try:
            answer = run(
                [release.interpreter, "-I", _ASK, questions],
                env=base_environment(environ), cwd=Path(directory), timeout=_ANSWER_SECONDS,
            )  # fmt: skip
            answers = json.loads(answer.stdout)
        except (LaminaError, ValueError) as error:
            answers = {one.value: {"error": str(error)} for one in unclear}
    for one in unclear:
        said = answers.get(one.value, {"error": "no answer"})
        if "error" in said:
            report.warn(f"{one.name} ({one.value}) does not tell its priority: {said['error']}")
            yield one
        else:
            yield _with(one, said["told"], "run")


def order_extensions(
    extensions: Iterable[Extension], needs: Mapping[PackageName, Iterable[PackageName]]
) -> list[Extension]:
    """Return extensions in the order that counts: who comes first overrides those after it.

    One comes before those whose distributions its own requires (``needs``: by distribution), or
    that it says it extends; then the higher priority, then by name. Distributions that require each
    other decide nothing.
    """
    by_key = {f"{one.group} {one.name} {one.distribution}": one for one in extensions}
    edges: dict[str, set[str]] = {name: set(many) for name, many in needs.items()}
    for one in by_key.values():
        meant = {
            other.distribution
            for other in by_key.values()
            for name in one.extends
            if name == other.name or canonicalize_name(name) == other.distribution
        }
        edges.setdefault(one.distribution, set()).update(meant - {one.distribution})
    reached = {one.distribution: _reach(one.distribution, edges) for one in by_key.values()}

    def over(one: Extension, other: Extension) -> bool:
        mine, theirs = one.distribution, other.distribution
        return theirs in reached[mine] and mine not in reached[theirs]

    below = {
        key: {other for other, each in by_key.items() if over(one, each)}
        for key, one in by_key.items()
    }
    keys = in_order(below, key=lambda key: (-by_key[key].priority, by_key[key].name, key))
    return [by_key[key] for key in keys]


def _reach(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges.get(name, ())
    return found


def render_extensions(extensions: Sequence[Extension]) -> str:
    """Return the extensions for people, the first one on top."""
    width = max((len(one.name) for one in extensions), default=0)
    return "\n".join(
        f"{one.name:<{width}}  priority {one.priority:g}  {one.distribution} {one.version}  "
        f"{one.group}" + ("" if one.told != "nothing" else "  (does not tell)")
        for one in extensions
    )


def extensions_value(extensions: Iterable[Extension]) -> list[dict[str, Any]]:
    """Return the extensions as a JSON value."""
    return [
        {
            "name": one.name,
            "group": one.group,
            "distribution": one.distribution,
            "version": one.version,
            "value": one.value,
            "priority": one.priority,
            "extends": list(one.extends),
            "metadata": dict(one.more),
            "told-by": one.told,
        }
        for one in extensions
    ]
