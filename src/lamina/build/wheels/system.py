"""What builds need of the machine: programs, headers, libraries; and what to install for them."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import BuildFailedError, LaminaError
from lamina.core.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADER = re.compile(r".*\.(?:h|hh|hpp|hxx)")
_COMPILERS = ("cc", "gcc", "clang")


@cache
def _packages() -> dict[str, list[str]]:
    path = Path(__file__).with_name("system.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def hint_for(needed: str, own: Mapping[str, str]) -> str:
    """Return what to install for something; empty where nobody knows. ``own``: the stack's."""
    if text := own.get(needed):
        return f"install {text}"
    named = needed.removesuffix(".pc")
    candidates = [needed, f"{named}.h", f"{named.removeprefix('lib')}.h", f"{named}lib.h"]
    candidates += [
        one
        for one in _packages()
        if one.rpartition("/")[2] == needed or one == f"{named.removeprefix('lib')}lib.h"
    ]
    for one in candidates:
        if one in _packages():
            debian, enterprise = _packages()[one]
            return f"apt-get install {debian}  # or: dnf install {enterprise}"
    return ""


def search_for(needed: str) -> str:
    """Return how to find out which package has something, for what nobody knows."""
    if needed.endswith(".pc") or _HEADER.fullmatch(needed) or "/" in needed:
        file = needed
    else:
        file = f"{needed}.so" if needed.startswith("lib") else f"bin/{needed}"
    return f"apt-file search {file}  # or: dnf provides '*/{file}'"


def check_system(
    wanted: Mapping[str, Iterable[str]], own: Mapping[str, str], environ: Mapping[str, str]
) -> None:
    """Raise BuildFailedError that names all that is missing here, and who needs it.

    ``wanted``: who needs it -> what, as ``[build] system`` writes it. ``environ``: the variables
    by which builds find things.
    """
    askers: dict[str, list[str]] = {}
    for who, many in wanted.items():
        for one in many:
            askers.setdefault(one, []).append(who)
    missing = {one: who for one, who in sorted(askers.items()) if not is_there(one, environ)}
    if missing:
        lines = [f"  {one} (needed by {', '.join(who)})" for one, who in missing.items()]
        known = {one: hint_for(one, own) for one in missing}
        unknown = [one for one, text in known.items() if not text]
        raise BuildFailedError(
            "this machine does not have what builds need:\n" + "\n".join(lines),
            hints=[
                *(text or search_for(one) for one, text in known.items()),
                *(f'{json.dumps(one)} = "what to install", in [build.system], is said here'
                  for one in unknown[:1]),
            ],
        )  # fmt: skip


def is_there(needed: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the machine has a program, a header, a library or a module of pkg-config."""
    if needed.endswith(".pc"):
        return _works(["pkg-config", "--exists", needed.removesuffix(".pc")], environ)
    if _HEADER.fullmatch(needed) or "/" in needed:
        return _compiles(f"#include <{needed}>\n", ["-E"], environ)
    if needed.startswith("lib"):
        return _compiles("int main(void) { return 0; }\n", [], environ, f"-l{needed[3:]}")
    return shutil.which(needed, path=environ.get("PATH")) is not None


def _compiles(text: str, options: list[str], environ: Mapping[str, str], *last: str) -> bool:
    compiler = _compiler(environ)
    if compiler is None:
        return False
    with tempfile.TemporaryDirectory(prefix="lamina-has-") as name:
        source = Path(name) / "has.c"
        source.write_text(text, encoding="utf-8")
        out = ["-o", str(Path(name) / "out")]
        return any(
            _works([compiler, *options, "-x", one, str(source), *out, *last], environ)
            for one in ("c", "c++")
        )


def _works(command: list[str], environ: Mapping[str, str]) -> bool:
    try:
        answer = run(command, env=environ, check=False, timeout=60)
    except LaminaError:
        return False
    return answer.returncode == 0


def compiler_of(environ: Mapping[str, str]) -> str:
    """Return what the C compiler calls itself, empty where there is none: an input of builds."""
    if path := _compiler(environ):
        answer = run([path, "--version"], env=environ, check=False)
        return answer.stdout.partition("\n")[0].strip()
    return ""


def _compiler(environ: Mapping[str, str]) -> str | None:
    """Return the path of the C compiler: the one that a conda package names, or the usual one."""
    named = [environ["CC"]] if environ.get("CC") else []
    found = (shutil.which(one, path=environ.get("PATH")) for one in (*named, *_COMPILERS))
    return next((one for one in found if one), None)
