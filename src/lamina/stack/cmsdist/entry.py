"""From what cmsdist says of a package to its entry in [packages] and its hooks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from lamina.core.run import redact
from lamina.model.document import near_match
from lamina.stack.cmsdist.commands import expand, exports_of, foreign_variables, waived_by
from lamina.stack.cmsdist.recipe import find_below
from lamina.stack.git_references import read_git_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lamina.stack.cmsdist.lines import Choice
    from lamina.stack.cmsdist.recipe import Directive

PYTHON_PACKAGE = "py3-"
_SOURCES = ("source0", "Source", "Source0")

# In the order in which cmsdist comes to them.
_HOOKS = {
    "PipPrePrep": "pre-prepare",
    "PipPostPrep": "post-prepare",
    **{f"patchsrc{number}": "post-prepare" for number in ("", *range(10))},
    "PipPreBuild": "pre-build",
    "PipPreBuildPy": "pre-build",
    "PipPostBuildPy": "post-build",
    "PipPostBuild": "post-build",
    "PipPreInstall": "pre-install",
    "PipPostInstall": "post-install",
    "PipPrePost": "post-install",
    "PipPostPost": "post-install",
}
_WITHOUT = {
    **dict.fromkeys(
        ("source0", "source_file", "pkgsource", "PipDownloadOptions", "DownloadOptionsExtra"),
        "sources come from the index",
    ),
    **dict.fromkeys(("PipBuildOptions", "PipInstallOptions"), "options of pip"),
    **dict.fromkeys(
        ("PipInstallCommand", "PipPackageNameCommand", "pip_package_pack_command",
         "pip_package_unpack_command"),
        "lamina builds and installs in its own way",
    ),
    **dict.fromkeys(("PipDepsMatch", "PipDepsCommand"), "lamina check looks itself"),
    **dict.fromkeys(
        ("Source", "Source0", "Provides", "AutoProv", "AutoReq", "AutoReqProv", "NoAutoPatch",
         "RelocatePython", "runpath_opts", "INITENV", "NOCOMPILER", "REVISION"),
        "of RPM packages only",
    ),
}  # fmt: skip
# Read elsewhere, or what lamina does in any case.
_ELSEWHERE = {"pip_name", "RPM", "IMPORT", "PipNoWheelDep", "PipDownloadSourceType", "PipDepsPost"}
_KNOWN = {*_HOOKS, *_WITHOUT, *_ELSEWHERE, "Requires", "BuildRequires"}


@dataclass(slots=True, kw_only=True)
class Mapped:
    """A package as lamina has it, and what was left behind of it."""

    name: str
    """Normalised name on the index."""
    fields: dict[str, Any]
    hooks: dict[str, str] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    """Names that cmsdist has for other packages, without ``py3-``, and where it says so."""
    patches: dict[str, Path] = field(default_factory=dict)
    """By their path beside lamina.toml."""
    left_behind: list[str] = field(default_factory=list)


def name_on_index(name: str, directives: Iterable[Directive]) -> str:
    """Return the normalised name that a package of cmsdist has on the index."""
    given = [one.value for one in directives if one.word == "pip_name"]
    return canonicalize_name(given[-1] if given else name)


def map_package(
    choice: Choice, directives: Sequence[Directive], directories: Sequence[Path]
) -> Mapped:
    """Return the entry of one package; nothing that cmsdist says of it is dropped silently."""
    line = choice.line
    fields: dict[str, Any] = {"version": f"=={line.version}"}
    if choice.platforms:
        fields["platforms"] = [str(one) for one in choice.platforms]
    mapped = Mapped(name=name_on_index(line.name, directives), fields=fields)
    if _from_source(directives, mapped):
        fields["source"] = True
    macros = _macros(line.name, line.version, mapped.name, directives)
    for one in directives:
        if not _map_sources(one, mapped, macros):
            _map(one, mapped, directories, directives)
    _map_commands(directives, mapped, macros)
    if line.held is not None:
        fields["hold"] = {"reason": line.held}
    return mapped


def _from_source(directives: Iterable[Directive], mapped: Mapped) -> bool:
    """Tell whether pip would build it: of cmsdist's packages all that do not say otherwise."""
    kind = "all"
    for one in directives:
        if one.word == "PipDownloadSourceType":
            kind = one.value
            if kind not in {"all", "none"}:
                _leave(mapped, one, "neither 'all' nor 'none'; it is built from source")
    return kind != "none"


def _macros(
    name: str, version: str, on_index: str, directives: Iterable[Directive]
) -> dict[str, str]:
    own = {one.word: one.value for one in directives if one.word not in _KNOWN and one.word[:1]}
    fixed = {"n": f"{PYTHON_PACKAGE}{name}", "name": f"{PYTHON_PACKAGE}{name}", "nil": ""}
    fixed |= dict.fromkeys(("v", "version", "realversion"), version)
    return own | fixed | dict.fromkeys(("i", "_prefix"), "$PREFIX") | {"pip_name": on_index}


def _leave(mapped: Mapped, one: Directive, why: str) -> None:
    if not why:
        return
    bare = redact(one.value)
    value = bare if len(bare) <= 60 else f"{bare[:57]}..."
    said = " ".join(f"{one.word} {value}".split())
    mapped.left_behind.append(f"{one.where}: {said}: {why}")


def _map(
    one: Directive, mapped: Mapped, directories: Sequence[Path], every: Iterable[Directive]
) -> None:
    """Carry over what is no command."""
    if one.word in {"Requires", "BuildRequires"}:
        _map_requires(one, mapped)
    elif re.fullmatch(r"Patch\d*", one.word):
        _map_patch(one, mapped, directories)
    elif one.word == "PipDepsPost":
        names = waived_by(one.value)
        if names is None:
            _leave(mapped, one, "no filter of names; waive them by hand")
        else:
            waivers = mapped.fields.setdefault("waive", {})
            waivers |= dict.fromkeys(names, f"PipDepsPost in {one.where}")
    elif one.word not in _HOOKS and one.word not in _ELSEWHERE:
        _leave(mapped, one, _why_left(one, every))


def _map_sources(one: Directive, mapped: Mapped, macros: Mapping[str, str]) -> bool:
    """Carry over sources that are in a git repository; tell whether these are such."""
    if one.word not in _SOURCES or "source" not in mapped.fields:
        return False
    text, unknown = expand(one.value, macros)
    try:
        fields = None if unknown else read_git_reference(text)
    except ValueError as error:
        _leave(mapped, one, str(error))
        return True
    if fields is None:
        return False
    # The revision says which version it is.
    rest = {key: value for key, value in mapped.fields.items() if key != "version"}
    mapped.fields.clear()
    mapped.fields.update({**fields, **rest})
    return True


def _why_left(one: Directive, every: Iterable[Directive]) -> str:
    """Return why something has no counterpart; empty for a macro that another line uses."""
    if one.word in _WITHOUT:
        return _WITHOUT[one.word]
    if one.word.startswith(("%if", "%{")):
        return "conditions of RPM; look at what they are about"
    if one.word.startswith(("%", "__")):
        return "steps of RPM; it is built as other packages are"
    if not one.word:
        return "cannot be read"
    if any(f"%{{{one.word}}}" in other.value for other in every):
        return ""
    near = near_match(one.word, _KNOWN)
    return "unknown keyword" + (f" (did you mean {near!r}?)" if near else "")


def _map_requires(one: Directive, mapped: Mapped) -> None:
    words = re.sub(r"[<>=]+\s*\S+", " ", one.value).replace(",", " ").split()
    others = []
    for word in words:
        if word.startswith(PYTHON_PACKAGE):
            mapped.needs.setdefault(word.removeprefix(PYTHON_PACKAGE), one.where)
        elif word != "python3":
            others.append(word)
    if others:
        _leave(mapped, one, f"{', '.join(others)}: not of the index; conda's go into [conda]")


def _map_patch(one: Directive, mapped: Mapped, directories: Sequence[Path]) -> None:
    path = find_below(directories, [one.value, f"{one.value}.patch"])
    if path is None:
        _leave(mapped, one, "no such patch")
        return
    real = path.resolve()
    inside = next(one for one in map(_resolved, directories) if real.is_relative_to(one))
    beside = f"patches/{real.relative_to(inside).as_posix()}"
    if "source" not in mapped.fields:
        _leave(mapped, one, "a wheel is taken, which cannot be patched")
    else:
        mapped.fields.setdefault("patches", []).append(beside)
        mapped.patches[beside] = path


def _resolved(directory: Path) -> Path:
    return directory.resolve()


def _map_commands(
    directives: Sequence[Directive], mapped: Mapped, macros: Mapping[str, str]
) -> None:
    """Carry over commands: mere exports become the build's environment, others its hooks."""
    by_word = {one.word: one for one in directives if one.word in _HOOKS}
    for word, hook in _HOOKS.items():
        if word not in by_word:
            continue
        one = by_word[word]
        text, unknown = expand(one.value, macros)
        # What works on the installed tree can do so only once there is one.
        place = "post-install" if hook == "post-build" and "$PREFIX" in text else hook
        exports = exports_of(text) if hook == "pre-build" else None
        if "%{relocateConfig}" in unknown:
            _leave(mapped, one, "moves paths of an RPM; releases are moved by lamina")
        elif "source" not in mapped.fields and not place.endswith("install"):
            _leave(mapped, one, "a wheel is taken, which is not built")
        elif exports is not None:
            _map_exports(one, exports, mapped)
        elif unknown:
            _leave(mapped, one, f"uses {', '.join(unknown)}, which lamina has not")
        elif text.strip():
            if foreign := foreign_variables(text):
                _note(mapped, one, foreign)
            before = [mapped.hooks[place]] if place in mapped.hooks else []
            mapped.hooks[place] = "\n".join([*before, text.strip()])


def _note(mapped: Mapped, one: Directive, foreign: Iterable[str]) -> None:
    names = ", ".join(f"${name}" for name in foreign)
    mapped.left_behind.append(
        f"{one.where}: {one.word}: {names}: set by other packages of cmsdist; the hook is there,"
        " and env has to give them"
    )


def _map_exports(one: Directive, exports: Iterable[tuple[str, str]], mapped: Mapped) -> None:
    for name, value in exports:
        if re.search(r"[$`]|%\{", value):
            mapped.left_behind.append(
                f"{one.where}: {one.word}: {name}={value}: refers to what only cmsdist sets; give"
                " env its value"
            )
        else:
            mapped.fields.setdefault("env", {})[name] = value
