"""What lamina and a worker on another machine say to each other, by files in one directory.

The directory is in the cache, which both see, and its owner's alone: requests hold what this
machine's settings say of indexes. ``request``: the work. ``begun-1``, ``begun-2``: the machine of
each worker that took it up. ``reply``: what came of it. Without ``request`` nobody goes on.
"""

from __future__ import annotations

import pickle
import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from lamina.build.wheels.system import compiler_of
from lamina.core import fs
from lamina.core.errors import LaminaError
from lamina.engines.interpreters import inspect_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lamina.build.wheels.work import Asked, Built, Work

REQUEST, REPLY, BEGUN, OUTPUT = "request", "reply", "begun", "output"
NOT_SHARED = 78
"""Exit code of a worker that does not see the request."""
ATTEMPTS = 3
"""So many workers may die over one package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Work, and what has to be on a machine that does it."""

    work: Work
    token: str
    """Of this run."""
    system: Mapping[str, tuple[str, ...]]
    """Who needs what of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of it: one of the three."""

    token: str
    answer: Built | Asked | None = None
    error: LaminaError | None = None
    deaths: int = 0
    """Nobody took it up any more: so many workers had died over it."""
    warnings: tuple[str, ...] = ()


def write_request(place: Path, request: Request) -> None:
    """Put a request into a directory."""
    data = f"lamina {version('lamina')}\n".encode() + pickle.dumps(request)
    fs.write_bytes(place / REQUEST, data, mode=0o600)


def read_request(place: Path) -> Request:
    """Read a request; raises LaminaError where it is another lamina's, OSError for none."""
    head, _, data = (place / REQUEST).read_bytes().partition(b"\n")
    theirs, ours = head.decode("utf-8", "replace").removeprefix("lamina "), version("lamina")
    if theirs != ours:
        raise LaminaError(
            f"{platform.node()} has lamina {ours}, and the build was begun by lamina {theirs}",
            hints=["install the same version on all machines, or one that they share"],
        )
    request = pickle.loads(data)  # noqa: S301 - of a directory that nobody else writes to
    assert isinstance(request, Request)  # noqa: S101 - nothing else has this head
    return request


def write_reply(place: Path, reply: Reply) -> None:
    """Put a reply into a directory, in one step."""
    if (error := reply.error) is not None:
        # Only those that are made of a message and hints can be made again over there.
        kind = type(error) if type(error).__init__ is LaminaError.__init__ else LaminaError
        reply = Reply(
            token=reply.token, error=kind(error.message, hints=error.hints), warnings=reply.warnings
        )
    fs.write_bytes(place / REPLY, pickle.dumps(reply), mode=0o600)


def read_reply(place: Path, token: str) -> Reply | None:
    """Return the reply in a directory, None while there is none."""
    # A network file system notices a new file when the directory is read.
    if not any(one.name == REPLY for one in place.iterdir()):
        return None
    reply = pickle.loads((place / REPLY).read_bytes())  # noqa: S301 - as with requests
    assert isinstance(reply, Reply)  # noqa: S101 - as with requests
    return reply if reply.token == token else None


def sign_in(place: Path) -> int:
    """Write down that a worker takes up the work; return how many have done so before."""
    number = 1
    while True:
        with suppress(FileExistsError), (place / f"{BEGUN}-{number}").open("x") as stream:
            stream.write(platform.node())
            return number - 1
        number += 1


def hosts_in(place: Path) -> list[str]:
    """Return the machines of those that took up the work, in their order."""
    files = [one for one in place.iterdir() if one.name.startswith(f"{BEGUN}-")]
    files.sort(key=lambda one: int(one.name.rpartition("-")[2]))
    return [one.read_text(encoding="utf-8") or "a machine" for one in files]


def differences(work: Work) -> list[str]:
    """Return what differs here from the machine that asks for the work, as a person reads it."""
    wanted, found = work.bench.interpreter, None
    with suppress(LaminaError, OSError):
        found = inspect_interpreter(wanted.path, work.bench.environ)
    here = f"Python {found.version} ({found.soabi})" if found else "no Python"
    there = f"Python {wanted.version} ({wanted.soabi or (found and found.soabi)})"
    compiler, expected = compiler_of(work.bench.seen), work.inputs["compiler"]
    pairs = {
        f"at {wanted.path}": (here, there),
        "as the compiler": (compiler or "nothing", expected or "nothing"),
        "as the processor": (platform.machine(), wanted.machine),
    }
    return [f"{one} {what}, not {other}" for what, (one, other) in pairs.items() if one != other]
